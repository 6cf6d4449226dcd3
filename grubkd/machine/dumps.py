"""The saved dumps in a directory, one directory each, as kdump-utils, kdump-tools and SUSE's kdump leave them.

Also what the messages of a crashed kernel say: its release and why it stopped.
"""

from __future__ import annotations

import os
import re
from stat import S_ISDIR, S_ISREG
from typing import TYPE_CHECKING, NamedTuple

from grubkd.errors import GrubkdError
from grubkd.machine import vmcore
from grubkd.machine.settings import plain
from grubkd.text import from_bytes

if TYPE_CHECKING:
    from grubkd.tree.root import Root


STAMP = re.compile(r"^(?:<\d{1,3}>)?(?:\[ *(\d+)\.\d+\](?: ?\[ *[TC]\d+\])? ?)?")
"""The prefix of each message: its level, the seconds since the boot (group 1), and the task that wrote it."""
_LINUX_VERSION = re.compile(r"Linux version (\S{1,64}) ")
# `CPU: 0 PID: 1 Comm: bash Kdump: loaded Not tainted 6.1.0-50-amd64 #1 Debian 6.1.1-1`
_TAINTED = re.compile(r"(?:Not tainted|Tainted: [A-Z ()]{1,30}?) +(\d[^\s#]{0,63}) #\d")
PANIC = "Kernel panic - not syncing"
_FATAL = "Fatal exception"
_CAUSES = (
    "BUG: ",
    "kernel BUG at ",
    "Oops",
    "Internal error: ",
    "general protection fault",
    "Unable to handle kernel ",
    "Unable to handle paging request",
    "Kernel access of bad area",
    "divide error: ",
    "invalid opcode: ",
    "double fault: ",
    "Machine check",
    "watchdog: BUG: ",
    "NMI watchdog: ",
    "SysRq : Trigger a crash",
    "sysrq: Trigger a crash",
    "sysrq: SysRq : Trigger a crash",
)
_LONGEST = 200


def crashed_release(text: str) -> str | None:
    """The release by the first boot message or, in a buffer that overflowed, by an oops."""
    found = _LINUX_VERSION.search(text) or _TAINTED.search(text)
    return found[1] if found else None


def panic_line(text: str) -> str | None:
    """The line that says why the kernel stopped, without its time stamp; None without such a line.

    It is the panic's line, unless that only says that something before it was fatal, or is missing because the capture
    kernel started first: then it is the line of the cause.
    """
    last = cause = None
    for line in text.split("\n"):
        if PANIC in line and "---[ end " not in line:
            last = line[line.index(PANIC) :]
        else:
            plain = STAMP.sub("", line, count=1)
            if plain.startswith(_CAUSES) and last is None and (cause is None or not plain.startswith("Oops")):
                cause = plain
    if last is not None and (cause is None or _FATAL not in last):
        cause = last
    return cause.strip()[:_LONGEST] if cause else None


_CORE = re.compile(r"vmcore(?:\.flat|\.?\d{1,12})?|dump\.\d{8,14}(?:\.\w{2,4})?")
_UNFINISHED = re.compile(r"vmcore(?:\.flat)?-incomplete|dump-incomplete(?:\.\w{2,4})?")
_MESSAGES = re.compile(r"vmcore-dmesg(?:-incomplete)?\.txt|dmesg(?:\.txt|\.\d{8,14})?")
MOST = 1000
# Where every user may write, any number of names may lead to one file that takes long to read.
MOST_FILES = 4000
_MOST_CORES, _MOST_MESSAGES = 64, 4
_HEAD, _TAIL = 64 << 10, 512 << 10
# What the dumps of a list together may take, and those of one directory, in bytes of headers. A call, and a byte of
# messages, take as long as more.
_MOST_READ, _MOST_OF_ONE = 256 << 20, 32 << 20
_CALL, _MESSAGE = 1 << 10, 4


class _Budget:
    """What is left of _MOST_OF_ONE; below 0 what was read is not whole."""

    def __init__(self) -> None:
        self.left = _MOST_OF_ONE

    def read(self, fd: int, size: int, start: int) -> bytes:
        """Bytes of a header; b"" when nothing is left."""
        data = os.pread(fd, size, start) if self.left >= 0 else b""
        self.left -= len(data) + _CALL
        return data


class Dump(NamedTuple):
    """One dump. `files`: those with memory, () if only messages were saved; `size`: their bytes.

    `time`: seconds since 1970, of the crash if known, else of the last write. `complete`: None for a form whose end
    cannot be checked; `fault` says what is missing. `release` and `panic`, the line that says why, by the dump or its
    messages. `build_id` of that kernel, in hexadecimal, by the dump. `messages`: the files with its messages.
    """

    path: str
    files: tuple[str, ...]
    size: int
    time: int
    complete: bool | None
    fault: str = ""
    form: str = ""
    release: str | None = None
    panic: str | None = None
    build_id: str | None = None
    messages: tuple[str, ...] = ()

    @property
    def paths(self) -> tuple[str, ...]:
        """The paths of its files."""
        return tuple(f"{self.path.rstrip('/')}/{name}" for name in self.files)


def read(tree: Root, directory: str) -> tuple[Dump, ...]:
    """The dumps in the directory and its subdirectories, newest first; with the same time, by name, last first.

    Only the MOST subdirectories that changed last are read, and no more after MOST_FILES files of dumps, or when their
    headers and messages together are too large.
    """
    return listed(tree, directory)[0]


