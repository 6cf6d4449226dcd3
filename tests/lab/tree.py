"""Operating-system trees that the lab makes into disks, and grubkd run on them as a person would run it."""

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
    """A directory that is the root of a system with one kernel, whose boot files lie in `boot`."""

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
        """The kernel, its configuration and this initial RAM disk, by the names that Debian gives them."""
        where = self.path / directory
        where.mkdir(parents=True, exist_ok=True)
        release = self.kernel.release
        shutil.copy(self.kernel.image, where / f"vmlinuz-{release}")
        shutil.copy(self.kernel.tree / "boot" / f"config-{release}", where)
        (where / f"initrd.img-{release}").write_bytes(initrd)

    def grubkd(self, *arguments: str, status: int | None = 0) -> dict[str, Any]:
        """Run grubkd on the tree; its JSON answer. `status`: how it must end, None for either way."""
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
        """What `show` says about the entry that boots if nobody touches the menu."""
        (found,) = (entry for entry in self.grubkd("show")["entries"] if entry["default"])
        return found  # type: ignore[no-any-return]
