"""/etc/kernel/cmdline and loader.conf."""

from fuzz import configuration

TOKENS = [b"crashkernel=64M", b"default ", b"#", b'"', b" -- ", b"\r\n", b"\n"]


def attempt(data: bytes) -> None:
    """Read and edit the file as kernel-install's; read it as systemd-boot's."""
    snippet = b"title A\nlinux /vmlinuz-6.1.0-1\noptions ro\n"
    entries = {"/boot/loader/entries/a.conf": snippet}
    configuration.attempt({**entries, "/etc/kernel/cmdline": data, "/boot/loader/loader.conf": b""})
    configuration.attempt({**entries, "/boot/loader/loader.conf": data})
