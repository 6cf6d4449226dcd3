(* GRUB_CMDLINE_LINUX="..." in /etc/default/grub: the words that GRUB will make of the value, between the shell's quotes.
   Each node is one word, its value the bytes of the file; see kernel_args.aug for labels and blanks. The earlier value,
   written ${NAME:+$NAME }, brings its own blank: the word behind it needs none. *)
module Shell_value_args =

let continued = /\\\\\r*\n/
let blanks = /(\\\\\r*\n)*[ \t]([ \t]|\\\\\r*\n)*/
let blanks_or_none = /([ \t]|\\\\\r*\n)*/
let earlier_value = /\$\{[A-Za-z0-9_]+:?\+\$([A-Za-z0-9_]+|\{[A-Za-z0-9_]+\}) \}/

let variable = /(\\\\)?\$\{[A-Za-z0-9_]+\}/

let list (word:regexp) =
  let next = Kernel_args.next in
  let behind = next blanks_or_none word . ( next blanks word )* in
  ( Kernel_args.first word . ( next blanks word )* | Kernel_args.first earlier_value . behind? )
  . ( next blanks earlier_value . behind? )*

(* Between double quotes: GRUB's own double quotes have a backslash, its backslashes two. A word may leave the quotes and
   return: foo="bar". *)
let double =
  let escaped = /\\\\\\\\([^"\\\r\n]|\\\\[^\r\n])|\\\\[^"\\\r\n]/ in
  let quoted = /\\\\"([^"\\]|\\\\[^"\\]|\\\\\\\\([^"\\]|\\\\[^\r\n]))*\\\\"|'([^'"\\]|\\\\[^\r\n])*'/ in
  let outside = /"[^"\\ \t\r\n'`]*"/ in
  let piece = /[^ \t\r\n"'\\`{}]/ | variable | escaped | quoted | outside in
  list ( piece . ( continued* . piece )* )

(* Between single quotes: GRUB script as it is. *)
let single =
  let escaped = /\\\\[^'\r\n]/ in
  let quoted = /"([^"\\']|\\\\[^'\r]|\\\\\r+\n)*"|'\\\\''[^']*'\\\\''/ in
  let outside = /'[^'\\ \t\r\n"`]*'/ in
  let piece = /[^ \t\r\n"'\\{}]/ | /\$\{[A-Za-z0-9_]+\}/ | escaped | quoted | outside in
  Kernel_args.list Grub_script_args.blanks ( continued* . piece . ( piece | continued )* )
