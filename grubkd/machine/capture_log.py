"""What capture kernels said about their memory, in the logs beside the dumps, and what this machine therefore needs.

kdump-utils (and kexec-tools since 2.0.22) saves the messages of the capture kernel as kexec-dmesg.log. Any other *.log
there may be of a serial console. integrations/kdump/capture-memory makes the capture kernel report how little memory it
had left.
"""

from __future__ import annotations

import os
import re
from itertools import islice, pairwise
from typing import TYPE_CHECKING, NamedTuple

from grubkd.errors import GrubkdError
from grubkd.log import logger
from grubkd.machine import dump_target, dumps
from grubkd.machine.settings import plain
from grubkd.memory.case import MeasuredNeed
from grubkd.memory.size import KIB
from grubkd.text import from_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from grubkd.tree.root import Root


OWN = "kexec-dmesg.log"
"""The log of a capture kernel alone."""
_LARGEST = 2 << 20
# Of the newest logs, and of the last boots in each.
_MOST_LOGS, _MOST_OF_ALL, _MOST_BOOTS = 16, 8 << 20, 64
_BOOT = r"\bLinux version \d"
# It keeps the whole memory of the machine reserved until the dump is saved.
_FADUMP = "Firmware-assisted dump is active"
# mem_init_print_info() since 3.11; before, mem_init() of each architecture, where the second number includes holes.
_MEMORY = r"\bMemory: (\d{1,12})([Kk])/(\d{1,12})[Kk] available \(.{0,200}?\b(\d{1,12})[Kk] reserved"
_LOWEST = r"\bgrubkd: MemAvailable (\d{1,12}) kB, MemTotal (\d{1,12}) kB"
_RAN_OUT = (
    r"Out of memory.{0,40}?(?:: Kill(?:ed)? process| no killable processes| panic_on_oom)"
    r"|System is deadlocked on memory|Initramfs unpacking failed: write error"
)


class CaptureMemory(NamedTuple):
    """What one boot of a capture kernel said; in bytes, None if it did not.

    total: the memory that it had. reserved: what was in use at the start, for good or for the packed initrd. lowest:
    the least that was available while the hook ran. managed: MemTotal. ran_out: its message about that, or "".
    """

    total: int | None = None
    reserved: int | None = None
    lowest: int | None = None
    managed: int | None = None
    ran_out: str = ""

    @property
    def used(self) -> int:
        """The least that it needs for sure; 0 if nothing is known. All of its memory, if it ran out of it."""
        whole = self.total or self.managed
        if self.ran_out and whole:
            return whole
        return max(self.reserved or 0, whole - self.lowest if whole and self.lowest is not None else 0)


class CaptureLog(NamedTuple):
    """A log. `time`: of its last write, in seconds since 1970. boots: those of capture kernels in it, oldest first."""

    path: str
    time: int
    boots: tuple[CaptureMemory, ...]

    @property
    def own(self) -> bool:
        """Whether it shows one capture kernel and nothing else."""
        return self.path.endswith(f"/{OWN}")


def parse(text: str, *, own: bool = False) -> tuple[CaptureMemory, ...]:
    """The boots of capture kernels that a log shows. `own`: the log is of one capture kernel, whatever is missing."""
    if own:
        parts = [text]
    else:
        starts = [0, *(found.start() for found in re.finditer(_BOOT, text)), len(text)]
        parts = [text[start:stop] for start, stop in pairwise(starts[-_MOST_BOOTS - 1 :])]
        parts = [part for part in parts if _captures(part)]
    return tuple(_boot(part) for part in parts if _FADUMP not in part)


def _captures(text: str) -> bool:
    """By the command line, or by what arm64 and riscv64 say of the device tree."""
    lines = (line for line in text.split("\n") if "elfcorehdr" in line)
    return any("ommand line: " in line or "Reserving " in line for line in lines)


