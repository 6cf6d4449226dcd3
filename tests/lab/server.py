"""A Debian 12 as in a fleet: systemd, an sshd, an administrator with sudo, and a package archive."""

import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from lab.debian import ARCHIVE, Recipe, archive, install
from lab.qemu import PATIENCE, Clock, started

PACKAGES = (
    *("grub2-common", "grub-pc-bin", "linux-image-cloud-amd64", "systemd-sysv", "dbus", "libpam-systemd"),
    # The role installs kdump-tools, whose dependencies are here: an initial RAM disk less to make in the emulation.
    *("openssh-server", "sudo", "python3", "python3-apt", "busybox", "kexec-tools", "makedumpfile"),
)
SERVICE = "kdump-tools"
# apt installs the second with the first by default.
DUMP_TOOLS = (SERVICE, "makedumpfile")
USER = "lab"
MEMORY = 1024
"""MiB."""
# As grub-pc's package leaves it, except for the timeout, and for what the lab must see if the machine hangs. The
# separate page tables against Meltdown make the emulation several times slower.
DEFAULT = """GRUB_DEFAULT=0
GRUB_TIMEOUT=0
GRUB_DISTRIBUTOR=`lsb_release -i -s 2> /dev/null || echo Debian`
GRUB_CMDLINE_LINUX_DEFAULT="quiet"
GRUB_CMDLINE_LINUX="console=ttyS0,115200 mitigations=off"
GRUB_TERMINAL=serial
"""
NETWORK = "[Match]\nType=ether\n\n[Network]\nDHCP=ipv4\n"
PREPARE = f"""set -e
useradd --shell /bin/bash {USER}
chown -R {USER}: /home/{USER}
systemctl enable systemd-networkd
apt-get -qq update
set +e
"""


@dataclass(frozen=True, slots=True)
class Server:
    """The running machine, by the host's loopback: `key` is the administrator's, `console` what it wrote there."""

    port: int
    key: Path
    console: Path
    clock: Clock

    @property
    def options(self) -> list[str]:
        """The options of ssh. Only this machine can answer at that port."""
        return ["-i", str(self.key), "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null"]

    @property
    def variables(self) -> dict[str, Any]:
        """Its variables in an inventory."""
        return {
            "ansible_connection": "ssh",
            "ansible_host": "127.0.0.1",
            "ansible_port": self.port,
            "ansible_user": USER,
            "ansible_ssh_common_args": " ".join(self.options),
            "ansible_python_interpreter": "/usr/bin/python3",
        }

    def wait(self, seconds: float) -> None:
        """Wait until root can run a command there, that many seconds of the machine's clock, times PATIENCE."""
        while self.output("echo answers") != "answers\n":
            assert self.clock() < seconds * PATIENCE, self.console.read_text(errors="replace")
            time.sleep(1)

    def output(self, command: str) -> str:
        """The output of a command that root runs there in a shell, whatever its exit code."""
        ssh = ["ssh", *self.options, "-o", "LogLevel=ERROR", "-p", str(self.port), f"{USER}@127.0.0.1", "sudo", "sh"]
        done = subprocess.run(ssh, input=command, capture_output=True, text=True, check=False)
        return done.stdout + done.stderr


@contextmanager
def server(directory: Path) -> Iterator[Server]:
    """A new server, while the context lasts; it may take minutes to answer. Needs root. Raises Unavailable."""
    key = directory / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "lab", "-f", key], check=True)
    recipe = Recipe(PACKAGES, size=1500, grubkd=False, prepare=PREPARE)
    files = (
        ("etc/default/grub", DEFAULT),
        ("etc/fstab", "/dev/vda1 / ext4 errors=remount-ro 0 1\n"),
        ("etc/hostname", "server\n"),
        ("etc/hosts", "127.0.0.1 localhost server\n"),
        ("etc/systemd/network/lab.network", NETWORK),
        ("etc/initramfs-tools/conf.d/lab", "MODULES=list\n"),
        ("etc/initramfs-tools/modules", "virtio_pci\nvirtio_blk\ncrc32c_generic\next4\n"),
        ("etc/sudoers.d/lab", f"{USER} ALL=(ALL) NOPASSWD: ALL\n"),
        (f"home/{USER}/.ssh/authorized_keys", key.with_suffix(".pub").read_text()),
        ("etc/apt/sources.list", f"deb [trusted=yes] file:/{ARCHIVE} ./\n"),
        (ARCHIVE, archive(directory, recipe, *DUMP_TOOLS)),
    )
    debian = install(directory, files, recipe)
    port, console = _free_port(), directory / "console"
    machine = replace(debian.machine(""), memory=MEMORY, restarts=True, ssh=port, job=None)
    with started(machine, console) as clock:
        yield Server(port, key, console, clock)


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port
