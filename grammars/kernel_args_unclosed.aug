(* Kernel command lines in which one double quote is never closed. For the kernel everything behind it is one argument.
   People paste `crashkernel=64M@16M"` from pages whose line ends in a stray quote: such a text is an argument of its own
   here, as grubkd shows it, so that it can be replaced. Apart from kernel_args.aug, for these lenses are slow.
   Not taken, to keep them small: before the stray quote, an argument that begins with "cr" and has a blank in quotes. *)
module Kernel_args_unclosed =

let first = Kernel_args.first
let next = Kernel_args.next

let list (blanks:regexp) (plain:regexp) (quote:regexp) (inside:regexp) =
  let quoted = quote . inside* . quote in
  let rest = ( plain | quoted )* in
  let start = ( plain - "c" ) | quoted | "c" . ( ( plain - "r" ) | quoted ) in
  let closed = ( plain | quoted )+ in
  let before = start . rest | "c" | "cr" . ( plain | quote . plain* . quote )* in
  let stray = "crashkernel=" . plain* . quote in
  let open = ( start . rest | "c" )? . quote . inside* | stray . plain . inside* in
  first closed . ( next blanks closed )*  (* what an edit may leave *)
  | ( first stray | first before . ( next blanks before )* . next blanks stray ) . ( next blanks closed )*
  | first open
  | first before . ( next blanks before )* . next blanks open

let line = list Kernel_args.blanks_in_line Kernel_args.plain Kernel_args.quote Kernel_args.in_quotes
let legacy = list Kernel_args.blanks_in_legacy Kernel_args.plain_in_legacy Kernel_args.quote Kernel_args.in_quotes
let file = list Kernel_args.blanks_in_file Kernel_args.plain Kernel_args.quote Kernel_args.in_quotes
let grubenv = list Kernel_args.blanks_in_grubenv Kernel_args.plain_in_grubenv Kernel_args.escaped_quote Kernel_args.in_escaped_quotes
let script = list Kernel_args.blanks_in_script Kernel_args.plain_in_script Kernel_args.quote_in_script Kernel_args.in_quotes_in_script
