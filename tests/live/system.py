"""Starting a program in the copy, or beside it, and the reason why that cannot be done here."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

TOP = Path(__file__).parents[2]
ENTER = Path(__file__).with_name("enter.sh")


def lacking(work: Path, kind: str = "ext4") -> str:
    """Why no such copy can be made on this machine; "" where it can. Tries the mounts themselves."""
    if os.geteuid() != 0:
        return "mounting needs root"
    for tool in ("unshare", "losetup", "debugfs", f"mkfs.{kind}"):
        if not shutil.which(tool, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin"):
            return f"{tool} is not installed"
    done = run(work / "trial", kind, ["true"])
    return "" if done.returncode == 0 else f"no loop device, overlay or chroot here: {done.stderr.strip()[-200:]}"


def run(work: Path, kind: str, command: list[str], *, inside: bool = True) -> subprocess.CompletedProcess[str]:
    """Run a command (words without blanks) with the copy as its root directory, or beside the copy in `work`/root.

    Each of its processes may use two minutes of processor time. Raises TimeoutExpired after an hour, for one that waits
    for ever.
    """
    work.mkdir(parents=True, exist_ok=True)
    (work / ("inside" if inside else "outside")).write_text(" ".join(command))
    needed = [str(TOP), sys.prefix, sys.base_prefix]
    environment = {**os.environ, "PATH": os.environ.get("PATH", "") + ":/usr/sbin:/sbin", "PYTHONPATH": str(TOP)}
    return subprocess.run(
        [
            "prlimit",
            "--cpu=120",
            "unshare",
            "--mount",
            "--propagation",
            "private",
            str(ENTER),
            str(work),
            kind,
            *needed,
        ],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
        timeout=3600,
    )
