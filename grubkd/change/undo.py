"""Undoing a transaction that did not end: every file as it was, from the kept old files or from the journal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from grubkd.change import atomicfile, directory, durable, image
from grubkd.change.filesync import FileSync
from grubkd.change.image import is_restored, same
from grubkd.change.journal import path_of
from grubkd.errors import RollbackFailed
from grubkd.tree.root import system_failure

if TYPE_CHECKING:
    from grubkd.change.image import Image
    from grubkd.change.record import FileRecord, Record
    from grubkd.tree.root import Root


@dataclass(frozen=True, slots=True)
class Leftover:
    """A file that could not be given back its old bytes, and why."""

    path: str
    why: str


def undo(root: Root, record: Record, *, force: bool = False) -> None:
    """Give every file of a pending transaction what it had, and remove what the transaction left beside them.

    Each file is dealt with even where another one cannot be. A file that holds neither its old nor its new bytes was
    changed by somebody else: it is left alone unless `force`. Running it again is harmless, so an interruption of the
    undoing itself is too. Raises RollbackFailed, which names every file that is not as it was.
    """
    leftovers = [
        each for number, file in enumerate(record.files) if (each := _undo_file(root, record, number, file, force))
    ]
    try:
        for path in reversed(record.directories):
            directory.remove(root, path)
        durable.settle(root, (each.path for each in record.files))
    except OSError as problem:
        leftovers.append(Leftover("/", f"cannot be synced: {problem.strerror}"))
    if leftovers:
        listed = "; ".join(f"{each.path}: {each.why}" for each in leftovers)
        raise RollbackFailed(
            f"not all files could be given back what they had: {listed}",
            hint="put the cause right, then run any changing grubkd command, which undoes first; or give up your own "
            f"changes to these files with: grubkd rollback {record.id} --force. The old bytes are kept, base64, in "
            f"{path_of(record.id, 'pending')}",
        )


def _undo_file(root: Root, record: Record, number: int, file: FileRecord, force: bool) -> Leftover | None:
    staged, kept = (atomicfile.temporary(file.path, record.id, number, kind) for kind in ("new", "old"))
    try:
        present = image.read(root, file.path)
        if not same(present, file.before):
            known = (file.after, file.before.digest if file.before else None)
            if not force and (present.digest if present else None) not in known:
                return Leftover(file.path, "changed by somebody else meanwhile")
            _give_back(root, file, present, staged, kept)
        # The old file goes last: it is the one thing that needs no space to be put back.
        for path in (staged, kept):
            atomicfile.remove(root, path)
        above = directory.parent(file.path)
        if root.exists(above):
            directory.sync(root, above)
    except OSError as problem:
        return Leftover(file.path, system_failure(file.path, "cannot be put back", problem).message)
    return None


def _give_back(root: Root, file: FileRecord, present: Image | None, staged: str, kept: str) -> None:
    """Put the old file in place of what is there. Raises OSError.

    The kept file is in a directory that may be somebody else's. It is used only where its bytes, owner, mode and
    attributes are those in the journal, and where it has no attribute that a journal does not bring back.
    """
    if file.before is None:
        atomicfile.remove(root, file.path)
        return
    old = image.read(root, kept) if root.exists(directory.parent(kept)) else None
    if old is None or not old.like(file.before) or not all(map(is_restored, old.xattrs)):
        atomicfile.remove(root, staged)
        for path in directory.missing(root, directory.parent(file.path)):
            directory.make(root, path, 0o755)
        with FileSync(1) as files:
            atomicfile.stage(root, staged, file.before.executable_as(present), files)
        kept = staged
    atomicfile.swap(root, kept, file.path)
