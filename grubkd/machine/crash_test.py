"""The test crash of `grubkd crash`: what is kept of it over the boot, and whether it left a dump."""

from __future__ import annotations

import json
import re
import time
from typing import TYPE_CHECKING, NamedTuple

from grubkd.errors import GrubkdError
from grubkd.machine import capture_log, journal
from grubkd.machine.dumps import panic_line
from grubkd.machine.settings import text
from grubkd.memory.size import format_size, in_megabytes
from grubkd.text import from_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from grubkd.machine.capture_log import CaptureLog
    from grubkd.machine.dumps import Dump
    from grubkd.machine.kdump import Service
    from grubkd.tree.root import Root

PATH = "/var/lib/grubkd/crash-test.json"
_BOOT_ID = "/proc/sys/kernel/random/boot_id"
_LARGEST = 4096
# Seconds after the crash. A dump of that age is another crash's.
_LATEST = 86_400
_PSTORE = ("/sys/fs/pstore", "/var/lib/systemd/pstore")
_TAIL = 512 << 10
_LONGEST = 200  # characters
_LOST = re.compile(
    r"Out of memory|System is deadlocked on memory|No space left|makedumpfile Failed|Kernel panic|kdump: .*fail"
)


class CrashTest(NamedTuple):
    """A test crash: the boot that it ended, when (seconds since 1970), its kernel, and where the dump goes.

    `reserved`: the bytes for the capture kernel, 0 if not known.
    """

    boot_id: str
    time: int
    release: str
    target: str
    reserved: int = 0

    def covers(self, time: float) -> bool:
        """Whether what was written at that time may be of this crash."""
        return self.time <= time <= self.time + _LATEST


class CrashTestResult(NamedTuple):
    """`passed`: a whole dump of that kernel was found, at `path`, saved `seconds` after the crash. Else `reasons`."""

    test: CrashTest
    passed: bool
    path: str = ""
    seconds: int | None = None
    reasons: tuple[str, ...] = ()


def begin(tree: Root, release: str, target: str, reserved: int = 0) -> bytes:
    """The content of the file at PATH for a crash that comes now."""
    test = CrashTest((text(tree, _BOOT_ID) or "").strip(), int(time.time()), release, target, reserved)
    return f"{json.dumps(test._asdict())}\n".encode()


def read(tree: Root) -> CrashTest | None:
    """The test crash that ended an earlier boot of this system; None if there was none, or its file is not readable."""
    hidden = PATH not in tree.denied
    try:
        found = json.loads(from_bytes(tree.part(PATH, 0, _LARGEST))) if tree.exists(PATH) else None
        test = CrashTest(**found) if isinstance(found, dict) else None
    except (GrubkdError, ValueError, TypeError, RecursionError):
        return None
    finally:
        if hidden:
            tree.denied.discard(PATH)
    if test is None or not all(isinstance(each, str) for each in (test.boot_id, test.release, test.target)):
        return None
    if not all(
        type(each) is int and 0 <= each < most for each, most in ((test.time, 1 << 40), (test.reserved, 1 << 60))
    ):
        return None
    return test if test.boot_id != (text(tree, _BOOT_ID) or "").strip() else None


def judge(tree: Root, test: CrashTest, directory: str, dumps: Sequence[Dump], service: Service) -> CrashTestResult:
    """Whether the test left a whole dump among these, all in the directory; if not, what is found about why."""
    mine = [each for each in dumps if test.covers(each.time)]
    for dump in mine:
        if dump.files and dump.complete is not False and dump.release in (test.release, None):
            return CrashTestResult(test, True, dump.path, _seconds(tree, test, dump))
    return CrashTestResult(test, False, reasons=tuple(_reasons(tree, test, directory, mine, service)))


def _seconds(tree: Root, test: CrashTest, dump: Dump) -> int | None:
    """How long after the crash the dump was last written."""
    ends = [int(found.st_mtime) for path in dump.paths if (found := tree.stat(path))]
    taken = max(ends, default=-1) - test.time
    return taken if 0 <= taken <= _LATEST else None


def _reasons(tree: Root, test: CrashTest, directory: str, dumps: Sequence[Dump], service: Service) -> Iterator[str]:
    if not dumps:
        yield f"no dump of that time is in {test.target}"
    for dump in dumps:
        yield f"{dump.path}: {dump.fault or f'it is of kernel {dump.release}'}"
        if dump.panic and not dump.files:
            yield f"{dump.path}/{dump.messages[0]}: {dump.panic}"
    logs = capture_log.read(tree, directory)
    for log in logs:
        if test.covers(log.time):
            yield from _of_log(tree, log)
    if test.reserved:
        need = capture_log.need(logs)
        short = f", and {need}" if need and test.reserved < need.advised else ""
        yield f"{format_size(test.reserved)} was reserved for the capture kernel{short}"
    yield from _of_firmware(tree, test)
    failure = journal.failure(tree, service, since=test.time) if tree.live else ""
    if failure:
        yield f"the journal: {failure}"


def _of_log(tree: Root, log: CaptureLog) -> Iterator[str]:
    """What the last capture kernel in a log said of its end."""
    said = [line.strip() for line in _end(tree, log.path).split("\n") if _LOST.search(line)]
    if log.own and said:
        yield f"{log.path}: {said[-1][:_LONGEST]}"
        return
    # Other logs show the crash as well.
    last = log.boots[-1]
    memory = f" with {in_megabytes(last.total)}" if last.total else ""
    yield f"{log.path}: the capture kernel started{memory}" + (f"; {last.ran_out}" if last.ran_out else "")


def _of_firmware(tree: Root, test: CrashTest) -> Iterator[str]:
    """The panics that the firmware kept; systemd-pstore(8) takes its records away, into directories of their own."""
    for top in _PSTORE:
        names = tree.list(top)
        for path in (
            *(f"{top}/{name}" for name in names),
            *(f"{top}/{a}/{b}" for a in names for b in tree.list(f"{top}/{a}")),
        ):
            status = tree.stat(path)
            panic = panic_line(_end(tree, path)) if status and test.covers(status.st_mtime) else None
            if panic:
                yield f"{path}: {panic}"


def _end(tree: Root, path: str) -> str:
    try:
        status = tree.stat(path)
        return from_bytes(tree.part(path, max(status.st_size - _TAIL, 0), _TAIL)) if status else ""
    except GrubkdError:
        return ""
