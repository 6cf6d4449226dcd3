"""Files and directories of the tree on disk: read with their metadata, replaced as a whole, removed, synced.

A file is replaced in three steps. Staging writes the new bytes and metadata to a temporary file in the same directory.
Keeping gives the old file a second name there: a hard link, which needs no space and brings the same inode back when
the change is undone; where the file system has no hard links (vfat), a copy. Swapping is one rename. Both temporary
names begin with a dot and end in neither `.conf` nor `.cfg`, so that no boot loader and no generator reads them.

Every path is a real path inside the tree. No symbolic link is followed.

Hard links: a file that has other names is replaced under this name only. The others keep the old bytes, as a backup
made with `cp -al` expects.
"""

from __future__ import annotations

import errno
import os
import time
from contextlib import contextmanager
from stat import S_IMODE
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from grubkd.text import from_bytes, to_bytes
from grubkd.tree.root import read_all

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from grubkd.change.sync import FileSync
    from grubkd.tree.root import Root

LABELS = "security."
SELINUX, CAPABILITY = "security.selinux", "security.capability"
# Beside user.*: what the owner of a file may set, so that restoring it grants no right, and the SELinux label.
_RESTORED = frozenset(
    {SELINUX, "system.posix_acl_access", "system.posix_acl_default", "system.nfs4_acl", "btrfs.compression"}
)
# XFS lists access control lists under these names too.
_TWICE = frozenset({"trusted.SGI_ACL_FILE", "trusted.SGI_ACL_DEFAULT"})


class FileImage(NamedTuple):
    """A file's bytes and metadata. With `mtime_ns` None it gets the time at which it is written.

    `xattrs`: names as texts of one character a byte, see grubkd.text.
    """

    data: bytes
    mode: int
    uid: int
    gid: int
    mtime_ns: int | None
    xattrs: Mapping[str, bytes] = MappingProxyType({})

    @property
    def digest(self) -> str:
        """The SHA-256 of the bytes, in hexadecimal."""
        return digest(self.data)

    def with_data(self, data: bytes) -> FileImage:
        """The same file with other bytes, written now."""
        return self._replace(data=data, mtime_ns=None)

    def executable_as(self, present: FileImage | None) -> FileImage:
        """The same file without those execution bits that the present file lacks."""
        return self._replace(mode=self.mode & (~0o111 | (present.mode if present else 0)))

    def like(self, other: FileImage) -> bool:
        """Whether bytes, mode, owner and attributes are the same, and the time where both have one.

        A label that only one has is no difference: the system's policy gives labels, and nobody may remove them.
        """
        times = None not in (self.mtime_ns, other.mtime_ns)
        return (
            (self.data, self.mode, self.uid, self.gid) == (other.data, other.mode, other.uid, other.gid)
            and all(name.startswith(LABELS) for name in self.xattrs.keys() ^ other.xattrs.keys())
            and all(self.xattrs[name] == other.xattrs[name] for name in self.xattrs.keys() & other.xattrs.keys())
            and (not times or self.mtime_ns == other.mtime_ns)
        )


def digest(data: bytes) -> str:
    """The SHA-256 of bytes, in hexadecimal."""
    from hashlib import sha256

    return sha256(data).hexdigest()


def same(one: FileImage | None, other: FileImage | None) -> bool:
    """Whether two files are alike; None is an absent file."""
    return one is other if one is None or other is None else one.like(other)


def new_image(data: bytes) -> FileImage:
    """A file that did not exist: readable by all, owned by who writes it."""
    return FileImage(data, 0o644, os.geteuid(), os.getegid(), None)


def is_restored(name: str) -> bool:
    """Whether an extended attribute is restored from a journal. File capabilities (capabilities(7)) never are."""
    return name in _RESTORED or (
        name.startswith("user.") and 5 < len(name) <= 255 and all("\0" < char <= "\xff" for char in name)
    )


def _is_copied(name: str) -> bool:
    """Whether an attribute belongs to a file, not to its bytes.

    Integrity labels (IMA, EVM) are made by the kernel from the bytes, and an old one on new bytes bars the file; the
    policy of the other security modules gives their labels. File capabilities count, so that a change of a file with
    them is refused.
    """
    return name not in _TWICE and (not name.startswith(LABELS) or name in (SELINUX, CAPABILITY))


