"""Carrying out a prepared transaction: all its files change, or none.

The order makes it safe, against a power cut too:

1. The journal, with every old file in it, is on the disk before anything else changes.
2. All new files are written beside their places and synced, and the old files get a second name there. A full disk
   shows here, before any file has changed.
3. Each new file takes its place by a rename; then the directories are synced.
4. All files are read again and compared, and the whole configuration is verified again.
5. The disk itself is brought up to date (sync), for a boot loader does not replay a file system's journal.
6. The follow-up commands run, the second names go, and the journal is marked as done.

If a step fails, or a signal arrives before step 6 is over, everything is undone (recovery). If grubkd itself dies, the
next run that writes undoes it.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from grubkd.change import disk, journal, recovery, sync
from grubkd.change.lock import HeldSignals
from grubkd.errors import ChangedSinceRead, CommandFailed, GrubkdError, Place, RollbackFailed, VerificationFailed
from grubkd.log import logger
from grubkd.tree.root import system_failure
from grubkd.tree.tree import Overlay

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import TypeAlias

    from grubkd.change.disk import FileImage
    from grubkd.change.record import Record
    from grubkd.tree.root import Root
    from grubkd.tree.tree import Tree


# Gets the tree with all files in place, without the temporary files beside them. It raises to undo the transaction.
Recheck: TypeAlias = "Callable[[Tree], None]"
_NEWER_THAN = {"/etc/kernel/cmdline": "/etc/default/grub"}


@dataclass(frozen=True, slots=True)
class Step:
    """One file of a transaction: as it must be now, and as it will be. None: no file. `link` as in FileRecord."""

    path: str
    before: FileImage | None
    after: FileImage | None
    link: str | None = None

    @property
    def idle(self) -> bool:
        """Whether there is nothing to do."""
        return disk.same(self.before, self.after)


class Application:
    """A transaction in progress."""

    def __init__(self, root: Root, record: Record, steps: Sequence[Step], stop: HeldSignals) -> None:
        self._root = root
        self._record = record
        self._steps = steps
        self._stop = stop
        self._at = "/"
        self._ran: list[tuple[str, ...]] = []

    def carry_out(self, recheck: Recheck | None, empty: Sequence[str], following: bool) -> None:
        """Do all steps behind the journal. Raises GrubkdError, or OSError for the file that `at` names."""
        self._stage()
        self._swap()
        self._verify()
        if recheck:
            self._recheck(recheck)
        self._stop.check()
        sync.settle(self._root, (each.path for each in self._steps))
        if following:
            for command in self._record.followups:
                recovery.run_followup(command, self._root, self._stop.arrived)
                self._ran.append(command)
        self._stop.check()
        # A signal from here on is too late: the change is made.
        self._clean()
        for path in reversed(empty):
            self._at = path
            disk.remove_directory(self._root, path)
        journal.finish(self._root, self._record.id)

    @property
    def at(self) -> str:
        """The path being worked on."""
        return self._at

    @property
    def ran(self) -> Sequence[tuple[str, ...]]:
        """The follow-up commands that succeeded."""
        return self._ran

    def _go(self, path: str) -> None:
        self._stop.check()
        self._at = path

    def _names(self, number: int) -> tuple[str, str]:
        path, id = self._steps[number].path, self._record.id
        return disk.temporary_name(path, id, number, "new"), disk.temporary_name(path, id, number, "old")

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
        for number, step in enumerate(self._steps):
            self._go(step.path)
            staged, kept = self._names(number)
            if step.before is not None:
                disk.keep(self._root, step.path, kept, step.before, files)
            if step.after is not None:
                other = self._root.stat(_NEWER_THAN[step.path]) if step.path in _NEWER_THAN else None
                latest = max(latest, other.st_mtime_ns if other else 0)
                latest = max(latest, disk.stage(self._root, staged, step.after, files, latest))

    def _swap(self) -> None:
        for number, step in enumerate(self._steps):
            self._go(step.path)
            check_unchanged(self._root, step)
            if step.after is None:
                disk.remove_file(self._root, step.path)
            else:
                disk.swap(self._root, self._names(number)[0], step.path)
            logger.info("%s %s", "removed" if step.after is None else "wrote", step.path)
        self._sync()

    def _verify(self) -> None:
        for step in self._steps:
            self._go(step.path)
            present = disk.read_image(self._root, step.path)
            wanted = step.after
            if present and wanted and step.before is None:
                if wanted.mtime_ns is None:
                    wanted = present.with_data(wanted.data)  # new: owner and attributes may depend on its directory
                else:  # restored without execution bits, which vfat gives to every file
                    wanted = replace(wanted, mode=wanted.mode | present.mode & 0o111)
            if not disk.same(present, wanted):
                raise VerificationFailed("what was written reads differently", place=Place(step.path))

    def _recheck(self, recheck: Recheck) -> None:
        kept = [self._names(number)[1] for number in range(len(self._steps))]
        recheck(Overlay(self._root, dict.fromkeys(kept)))

    def _clean(self) -> None:
        for number, step in enumerate(self._steps):
            self._at = step.path
            # What was staged has taken its place.
            if step.before is not None:
                disk.remove_file(self._root, self._names(number)[1])
        self._sync()

    def _sync(self) -> None:
        for path in sorted({disk.parent(each.path) for each in self._steps}):
            self._at = path
            if self._root.exists(path):
                disk.sync_directory(self._root, path)


def check_unchanged(root: Root, step: Step) -> None:
    """Raise ChangedSinceRead unless the file is what the step starts from. Raises OSError."""
    if not disk.same(disk.read_image(root, step.path), step.before):
        raise ChangedSinceRead(
            "somebody changed the file since it was read; nothing was written",
            hint="run grubkd again",
            place=Place(step.path),
        )


def apply(  # noqa: PLR0913
    root: Root,
    record: Record,
    steps: Sequence[Step],
    *,
    recheck: Recheck | None = None,
    empty: Sequence[str] = (),
    run_followups: bool = False,
) -> None:
    """Carry out a transaction, under the lock. `empty`: directories to remove afterwards if nothing is in them.

    The follow-up commands run on the live root, elsewhere only with `run_followups`. Whatever goes wrong, everything is
    undone before it is reported: raises Failed, Refused, Interrupted for a signal; RollbackFailed if undoing fails.
    """
    following = root.live or run_followups
    with HeldSignals() as stop:
        _begin(root, record)
        work = Application(root, record, steps, stop)
        try:
            work.carry_out(recheck, empty, following)
        except BaseException as caught:
            problem = caught
            if isinstance(caught, OSError):
                problem = system_failure(work.at, "cannot be written", caught)
            hint = _take_back(work, root, record, problem, following)
            stop.check()
            if isinstance(problem, CommandFailed):
                problem = CommandFailed(problem.message, hint=hint or problem.hint, place=problem.place)
            if problem is caught:
                raise
            raise problem from None
        journal.prune(root)


def _begin(root: Root, record: Record) -> None:
    """Write the journal. Raises PermissionDenied, InputOutput; then nothing has changed."""
    try:
        journal.begin(root, record)
    except BaseException as problem:
        # If the journal stays all the same, the next run finds nothing to undo for it and removes it.
        with suppress(OSError, GrubkdError):
            journal.abandon(root, record.id)
        if isinstance(problem, OSError):
            raise system_failure(journal.TRANSACTIONS, "no journal can be written", problem) from None
        raise


def _take_back(work: Application, root: Root, record: Record, first: BaseException, following: bool) -> str:
    """Undo a transaction that failed; returns what is left to do by hand. Raises RollbackFailed with both errors."""
    hint = ""
    try:
        journal.reopen(root, record.id)
        recovery.undo(root, record)
        if following and (work.ran or isinstance(first, CommandFailed)):
            for command in record.followups:
                try:
                    recovery.run_followup(command, root)
                except CommandFailed:
                    if command in work.ran:
                        raise
                    # It failed before and fails now: as far as it reports, what it makes is as it was.
                    hint = f"all files are as they were; fix the reported error, then run: {' '.join(command)}"
        journal.abandon(root, record.id)
    except (OSError, GrubkdError) as second:
        why = getattr(second, "hint", "") or (
            f"fix the reported error, then run any grubkd command that writes: it undoes {record.id} first"
        )
        raise RollbackFailed(f"{first}; and undoing it failed: {second}", hint=why) from first
    return hint
