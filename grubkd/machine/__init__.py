"""What this machine is: the only reader of /proc, /sys and psutil, and of a tree's kernels."""
