(* The arguments of a linux, module or multiboot statement of grub.cfg: words of GRUB script, as its lexer takes them
   apart. Each node is one word, its value the bytes of the file, quotes and backslashes included; see kernel_args.aug
   for labels and blanks. *)
module Grub_script_args =

let continued = /\\\\\r*\n/
let piece =
    /[^]\[{}|&$;<> \t\r\n'"\\]|[]\[]/
  | /'[^']*'/
  | /\$?"([^"\\]|\\\\[^\r]|\\\\\r+\n)*"/
  | /\\\\[^\r\n]/
  | /\$[A-Za-z0-9_?#*@]|\$\{[A-Za-z0-9_?#*@]+\}/

(* A backslash and a newline alone between blanks make no word. *)
let blanks = /[ \t]+((\\\\\r*\n)+[ \t]+)*/
let words = Kernel_args.list blanks ( continued* . piece . ( piece | continued )* )
