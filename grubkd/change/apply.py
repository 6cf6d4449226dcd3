"""Carrying out a prepared transaction: all its files change, or none.

The order is what makes it safe. The journal, with every old file in it, is on the disk before anything else. All new
files are written and synced beside their places before the first one takes its place, so that a full disk shows before
anything changed. Each takes its place by a rename; the directories are synced; all is read again and compared; the
disk itself is brought up to date; follow-up commands run. Only then is the journal marked as done.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from grubkd.change import atomicfile, directory, durable, followups, image, journal
from grubkd.change.filesync import FileSync
from grubkd.change.image import same
from grubkd.change.signals import Held
from grubkd.errors import ChangedSinceRead, CommandFailed, GrubkdError, Place, RollbackFailed, VerificationFailed
from grubkd.log import logger
from grubkd.tree.overlay import Overlay
from grubkd.tree.root import system_failure

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import TypeAlias

    from grubkd.change.image import Image
    from grubkd.change.record import Record
    from grubkd.tree.root import Root
    from grubkd.tree.tree import Tree

# Is shown the tree with all files in place, without what this transaction put beside them; raises to undo it.
Recheck: TypeAlias = "Callable[[Tree], None]"
_NEWER_THAN = {"/etc/kernel/cmdline": "/etc/default/grub"}


@dataclass(frozen=True, slots=True)
class Step:
    """One file of a transaction: what must be there now, and what will be. None: no file. `link` as in FileRecord."""

    path: str
    before: Image | None
    after: Image | None
    link: str | None = None

    @property
    def idle(self) -> bool:
        """Whether there is nothing to do."""
        return same(self.before, self.after)


class Application:
    """One transaction under way."""

    def __init__(self, root: Root, record: Record, steps: Sequence[Step], stop: Held) -> None:
        self._root = root
        self._record = record
        self._steps = steps
        self._stop = stop
        self._at = "/"
        self._ran: list[tuple[str, ...]] = []

    def carry_out(self, recheck: Recheck | None, empty: Sequence[str], following: bool) -> None:
        """Do it all, once it is journalled. Raises GrubkdError, or OSError about the file that `at` names."""
        self._stage()
        self._swap()
        self._verify()
        if recheck:
            self._recheck(recheck)
        self._stop.check()
        durable.settle(self._root, (each.path for each in self._steps))
        if following:
            for command in self._record.followups:
                followups.run(command, self._root, self._stop.arrived)
                self._ran.append(command)
        self._stop.check()
        # From here on an ending signal comes too late: the change is made.
        self._clean()
        for path in reversed(empty):
            self._at = path
            directory.remove(self._root, path)
        journal.finish(self._root, self._record.id)

    @property
    def at(self) -> str:
        """The path being worked on."""
        return self._at

    @property
    def ran(self) -> Sequence[tuple[str, ...]]:
        """The follow-ups that have run, and ended well."""
        return self._ran

    def _go(self, path: str) -> None:
        self._stop.check()
        self._at = path

    def _names(self, number: int) -> tuple[str, str]:
        path, id = self._steps[number].path, self._record.id
        return atomicfile.temporary(path, id, number, "new"), atomicfile.temporary(path, id, number, "old")

    def _stage(self) -> None:
        for path in self._record.directories:
            self._go(path)
            directory.make(self._root, path, 0o755)
        with FileSync(len(self._steps)) as files:
            self._write(files)
            self._stop.check()
            files.finish()
        # The second names of the old files must not be lost with the first.
        self._sync()
        durable.settle_staged(self._root)

    def _write(self, files: FileSync) -> None:
        latest = 0
        with self._root.near() as near:
            for number, step in enumerate(self._steps):
                self._go(step.path)
                staged, kept = self._names(number)
                if step.before is not None:
                    atomicfile.keep(near, step.path, kept, step.before, files)
                if step.after is not None:
                    other = self._root.stat(_NEWER_THAN[step.path]) if step.path in _NEWER_THAN else None
                    latest = max(latest, other.st_mtime_ns if other else 0)
                    latest = max(latest, atomicfile.stage(near, staged, step.after, files, latest))

    def _swap(self) -> None:
        with self._root.near() as near:
            for number, step in enumerate(self._steps):
                self._go(step.path)
                check_unchanged(near, step)
                if step.after is None:
                    atomicfile.remove(near, step.path)
                else:
                    atomicfile.swap(near, self._names(number)[0], step.path)
                logger.info("%s %s", "removed" if step.after is None else "wrote", step.path)
        self._sync()

    def _verify(self) -> None:
        with self._root.near() as near:
            for step in self._steps:
                self._go(step.path)
                present = image.read(near, step.path)
                wanted = step.after
                if present and wanted and step.before is None:
                    if wanted.mtime_ns is None:
                        wanted = present.with_data(wanted.data)  # new: its directory decides on owner and attributes
                    else:  # back without execution bits, but vfat has them on every file
                        wanted = replace(wanted, mode=wanted.mode | present.mode & 0o111)
                if not same(present, wanted):
                    raise VerificationFailed("what was written reads differently", place=Place(step.path))

    def _recheck(self, recheck: Recheck) -> None:
        kept = [self._names(number)[1] for number in range(len(self._steps))]
        with self._root.near() as near:
            recheck(Overlay(near, dict.fromkeys(kept)))

    def _clean(self) -> None:
        with self._root.near() as near:
            for number, step in enumerate(self._steps):
                self._at = step.path
                # What was staged has taken its place.
                if step.before is not None:
                    atomicfile.remove(near, self._names(number)[1])
        self._sync()

    def _sync(self) -> None:
        for path in sorted({directory.parent(each.path) for each in self._steps}):
            self._at = path
            if self._root.exists(path):
                directory.sync(self._root, path)


def check_unchanged(root: Root, step: Step) -> None:
    """Raise ChangedSinceRead unless the file is what the step starts from. Raises OSError."""
    if not same(image.read(root, step.path), step.before):
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
    """Carry out a transaction, under the lock; `empty` are directories to remove afterwards if nothing is in them.

    On the live root its follow-ups run by themselves, elsewhere with `run_followups`. Whatever goes wrong, signals
    included, all is undone first and then told: Failed, Refused, Interrupted. Raises RollbackFailed if the undoing
    fails.
    """
    following = root.live or run_followups
    with Held() as stop:
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
    """Journal the transaction. Raises PermissionDenied, InputOutput; then nothing was begun."""
    try:
        journal.begin(root, record)
    except BaseException as problem:
        # If its journal stays behind all the same, the next run finds nothing to undo for it and removes it.
        from contextlib import suppress

        with suppress(OSError, GrubkdError):
            journal.abandon(root, record.id)
        if isinstance(problem, OSError):
            raise system_failure(journal.TRANSACTIONS, "no journal can be written", problem) from None
        raise


def _take_back(work: Application, root: Root, record: Record, first: BaseException, following: bool) -> str:
    """Undo a transaction that failed; returns what is left to do by hand. Raises RollbackFailed that tells both."""
    from grubkd.change.undo import undo

    hint = ""
    try:
        journal.reopen(root, record.id)
        undo(root, record)
        if following and (work.ran or isinstance(first, CommandFailed)):
            for command in record.followups:
                try:
                    followups.run(command, root)
                except CommandFailed:
                    if command in work.ran:
                        raise
                    # It does not work at all, and did not before: what it makes is, as far as it tells, as it was.
                    hint = f"all files are as they were; when its cause is put right, run: {' '.join(command)}"
        journal.abandon(root, record.id)
    except (OSError, GrubkdError) as second:
        why = getattr(second, "hint", "") or (
            f"put the cause right, then run any changing grubkd command, which undoes {record.id} first"
        )
        raise RollbackFailed(f"{first}; and undoing it failed: {second}", hint=why) from first
    return hint
