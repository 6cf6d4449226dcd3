(* Kernel command lines: arguments by the kernel's own quoting, where a double quote opens or closes and has no escape.
   Each node is one argument, its value the bytes of the file. The label numbers it, so that an argument keeps the blanks
   before it when others come and go; a new argument gets one blank.
   Small on purpose: the time that Augeas takes grows with the lens. The byte 0xA0, a blank for the kernel, is \a here:
   grubkd swaps the two. A text with a quote that is never closed is for the lens of the same name in
   kernel_args_unclosed.aug. *)
module Kernel_args =

let first (argument:regexp) = [ seq "arg" . store argument ]
let next (blanks:regexp) (argument:regexp) = [ seq "arg" . del blanks " " . store argument ]
let list (blanks:regexp) (argument:regexp) = first argument . ( next blanks argument )*

(* Characters and quotes of each way of writing. *)
let quote = /"/
let in_quotes = /[^"]/
let plain = /[^ \t\n\v\f\r\a"]/
let plain_in_legacy = /[^ \t\n\v\f\r\a"\\]|\\\\+[^ \t\n\v\f\r\a"\\]/
let escaped_quote = /\\\\?"/
let in_escaped_quotes = /[^"\\]|\\\\[^"]/
let plain_in_grubenv = /[^ \t\n\v\f\r\a"\\]|\\\\[^ \t\n\v\f\r\a"]/
let quote_in_script = /\\\\"/
let in_quotes_in_script = /[^"\\]|\\\\[^"]/
let plain_in_script = /[^ \t\n\v\f\r\a"\\]|\\\\[^ \t\n\v\f\r\a"]/

(* BLS, extlinux and zipl: one line. *)
let blanks_in_line = /[ \t\v\f\r\a]+/
let line = list blanks_in_line ( plain | quote . in_quotes* . quote )+

(* GRUB legacy: a backslash before a newline makes a blank of both. No argument ends in a backslash. *)
let blanks_in_legacy = /([ \t\v\f\r\a]|\\\\\r*\n)+/
let legacy = list blanks_in_legacy ( plain_in_legacy | quote . in_quotes* . quote )+

(* /etc/kernel/cmdline: any number of lines; a line that begins with a number sign is a comment. *)
let blanks_in_file = /[ \t\v\f\r\a]+|[ \t\v\f\r\a]*(\n[ \t\v\f\r\a]*(#[^\n]*)?)*\n[ \t\v\f\r\a]*/
let file =
  let word = ( plain | quote . in_quotes* . quote )+ in
  let number_sign = "#" . ( plain | quote . in_quotes* . quote )* in
  let argument = word - number_sign in
  first argument . ( next blanks_in_file argument | next /[ \t\v\f\r\a]+/ number_sign )*

(* refind_linux.conf: two quotes for one, inside a quoted token. *)
let two_quotes = /""/
let refind = list blanks_in_line ( plain | two_quotes . in_quotes* . two_quotes )+

(* kernelopts in grubenv: a backslash before a backslash and before a newline. *)
let blanks_in_grubenv = /(\\\\?[ \t\n\v\f\r\a])+/
let grubenv = list blanks_in_grubenv ( plain_in_grubenv | escaped_quote . in_escaped_quotes* . escaped_quote )+

(* set kernelopts="..." in grub.cfg: backslashes, and lines that continue. *)
let continued = /\\\\\r*\n/
let blanks_in_script = /(\\\\\r*\n)*[ \t\n\v\f\r\a]([ \t\n\v\f\r\a]|\\\\\r*\n)*/
let script =
  let piece = plain_in_script | quote_in_script . in_quotes_in_script* . quote_in_script in
  list blanks_in_script ( piece . ( continued* . piece )* )
