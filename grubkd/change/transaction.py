"""Transactions: several files change, or none; the journal allows a later rollback.

A command that writes takes `lock`, calls `recover`, reads, decides, and calls `commit`. A command that reads may call
`pending`. commit checks that every file is as it was read, that it is a file that grubkd edits, and that nothing of the
boot configuration was unreadable; apply.py carries the transaction out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from grubkd.change import apply, disk, journal, places
from grubkd.change.lock import lock
from grubkd.change.record import KNOWN_FOLLOWUPS, FileRecord, Record
from grubkd.change.recovery import pending, recover
from grubkd.errors import ChangedSinceRead, PermissionDenied, Place, VerificationFailed
from grubkd.tree.root import system_failure

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from grubkd.change.apply import Recheck
    from grubkd.change.disk import FileImage
    from grubkd.change.edit import FileChange
    from grubkd.tree.root import Root

# The directories of boot configuration. What is unreadable elsewhere, for instance of the hardware, changes no file.
_CONFIGURATION = ("/boot", "/efi", "/etc", "/usr")


@dataclass(frozen=True, slots=True)
class Transaction:
    """A transaction that is done. `followups`: the commands that are left to run by hand, under --root."""

    id: str
    time: str
    files: tuple[str, ...]
    followups: tuple[tuple[str, ...], ...] = ()


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
) -> Transaction:
    """Write the changes, in their order, as one transaction. Takes `lock`, which may be held already.

    `wanted` and `by` ("auto" or "given") go into the history. `recheck` gets the tree when all files are in place, and
    raises to undo them. The `followups` run on the live root, under --root only with `run_followups`.
    Raises ChangedSinceRead where a file is not as it was read; Failed and Interrupted, after everything is undone;
    RollbackFailed where undoing failed too.
    """
    with lock(root):
        recover(root)
        _check_seen(root)
        steps = [_step(root, each) for each in changes]
        return carry_out(
            root,
            steps,
            command=command,
            wanted=wanted,
            by=by,
            followups=followups,
            recheck=recheck,
            run_followups=run_followups,
        )


def carry_out(  # noqa: PLR0913
    root: Root,
    steps: Sequence[apply.Step],
    *,
    command: str,
    wanted: Mapping[str, object],
    by: str,
    undoes: str | None = None,
    empty: Sequence[str] = (),
    followups: Sequence[Sequence[str]] = (),
    recheck: Recheck | None = None,
    run_followups: bool = False,
) -> Transaction:
    """Journal and apply prepared steps under the lock; `undoes` and `empty` are a rollback's. Raises as commit does."""
    id, time = journal.next_id(root)
    record = Record(
        id=id,
        time=time,
        command=command,
        wanted=wanted,
        by=by,
        files=tuple(
            FileRecord(each.path, each.before, each.after.digest if each.after else None, each.link) for each in steps
        ),
        directories=tuple(_directories(root, steps)),
        followups=_known(followups),
        undoes=undoes,
    )
    apply.apply(root, record, steps, recheck=recheck, empty=empty, run_followups=run_followups)
    left = () if root.live or run_followups else record.followups
    return Transaction(id, time, tuple(each.path for each in steps), left)


def _step(root: Root, change: FileChange) -> apply.Step:
    """The step for a change. Raises ChangedSinceRead, VerificationFailed for a file that grubkd does not edit."""
    known = places.is_place(change.path)
    link = None if known else places.link_to(root, change.path)
    if not known and link is None:
        raise VerificationFailed("this is not a file that grubkd edits", place=Place(change.path))
    present = read(root, change.path)
    if (present.data if present else None) != change.before:
        raise ChangedSinceRead(
            "somebody changed the file since it was read; nothing was written",
            hint="run grubkd again",
            place=Place(change.path),
        )
    if change.after is None:
        return apply.Step(change.path, present, None, link)
    after = present.with_data(change.after) if present else disk.new_image(change.after)
    return apply.Step(change.path, present, after, link)


def read(root: Root, path: str) -> FileImage | None:
    """The image of a file to be changed. Raises PermissionDenied, InputOutput."""
    try:
        return disk.read_image(root, path)
    except OSError as problem:
        raise system_failure(path, "cannot be read", problem) from None


def _directories(root: Root, steps: Sequence[apply.Step]) -> list[str]:
    """The directories that the steps' new files need, outermost first."""
    needed: list[str] = []
    for above in dict.fromkeys(disk.parent(each.path) for each in steps if each.after):
        try:
            absent = disk.missing_directories(root, above)
        except OSError as problem:
            raise system_failure(above, "cannot be used", problem) from None
        needed += [path for path in absent if path not in needed]
    return needed


def _known(commands: Sequence[Sequence[str]]) -> tuple[tuple[str, ...], ...]:
    found = tuple(tuple(each) for each in commands)
    for each in found:
        if each not in KNOWN_FOLLOWUPS:
            raise VerificationFailed(f"not a known follow-up command: {' '.join(each)}")
    return found


def _check_seen(root: Root) -> None:
    """Raise PermissionDenied where a part of the boot configuration could not be read."""
    denied = [path for path in root.denied if path.startswith(_CONFIGURATION)]
    if denied:
        raise PermissionDenied("cannot be read", hint="run grubkd as root", place=Place(min(denied)))


__all__ = ["Transaction", "commit", "lock", "pending", "recover"]
