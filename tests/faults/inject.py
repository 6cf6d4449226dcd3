"""Running the driver's children under strace: to see their system calls, and to let one fail or be the last.

strace is attached to a process that is ready to begin, which is five times faster than tracing an interpreter's start.
(Its --seccomp-bpf, faster too, does not deliver injected signals in version 6.1.)
"""

import os
import re
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Collection
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

DRIVER = Path(__file__).with_name("driver.py")
# Everything that changes what is on the disk, or brings it there. Opening counts where it creates.
CALLS = (
    *("write", "pwrite64", "writev", "ftruncate", "fallocate"),
    *("link", "linkat", "symlink", "symlinkat", "rename", "renameat", "renameat2"),
    *("unlink", "unlinkat", "mkdir", "mkdirat", "rmdir"),
    *("fsync", "fdatasync", "sync", "syncfs"),
    *("chmod", "fchmod", "fchmodat", "chown", "fchown", "fchownat", "utime", "utimes", "utimensat"),
    *("setxattr", "fsetxattr", "removexattr", "fremovexattr"),
)
# What only reads: each with errors of opening, of a descriptor, or of memory.
READS = {
    "openat": ("EMFILE", "ENFILE", "ENOMEM", "EACCES", "EIO"),
    "newfstatat": ("ENOMEM", "EACCES", "EIO"),
    "fstat": ("ENOMEM", "EBADF"),
    "read": ("EIO", "ENOMEM"),
    "getdents64": ("EIO", "ENOMEM"),
    "flistxattr": ("EIO", "ENOMEM"),
    "fgetxattr": ("EIO", "ENOMEM"),
    "dup": ("EMFILE",),
    "fcntl": ("EMFILE",),
    "flock": ("ENOLCK", "ENOMEM"),
    "mmap": ("ENOMEM",),
    "brk": ("ENOMEM",),
}
# What vfat answers: no hard links, no attributes, no owners.
VFAT = {"linkat": "EPERM", "flistxattr": "EOPNOTSUPP", "fchown": "EPERM"}
_LINE = re.compile(r"^(?:\d+ +)?(\w+)\((.*)")


class Point(NamedTuple):
    """The `number`th call (from 1) of a system call."""

    call: str
    number: int


class Driver:
    """The driver program, running."""

    def __init__(self) -> None:
        command = [sys.executable, "-I", "-B", str(DRIVER)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __enter__(self) -> "Driver":
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _problem: BaseException | None, _at: TracebackType | None
    ) -> None:
        assert self._process.stdin and self._process.stdout
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()

    def run(self, verb: str, top: Path, *options: str) -> int:
        """Do the verb to the tree under strace with these options; returns the status, negative for a signal."""
        assert self._process.stdin and self._process.stdout
        self._process.stdin.write(f"{verb} {top}\n")
        self._process.stdin.flush()
        pid = int(self._process.stdout.readline())
        strace = subprocess.Popen(["strace", "-f", "-p", str(pid), *options], stderr=subprocess.PIPE, text=True)
        assert strace.stderr
        said = strace.stderr.readline()
        os.kill(pid, signal.SIGCONT)
        status = int(self._process.stdout.readline())
        strace.wait()
        strace.stderr.close()
        assert "attached" in said, said
        return status

    def points(
        self, verb: str, top: Path, log: Path, *options: str, calls: Collection[str] = CALLS, creates: bool = True
    ) -> list[Point]:
        """Do the verb undisturbed and tell every write-side call, or each of the given calls.

        `creates`: also each opening that may create a file.
        """
        traced = ",".join({"openat", "flistxattr", *calls})
        assert self.run(verb, top, "-y", "-o", str(log), "-e", f"trace={traced}", *options) == 0
        counts: Counter[str] = Counter()
        found = []
        for line in log.read_text().splitlines():
            match = _LINE.match(line)
            if match:
                call, rest = match.groups()
                counts[call] += 1
                if call in calls or (creates and "O_CREAT" in rest):
                    found.append(Point(call, counts[call]))
        return found


def fault(point: Point, what: str, lasting: bool = False) -> list[str]:
    """The options that let a fault happen at a point: `signal=KILL`, `error=EIO`; `lasting`: at all later ones too."""
    when = f"{point.number}{'+' * lasting}"
    traced = f"trace={','.join({point.call, *VFAT})}"  # only what is traced can be made to fail
    return ["-o", "/dev/null", "-e", traced, "-e", f"inject={point.call}:{what}:when={when}"]
