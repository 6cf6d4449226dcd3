"""A tree to change, a driver that changes it, and strace to let any of its system calls fail or be its last."""
