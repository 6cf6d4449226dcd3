"""Written files onto the disk: each by itself, or many by one sync of their file system.

fsync of hundreds of small files waits for the disk as often; syncfs(2) waits once, and promises the same of all that
was written before. That it also tells what could not be written is so since Linux 5.8, for errors since the descriptor
was opened; it is used from there on, on file systems of local disks, for what was opened here before it was written.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from grubkd.change.durable import kinds_of_devices

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

# From so many files on one sync is worth what looking for it takes.
MANY = 16
_REPORTS_SINCE = (5, 8)
_SUITED = frozenset({"ext3", "ext4", "xfs", "btrfs", "vfat"})


class FileSync:
    """The files of one change, of which there are `count`. Used with `with`, which closes what it holds."""

    def __init__(self, count: int) -> None:
        self._syncfs = _syncfs() if count >= MANY else None
        self._kinds = kinds_of_devices() if self._syncfs else {}
        self._held: dict[int, int] = {}

    def __enter__(self) -> FileSync:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _problem: BaseException | None, _at: TracebackType | None
    ) -> None:
        while self._held:
            os.close(self._held.popitem()[1])

    def begin(self, fd: int, device: int) -> None:
        """Take note of a file that was just made on a device, before it is written. Raises OSError."""
        if self._kinds.get(device) in _SUITED and device not in self._held:
            self._held[device] = os.dup(fd)  # the first: what goes wrong from here on is told to it

    def end(self, fd: int, device: int) -> None:
        """Put a file on the disk that is written and dressed; one of many waits for `finish`. Raises OSError."""
        if device not in self._held:
            os.fsync(fd)

    def finish(self) -> None:
        """Put all files on the disk that are not there yet. Raises OSError."""
        for fd in self._held.values():
            if self._syncfs and (number := self._syncfs(fd)):
                raise OSError(number, os.strerror(number))


def _syncfs() -> Callable[[int], int] | None:
    """The system call, which returns an errno or 0; None where it does not exist, or does not tell of errors."""
    numbers = os.uname().release.split(".")[:2]
    if not all(map(str.isdecimal, numbers)) or tuple(map(int, numbers)) < _REPORTS_SINCE:
        return None
    try:
        from ctypes import CDLL, get_errno

        call = CDLL(None, use_errno=True).syncfs
    except (ImportError, OSError, AttributeError):
        return None
    return lambda fd: get_errno() if call(fd) else 0
