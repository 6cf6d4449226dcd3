"""Trees with a shell of their own, so that a script runs inside them by chroot."""

import re
import shutil
import subprocess
from pathlib import Path


def give_shell(top: Path) -> None:
    """Put /bin/sh and its libraries into a tree."""
    shell = Path("/bin/sh").resolve()
    listed = subprocess.run(["ldd", shell], capture_output=True, text=True, check=True).stdout
    for file in [shell, *map(Path, re.findall(r"(/\S+) \(", listed))]:
        target = top / str(file).lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, target)
    (top / "bin").mkdir(exist_ok=True)
    if not (top / "bin/sh").exists():
        shutil.copy(shell, top / "bin/sh")


def give_command(top: Path, name: str, script: str) -> None:
    """Put a command into /usr/bin of a tree that has a shell."""
    path = top / "usr/bin" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
