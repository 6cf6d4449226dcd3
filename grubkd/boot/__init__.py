"""What the boot configuration says: bytes to values."""