def listed(tree: Root, directory: str) -> tuple[tuple[Dump, ...], int]:
    """The dumps as `read` returns them, and the number of subdirectories that were not read."""
    every = places(tree, directory)
    found: list[Dump] = []
    files = taken = 0
    left_out = len(every)
    for path in every[: MOST + 1]:
        if files > MOST_FILES or taken > _MOST_READ:
            break
        budget = _Budget()
        dump = _dump(tree, path, budget)
        taken += _MOST_OF_ONE - budget.left
        if budget.left < 0:
            continue
        left_out -= 1
        if dump:
            found.append(dump)
            files += len(dump.files) + len(dump.messages)
    found.sort(key=lambda dump: (dump.time, dump.path), reverse=True)
    return tuple(found), left_out


def places(tree: Root, directory: str) -> list[str]:
    """The directory, and its subdirectories, those that changed last first. Links to others do not count.

    Some systems let every user write to the directory: those of other users than root and the present one are last.
    """
    top, home = directory.rstrip("/"), (tree.resolve(directory) or "").rstrip("/")
    times = {}
    for name in tree.list(directory):
        path = f"{top}/{name}"
        status = tree.stat(path)
        if status and S_ISDIR(status.st_mode) and tree.resolve(path) == f"{home}/{name}":
            times[path] = (status.st_uid in (0, os.geteuid()), status.st_mtime, path)
    return [top or "/", *sorted(times, key=lambda path: times[path], reverse=True)]


def at(tree: Root, path: str) -> Dump | None:
    """The dump in a directory, or the one that a file is, whatever its name; None if there is none."""
    status = tree.stat(path)
    if status is None or not S_ISREG(status.st_mode):
        return _dump(tree, path, _Budget()) if status and S_ISDIR(status.st_mode) else None
    directory, _, name = path.rpartition("/")
    found = _dump(tree, directory or "/", _Budget(), name)
    return found if found and found.form else None


def _dump(tree: Root, path: str, budget: _Budget, core: str = "") -> Dump | None:
    """The dump in a directory; `core`: by this file of it, else by the usual names. Links are not followed."""
    names = tree.list(path)
    cores = [core] if core else [name for name in names if _CORE.fullmatch(name)]
    unfinished = [] if core else [name for name in names if _UNFINISHED.fullmatch(name)]
    messages = [name for name in names if _MESSAGES.fullmatch(name)][:_MOST_MESSAGES]
    messages = [name for name in messages if plain(tree, path, name)]
    if not (cores or unfinished or messages):
        return None
    files = tuple((cores or unfinished)[:_MOST_CORES])
    status = [found for name in files or messages[:1] if (found := tree.stat(f"{path}/{name}"))]
    sound = [name if core or plain(tree, path, name) else None for name in files]
    headers = [_header(tree, f"{path}/{name}", budget) if name else None for name in sound]
    known = [header for header in headers if header]
    packed = any(header.form in vmcore.PACKED for header in known)
    release, panic = _said(tree, [f"{path}/{name}" for name in messages], budget)
    fault = _fault(files, headers, unfinished=bool(unfinished and not cores))
    if len(cores) > _MOST_CORES:
        fault = f"it has more than {_MOST_CORES} files"
    return Dump(
        path=path,
        files=files,
        size=sum(each.st_size for each in status) if files else 0,
        time=next((each.time for each in known if each.time), max((int(each.st_mtime) for each in status), default=0)),
        complete=False if fault else None if packed else True,
        fault=fault,
        form=known[0].form if known else "",
        release=next((each.release for each in known if each.release), release),
        panic=panic,
        build_id=next((each.build_id for each in known if each.build_id), None),
        messages=tuple(messages),
    )


def _fault(files: tuple[str, ...], headers: list[vmcore.DumpHeader | None], *, unfinished: bool) -> str:
    if not files:
        return "only the kernel's messages were saved"
    if unfinished:
        return "it is not finished"
    for name, header in zip(files, headers, strict=True):
        if header is None:
            return f"{name} is not a dump"
        if header.fault:
            return f"{name}: {header.fault}"
    return ""


def _header(tree: Root, path: str, budget: _Budget) -> vmcore.DumpHeader | None:
    """The header of a dump; None if it is not a dump, or not readable."""
    try:
        with tree.open(path) as file:
            fd = file.fileno()
            return vmcore.read(lambda offset, size: budget.read(fd, size, offset), os.fstat(fd).st_size)
    except (GrubkdError, OSError):
        return None


def _said(tree: Root, paths: list[str], budget: _Budget) -> tuple[str | None, str | None]:
    """The release and the panic line by the first file that has them. Of a large file only both ends are read."""
    for path in paths:
        try:
            head, tail = from_bytes(tree.part(path, 0, _HEAD)), _tail(tree, path)
        except GrubkdError:
            continue
        budget.left -= (len(head) + len(tail)) * _MESSAGE
        if budget.left < 0:
            break
        release, panic = crashed_release(head) or crashed_release(tail), panic_line(tail)
        if release or panic:
            return release, panic
    return None, None


def _tail(tree: Root, path: str) -> str:
    """The end of a file of messages. Raises InputOutput, PermissionDenied."""
    status = tree.stat(path)
    return from_bytes(tree.part(path, max((status.st_size if status else 0) - _TAIL, 0), _TAIL))


def messages(tree: Root, dump: Dump) -> tuple[str, str]:
    """The end of the messages that were saved with a dump, and the path of their file; "" and "" without any."""
    for name in dump.messages:
        path = f"{dump.path.rstrip('/')}/{name}"
        try:
            text = _tail(tree, path)
        except GrubkdError:
            continue
        if text:
            return text, path
    return "", ""