def attributes(fd: int) -> dict[str, bytes]:
    """The extended attributes of an open file that are copied; {} where the file system has none. Raises OSError."""
    try:
        names = os.listxattr(fd)
    except OSError as problem:
        if problem.errno in (errno.EOPNOTSUPP, errno.ENOSYS):
            return {}
        raise
    return {from_bytes(os.fsencode(name)): os.getxattr(fd, name) for name in sorted(names) if _is_copied(name)}


def read_image(root: Root, path: str) -> FileImage | None:
    """The file at a real path, None where nothing is. Raises OSError: ELOOP for a link, EFBIG, EINVAL."""
    try:
        with root.spot(path, follow=False) as spot:
            if spot.status is None:
                return None
            fd, status = spot.open_file()
    except FileNotFoundError:
        return None
    try:
        data = read_all(fd, status.st_size)
        return FileImage(
            data, S_IMODE(status.st_mode), status.st_uid, status.st_gid, status.st_mtime_ns, attributes(fd)
        )
    finally:
        os.close(fd)


_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_NO_LINKS = {errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK}


def temporary_name(path: str, id: str, number: int, kind: str) -> str:
    """The name beside a path for a transaction's file: `kind` is "new" for the staged file, "old" for the kept one."""
    return f"{parent(path).rstrip('/')}/.grubkd-{id}-{number}.{kind}"


def stage(root: Root, path: str, image: FileImage, files: FileSync, not_before: int = 0) -> int:
    """Write a file that does not exist yet; `files` syncs it. Returns its mtime in nanoseconds since the epoch.

    An image without a time gets the present one, or `not_before` if that is later. Raises OSError.
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


def _dress(fd: int, image: FileImage, status: os.stat_result) -> None:
    """Give a new file the metadata of an image. Only what differs is set, for vfat can set nothing."""
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


def keep(root: Root, path: str, kept: str, image: FileImage, files: FileSync) -> None:
    """Give the file at `path`, which is as in `image`, the second name `kept`, or make a copy. Raises OSError."""
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


def remove_file(root: Root, path: str) -> None:
    """Remove a file if it is there. Raises OSError."""
    try:
        with root.spot(path, follow=False) as spot:
            # Looked at first: a read-only file system refuses even to remove what is not there.
            if spot.status is not None:
                os.unlink(spot.name, dir_fd=spot.parent)
    except FileNotFoundError:
        return


_OPEN = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


@contextmanager
def open_directory(root: Root, path: str) -> Iterator[int]:
    """A descriptor of the directory at a real path. Raises OSError, ELOOP for a link on the way."""
    with root.spot(path, follow=False) as spot:
        fd = spot.open_directory()
    try:
        yield fd
    finally:
        os.close(fd)


def parent(path: str) -> str:
    """The directory that holds what a path names."""
    return path.rpartition("/")[0] or "/"


def missing_directories(root: Root, path: str) -> list[str]:
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


def make_directory(root: Root, path: str, mode: int) -> None:
    """Make a directory and put its name on the disk; one that exists is left as it is. Raises OSError."""
    with open_directory(root, parent(path)) as above:
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


def remove_directory(root: Root, path: str) -> None:
    """Remove a directory if it is there and empty, and put that on the disk. Raises OSError."""
    try:
        with open_directory(root, parent(path)) as above:
            os.rmdir(to_bytes(path.rpartition("/")[2]), dir_fd=above)
            os.fsync(above)
    except (FileNotFoundError, NotADirectoryError):
        return
    except OSError as problem:
        # Somebody keeps something in it, or mounted something on it: then it is theirs.
        if problem.errno not in (errno.ENOTEMPTY, errno.EEXIST, errno.EBUSY):
            raise


def sync_directory(root: Root, path: str) -> None:
    """Put a directory's names on the disk. Raises OSError."""
    with open_directory(root, path) as fd:
        os.fsync(fd)
