"""Undoing a transaction that did not end: it failed, or a kill, a crash or a power cut interrupted it.

It is undone, never finished: its files may all be new, but no success was reported, and its follow-up commands may not
have run. Each file gets its old bytes and metadata back, from the second name that it was kept under or from the
journal. A file that somebody else changed meanwhile is left alone. Undoing is safe to interrupt and to repeat. The
journal goes last.
"""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from typing import TYPE_CHECKING

from grubkd.change import STATE, TRANSACTIONS, disk, journal, sync
from grubkd.change.lock import busy, lock
from grubkd.errors import CommandFailed, Failed, GrubkdError, InputOutput, Notice, Place, RollbackFailed
from grubkd.signals import HeldSignals
from grubkd.tree.root import system_failure

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from grubkd.change.disk import FileImage
    from grubkd.change.record import FileRecord, Record
    from grubkd.tree.root import Root

# seconds; zipl needs a few
FOLLOWUP_PATIENCE = 120.0
# What may go wrong with one file, or at one step, and must not keep the others from being undone.
FAILURES = (OSError, GrubkdError, MemoryError)


def pending(root: Root) -> Record | None:
    """The transaction that an interrupted run left; None while a run is really in progress.

    Raises NotUnderstood for a damaged journal, PermissionDenied, InputOutput.
    """
    if not root.exists(TRANSACTIONS) or busy(root):
        return None
    found = journal.ids(root, "pending")
    return journal.load(root, found[0], "pending") if found else None


def recover(root: Root, *, force: bool = False, run_followups: bool = False) -> tuple[Notice, ...]:
    """Undo what an interrupted run left, under the lock; returns a notice for each transaction that was undone.

    With `force`, files that somebody else changed meanwhile get their old bytes back too. Signals are held back until
    all is undone. Raises RollbackFailed where an interrupted transaction remains, NotUnderstood for a damaged journal,
    PermissionDenied, InputOutput where it is not known whether there is one, Interrupted.
    """
    if not journal.exists(root):
        return ()
    following = root.live or run_followups
    with lock(root), HeldSignals() as stop:
        notices: list[Notice] = []
        ids = journal.ids(root, "pending")
        found = [_load(root, id) for id in ids]
        for record in reversed(found):
            untidy = undo(root, record, force=force)
            if following:
                _follow_up(root, record, force)
            _abandon(root, record, untidy)
            notices.append(_notice(record, following))
        if not found:
            try:
                journal.sweep(root)
            except OSError as problem:
                raise system_failure(STATE, "cannot be tidied", problem) from None
        stop.check()
    return tuple(notices[::-1])


def _abandon(root: Root, record: Record, untidy: str) -> None:
    """Remove the journal of a transaction that is undone, unless something is left to tidy up.

    Raises InputOutput where the journal remains: no other transaction may begin then.
    """
    try:
        if not untidy:
            journal.abandon(root, record.id)
            return
    except FAILURES as problem:
        untidy = f"{journal.path_of(record.id, 'pending')}: cannot be removed: {_reason(problem)}"
    raise InputOutput(
        f"transaction {record.id} is undone, all files are as they were before it, but {untidy}",
        hint="fix that, or remove it by hand (see lsattr); then run the same command again",
    )


def _load(root: Root, id: str) -> Record:
    """The record of an interrupted transaction. Raises RollbackFailed where it cannot be read now."""
    try:
        return journal.load(root, id, "pending")
    except (Failed, MemoryError) as problem:
        raise RollbackFailed(
            f"transaction {id} was interrupted, and its journal cannot be read: {_reason(problem)}",
            hint="fix the reported error, then run any grubkd command that writes: it undoes it first",
        ) from None


def _follow_up(root: Root, record: Record, force: bool) -> None:
    """Run the follow-up commands again: they may have run for the interrupted change."""
    for command in record.followups:
        try:
            run_followup(command, root)
        except CommandFailed as problem:
            if not force:
                raise RollbackFailed(
                    f"transaction {record.id} was interrupted; its files are undone, but then: {problem}",
                    hint=f"run it by hand: {' '.join(command)}; then: grubkd rollback {record.id} --force",
                ) from None


def _notice(record: Record, following: bool) -> Notice:
    due = "" if following else "".join(f"; run: {' '.join(each)}" for each in record.followups)
    return Notice(
        "interrupted-undone",
        f"transaction {record.id} ({record.command}, {record.time}) had been interrupted and was undone",
        hint=f"its files are as they were before it{due}",
        place=Place(record.files[0].path) if record.files else None,
    )


def take_back(root: Root, record: Record, first: BaseException, ran: Sequence[Sequence[str]] | None) -> str:
    """Undo a transaction of this run that failed; returns what is left to do by hand.

    `first`: why it failed. `ran`: the follow-up commands that succeeded; None if none of them was to run. Raises
    RollbackFailed with both errors.
    """
    hint = ""
    try:
        journal.reopen(root, record.id)
        untidy = undo(root, record)
        if ran is not None and (ran or isinstance(first, CommandFailed)):
            for command in record.followups:
                try:
                    run_followup(command, root)
                except CommandFailed:
                    if command in ran:
                        raise
                    # It failed before and fails now: as far as it reports, what it makes is as it was.
                    hint = f"all files are as they were; fix the reported error, then run: {' '.join(command)}"
    except FAILURES as second:
        why = getattr(second, "hint", "") or (
            f"fix the reported error, then run any grubkd command that writes: it undoes {record.id} first"
        )
        raise RollbackFailed(f"{first}; and undoing it failed: {_reason(second)}", hint=why) from first
    try:
        # With its journal, the next run removes what could not be removed now.
        if not untidy:
            journal.abandon(root, record.id)
    except FAILURES as problem:
        untidy = f"{journal.path_of(record.id, 'pending')}: cannot be removed: {_reason(problem)}"
    if untidy:
        hint = f"all files are as they were, but {untidy}; the next grubkd command that writes tries again"
    return hint


