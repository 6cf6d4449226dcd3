"""Operating system trees from which the lab makes disks, and grubkd run on them as a person runs it."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from lab.kernels import Kernel

TOP = Path(__file__).parents[2]


class Tree:
    """A directory that is the root of a system with one kernel; its boot files are in `boot`."""

    def __init__(self, path: Path, kernel: Kernel) -> None:
        self.path = path
        self.kernel = kernel
        path.mkdir(parents=True, exist_ok=True)
        self.write("etc/os-release", 'ID=debian\nVERSION_ID="12"\nPRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\n')

    def write(self, name: str, text: str) -> None:
        """A file of the tree, with the directories above it."""
        file = self.path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def install_kernel(self, initrd: bytes, directory: str = "boot") -> None:
        """Install the kernel, its configuration and this initial RAM disk under the names that Debian uses."""
        where = self.path / directory
        where.mkdir(parents=True, exist_ok=True)
        release = self.kernel.release
        shutil.copy(self.kernel.image, where / f"vmlinuz-{release}")
        shutil.copy(self.kernel.tree / "boot" / f"config-{release}", where)
        (where / f"initrd.img-{release}").write_bytes(initrd)

    def grubkd(self, *arguments: str, status: int | None = 0) -> dict[str, Any]:
        """Run grubkd on the tree; returns its JSON answer. `status`: the exit code that it must have, None for any."""
        done = subprocess.run(
            [sys.executable, "-m", "grubkd", *arguments, "--root", self.path, "--json"],
            capture_output=True,
            text=True,
            cwd=TOP,
            check=False,
            env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        )
        assert status in (None, done.returncode), done.stdout + done.stderr
        return json.loads(done.stdout)  # type: ignore[no-any-return]

    def default_entry(self) -> dict[str, Any]:
        """The entry that boots by default, as `show` prints it."""
        (found,) = (entry for entry in self.grubkd("show")["entries"] if entry["default"])
        return found  # type: ignore[no-any-return]
