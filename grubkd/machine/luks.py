"""LUKS2 volumes that have to be unlocked at boot, and how much memory that takes."""

from __future__ import annotations

import json
import os
import struct
from stat import S_ISBLK
from typing import TYPE_CHECKING

from grubkd.errors import GrubkdError
from grubkd.memory.size import KIB, MIB
from grubkd.text import from_bytes, to_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from grubkd.tree.root import Root

_MAGIC = b"LUKS\xba\xbe"
_BINARY_HEADER = 4096
_LARGEST_HEADER = 4 * MIB
_BY = {"UUID": "by-uuid", "PARTUUID": "by-partuuid", "LABEL": "by-label", "PARTLABEL": "by-partlabel"}


def keyslot_memory(tree: Root, *, devices: bool) -> int:
    """Bytes of the most demanding keyslot of all volumes in /etc/crypttab, 0 where none is known to ask for any.

    argon2 fills that much memory on purpose, up to 1 GiB as cryptsetup chooses it. `devices`: block devices of the
    running system may be read. A volume that cannot be read, as for another user than root, counts as none.
    """
    return max((_of_header(head) for device in _devices(tree) if (head := _header(tree, device, devices))), default=0)


def _devices(tree: Root) -> Iterator[str]:
    """The second field of each line of crypttab(5), as a path."""
    try:
        text = from_bytes(tree.read("/etc/crypttab")) if tree.exists("/etc/crypttab") else ""
    except GrubkdError:
        return
    for line in text.splitlines():
        fields = line.split()
        if len(fields) < 2 or fields[0].startswith("#"):
            continue
        key, equals, value = fields[1].partition("=")
        if equals and key in _BY:
            yield f"/dev/disk/{_BY[key]}/{value.strip(chr(34))}"
        elif fields[1].startswith("/"):
            yield fields[1]


def _header(tree: Root, device: str, devices: bool) -> bytes:
    """The LUKS2 header of a file in the tree or, on the running system, of a block device; b"" where there is none."""
    try:
        with tree.open(device) as file:
            return _read(file.fileno())
    except (GrubkdError, OSError):
        pass
    if not devices:
        return b""
    try:
        fd = os.open(to_bytes(device), os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError:
        return b""
    try:
        return _read(fd) if S_ISBLK(os.fstat(fd).st_mode) else b""
    except OSError:
        return b""
    finally:
        os.close(fd)


def _read(fd: int) -> bytes:
    head = os.pread(fd, _BINARY_HEADER, 0)
    if head[:6] != _MAGIC or len(head) < _BINARY_HEADER or struct.unpack_from(">H", head, 6)[0] != 2:
        return b""
    size = min(struct.unpack_from(">Q", head, 8)[0], _LARGEST_HEADER)
    return head + os.pread(fd, max(size - _BINARY_HEADER, 0), _BINARY_HEADER)


def _of_header(header: bytes) -> int:
    """The largest `memory` (KiB) of the keyslots' argon2 in the header's JSON area, in bytes."""
    try:
        slots = json.loads(header[_BINARY_HEADER:].partition(b"\0")[0]).get("keyslots", {})
        found = [slot.get("kdf", {}).get("memory", 0) for slot in slots.values()]
    except (ValueError, AttributeError, RecursionError):
        return 0
    return max((amount for amount in found if isinstance(amount, int)), default=0) * KIB
