(* Kernel command lines, one slot a line: arguments separated by one blank, by the kernel's own quoting.
   Small on purpose: what Augeas costs follows the size of its lenses, not of the text. *)
module Kernel_args =
  let argument = [ label "arg" . store /([^ \n"]|"[^"]*")+/ ]
  let blank = del " " " "
  let slot = [ seq "slot" . ( argument . ( blank . argument )* )? . del "\n" "\n" ]
  let lns = slot*
