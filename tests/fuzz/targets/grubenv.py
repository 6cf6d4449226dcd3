"""The environment block, in a tree whose snippet refers to it."""

from fuzz import configuration

TOKENS = [b"# GRUB Environment Block\n", b"kernelopts=", b"saved_entry=", b"\\\n", b"\\\\", b"#", b" crashkernel=64M"]
_SNIPPET = b"title A\nlinux /vmlinuz-4.18.0-1.el8.x86_64\noptions $kernelopts\n"


def attempt(data: bytes) -> None:
    """Read and edit the block: as it is, and padded to the length that it must have."""
    for block in (data, data[:1024].ljust(1024, b"#")):
        configuration.attempt(
            {"/boot/grub2/grubenv": block, "/boot/grub2/grub.cfg": b"blscfg\n", "/boot/loader/entries/a.conf": _SNIPPET}
        )
