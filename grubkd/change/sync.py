"""Bringing changed files onto the disk, so that a boot loader finds them after a power cut.

Three guarantees, used in this order by a transaction:

- `FileSync`: written files are on the disk, each by fsync, or many by one syncfs(2) of their file system. fsync of
  hundreds of small files waits for the disk as often. syncfs reports what could not be written since Linux 5.8, for
  errors since the descriptor was opened; it is used from there on, on file systems of local disks, with a descriptor
  that was opened before the first write.
- `settle_staged`: the inodes of staged files are in their places before a name leads to them.
- `settle`: the disk itself is up to date. A boot loader reads the disk without replaying the file system's journal, and
  fsync may leave a new name in the journal only. A freeze writes the journal out to its end; ostree and bootupd do the
  same for /boot. It is done on the running system, for a journalling file system under /boot or /efi that is not also
  the one of / or of /var/lib/grubkd. Elsewhere a sync writes all but the journal's latest entries to their places.
"""

from __future__ import annotations

import errno
import fcntl
import os
import select
import signal
from contextlib import suppress
from typing import TYPE_CHECKING

from grubkd.change import STATE, disk
from grubkd.signals import ENDING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from grubkd.tree.root import Root


# The number of files from which syncfs is used.
MANY = 16
_REPORTS_SINCE = (5, 8)
_SUITED = frozenset({"ext3", "ext4", "xfs", "btrfs", "vfat"})


class FileSync:
    """The `count` files of one change. A context manager, which closes its descriptors."""

    def __init__(self, count: int) -> None:
        self._syncfs = _syncfs() if count >= MANY else None
        self._kinds = kinds_of_devices() if self._syncfs else {}
        self._held: dict[int, int] = {}

    def __enter__(self) -> FileSync:
        return self

    def __exit__(self, *_problem: object) -> None:
        while self._held:
            os.close(self._held.popitem()[1])

    def begin(self, fd: int, device: int) -> None:
        """Register a new file on a device, before it is written. Raises OSError."""
        if self._kinds.get(device) in _SUITED and device not in self._held:
            self._held[device] = os.dup(fd)  # the first file: syncfs reports errors since this descriptor was opened

    def end(self, fd: int, device: int) -> None:
        """Put a written file on the disk; one of many waits for `finish`. Raises OSError."""
        if device not in self._held:
            os.fsync(fd)

    def finish(self) -> None:
        """Put all files on the disk that are not there yet. Raises OSError."""
        for fd in self._held.values():
            if self._syncfs and (number := self._syncfs(fd)):
                raise OSError(number, os.strerror(number))


def _syncfs() -> Callable[[int], int] | None:
    """The system call, which returns an errno or 0; None where it does not exist or does not report errors."""
    numbers = os.uname().release.split(".")[:2]
    if not all(map(str.isdecimal, numbers)) or tuple(map(int, numbers)) < _REPORTS_SINCE:
        return None
    try:
        from ctypes import CDLL, get_errno

        call = CDLL(None, use_errno=True).syncfs
    except (ImportError, OSError, AttributeError):
        return None
    return lambda fd: get_errno() if call(fd) else 0


# Those with a journal that a boot loader does not replay. btrfs has none, vfat neither; a btrfs subvolume would freeze
# its whole file system, that of / too.
_JOURNALLING = {"ext3", "ext4", "xfs"}
_BOOT = ("/boot/", "/efi/")


def settle_staged(root: Root) -> None:
    """Write the inodes of staged files to their places on the disk, as far as a sync does that.

    Otherwise the final sync may write a directory with a new name before the inode of that name: for that moment a boot
    loader finds neither the old text nor the new. Does nothing under --root.
    """
    if root.live:
        os.sync()


def settle(root: Root, paths: Iterable[str]) -> None:
    """Put changed files, whose directories are synced already, on the disk itself. Raises OSError.

    Does nothing under --root: unmounting the tree writes its journal out.
    """
    if not root.live:
        return
    os.sync()
    for path in _own_file_systems(root, paths):
        with disk.open_directory(root, path) as fd:
            freeze_and_thaw(fd)


