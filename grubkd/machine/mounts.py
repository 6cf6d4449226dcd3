"""Where file systems are mounted: of the running machine as its kernel tells, of an image as its fstab says."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from grubkd.machine import settings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from grubkd.tree.root import Root

_OCTAL = re.compile(r"\\([0-7]{3})")
_BY = {"UUID": "by-uuid", "LABEL": "by-label", "PARTUUID": "by-partuuid", "PARTLABEL": "by-partlabel"}
NETWORK = frozenset({"nfs", "nfs4", "cifs", "smb3", "ceph", "glusterfs", "9p", "afs"})
"""File systems of other machines, which may not answer."""


class Mount(NamedTuple):
    """`source` as the table writes it; `directory` in the tree."""

    source: str
    directory: str
    kind: str


def read(tree: Root) -> tuple[Mount, ...]:
    """The table in the order in which it was mounted, or is to be."""
    text = settings.text_of(tree, "/proc/mounts" if tree.live else "/etc/fstab") or ""
    rows = [line.partition("#")[0].split() if not tree.live else line.split() for line in text.split("\n")]
    return tuple(Mount(_plain(row[0]), _plain(row[1]), row[2]) for row in rows if len(row) > 2 and row[1][:1] == "/")


def _plain(text: str) -> str:
    return _OCTAL.sub(lambda match: chr(int(match[1], 8) & 0xFF), text)


def directory_of(tree: Root, device: str, mounts: Sequence[Mount]) -> str | None:
    """Where a device is mounted: given as a path, or as UUID=, LABEL= and their like; None where it is not."""
    names = {device, *_paths(tree, device)}
    for mount in reversed(mounts):
        if mount.source in names or names & set(_paths(tree, mount.source)):
            return mount.directory
    return None


def _paths(tree: Root, device: str) -> tuple[str, ...]:
    """The device's own path, links followed, where the tree has it."""
    name, equals, value = device.partition("=")
    if equals and name in _BY:
        quoted = value.strip("\"'")
        device = f"/dev/disk/{_BY[name]}/" + re.sub(r"[^\w#+\-.:=@]", lambda found: f"\\x{ord(found[0]):02x}", quoted)
    found = tree.resolve(device) if device.startswith("/") else None
    return (found,) if found else ()


def mount_of(path: str, mounts: Sequence[Mount]) -> Mount | None:
    """The mount that a path without links lies on; None where the table does not tell."""
    found = None
    for mount in mounts:
        top = mount.directory.rstrip("/")
        if (path == top or path.startswith(f"{top}/")) and (
            found is None or len(top) >= len(found.directory.rstrip("/"))
        ):
            found = mount
    return found
