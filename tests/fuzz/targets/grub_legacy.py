"""grub.conf and menu.lst."""

from fuzz import configuration

TOKENS = [
    b"title ",
    b"kernel ",
    b"module ",
    b"initrd ",
    b"default=",
    b"# kopt=",
    b"crashkernel=64M",
    b'"',
    b" -- ",
    b"\\\n",
]


def attempt(data: bytes) -> None:
    """Read and edit the file as GRUB legacy's."""
    configuration.attempt({"/boot/grub/menu.lst": data})
