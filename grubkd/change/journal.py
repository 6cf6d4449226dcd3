"""The journals under /var/lib/grubkd/transactions: ID.pending while a transaction runs, ID.done afterwards.

A journal is complete or absent: it is written under another name and renamed. Its name is its state, so that one
rename ends a transaction. The history keeps the latest 64 transactions and at most 64 MiB; the oldest go first, and the
latest one always stays.

A journal counts only if root or the caller owns it and its directories, and nobody else may write them. Its checksum
proves nothing against its author. No symbolic link is followed on the way to it.
"""

from __future__ import annotations

import errno
import os
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from grubkd.change import STATE, TRANSACTIONS, disk, places, record
from grubkd.change.disk import FileImage
from grubkd.change.lock import check_owner, unusable
from grubkd.change.record import Malformed
from grubkd.change.sync import FileSync
from grubkd.errors import GrubkdError, InputOutput, NotUnderstood, PermissionDenied, Place, Refused
from grubkd.tree.root import system_failure

if TYPE_CHECKING:
    from collections.abc import Iterable

    from grubkd.change.record import FileRecord, Record
    from grubkd.tree.root import Root


MOST_TRANSACTIONS = 64
MOST_BYTES = 64 << 20
_KINDS = ("pending", "done")


def path_of(id: str, kind: str) -> str:
    """The path of a transaction's journal; `kind` is "pending" or "done"."""
    return f"{TRANSACTIONS}/{id}.{kind}"


def exists(root: Root) -> bool:
    """Whether there is a directory of journals. Raises as ids does."""
    return all(_is_own_directory(root, each) for each in (STATE, TRANSACTIONS))


def ids(root: Root, kind: str) -> list[str]:
    """The transactions of a kind, oldest first. Raises PermissionDenied, InputOutput, UntrustedJournal."""
    if not exists(root):
        return []
    names = root.list(TRANSACTIONS)
    if not names and TRANSACTIONS in root.denied:
        raise PermissionDenied("history cannot be read", place=Place(TRANSACTIONS))
    split = [each.rpartition(".") for each in names]
    return [id for id, _, suffix in split if suffix == kind and record.ID.fullmatch(id)]


def _is_own_directory(root: Root, path: str) -> bool:
    """Whether the directory exists. Raises UntrustedJournal, PermissionDenied; InputOutput for a link on the way."""
    try:
        with root.spot(path, follow=False) as spot:
            status = spot.status
    except PermissionError:
        raise PermissionDenied("history cannot be read", place=Place(path)) from None
    except OSError as problem:
        if problem.errno in (errno.ENOENT, errno.ENOTDIR):
            return False
        raise unusable(path, "history cannot be read", problem) from None
    if status is None:
        return False
    check_owner(root, path, status)
    return True


