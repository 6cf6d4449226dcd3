"""The lock that lets one grubkd at a time change a tree, and its private directory.

The lock is a flock on the directory /var/lib/grubkd itself, which only root can open: the kernel drops it with the
process, however that ends, and no lock file can become stale. A run that changes nothing removes the directories it
made for the lock, so that it leaves no trace.
"""

from __future__ import annotations

import errno
import fcntl
import os
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from grubkd.change import STATE, TRANSACTIONS, disk
from grubkd.errors import InputOutput, LockBusy, Place, UntrustedJournal
from grubkd.log import WAITING, logger
from grubkd.text import from_user
from grubkd.tree.root import system_failure

if TYPE_CHECKING:
    from collections.abc import Iterator

    from grubkd.errors import Failed
    from grubkd.tree.root import Root


PATIENCE = 30.0  # seconds
_PAUSE = 0.05  # seconds
_NOTICEABLE = 1.0  # seconds until a message says what grubkd waits for


@contextmanager
def lock(root: Root, patience: float = PATIENCE) -> Iterator[None]:
    """A context in which no other grubkd changes the tree. Within one process and Root it may be nested.

    `patience` in seconds. Entering it raises LockBusy after that time, UntrustedJournal where the directory is another
    user's, PermissionDenied, InputOutput.
    """
    if root in _held:
        yield
        return
    try:
        made = disk.missing_directories(root, STATE)
        fd = _acquire(root, patience)
    except OSError as problem:
        raise unusable(STATE, "grubkd's own directory cannot be used", problem) from None
    _held.add(root)
    try:
        yield
    finally:
        _held.discard(root)
        try:
            with suppress(OSError):  # a directory that stays does no harm
                # A failed run leaves no journal, and an empty directory of journals.
                for path in (*([TRANSACTIONS] if made else []), *reversed(made)):
                    disk.remove_directory(root, path)
        finally:
            os.close(fd)


def unusable(path: str, what: str, problem: OSError) -> Failed:
    """The error for grubkd's own directories: no symbolic link on the way to them is followed."""
    if problem.errno == errno.ELOOP:
        hint = "make it a directory; a bind mount can put it on another file system"
        return InputOutput(f"{what}: a symbolic link leads there", hint=hint, place=Place(path))
    return system_failure(path, what, problem)


def busy(root: Root) -> bool:
    """Whether a grubkd is changing the tree now; False also where that cannot be seen. Never waits."""
    try:
        with disk.open_directory(root, STATE) as fd:
            fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError as problem:
        return problem.errno == errno.EWOULDBLOCK
    return False


def check_owner(root: Root, path: str, status: os.stat_result) -> None:
    """Raise UntrustedJournal where a user other than root and the caller owns the file or directory, or may write it.

    grubkd writes what a journal says with root's rights; only the owner of the file shows who wrote it.
    """
    mode = status.st_mode & 0o7777
    if status.st_uid not in (0, os.geteuid()):
        why = f"it belongs to user {status.st_uid}"
    elif mode & 0o022:
        why = f"others than its owner may write to it (mode {mode:04o})"
    else:
        return
    home = f"{from_user(root.path).rstrip('/')}{STATE}"
    raise UntrustedJournal(
        f"{why}, so grubkd does not trust what it records",
        hint=f"set it aside: mv {home} {home}.untrusted; grubkd then starts without history",
        place=Place(path),
    )


_held: set[Root] = set()


def _acquire(root: Root, patience: float) -> int:
    """The locked descriptor of the directory. Raises OSError, LockBusy, UntrustedJournal."""
    started = time.monotonic()
    while True:
        try:
            fd = _open(root)
        except FileNotFoundError:
            continue  # removed by another grubkd that changed nothing: make it again
        try:
            _wait(fd, started, patience)
            # The last holder may have removed the directory as unused: then this lock is on a removed one.
            current = root.stat(STATE)
            if current is not None and os.path.samestat(current, os.fstat(fd)):
                return fd
        except BaseException:
            os.close(fd)
            raise
        os.close(fd)


def _open(root: Root) -> int:
    """Make the directory, private, where it is missing, and open it. Raises OSError, UntrustedJournal."""
    for path in disk.missing_directories(root, STATE):
        disk.make_directory(root, path, 0o700 if path == STATE else 0o755)
    with disk.open_directory(root, STATE) as fd:
        status = os.fstat(fd)
        check_owner(root, STATE, status)
        if status.st_mode & 0o077:
            os.fchmod(fd, 0o700)
        return os.dup(fd)


def _wait(fd: int, started: float, patience: float) -> None:
    """Lock the directory, as soon as nobody else holds the lock. Raises LockBusy."""
    noticed = False
    while True:
        with suppress(BlockingIOError):
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        waited = time.monotonic() - started
        if waited >= patience:
            hint = "wait for it to end, then try again"
            raise LockBusy("another grubkd is changing this tree", hint=hint, place=Place(STATE))
        if waited >= _NOTICEABLE and not noticed:
            logger.log(WAITING, "waiting for another grubkd to end")
            noticed = True
        time.sleep(_PAUSE)
