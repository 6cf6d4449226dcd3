"""grub.cfg."""

from fuzz import configuration

TOKENS = [
    b"menuentry ",
    b"submenu ",
    b"linux ",
    b"{\n",
    b"}\n",
    b"'",
    b'"',
    b"$x",
    b"${x}",
    b"if ",
    b"fi\n",
    b";",
    b"\\\n",
    b"#",
]


def attempt(data: bytes) -> None:
    """Read and edit the file as GRUB 2's script."""
    configuration.attempt({"/boot/grub/grub.cfg": data})
