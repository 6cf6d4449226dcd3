"""An unpacked Debian 12: its own commands run inside it, grubkd runs on it from outside."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

TOP = Path(__file__).parents[2]
# The mounts end with the process: whatever happens, nothing is left on the host.
ENTER = """
mount -t proc proc "$0/proc" && mount --rbind /dev "$0/dev" && mount -t sysfs sys "$0/sys" && exec chroot "$0" "$@"
"""


class Bookworm:
    """The tree, and the commands that run on it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a command of the chroot inside it, with /proc, /dev and /sys."""
        return subprocess.run(
            ["unshare", "--mount", "sh", "-c", ENTER, self.path, *command],
            capture_output=True,
            text=True,
            check=False,
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C"},
        )

    def update_grub(self) -> str:
        """Run Debian's own generator; returns the grub.cfg that it made."""
        done = self.run("update-grub")
        assert done.returncode == 0, done.stderr
        return self.read("boot/grub/grub.cfg")

    def read(self, name: str) -> str:
        return (self.path / name).read_text()

    def grubkd(self, *arguments: str, status: int | None = 0) -> dict[str, Any]:
        """Run grubkd on it and return its JSON answer. `status`: the exit code that it must have, None for any."""
        done = subprocess.run(
            [sys.executable, "-m", "grubkd", *arguments, "--root", self.path, "--json"],
            capture_output=True,
            text=True,
            cwd=TOP,
            check=False,
        )
        assert status in (None, done.returncode), done.stdout + done.stderr
        return json.loads(done.stdout)  # type: ignore[no-any-return]

    def lines(self) -> dict[str, str]:
        """Title -> what the kernel receives, for every entry."""
        return {entry["title"]: entry["cmdline"] for entry in self.grubkd("show")["entries"]}
