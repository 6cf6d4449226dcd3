"""A file as it stands: its bytes and everything about it that must survive being replaced."""

from __future__ import annotations

import errno
import os
import sys
from dataclasses import dataclass, field, replace
from functools import cache
from stat import S_IMODE
from typing import TYPE_CHECKING

from grubkd.text import from_bytes
from grubkd.tree.root import read_all

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from grubkd.tree.root import Root

LABELS = "security."
SELINUX, CAPABILITY = "security.selinux", "security.capability"
# Beside user.*: what the owner of a file may set, so that giving it back gives no right, and the SELinux label.
_RESTORED = frozenset(
    {SELINUX, "system.posix_acl_access", "system.posix_acl_default", "system.nfs4_acl", "btrfs.compression"}
)
# XFS lists access control lists under these names too.
_TWICE = frozenset({"trusted.SGI_ACL_FILE", "trusted.SGI_ACL_DEFAULT"})
_MUCH = 1 << 18  # bytes
_OWN_HASHES = "_sha2" if sys.version_info >= (3, 12) else "_sha256"


@dataclass(frozen=True, slots=True)
class Image:
    """A file's bytes and metadata. `mtime_ns` None: the time at which it is written.

    `xattrs`: names as texts of one character a byte, see octets.
    """

    data: bytes
    mode: int
    uid: int
    gid: int
    mtime_ns: int | None
    xattrs: Mapping[str, bytes] = field(default_factory=dict)

    @property
    def digest(self) -> str:
        """The SHA-256 of the bytes, in hexadecimal."""
        return digest(self.data)

    def with_data(self, data: bytes) -> Image:
        """The same file with other bytes, written now."""
        return replace(self, data=data, mtime_ns=None)

    def executable_as(self, *others: Image | None) -> Image:
        """The same file, without the execution bits that none of the others has."""
        allowed = 0
        for each in others:
            allowed |= each.mode if each else 0
        return replace(self, mode=self.mode & (~0o111 | allowed))

    def like(self, other: Image) -> bool:
        """Whether bytes, mode, owner and attributes are the same, and the time where both tell one.

        A label that only one has is no difference: the system's policy gives labels, and nobody may take them off.
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
    return str(_sha256(len(data) > _MUCH)(data).hexdigest())


@cache
def _sha256(much: bool) -> Callable[[bytes], Any]:
    """The function for much data, or little: OpenSSL takes as long to load as Python's own for a quarter of a MB."""
    try:
        # A distribution may have left it out.
        module = __import__("hashlib" if much else _OWN_HASHES)
    except ImportError:
        import hashlib as module
    made: Callable[[bytes], Any] = module.sha256
    return made


def same(one: Image | None, other: Image | None) -> bool:
    """Whether two files, either of which may be absent, are alike."""
    return one is other if one is None or other is None else one.like(other)


def new(data: bytes) -> Image:
    """A file that did not exist: readable by all, owned by who writes it."""
    return Image(data, 0o644, os.geteuid(), os.getegid(), None)


def is_restored(name: str) -> bool:
    """Whether an extended attribute comes back from a journal; never file capabilities (capabilities(7))."""
    return name in _RESTORED or (
        name.startswith("user.") and 5 < len(name) <= 255 and all("\0" < char <= "\xff" for char in name)
    )


def _is_copied(name: str) -> bool:
    """Whether an attribute belongs to a file, not to its bytes.

    Integrity labels (IMA, EVM) are made by the kernel from the bytes, and an old one on new bytes bars the file; labels
    of other security modules are given by their policy. File capabilities count, so that a change of a file with
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


def read(root: Root, path: str) -> Image | None:
    """The file at a real path, None where nothing stands. Raises OSError: ELOOP for a link, EFBIG, EINVAL."""
    try:
        with root.spot(path, follow=False) as spot:
            if spot.status is None:
                return None
            fd, status = spot.open_file()
    except FileNotFoundError:
        return None
    try:
        data = read_all(fd, status.st_size)
        return Image(data, S_IMODE(status.st_mode), status.st_uid, status.st_gid, status.st_mtime_ns, attributes(fd))
    finally:
        os.close(fd)
