"""Transactions: several files change, or none; the journal allows a later rollback.

A command that writes takes `lock`, calls `recover`, reads, decides, and calls `commit`. If a step fails, or a signal
arrives before the second names go, everything is undone. If grubkd itself dies, the next run that writes undoes it.
docs/reliability.md describes the order of the steps.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from grubkd.change import TRANSACTIONS, disk, journal, places, recovery, sync
from grubkd.change.lock import lock
from grubkd.change.record import KNOWN_FOLLOWUPS, FileRecord, Record
from grubkd.change.recovery import pending, recover
from grubkd.errors import (
    ChangedSinceRead,
    CommandFailed,
    GrubkdError,
    Notice,
    PermissionDenied,
    Place,
    VerificationFailed,
)
from grubkd.log import logger
from grubkd.signals import HeldSignals
from grubkd.tree.root import system_failure
from grubkd.tree.tree import Overlay

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import TypeAlias

    from grubkd.change.disk import FileImage
    from grubkd.change.edit import FileChange
    from grubkd.change.revert import SlotRecord
    from grubkd.tree.root import Root
    from grubkd.tree.tree import Tree

# Gets the tree with all files in place, without the temporary files beside them. It raises to undo the transaction.
Recheck: TypeAlias = "Callable[[Tree], None]"
# The directories of boot configuration. What is unreadable elsewhere, for instance of the hardware, changes no file.
_CONFIGURATION = ("/boot", "/efi", "/etc", "/usr")
_NEWER_THAN = {"/etc/kernel/cmdline": "/etc/default/grub"}


class Step(NamedTuple):
    """One file of a transaction: as it must be now, and as it will be. None: no file. `link` as in FileRecord."""

    path: str
    before: FileImage | None
    after: FileImage | None
    link: str | None = None

    def record(self) -> FileRecord:
        """What a journal records of it."""
        return FileRecord(self.path, self.before, self.after.digest if self.after else None, self.link)


class Transaction(NamedTuple):
    """A transaction that is done. `followups`: the commands that are left to run by hand, under --root."""

    id: str
    files: tuple[str, ...]
    followups: tuple[tuple[str, ...], ...]
    warnings: tuple[Notice, ...] = ()


def commit(  # noqa: PLR0913
    root: Root,
    changes: Sequence[FileChange],
    *,
    command: str,
    wanted: Mapping[str, object],
    by: str,
    followups: Sequence[Sequence[str]] = (),
    recheck: Recheck | None = None,
    run_followups: bool = False,
    slots: Sequence[SlotRecord] = (),
    kernels: Sequence[str] = (),
) -> Transaction:
    """Write the changes, in their order, as one transaction. Takes `lock`, which may be held already.

    `wanted` and `by` ("auto" or "given") go into the history; `slots` and `kernels` are for a later rollback.
    `recheck` gets the tree when all files are in place, and raises to undo them.
    The `followups` run on the live root, under --root only with `run_followups`.
    Raises ChangedSinceRead where a file is not as it was read; Failed and Interrupted, after everything is undone;
    RollbackFailed where undoing failed too.
    """
    with lock(root):
        recover(root)
        if denied := [path for path in root.denied if path.startswith(_CONFIGURATION)]:
            raise PermissionDenied("cannot be read", place=Place(min(denied)))
        steps = [step(root, each) for each in changes]
        record = new_record(root, steps, command=command, wanted=wanted, by=by, followups=followups)
        record = record._replace(slots=tuple(slots), kernels=tuple(kernels))
        return carry_out(root, record, steps, recheck=recheck, run_followups=run_followups)


def new_record(  # noqa: PLR0913
    root: Root,
    steps: Sequence[Step],
    *,
    command: str,
    wanted: Mapping[str, object],
    by: str,
    followups: Sequence[Sequence[str]],
    undoes: str | None = None,
) -> Record:
    """The record of a new transaction, under the lock. Raises as commit does."""
    id, time = journal.next_id(root)
    files = tuple(each.record() for each in steps)
    commands = tuple(map(tuple, followups))
    for each in commands:
        if each not in KNOWN_FOLLOWUPS:
            raise VerificationFailed(f"not a known follow-up command: {' '.join(each)}")
    return Record(id, time, command, wanted, by, files, _directories(root, steps), commands, undoes)


def step(root: Root, change: FileChange) -> Step:
    """The step for a change. Raises ChangedSinceRead, VerificationFailed for a file that grubkd does not edit."""
    known = places.is_place(change.path)
    link = None if known else places.link_to(root, change.path)
    if not known and link is None:
        raise VerificationFailed("this is not a file that grubkd edits", place=Place(change.path))
    present = read(root, change.path)
    if (present.data if present else None) != change.before:
        raise _changed(change.path)
    if change.after is None:
        return Step(change.path, present, None, link)
    after = present.with_data(change.after) if present else disk.new_image(change.after)
    return Step(change.path, present, after, link)


def _changed(path: str) -> ChangedSinceRead:
    why = "somebody changed the file since it was read; nothing was written"
    return ChangedSinceRead(why, hint="run grubkd again", place=Place(path))


def read(root: Root, path: str) -> FileImage | None:
    """The image of a file to be changed. Raises PermissionDenied, InputOutput."""
    try:
        return disk.read_image(root, path)
    except OSError as problem:
        raise system_failure(path, "cannot be read", problem) from None


def _directories(root: Root, steps: Sequence[Step]) -> tuple[str, ...]:
    """The directories that the steps' new files need, outermost first."""
    needed: dict[str, None] = {}
    for above in dict.fromkeys(disk.parent(each.path) for each in steps if each.after):
        try:
            needed |= dict.fromkeys(disk.missing_directories(root, above))
        except OSError as problem:
            raise system_failure(above, "cannot be used", problem) from None
    return tuple(needed)


