"""grubkd: a working kernel-crash reservation on every Linux boot layout."""

__version__ = "0.1.0"
