"""Resolving a path inside a directory tree so that nothing outside can ever be reached."""

from __future__ import annotations

import errno
import os
from stat import S_ISDIR, S_ISLNK, S_ISREG
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

# The kernel's own limit of links on one path (path_resolution(7)).
MOST_LINKS = 40
# Deeper than any boot configuration; each level holds a file descriptor while a path is resolved.
DEEPEST = 100

DIRECTORY = os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC
_NEXT = DIRECTORY | os.O_NOFOLLOW
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


def _fail(number: int) -> OSError:
    return OSError(number, os.strerror(number))


class Spot:
    """Where a path led: a name in an open directory, and what stands there. Closes its directories when left.

    `path`: the real path inside the tree, bytes, no link on it. `parent`: an O_PATH descriptor of its directory.
    `name`: its last component, b"." for the root itself. `status`: its metadata, None where nothing stands.
    """

    def __init__(self, top: int, names: Sequence[bytes] = ()) -> None:
        """At a directory, `names` its real path: by default the root of the tree."""
        self._top = top
        self._names = [*names]
        self._fds: list[int] = []
        self.name = b"."
        self.status: os.stat_result | None = None

    @property
    def parent(self) -> int:
        """As said above; valid until the spot is left."""
        return self._fds[-1] if self._fds else self._top

    @property
    def path(self) -> bytes:
        """As said above."""
        return b"/" + b"/".join(self._names if self.name == b"." else [*self._names, self.name])

    def __enter__(self) -> Spot:
        return self

    def __exit__(self, *_problem: object) -> None:
        self.close()

    def close(self) -> None:
        """Leave the spot."""
        while self._fds:
            os.close(self._fds.pop())

    def beside(self, name: bytes) -> Spot | None:
        """The spot of a name in the directory that this one, of a path that ends in `/.`, led to. Raises OSError.

        None where a symbolic link stands there. It is valid as long as this one.
        """
        spot = Spot(self.parent, self._names)
        return spot if spot._step(name, last=True) is None else None

    def open_file(self) -> tuple[int, os.stat_result]:
        """Open the file for reading; returns its metadata too.

        Raises OSError; IsADirectoryError, or EINVAL for what is no regular file.

        Its kind is known before it is opened, since opening a device can do something; and opening does not wait for
        a FIFO's other end, should one have taken its place meanwhile.
        """
        self._must_be_regular(self.status)
        fd = os.open(self.name, _READ, dir_fd=self.parent)
        try:
            status = os.fstat(fd)
            self._must_be_regular(status)
        except OSError:
            os.close(fd)
            raise
        return fd, status

    def open_directory(self) -> int:
        """Open the directory itself for reading (and for fsync, which an O_PATH descriptor cannot). Raises OSError."""
        return os.open(self.name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=self.parent)

    @staticmethod
    def _must_be_regular(status: os.stat_result | None) -> None:
        if status is None:
            raise _fail(errno.ENOENT)
        if S_ISDIR(status.st_mode):
            raise _fail(errno.EISDIR)
        if not S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, "not a regular file")

    def _enter(self, name: bytes) -> None:
        if len(self._fds) >= DEEPEST:
            raise _fail(errno.ENAMETOOLONG)
        self._fds.append(os.open(name, _NEXT, dir_fd=self.parent))
        self._names.append(name)

    def _leave(self) -> None:
        if self._fds:
            os.close(self._fds.pop())
            self._names.pop()

    def _restart(self) -> None:
        while self._fds:
            self._leave()

    def go(self, path: bytes, follow: bool) -> None:
        """Walk from the root of the tree to the path. Raises OSError."""
        if b"\0" in path:
            raise _fail(errno.EINVAL)
        todo = path.split(b"/")[::-1]
        links = 0
        while todo:
            name = todo.pop()
            if name in (b"", b"."):
                continue
            if name == b"..":
                self._leave()
                continue
            last = not any(todo)
            target = self._step(name, last)
            if target is None:
                continue
            links += 1
            if links > MOST_LINKS or not follow:
                raise _fail(errno.ELOOP)
            if target.startswith(b"/"):
                self._restart()
            todo += target.split(b"/")[::-1]
        if self.name == b".":
            self.status = os.fstat(self.parent)

    def _step(self, name: bytes, last: bool) -> bytes | None:
        """Take one component. Returns a link's text instead of following it."""
        if not last:
            try:
                self._enter(name)
            except NotADirectoryError:
                # Opening a link with O_NOFOLLOW | O_DIRECTORY says the same as opening a file.
                if not S_ISLNK(os.stat(name, dir_fd=self.parent, follow_symlinks=False).st_mode):
                    raise
                return os.readlink(name, dir_fd=self.parent)
            return None
        try:
            status = os.stat(name, dir_fd=self.parent, follow_symlinks=False)
        except FileNotFoundError:
            self.name = name
            return None
        if S_ISLNK(status.st_mode):
            return os.readlink(name, dir_fd=self.parent)
        self.name, self.status = name, status
        return None
