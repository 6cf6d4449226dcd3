"""extlinux.conf."""

from fuzz import configuration

TOKENS = [
    b"label ",
    b"linux ",
    b"append ",
    b"append -",
    b"initrd ",
    b"menu label ",
    b"text help\n",
    b"endtext\n",
    b"\r\n",
    b'"',
]


def attempt(data: bytes) -> None:
    """Read and edit the menu."""
    configuration.attempt({"/boot/extlinux/extlinux.conf": data})
