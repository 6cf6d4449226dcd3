(* The arguments of a linux, module or multiboot statement of grub.cfg: words of GRUB script, as its lexer takes them
   apart. Each node is one word, its value the bytes of the file, quotes and backslashes included; see kernel_args.aug
   for labels and blanks. *)
module Grub_script_args =

let plain = /[^{}|&$;<> \t\r\n'"\\]/
let quoted = /'[^']*'|\$?"([^"\\]|\\\\[^\r]|\\\\\r+\n)*"/
let escaped = /\\\\[^\r\n]/
let variable = /\$[A-Za-z0-9_?#*@]|\$\{[A-Za-z0-9_?#*@]+\}/
let continued = /\\\\\r*\n/

(* A backslash and a newline alone between blanks make no word. *)
let blanks = /[ \t]+((\\\\\r*\n)+[ \t]+)*/
let words =
  let piece = plain | quoted | escaped | variable in
  Kernel_args.list blanks ( continued* . piece . ( piece | continued )* )
