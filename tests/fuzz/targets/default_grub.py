"""/etc/default/grub."""

from fuzz import configuration

TOKENS = [
    b"GRUB_CMDLINE_LINUX=",
    b"GRUB_CMDLINE_LINUX_DEFAULT=",
    b"+=",
    b'"',
    b"'",
    b"$GRUB_CMDLINE_LINUX",
    b"\\",
    b"`",
    b"$(",
]


def attempt(data: bytes) -> None:
    """Read and edit the file as the source of a menu."""
    configuration.attempt({"/etc/default/grub": data})
