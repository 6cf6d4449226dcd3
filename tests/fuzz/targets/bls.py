"""Boot Loader Specification snippets, as GRUB's and as systemd-boot's."""

from fuzz import configuration

TOKENS = [
    b"title ",
    b"linux ",
    b"options ",
    b"initrd ",
    b"version ",
    b"$kernelopts",
    b"crashkernel=64M",
    b'"',
    b" -- ",
    b"\r\n",
]


def attempt(data: bytes) -> None:
    """Read and edit the snippet."""
    snippet = {"/boot/loader/entries/a.conf": data}
    configuration.attempt({**snippet, "/boot/grub2/grub.cfg": b"blscfg\n"})
    configuration.attempt({**snippet, "/boot/loader/loader.conf": b"timeout 3\n", "/etc/kernel/cmdline": b"ro\n"})
