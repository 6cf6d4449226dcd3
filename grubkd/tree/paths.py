"""Resolves a path inside a directory tree, so that nothing outside the tree can be reached."""

from __future__ import annotations

import errno
import os
from stat import S_ISDIR, S_ISLNK, S_ISREG

# The kernel's own limit of links on one path (path_resolution(7)).
MOST_LINKS = 40
# Deeper than any boot configuration; while a path is resolved each level keeps a file descriptor open.
DEEPEST = 100
# The components that the texts of links may add: to one path, and to all paths of a run. Links of 4 KB can name
# thousands.
MOST_STEPS = 1000
MOST_STEPS_OF_ALL = 200_000

DIRECTORY = os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC
_NEXT = DIRECTORY | os.O_NOFOLLOW
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


def _fail(number: int) -> OSError:
    return OSError(number, os.strerror(number))


class Steps:
    """Counts the components that links added to the paths of a tree."""

    def __init__(self) -> None:
        self.total = 0

    def add(self, number: int) -> None:
        """Add some. Raises OSError, EFBIG for too many."""
        self.total += number
        if self.total > MOST_STEPS_OF_ALL:
            raise OSError(errno.EFBIG, "the symbolic links of this tree are too many, or too long")


class Spot:
    """The place that a path leads to: a name in an open directory, and what exists there. Close it after use (`with`).

    `name`: the last component of the real path, b"." for the root itself. `status`: the metadata, None if nothing
    exists.
    """

    def __init__(self, top: int, steps: Steps) -> None:
        """Start at the root of a tree, an O_PATH descriptor."""
        self._top = top
        self._steps = steps
        self._names: list[bytes] = []
        self._fds: list[int] = []
        self.name = b"."
        self.status: os.stat_result | None = None

    @property
    def parent(self) -> int:
        """The O_PATH descriptor of the directory, valid until the spot is closed."""
        return self._fds[-1] if self._fds else self._top

    @property
    def path(self) -> bytes:
        """The real path inside the tree: no component is a link."""
        return b"/" + b"/".join(self._names if self.name == b"." else [*self._names, self.name])

    def __enter__(self) -> Spot:
        return self

    def __exit__(self, *_problem: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the directories."""
        while self._fds:
            os.close(self._fds.pop())

    def open_file(self) -> tuple[int, os.stat_result]:
        """Open the file for reading; returns the descriptor and the metadata.

        Raises OSError: IsADirectoryError, EINVAL for anything else that is no regular file. The type is checked before
        the file is opened, since opening a device can have effects, and again on the open file; O_NONBLOCK keeps the
        call from waiting for a FIFO that replaced the file in between.
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

    def go(self, path: bytes, follow: bool) -> None:
        """Resolve a path from the root of the tree. Raises OSError."""
        if b"\0" in path:
            raise _fail(errno.EINVAL)
        todo = path.split(b"/")[::-1]
        links = added = 0
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
            added += 1 + target.count(b"/")
            if links > MOST_LINKS or added > MOST_STEPS or not follow:
                raise _fail(errno.ELOOP)
            self._steps.add(1 + target.count(b"/"))
            while self._fds and target.startswith(b"/"):
                self._leave()
            todo += target.split(b"/")[::-1]
        if self.name == b".":
            self.status = os.fstat(self.parent)

    def _step(self, name: bytes, last: bool) -> bytes | None:
        """Go one component further; for a symbolic link, return its text instead."""
        if not last:
            try:
                self._enter(name)
            except NotADirectoryError:
                # O_NOFOLLOW | O_DIRECTORY fails alike for a link and for a file.
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
