"""Whether a directory is there, and how much its file system still takes."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from grubkd.errors import GrubkdError
from grubkd.machine import mounts
from grubkd.machine.dumptarget import Kind
from grubkd.machine.ram import integer

if TYPE_CHECKING:
    from grubkd.machine.dumptarget import Target
    from grubkd.tree.root import Root

_SECTOR = 512


@dataclass(frozen=True, slots=True)
class Room:
    """`there`: the directory, or the device, exists; None where that cannot be seen from here.

    `free`: bytes that it takes, None where that is not known or not to be asked: of an image, the file system of a
    machine to be; on a network file system, whose server may not answer.
    """

    there: bool | None
    free: int | None


def read(tree: Root, target: Target) -> Room:
    """The room of a target."""
    if target.kind is Kind.RAW:
        return _device(tree, target.where)
    if target.directory is None:
        return Room(None, None)
    real = tree.resolve(target.directory)
    mount = mounts.mount_of(real or target.directory, mounts.read(tree)) if tree.live else None
    asked = tree.live and not (mount and mount.kind in mounts.NETWORK)
    return Room(real is not None, _free(tree, target.directory) if asked else None)


def _free(tree: Root, directory: str) -> int | None:
    """What others than root may still write at the directory, or where it is going to be made."""
    while directory and not tree.exists(directory):
        directory = directory.rpartition("/")[0]
    try:
        with tree.spot(directory or "/") as spot:
            fd = spot.open_directory()
        try:
            found = os.fstatvfs(fd)
        finally:
            os.close(fd)
    except OSError:
        return None
    return found.f_bavail * found.f_frsize


def _device(tree: Root, path: str) -> Room:
    """The size of a block device, from /sys: it is never opened."""
    if not tree.live:
        return Room(None, None)
    try:
        real = tree.resolve(path)
    except GrubkdError:
        return Room(None, None)
    if real is None:
        return Room(False, None)
    sectors = integer(tree, f"/sys/class/block/{real.rpartition('/')[2]}/size")
    return Room(True, None if sectors is None else sectors * _SECTOR)
