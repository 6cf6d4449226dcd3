"""Directories inside the tree: opened, made, removed and synced without following any link."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

from grubkd.text import to_bytes

if TYPE_CHECKING:
    from grubkd.tree.root import Root

_OPEN = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class Opened:
    """A descriptor of the directory at a real path, until left (`with`).

    Entering it raises OSError; ELOOP for a link on the way.
    """

    def __init__(self, root: Root, path: str) -> None:
        self._root = root
        self._path = path

    def __enter__(self) -> int:
        with self._root.spot(self._path, follow=False) as spot:
            self._fd = spot.open_directory()
        return self._fd

    def __exit__(self, *_problem: object) -> None:
        os.close(self._fd)


def parent(path: str) -> str:
    """The directory a path names something in."""
    return path.rpartition("/")[0] or "/"


def missing(root: Root, path: str) -> list[str]:
    """The directories that must be made for one to exist, outermost first. Raises OSError, ENOTDIR for a file."""
    absent: list[str] = []
    while path != "/":
        try:
            with root.spot(path, follow=False) as spot:
                if spot.status is not None:
                    break
        except FileNotFoundError:
            pass
        absent.insert(0, path)
        path = parent(path)
    return absent


def make(root: Root, path: str, mode: int) -> None:
    """Make a directory and put its name on the disk; one that exists is left as it is. Raises OSError."""
    with Opened(root, parent(path)) as above:
        name = to_bytes(path.rpartition("/")[2])
        try:
            os.mkdir(name, mode, dir_fd=above)
        except FileExistsError:
            return
        fd = os.open(name, _OPEN, dir_fd=above)
        try:
            os.fchmod(fd, mode)  # what the umask took away
            os.fsync(fd)
        finally:
            os.close(fd)
        os.fsync(above)


def remove(root: Root, path: str) -> None:
    """Remove a directory if it is there and empty, and put that on the disk. Raises OSError."""
    try:
        with Opened(root, parent(path)) as above:
            os.rmdir(to_bytes(path.rpartition("/")[2]), dir_fd=above)
            os.fsync(above)
    except (FileNotFoundError, NotADirectoryError):
        return
    except OSError as problem:
        # Somebody keeps something in it, or mounted something on it: then it is theirs.
        if problem.errno not in (errno.ENOTEMPTY, errno.EEXIST, errno.EBUSY):
            raise


def sync(root: Root, path: str) -> None:
    """Put a directory's names on the disk. Raises OSError."""
    with Opened(root, path) as fd:
        os.fsync(fd)
