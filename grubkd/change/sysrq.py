"""Crashing the running kernel, by the magic SysRq key's `c`, and the file that says so after the boot."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from grubkd.change import STATE, disk
from grubkd.change.disk import FileImage
from grubkd.change.lock import lock
from grubkd.change.sync import FileSync
from grubkd.errors import Refused
from grubkd.tree.root import system_failure

if TYPE_CHECKING:
    from grubkd.tree.root import Root

TRIGGER = "/proc/sysrq-trigger"
MASK = "/proc/sys/kernel/sysrq"
_WRITE = os.O_WRONLY | os.O_NOFOLLOW | os.O_NOCTTY | os.O_CLOEXEC


class Trigger:
    """The open trigger. Opening it does nothing, but shows that the process may use it. A context manager.

    Raises Refused where the kernel has none, PermissionDenied, InputOutput.
    """

    def __init__(self, tree: Root) -> None:
        self._tree = tree
        if not tree.exists(TRIGGER):
            raise Refused(
                f"this kernel has no {TRIGGER}", hint="it is built without CONFIG_MAGIC_SYSRQ, or /proc is not mounted"
            )
        self._fd = _opened(tree, TRIGGER)

    def __enter__(self) -> Trigger:
        return self

    def __exit__(self, *_problem: object) -> None:
        os.close(self._fd)

    def pull(self) -> None:
        """Write everything to the disks, then crash. Returns only where the kernel did not. Raises InputOutput.

        The mask in /proc/sys/kernel/sysrq is about the keyboard alone; where it forbids every key, they are allowed,
        so that a person at the console can still restart a machine whose capture kernel hangs.
        """
        os.sync()
        if _says_none(self._tree):
            fd = _opened(self._tree, MASK)
            try:
                _put(fd, MASK, b"1\n")
            finally:
                os.close(fd)
        _put(self._fd, TRIGGER, b"c")


def leave(tree: Root, path: str, data: bytes) -> None:
    """Put a file into grubkd's own directory and on the disk, in place of an older one. Raises as lock does, Failed."""
    new = f"{path}.new"
    with lock(tree):
        try:
            with FileSync(1) as files:
                disk.stage(tree, new, FileImage(data, 0o600, os.geteuid(), os.getegid(), None), files)
            disk.swap(tree, new, path)
            disk.sync_directory(tree, STATE)
        except OSError as problem:
            raise system_failure(path, "cannot be written", problem) from None


def take_back(tree: Root, path: str) -> None:
    """Remove that file. Raises as leave does."""
    with lock(tree):
        try:
            disk.remove_file(tree, path)
        except OSError as problem:
            raise system_failure(path, "cannot be removed", problem) from None


def _says_none(tree: Root) -> bool:
    return tree.exists(MASK) and tree.read(MASK).strip() == b"0"


def _opened(tree: Root, path: str) -> int:
    try:
        with tree.spot(path) as spot:
            return os.open(spot.name, _WRITE, dir_fd=spot.parent)
    except OSError as problem:
        raise system_failure(path, "cannot be opened for writing", problem) from None


def _put(fd: int, path: str, data: bytes) -> None:
    try:
        os.write(fd, data)
    except OSError as problem:
        raise system_failure(path, "cannot be written", problem) from None
