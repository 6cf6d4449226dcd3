"""A copy of the running system, with a /boot of its own, as a live root to try things on."""
