"""zipl.conf, and a snippet beside it."""

from fuzz import configuration

SNIPPET = b"title A\nlinux /vmlinuz-5.14.0-1.el9.s390x\noptions ro\n"
TOKENS = [
    b"[defaultboot]\n",
    b"[a]\n",
    b":menu\n",
    b"1=a\n",
    b"image=",
    b"parameters=",
    b"parmfile=",
    b"defaultauto\n",
    b"${X}",
    b"'",
    b'"',
]


def attempt(data: bytes) -> None:
    """Read and edit the configuration."""
    configuration.attempt({"/etc/zipl.conf": data, "/boot/loader/entries/a.conf": SNIPPET})
