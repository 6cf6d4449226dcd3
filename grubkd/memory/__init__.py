"""What the kernel will reserve: pure functions of values."""
