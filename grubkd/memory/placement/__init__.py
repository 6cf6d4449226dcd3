"""Where a kernel reserves the memory: one module for each kind of search."""