def _own_file_systems(root: Root, paths: Iterable[str]) -> list[str]:
    """One directory on each file system that is to be frozen."""
    shared = {_device(root, "/"), _device(root, STATE)}
    kinds = kinds_of_devices()
    chosen: dict[int, str] = {}
    for path in paths:
        above = disk.parent(path)
        device = _device(root, above)
        if path.startswith(_BOOT) and device is not None and device not in shared and kinds.get(device) in _JOURNALLING:
            chosen.setdefault(device, above)
    return list(chosen.values())


def _device(root: Root, path: str) -> int | None:
    status = root.stat(path)
    return status.st_dev if status else None


def kinds_of_devices() -> dict[int, str]:
    """The file system types of what is mounted, by device number: fields 3 and 9 of mountinfo (proc(5))."""
    try:
        with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as file:  # noqa: PTH123
            lines = file.read().splitlines()
    except OSError:
        return {}
    kinds = {}
    for line in lines:
        before, _, after = line.partition(" - ")
        major, _, minor = before.split(" ")[2].partition(":")
        kinds[os.makedev(int(major), int(minor))] = after.split(" ")[0]
    return kinds


# linux/fs.h: _IOWR('X', 119, int) and _IOWR('X', 120, int). The direction bits are 2 + 1 on most architectures and
# 4 + 2 on those below, whose size field is a bit narrower.
_OTHER_BITS = ("alpha", "mips", "ppc", "sparc")
_STALL = 5.0  # seconds
_THAWED = b"."
# The file system has no freezing, forbids it, or somebody else has frozen it, which writes its journal out too.
_NOT_DONE = {errno.EOPNOTSUPP, errno.ENOTTY, errno.EPERM, errno.EBUSY, errno.EINVAL, errno.ENOSYS}


def _request(number: int, machine: str) -> int:
    """The ioctl request number of FIFREEZE (119) or FITHAW (120) on an architecture."""
    direction = 6 << 29 if machine.startswith(_OTHER_BITS) else 3 << 30
    return direction | 4 << 16 | ord("X") << 8 | number


def freeze_and_thaw(fd: int) -> bool:
    """Freeze the file system of an open directory and thaw it at once; returns whether it was frozen. Raises OSError.

    A child process thaws it if this process dies or stalls: nothing can write to a file system that stays frozen, and
    the administrator could not repair it.
    """
    machine = os.uname().machine
    freeze, thaw = _request(119, machine), _request(120, machine)
    reading, writing = os.pipe()
    try:
        child = os.fork()
    except OSError:  # without a watcher, no freeze
        os.close(reading)
        os.close(writing)
        return False
    if child == 0:
        os.close(writing)
        _watch(fd, thaw, reading)
    os.close(reading)
    try:
        fcntl.ioctl(fd, freeze, 0)
    except OSError as problem:
        if problem.errno not in _NOT_DONE:
            raise
        _say_done(writing)
        return False
    else:
        _thaw(fd, thaw)
        _say_done(writing)
        return True
    finally:
        os.close(writing)
        os.waitpid(child, 0)


def _say_done(writing: int) -> None:
    with suppress(BrokenPipeError):  # the child was killed
        os.write(writing, _THAWED)


def _watch(fd: int, thaw: int, alive: int) -> None:
    """The child: thaw if the parent takes too long, or ends without having thawed. Never returns."""
    try:
        for number in ENDING:
            signal.signal(number, signal.SIG_IGN)
        os.setsid()
        while not select.select([alive], [], [], _STALL)[0]:
            with suppress(OSError):
                _thaw(fd, thaw)
        # If the parent has thawed, another freeze (a backup's, for instance) may have begun: do not end that one.
        if os.read(alive, 1) != _THAWED:
            _thaw(fd, thaw)
    finally:
        os._exit(0)


def _thaw(fd: int, thaw: int) -> None:
    """Thaw; a file system that is not frozen (EINVAL) is fine. Raises OSError."""
    try:
        fcntl.ioctl(fd, thaw, 0)
    except OSError as problem:
        if problem.errno != errno.EINVAL:
            raise