def carry_out(  # noqa: PLR0913
    root: Root,
    record: Record,
    steps: Sequence[Step],
    *,
    recheck: Recheck | None = None,
    empty: Sequence[str] = (),
    run_followups: bool = False,
) -> Transaction:
    """Carry out a transaction, under the lock. `empty`: directories to remove afterwards if nothing is in them.

    Whatever goes wrong, everything is undone before it is reported. Raises as commit does.
    """
    following = root.live or run_followups
    with HeldSignals() as stop:
        journal.begin(root, record)
        work = _Application(root, record, steps, stop)
        try:
            work.carry_out(recheck, empty, following)
        except BaseException as caught:
            problem = recovery.as_failure(caught, work.at)
            hint = recovery.take_back(root, record, problem, work.ran if following else None)
            stop.check(hint)
            if isinstance(problem, GrubkdError) and hint:
                problem.hint = hint if isinstance(problem, CommandFailed) else f"{problem.hint}; {hint}".lstrip("; ")
            if problem is caught:
                raise
            raise problem from None
        journal.prune(root)
    left = () if following else record.followups
    return Transaction(record.id, tuple(each.path for each in steps), left, work.warnings)


class _Application:
    """A transaction in progress. `at`: the path being worked on; `ran`: the follow-up commands that succeeded."""

    def __init__(self, root: Root, record: Record, steps: Sequence[Step], stop: HeldSignals) -> None:
        self._root, self._record, self._stop = root, record, stop
        # Each with the names beside its place: of the new file, and of the old one.
        self._steps: list[tuple[Step, str, str]] = []
        for number, each in enumerate(steps):
            new, old = (disk.temporary_name(each.path, record.id, number, kind) for kind in ("new", "old"))
            self._steps.append((each, new, old))
        self.at = "/"
        self.ran: list[tuple[str, ...]] = []
        self.warnings: tuple[Notice, ...] = ()

    def carry_out(self, recheck: Recheck | None, empty: Sequence[str], following: bool) -> None:
        """Do all steps behind the journal. Raises GrubkdError, or OSError for the file that `at` names."""
        self._stage()
        self._swap()
        self._verify()
        if recheck:
            recheck(Overlay(self._root, dict.fromkeys(kept for _, _, kept in self._steps)))
        self._stop.check()
        sync.settle(self._root, (step.path for step, _, _ in self._steps))
        if following:
            for command in self._record.followups:
                recovery.run_followup(command, self._root, self._stop.arrived)
                self.ran.append(command)
        self._stop.check()
        # A signal from here on is too late: the change is made.
        self._clean()
        for path in reversed(empty):
            self.at = path
            disk.remove_directory(self._root, path)
        if why := journal.finish(self._root, self._record.id):
            message = f"the change is made, but the directory of its journal cannot be synced: {why}"
            hint = "if the power fails before the disk has it, the next grubkd command that writes undoes the change"
            self.warnings = (Notice("not-synced", message, hint, Place(TRANSACTIONS)),)
        self._stop.too_late()

    def _go(self, path: str) -> None:
        self._stop.check()
        self.at = path

    def _stage(self) -> None:
        for path in self._record.directories:
            self._go(path)
            disk.make_directory(self._root, path, 0o755)
        with sync.FileSync(len(self._steps)) as files:
            self._write(files)
            self._stop.check()
            files.finish()
        # The second names of the old files must be on the disk before the first ones go.
        self._sync()
        sync.settle_staged(self._root)

    def _write(self, files: sync.FileSync) -> None:
        latest = 0
        for step, staged, kept in self._steps:
            self._go(step.path)
            if step.before is not None:
                disk.keep(self._root, step.path, kept, step.before, files)
            if step.after is not None:
                other = self._root.stat(_NEWER_THAN[step.path]) if step.path in _NEWER_THAN else None
                latest = max(latest, other.st_mtime_ns if other else 0)
                latest = max(latest, disk.stage(self._root, staged, step.after, files, latest))

    def _swap(self) -> None:
        for step, staged, _ in self._steps:
            self._go(step.path)
            if not disk.same(disk.read_image(self._root, step.path), step.before):
                raise _changed(step.path)
            if step.after is None:
                disk.remove_file(self._root, step.path)
            else:
                disk.swap(self._root, staged, step.path)
            logger.info("%s %s", "removed" if step.after is None else "wrote", step.path)
        self._sync()

    def _verify(self) -> None:
        for step, _, _ in self._steps:
            self._go(step.path)
            present = disk.read_image(self._root, step.path)
            wanted = step.after
            if present and wanted and step.before is None:
                if wanted.mtime_ns is None:
                    wanted = present.with_data(wanted.data)  # new: owner and attributes may depend on its directory
                else:  # restored without execution bits, which vfat gives to every file
                    wanted = wanted._replace(mode=wanted.mode | present.mode & 0o111)
            if not disk.same(present, wanted):
                raise VerificationFailed("what was written reads differently", place=Place(step.path))

    def _clean(self) -> None:
        for step, _, kept in self._steps:
            self.at = step.path
            # What was staged has taken its place.
            if step.before is not None:
                disk.remove_file(self._root, kept)
        self._sync()

    def _sync(self) -> None:
        for path in sorted({disk.parent(step.path) for step, _, _ in self._steps}):
            self.at = path
            if self._root.exists(path):
                disk.sync_directory(self._root, path)


__all__ = ["Transaction", "commit", "lock", "pending", "recover"]
