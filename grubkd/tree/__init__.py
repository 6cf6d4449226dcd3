"""The operating-system tree that grubkd reads and edits: every path is resolved inside it."""
