"""The operating-system tree on disk that grubkd reads and edits. Every path is resolved inside it."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

from grubkd.errors import InputOutput, PermissionDenied, Place, Usage
from grubkd.log import logger
from grubkd.text import from_bytes, from_user, to_bytes
from grubkd.tree.paths import DIRECTORY, Spot, Steps

if TYPE_CHECKING:
    from collections.abc import Callable
    from io import FileIO

    from grubkd.errors import Failed

# Bounds on a tree that somebody made to harm; they are checked before anything is read. Bytes of one file of the boot
# configuration: a grub.cfg with 3000 entries has 1.4 MB. Other files are lists of modules, or made by the kernel. The
# configuration files of kernels, which are read with `part`, are not counted here: see machine.kernels.
LARGEST_FILE = 2 << 20
LARGEST_OTHER = 8 << 20
_CONFIGURATION = ("/boot/", "/efi/", "/etc/")
# Bytes, lines, separators of words and number of all files of the configuration together.
MOST_BYTES = 2 << 20
MOST_LINES = 50_000
MOST_SEPARATORS = 200_000
# Bytes of one line: kernels take up to 64 KiB.
LONGEST_LINE = 256 << 10
_NO_SEPARATORS = bytes(each for each in range(256) if each not in b" \t\n;{}$'\"|&<>()")
MOST_FILES = 4000
# Names in one directory, and in all that are listed in a run: links may lead to one large directory again and again.
# Directories of a boot configuration have far fewer.
MOST_NAMES = 20_000
MOST_NAMES_OF_ALL = 400_000

_NOTHING_THERE = {errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG, errno.EINVAL}
_HINTS = {
    errno.EACCES: "run grubkd as root",
    errno.EPERM: "run grubkd as root; if it is root, check whether the file is immutable (lsattr)",
    errno.EROFS: "make its file system writable first (mount -o remount,rw)",
    errno.ENOSPC: "free some space on its file system first",
    errno.EDQUOT: "the quota of its file system is used up",
    errno.EIO: "its disk may be failing: see the kernel's log",
    errno.ELOOP: "check where its symbolic links lead",
}


def system_failure(path: str, what: str, problem: OSError) -> Failed:
    """The error for a system call that failed on a path inside the tree; `what`: what was attempted."""
    number = problem.errno or 0
    kind = PermissionDenied if number in (errno.EACCES, errno.EPERM) else InputOutput
    return kind(f"{what}: {problem.strerror or problem}", hint=_HINTS.get(number, ""), place=Place(path))


class Root:
    """The tree on disk below a directory.

    A path is resolved component by component. Each component is opened relative to the one before, and never through a
    symbolic link: the text of a link is read and resolved inside the tree, absolute links and `..` too. So nothing
    outside can be reached, even while another process renames directories. Only regular files are read; reading never
    waits for a FIFO or a device.

    A path that the process may not read counts as absent and is added to `denied`. An ordinary user sees what the
    rights allow; a command that writes must refuse while `denied` is not empty.
    """

    _fd = -1

    def __init__(self, path: str = "/") -> None:
        """Open the tree at a directory of this system. Raises Usage if it does not exist, Failed."""
        self.path = path
        self.denied: set[str] = set()
        self._sizes: dict[bytes, int] = {}
        self._counts: dict[bytes, tuple[int, int]] = {}
        self._steps = Steps()
        self._names = 0
        shown = from_user(path)
        try:
            self._fd = os.open(path, DIRECTORY)
            os.stat(".", dir_fd=self._fd)  # may this process look inside?
            self._live = os.path.samestat(os.fstat(self._fd), os.stat("/"))  # noqa: PTH116 (pathlib costs a start-up)
        except PermissionError:
            raise PermissionDenied(f"{shown}: the directory may not be entered", hint="run grubkd as root") from None
        except (OSError, ValueError) as problem:
            number = problem.errno if isinstance(problem, OSError) else None
            why = os.strerror(number) if number else "not a path"
            if number and number not in _NOTHING_THERE:
                raise InputOutput(f"{shown}: {why}") from None
            raise Usage(f"{shown}: {why}", hint="--root takes an existing directory") from None

    def __del__(self, _close: Callable[[int], None] = os.close) -> None:
        """Close the directory. When the interpreter ends, `os` may be gone before this."""
        if self._fd >= 0:
            _close(self._fd)

    @property
    def live(self) -> bool:
        """As in Tree."""
        return self._live

    def exists(self, path: str) -> bool:
        """As in Tree; False, and an item in `denied`, without the right to look."""
        return self.stat(path) is not None

    def resolve(self, path: str) -> str | None:
        """As in Tree; None, and an item in `denied`, without the right to look."""
        spot = self._look(path)
        if spot is None:
            return None
        with spot:
            return from_bytes(spot.path)

    def outside(self, path: str) -> str:
        """The path by which another process of this system opens an existing file."""
        if self.live:
            return path
        return f"{from_user(self.path.rstrip('/'))}{self.resolve(path) or path}"

    def stat(self, path: str) -> os.stat_result | None:
        """The metadata of the file or directory at the path, links followed; None if nothing exists."""
        spot = self._look(path)
        if spot is None:
            return None
        with spot:
            return spot.status

    def read(self, path: str) -> bytes:
        """As in Tree; up to LARGEST_FILE bytes of a configuration file, LARGEST_OTHER of any other one."""
        try:
            with self.spot(path) as spot:
                fd, status = spot.open_file()
                try:
                    most = self._admit(path, spot.path, status.st_size)
                    data = read_all(fd, status.st_size, most)
                    self._count(path, spot.path, data)
                finally:
                    os.close(fd)
        except OSError as problem:
            raise system_failure(path, "cannot be read", problem) from None
        logger.debug("read %s, %d bytes", path, len(data))
        return data

    def _admit(self, path: str, real: bytes, size: int) -> int:
        """The most bytes that a file may have. Raises OSError, EFBIG where all files together are too many or large."""
        if not path.startswith(_CONFIGURATION):
            return LARGEST_OTHER
        if size <= LARGEST_FILE:
            self._sizes[real] = size
        if len(self._sizes) > MOST_FILES:
            raise OSError(errno.EFBIG, f"the boot configuration has more than {MOST_FILES} files")
        if sum(self._sizes.values()) > MOST_BYTES:
            raise OSError(errno.EFBIG, f"the boot configuration is larger than {MOST_BYTES >> 20} MiB")
        return LARGEST_FILE

    def _count(self, path: str, real: bytes, data: bytes) -> None:
        """Raise OSError, EFBIG, where all files of the configuration together would take too long to parse."""
        if not path.startswith(_CONFIGURATION):
            return
        self._counts[real] = (data.count(b"\n"), len(data.translate(None, _NO_SEPARATORS)))
        lines, separators = map(sum, zip(*self._counts.values(), strict=True))
        for found, most, what in ((lines, MOST_LINES, "lines"), (separators, MOST_SEPARATORS, "words")):
            if found > most:
                raise OSError(errno.EFBIG, f"the boot configuration has more than {most} {what}")
        if max(map(len, data.split(b"\n"))) > LONGEST_LINE:
            raise OSError(errno.EFBIG, f"a line is longer than {LONGEST_LINE >> 10} KiB")

    def part(self, path: str, start: int, size: int) -> bytes:
        """As in Tree."""
        try:
            with self.open(path) as file:
                return os.pread(file.fileno(), size, start)
        except OSError as problem:
            raise system_failure(path, "cannot be read", problem) from None

    def open(self, path: str) -> FileIO:
        """A regular file of any size, opened unbuffered for reading. Raises as read does."""
        try:
            with self.spot(path) as spot:
                return os.fdopen(spot.open_file()[0], "rb", buffering=0)
        except OSError as problem:
            raise system_failure(path, "cannot be read", problem) from None

    def list(self, path: str) -> tuple[str, ...]:
        """As in Tree, up to MOST_NAMES names; (), and an item in `denied`, without the right to read."""
        spot = self._look(path)
        if spot is None:
            return ()
        try:
            with spot:
                fd = spot.open_directory()
        except NotADirectoryError:
            return ()
        except PermissionError:
            self.denied.add(path)
            return ()
        except OSError as problem:
            raise system_failure(path, "cannot be listed", problem) from None
        try:
            found = _names(path, fd, min(MOST_NAMES, MOST_NAMES_OF_ALL - self._names))
        finally:
            os.close(fd)
        self._names += len(found)
        return found

    def enter(self) -> None:
        """Make the tree the root directory of this process: a child calls it before it runs a command of the tree."""
        os.fchdir(self._fd)
        os.chroot(".")

    def spot(self, path: str, *, follow: bool = True) -> Spot:
        """The place of a path, with its directory open until the spot is closed (`with`).

        With `follow` false any symbolic link on the way is refused (ELOOP), also as the last component.
        Raises OSError: FileNotFoundError where a directory on the way is missing, ELOOP, ENAMETOOLONG, EACCES.
        """
        spot = Spot(self._fd, self._steps)
        try:
            spot.go(to_bytes(path), follow)
        except BaseException:
            spot.close()
            raise
        return spot

    def _look(self, path: str) -> Spot | None:
        """As spot, but None if nothing exists, or without the right to look. Raises InputOutput."""
        try:
            spot = self.spot(path)
        except PermissionError:
            self.denied.add(path)
            return None
        except OSError as problem:
            if problem.errno not in _NOTHING_THERE:
                raise system_failure(path, "cannot be looked at", problem) from None
            return None
        if spot.status is None:
            spot.close()
            return None
        return spot


def read_all(fd: int, size: int, most: int = LARGEST_OTHER) -> bytes:
    """All bytes of an open file, whose size was `size` bytes. Raises OSError, EFBIG above `most`."""
    parts: list[bytes] = []
    total = 0
    while size <= most and total <= most:
        # Ask for more than the size: the file may grow, and files of /proc have size 0 and give a page at a time.
        part = os.read(fd, max(size - total, 4096) + 1)
        parts.append(part)
        total += len(part)
        if not part or total == size:
            return b"".join(parts)
    raise OSError(errno.EFBIG, f"larger than {most >> 20} MiB, which no boot configuration is")


def _names(path: str, fd: int, most: int) -> tuple[str, ...]:
    """The names in an open directory, sorted. Raises InputOutput for more than `most`."""
    names: list[str] = []
    try:
        with os.scandir(fd) as entries:
            for entry in entries:
                if len(names) == most:
                    what = f"more than {most} names, which no boot configuration has"
                    if most < MOST_NAMES:
                        what = f"the directories that were listed have more than {MOST_NAMES_OF_ALL} names together"
                    raise OSError(errno.EFBIG, what)
                names.append(from_bytes(os.fsencode(entry.name)))
    except OSError as problem:
        raise system_failure(path, "cannot be listed", problem) from None
    names.sort()
    return tuple(names)
