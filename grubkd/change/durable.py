"""Getting changed files onto the disk itself, where a boot loader finds them.

A boot loader reads the disk without replaying the file system's journal, and fsync may leave a new name in the journal
only. A freeze writes the journal out to its end; ostree and bootupd do the same for /boot. It is done where it can be:
on the running system, for a journalling file system under /boot or /efi that is not also the one of / or of
/var/lib/grubkd. Elsewhere a sync has to do, which writes all but the journal's latest entries to their places.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from grubkd.change import directory
from grubkd.change.lock import STATE

if TYPE_CHECKING:
    from collections.abc import Iterable

    from grubkd.tree.root import Root

# Those with a journal that a boot loader does not replay. btrfs has none, vfat neither; a btrfs subvolume would freeze
# its whole file system, that of / too.
_JOURNALLING = {"ext3", "ext4", "xfs"}
_BOOT = ("/boot/", "/efi/")


def settle_staged(root: Root) -> None:
    """Put the staged files in their places on the disk before a name leads to them, as far as a sync does that.

    Else the final sync might write a directory, with the new name, before the inode that it leads to: a boot loader
    would for that moment find neither the old text nor the new. Under --root nothing is left to do.
    """
    if root.live:
        os.sync()


def settle(root: Root, paths: Iterable[str]) -> None:
    """Put changed files, whose directories are synced already, on the disk itself. Raises OSError.

    Under --root nothing is left to do: whoever unmounts the tree writes its journal out.
    """
    if not root.live:
        return
    os.sync()
    for path in _own_file_systems(root, paths):
        from grubkd.change.freeze import freeze_and_thaw

        with directory.Opened(root, path) as fd:
            freeze_and_thaw(fd)


def _own_file_systems(root: Root, paths: Iterable[str]) -> list[str]:
    """One directory on each file system that is to be frozen."""
    shared = {_device(root, "/"), _device(root, STATE)}
    kinds = kinds_of_devices()
    chosen: dict[int, str] = {}
    for path in paths:
        above = directory.parent(path)
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
