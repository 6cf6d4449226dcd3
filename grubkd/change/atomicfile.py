"""One file replaced as a whole: staged beside its place, kept, swapped in.

Staging writes the new bytes and metadata to a temporary file in the same directory and syncs it. Keeping gives the old
file a second name there (a hard link: no space, and the very inode comes back if the change is undone); where the file
system has no hard links (vfat) a copy is kept. Swapping is one rename. Both names begin with a dot and end in
neither `.conf` nor `.cfg`, so that no bootloader and no generator takes them for its own.

Hard links: a file that has other names is replaced under this name only; the others keep the old bytes, as a backup
made with `cp -al` expects.
"""

from __future__ import annotations

import errno
import os
import time
from stat import S_IMODE
from typing import TYPE_CHECKING

from grubkd.change import directory
from grubkd.change.image import LABELS, attributes
from grubkd.text import to_bytes

if TYPE_CHECKING:
    from grubkd.change.filesync import FileSync
    from grubkd.change.image import Image
    from grubkd.tree.root import Root

_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_NO_LINKS = {errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK}


def temporary(path: str, id: str, number: int, kind: str) -> str:
    """The name beside a path for a transaction's file: `kind` "new" is what will stand there, "old" what stood."""
    return f"{directory.parent(path).rstrip('/')}/.grubkd-{id}-{number}.{kind}"


def stage(root: Root, path: str, image: Image, files: FileSync, not_before: int = 0) -> int:
    """Write a file that does not exist yet, to be synced by itself or with the other `files`; returns its mtime.

    Nanoseconds since the epoch; `not_before` is the earliest time a file without one of its own gets. Raises OSError.
    """
    with root.spot(path, follow=False) as spot:
        if spot.status is not None:  # left by an interrupted run whose journal is gone
            os.unlink(spot.name, dir_fd=spot.parent)
        fd = os.open(spot.name, _CREATE, 0o600, dir_fd=spot.parent)
    try:
        status = os.fstat(fd)
        files.begin(fd, status.st_dev)
        view = memoryview(image.data)
        while view:
            view = view[os.write(fd, view) :]
        _dress(fd, image, status)
        wanted = max(time.time_ns(), not_before) if image.mtime_ns is None else image.mtime_ns
        os.utime(fd, ns=(wanted, wanted))
        files.end(fd, status.st_dev)
        return wanted
    finally:
        os.close(fd)


def _dress(fd: int, image: Image, status: os.stat_result) -> None:
    """Give a new file, whose metadata is told, an image's; only what differs is set, for vfat can set none."""
    if (status.st_uid, status.st_gid) != (image.uid, image.gid):
        os.fchown(fd, image.uid, image.gid)
    present = attributes(fd)
    # Those given by the system's policy are not ours to take.
    strange = [name for name in present.keys() - image.xattrs.keys() if not name.startswith(LABELS)]
    wanted = {name: value for name, value in image.xattrs.items() if present.get(name) != value}
    for name in strange:
        os.removexattr(fd, to_bytes(name))
    for name, value in wanted.items():
        os.setxattr(fd, to_bytes(name), value)
    # An attribute may change the mode: an access control list does.
    mode = os.fstat(fd).st_mode if strange or wanted else status.st_mode
    if S_IMODE(mode) != image.mode:
        os.fchmod(fd, image.mode)


def keep(root: Root, path: str, kept: str, image: Image, files: FileSync) -> None:
    """Give the file at `path`, whose image is told, the second name `kept`, or make a copy of it. Raises OSError."""
    with root.spot(path, follow=False) as old, root.spot(kept, follow=False) as new:
        if new.status is not None:  # left by an interrupted run
            os.unlink(new.name, dir_fd=new.parent)
        try:
            os.link(old.name, new.name, src_dir_fd=old.parent, dst_dir_fd=new.parent, follow_symlinks=False)
        except OSError as problem:
            if problem.errno not in _NO_LINKS:
                raise
        else:
            return
    stage(root, kept, image, files)


def swap(root: Root, source: str, path: str) -> None:
    """Put the file `source` in the place of `path`, in one step. Raises OSError."""
    with root.spot(source, follow=False) as new, root.spot(path, follow=False) as old:
        os.rename(new.name, old.name, src_dir_fd=new.parent, dst_dir_fd=old.parent)


def remove(root: Root, path: str) -> None:
    """Remove a file if it is there. Raises OSError."""
    try:
        with root.spot(path, follow=False) as spot:
            # Asked first, since a read-only file system refuses even to remove what is not there.
            if spot.status is not None:
                os.unlink(spot.name, dir_fd=spot.parent)
    except FileNotFoundError:
        return