def _boot(text: str) -> CaptureMemory:
    memory, ran_out = re.search(_MEMORY, text), re.search(_RAN_OUT, text)
    total = reserved = None
    if memory:
        free, unit, whole, reserved = int(memory[1]), memory[2], int(memory[3]), int(memory[4]) * KIB
        total = whole * KIB if unit == "K" else free * KIB + reserved
    lowest = [(int(found[1]) * KIB, int(found[2]) * KIB) for found in re.finditer(_LOWEST, text)]
    least, managed = min(lowest, default=(None, None))
    return CaptureMemory(total, reserved, least, managed, ran_out[0] if ran_out else "")


def need(logs: Sequence[CaptureLog]) -> MeasuredNeed | None:
    """The largest need that the logs show; None if they show none.

    If no boot with more memory than one that ran out succeeded, half as much again is taken: how much was missing is
    not known.
    """
    found = [(boot, log) for log in logs for boot in log.boots if boot.used]
    if not found:
        return None
    boot, log = max(found, key=lambda each: (each[0].used, each[1].time))
    if not boot.ran_out:
        what = "its low-water mark" if boot.lowest is not None else "what it used at its start"
        return MeasuredNeed(boot.used, log.path, log.time, what)
    enough = any(other.total and other.total > boot.used and not other.ran_out for other, _ in found)
    return MeasuredNeed(boot.used if enough else boot.used * 3 // 2, log.path, log.time, boot.ran_out, boot.used)


def read(tree: Root, directory: str) -> tuple[CaptureLog, ...]:
    """The logs in the directory and its subdirectories that show a capture kernel, newest first.

    Of a large log the last _LARGEST bytes are read, of all together _MOST_OF_ALL. A log that cannot be read is added to
    the tree's `denied`. Some systems let every user write to the directory: only logs and directories of root, or of
    this user, count, no links, and a bounded number of names.
    """
    found, left = [], _MOST_OF_ALL
    for time, path, size in sorted(_paths(tree, directory), reverse=True)[:_MOST_LOGS]:
        left -= min(size, _LARGEST)
        if left < 0:
            break
        found.append(CaptureLog(path, time, _boots(tree, path, size)))
    return tuple(log for log in found if log.boots)


def _paths(tree: Root, directory: str) -> Iterator[tuple[int, str, int]]:
    """The logs that count: when they were written, path, size. No other user can keep one from being found."""
    trusted = (0, os.geteuid())
    top, *below = dumps.places(tree, directory)
    own = (place for place in below if (found := tree.stat(place)) and found.st_uid in trusted)
    paths = ((place, name) for place in (*islice(own, dumps.MOST), top) for name in tree.list(place))
    for place, name in islice((each for each in paths if each[1].endswith(".log")), dumps.MOST_FILES):
        status = plain(tree, place, name)
        if status and status.st_uid in trusted:
            yield int(status.st_mtime), f"{place.rstrip('/')}/{name}", status.st_size


def _boots(tree: Root, path: str, size: int) -> tuple[CaptureMemory, ...]:
    try:
        text = from_bytes(tree.part(path, max(size - _LARGEST, 0), _LARGEST))
    except GrubkdError:
        tree.denied.add(path)
        return ()
    return parse(text, own=path.endswith(f"/{OWN}"))


def measured(tree: Root) -> MeasuredNeed | None:
    """What the logs of this tree's dumps show, if they are on a local file system: a server may not answer.

    What this user may not read does not count, and is not reported: the value is set by root. A directory that cannot
    be listed is a warning.
    """
    directory = dump_target.reachable(tree, dump_target.read(tree))
    if directory is None:
        return None
    known = set(tree.denied)
    real = tree.resolve(directory)
    mount = dump_target.mount_of(real, dump_target.read_mounts(tree)) if real and tree.live else None
    found = None
    if real and not (mount and mount.kind in dump_target.NETWORK):
        try:
            found = need(read(tree, directory))
        except GrubkdError as problem:
            # Where every user may write, one of them can make more names than grubkd reads.
            logger.warning("what capture kernels needed is not known: %s", problem)
    tree.denied.intersection_update(known)
    return found