def undo(root: Root, record: Record, *, force: bool = False) -> str:
    """Restore every file of a pending transaction; returns what could not be tidied up beside them, or "".

    A failure with one file does not keep the others from being restored. A file that has neither its old nor its new
    bytes was changed by somebody else: it is left alone unless `force`. Raises RollbackFailed, which names every file
    that is not as it was.
    """
    work = _Undoing(root, record, force)
    for number, file in enumerate(record.files):
        work.restore(number, file)
    work.finish()
    if work.failures:
        raise RollbackFailed(
            f"not all files could be restored: {'; '.join(work.failures)}",
            hint="fix the reported error, then run any grubkd command that writes: it undoes first; or give up your "
            f"own changes to these files with: grubkd rollback {record.id} --force. The old bytes are kept, base64, in "
            f"{journal.path_of(record.id, 'pending')}",
        )
    return "; ".join(work.untidy)


class _Undoing:
    """The undoing of one transaction.

    `failures`: the files that are not as they were, each with the reason. `untidy`: what remains beside them.
    """

    def __init__(self, root: Root, record: Record, force: bool) -> None:
        self._root, self._record, self._force = root, record, force
        self._restored = False
        self.failures: list[str] = []
        self.untidy: list[str] = []

    def restore(self, number: int, file: FileRecord) -> None:
        """Restore one file, and remove the temporary files beside it."""
        names = (disk.temporary_name(file.path, self._record.id, number, kind) for kind in ("new", "old"))
        staged, kept = names
        changed = False
        try:
            present = disk.read_image(self._root, file.path)
            if not disk.same(present, file.before):
                if not self._force and not file.is_old_or_new(present):
                    self.failures.append(f"{file.path}: changed by somebody else meanwhile")
                    return
                changed = self._restored = True
                _give_back(self._root, file, present, staged, kept)
        except FAILURES as problem:
            self.failures.append(f"{file.path}: cannot be put back: {_reason(problem)}")
            return
        # The kept old file goes last: only it can be restored on a full disk.
        for path in (staged, kept):
            try:
                disk.remove_file(self._root, path)
            except FAILURES as problem:
                self.untidy.append(f"{path}: cannot be removed: {_reason(problem)}")
        try:
            with suppress(FileNotFoundError):  # its directory was made for it, and is gone
                disk.sync_directory(self._root, disk.parent(file.path))
        except FAILURES as problem:
            where = self.failures if changed else self.untidy
            where.append(f"{file.path}: its directory cannot be synced: {_reason(problem)}")

    def finish(self) -> None:
        """Remove the directories that the transaction made, and bring all to the disk."""
        try:
            for path in reversed(self._record.directories):
                disk.remove_directory(self._root, path)
            sync.settle(self._root, (each.path for each in self._record.files))
        except FAILURES as problem:
            where = self.failures if self._restored else self.untidy
            where.append(f"/: cannot be synced: {_reason(problem)}")


def as_failure(caught: BaseException, at: str) -> BaseException:
    """The error to report for what was caught while `at` was being written."""
    if isinstance(caught, MemoryError):
        caught = OSError(errno.ENOMEM, os.strerror(errno.ENOMEM))
    return system_failure(at, "cannot be written", caught) if isinstance(caught, OSError) else caught


def _reason(problem: BaseException) -> str:
    """What went wrong, without the path of this system."""
    return getattr(problem, "strerror", None) or str(problem) or "not enough memory"


def _give_back(root: Root, file: FileRecord, present: FileImage | None, staged: str, kept: str) -> None:
    """Put the old file in its place again. Raises OSError.

    The kept file is in a directory that may be another user's. It is used only where its bytes, owner, mode and
    attributes are those in the journal, and where it has no attribute that is not restored from a journal.
    """
    if file.before is None:
        disk.remove_file(root, file.path)
        return
    old = disk.read_image(root, kept) if root.exists(disk.parent(kept)) else None
    if old is None or not old.like(file.before) or not all(map(disk.is_restored, old.xattrs)):
        disk.remove_file(root, staged)
        for path in disk.missing_directories(root, disk.parent(file.path)):
            disk.make_directory(root, path, 0o755)
        with sync.FileSync(1) as files:
            disk.stage(root, staged, file.before.executable_as(present), files)
        kept = staged
    disk.swap(root, kept, file.path)


def run_followup(command: Sequence[str], root: Root, stop: Callable[[], bool] | None = lambda: False) -> None:
    """Run a follow-up command in the tree; `stop` as run takes it, by default never.

    Raises CommandFailed, Refused for a tree of a foreign architecture.
    """
    from grubkd.run import run

    run(command, root, stop=stop, patience=FOLLOWUP_PATIENCE)