def next_id(root: Root) -> tuple[str, str]:
    """A new id, greater than all before even if the clock was set back, and the time, ISO 8601 in UTC."""
    now = time.time_ns()
    moment = time.gmtime(now // 10**9)
    number = int(time.strftime("%Y%m%d%H%M%S", moment)) * 10**6 + now % 10**9 // 1000
    known = [int(each.replace("-", "")) for kind in _KINDS for each in ids(root, kind)]
    digits = f"{max(number, *(each + 1 for each in known), 0):020d}"
    if len(digits) > 20:
        raise InputOutput("no transaction id is left", place=Place(TRANSACTIONS))
    return f"{digits[:8]}-{digits[8:14]}-{digits[14:]}", time.strftime("%Y-%m-%dT%H:%M:%SZ", moment)


def load(root: Root, id: str, kind: str, *, whole: bool = True) -> Record:
    """A transaction's record; `whole` as in record.decode.

    Raises NotUnderstood for a damaged journal, UntrustedJournal for another user's, InputOutput, PermissionDenied.
    """
    path = path_of(id, kind)
    try:
        found = record.decode(_read(root, path), whole=whole)
        if found.id != id:
            raise Malformed("its id is not that of its name")
        _check_places(root, found)
    except Malformed as problem:
        hint = "it was damaged or tampered with; when the boot configuration is as you want it, remove this file"
        if isinstance(problem, record.OtherVersion):
            hint = "a later grubkd wrote it: use that one to roll it back"
        raise NotUnderstood(f"the journal cannot be used: {problem}", hint=hint, place=Place(path)) from None
    return found


def _check_places(root: Root, found: Record) -> None:
    """Raise Malformed where a record names a file that grubkd does not edit. Raises InputOutput."""
    for each in found.files:
        # A recorded link led to the file when that was changed, wherever it leads now.
        if each.link is None and not places.may_write(root, each.path):
            raise Malformed("it names a file that grubkd does not edit")


def _read(root: Root, path: str) -> bytes:
    """A journal's bytes. Raises Malformed, UntrustedJournal, InputOutput, PermissionDenied."""
    try:
        with root.spot(path, follow=False) as spot:
            check_owner(root, TRANSACTIONS, os.fstat(spot.parent))
            fd, status = spot.open_file()
        with os.fdopen(fd, "rb", buffering=0) as file:
            check_owner(root, path, status)
            data = file.read(record.LARGEST + 1) if status.st_size <= record.LARGEST else b""
    except OSError as problem:
        raise system_failure(path, "cannot be read", problem) from None
    if max(status.st_size, len(data)) > record.LARGEST:
        raise Malformed(f"larger than {record.LARGEST >> 20} MiB")
    return data


def begin(root: Root, found: Record) -> None:
    """Put a record on the disk as pending, and check that it can be used. If it raises, nothing has changed.

    Raises PermissionDenied, InputOutput also where it is too large to keep; Refused where it would not read back as it
    is; UntrustedJournal where somebody else owns the directory.
    """
    try:
        _write(root, found)
    except BaseException as problem:
        # If the journal stays all the same, the next run finds nothing to undo for it and removes it.
        with suppress(OSError, GrubkdError):
            abandon(root, found.id)
        if isinstance(problem, OSError):
            raise system_failure(TRANSACTIONS, "no journal can be written", problem) from None
        raise


def _write(root: Root, found: Record) -> None:
    data = record.encode(found)
    if len(data) > min(record.LARGEST, MOST_BYTES):
        raise InputOutput(f"the change is too large to be journalled: {len(data)} bytes")
    _check_recordable(root, found, data)
    disk.make_directory(root, TRANSACTIONS, 0o700)
    new = f"{TRANSACTIONS}/.{found.id}.new"
    with FileSync(1) as files:
        disk.stage(root, new, FileImage(data, 0o600, os.geteuid(), os.getegid(), None), files)
    disk.swap(root, new, path_of(found.id, "pending"))
    disk.sync_directory(root, TRANSACTIONS)
    # On a file system without owners it may belong to another user.
    if _read(root, path_of(found.id, "pending")) != data:
        raise InputOutput("the journal reads differently than it was written", place=Place(TRANSACTIONS))


def _check_recordable(root: Root, found: Record, data: bytes) -> None:
    """Raise Refused where a record's text, read back, is not the record: such a change could not be undone."""
    try:
        why = "" if record.decode(data) == found else "it reads back differently"
        _check_places(root, found)
    except Malformed as problem:
        why = str(problem)
    if not why:
        return
    check_files(found.files)
    raise Refused(
        f"the change cannot be recorded, so it is not made: {why}",
        hint="this is a defect of grubkd, unless an argument holds odd characters: please report it",
    )


def check_files(files: Iterable[FileRecord]) -> None:
    """Raise Refused for the first file that a rollback could not restore as it is now."""
    for each in files:
        if reason := record.unrecordable(each):
            raise Refused(
                f"the file could not be restored as it is now, so it is not changed: {reason}",
                hint="change that first, if nothing needs it; then run the same command again",
                place=Place(each.path),
            )


def finish(root: Root, id: str) -> str:
    """Mark a transaction as done; returns why that cannot be synced, or "". Raises OSError where it cannot be marked.

    Once it is marked, history shows it and no recovery undoes it, so the change is made.
    """
    disk.swap(root, path_of(id, "pending"), path_of(id, "done"))
    try:
        disk.sync_directory(root, TRANSACTIONS)
    except (OSError, MemoryError) as problem:
        return str(getattr(problem, "strerror", problem))
    return ""


def reopen(root: Root, id: str) -> None:
    """Mark a transaction as pending again, if finish got so far. Raises OSError."""
    if root.exists(path_of(id, "done")):
        disk.swap(root, path_of(id, "done"), path_of(id, "pending"))


def abandon(root: Root, id: str) -> None:
    """Forget a transaction that was undone, and every unfinished journal. Raises OSError."""
    if root.exists(TRANSACTIONS):
        disk.remove_file(root, path_of(id, "pending"))
        disk.sync_directory(root, TRANSACTIONS)
    sweep(root)


def sweep(root: Root) -> None:
    """Remove what interrupted runs left unfinished beside the journals. Raises OSError."""
    unfinished = [each for each in root.list(TRANSACTIONS) if each.startswith(".") and each.endswith(".new")]
    for name in unfinished:
        disk.remove_file(root, f"{TRANSACTIONS}/{name}")
    if unfinished:
        disk.sync_directory(root, TRANSACTIONS)


def prune(root: Root) -> None:
    """Remove the oldest transactions beyond what history keeps. A failure does no harm: the next run tries again."""
    total = 0
    try:
        for number, id in enumerate(reversed(ids(root, "done"))):
            status = root.stat(path_of(id, "done"))
            total += status.st_size if status else 0
            if number and (number >= MOST_TRANSACTIONS or total > MOST_BYTES):
                disk.remove_file(root, path_of(id, "done"))
    except (OSError, GrubkdError):
        return
