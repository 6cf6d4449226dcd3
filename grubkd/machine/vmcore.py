"""The headers of dumps: which kernel crashed and when, and whether all of the dump is there.

Only headers are read, a bounded part of them, and nothing in them is trusted.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from grubkd.machine.flattened import Flattened

if TYPE_CHECKING:
    from typing import TypeAlias

Part: TypeAlias = Callable[[int, int], bytes]
"""Offset and size to the bytes there, fewer or none behind the end."""

_MAGIC = {
    b"\x1f\x8b": "gzip",
    b"BZh": "bzip2",
    b"\xfd7zXZ\0": "xz",
    b"\x04\x22\x4d\x18": "lz4",
    b"\x28\xb5\x2f\xfd": "zstd",
}
PACKED = frozenset(_MAGIC.values())
"""The forms of a dump that was packed as a whole: nothing inside of it is read."""
_LONGEST_INFO = 64 << 10
# Notes: one of some 400 bytes for each CPU, and a few.
_LONGEST_NOTES = 4 << 20
_MOST_NOTES = 20_000
_MOST_NOTE_SEGMENTS = 4
_MOST_SEGMENTS = 1 << 16
_LARGEST_ENTRY = 256
_NOTE = 4  # PT_NOTE
_CORE = 4  # ET_CORE
_MORE_SEGMENTS = 0xFFFF  # PN_XNUM: the number does not fit and stands in the first section header
# Of these the flags of an ELF file are 0 otherwise: i386, s390, x86_64, arm64.
_PLAIN_FLAGS = frozenset({3, 22, 62, 183})
_INCOMPLETE_ELF = 0x1
_INCOMPLETE_KDUMP = 0x8
_RELEASE = re.compile(rb"[0-9][\x21-\x7e]{0,63}")
_OSRELEASE = re.compile(rb"^OSRELEASE=([\x21-\x7e]{1,64})$", 8)  # 8: re.MULTILINE
_CRASHTIME = re.compile(rb"^CRASHTIME=(\d{1,12})$", 8)


class Header(NamedTuple):
    """`form`: `elf`, `kdump` (compressed), either `flattened`, or how the file is packed.

    `release` of the kernel that crashed and `time`, seconds since 1970, where they are told. `fault`: why the dump is
    not whole, "" where nothing says so.
    """

    form: str
    release: str | None = None
    time: int | None = None
    fault: str = ""


def read(part: Part, size: int) -> Header | None:
    """What the headers of a dump of that many bytes tell; None for what is no dump."""
    flat = Flattened.read(part, size)
    if flat is not None:
        inner = _plain(flat.part, None)
        fault = "" if flat.ended else "it ends before its end mark"
        if inner is None:
            return Header("flattened", fault=fault or "its header is not there")
        return inner._replace(form=f"{inner.form}, flattened", fault=fault or inner.fault)
    return _plain(part, size)


def _plain(part: Part, size: int | None) -> Header | None:
    """As read, of what is not flattened; `size` None where the size of the file says nothing."""
    head = part(0, 512)
    if head[:8] in (b"KDUMP   ", b"DISKDUMP"):
        return _kdump(part, head, size)
    if head[:4] == b"\x7fELF":
        return _elf(part, head, size)
    return next((Header(name) for magic, name in _MAGIC.items() if head.startswith(magic)), None)


def _kdump(part: Part, head: bytes, size: int | None) -> Header:
    """The disk_dump_header of makedumpfile: signature, version, six names of uname, a time, status, the block size."""
    if len(head) < 460:
        return Header("kdump", fault="it ends in its header")
    order = "<" if 0 < struct.unpack_from("<i", head, 8)[0] < 256 else ">"
    # What follows is aligned to, and has integers of, the word of the machine.
    wide = _is_block(struct.unpack_from(f"{order}i", head, 428)[0])
    status, block = struct.unpack_from(f"{order}Ii", head, 424 if wide else 412)
    if not _is_block(block):
        return Header("kdump", _release(head[142:207]), fault="its header makes no sense")
    version = struct.unpack_from(f"{order}i", head, 8)[0]
    release, time = _release(head[142:207]), None
    if version >= 3:
        found = _info(_part_of_info(part, order, block, wide, packed=head[272:274] in (b"i3", b"i4", b"i5", b"i6")))
        release, time = release or found[0], found[1]
    fault = "makedumpfile marked it incomplete" if status & _INCOMPLETE_KDUMP else ""
    if not fault and size is not None and size < 2 * block:
        fault = "it ends in its header"
    return Header("kdump", release, time, fault)


def _is_block(size: int) -> bool:
    """Whether it can be the size of a block: a page, as a rule."""
    return 512 <= size <= 1 << 20 and size & (size - 1) == 0


def _part_of_info(part: Part, order: str, block: int, wide: bool, *, packed: bool) -> bytes:
    """The VMCOREINFO that the sub-header, one block behind the header, points to.

    i386 aligns 64-bit integers to 4 bytes, other 32-bit machines to 8.
    """
    sub = part(block, 64)
    if len(sub) < 64:
        return b""
    at = 32 if wide else 20 if packed else 24
    offset, length = struct.unpack_from(f"{order}QQ" if wide else f"{order}QI", sub, at)
    return part(offset, min(length, _LONGEST_INFO)) if 0 < offset < 1 << 62 else b""


def _release(field: bytes) -> str | None:
    text = field.partition(b"\0")[0]
    return text.decode("ascii") if _RELEASE.fullmatch(text) else None


def _info(data: bytes) -> tuple[str | None, int | None]:
    """The release and the time that a VMCOREINFO text tells."""
    release, time = _OSRELEASE.search(data), _CRASHTIME.search(data)
    return release[1].decode("ascii") if release else None, int(time[1]) if time else None


def _elf(part: Part, head: bytes, size: int | None) -> Header | None:
    if len(head) < 64 or head[4] not in (1, 2) or head[5] not in (1, 2):
        return None
    order, wide = "<>"[head[5] - 1], head[4] == 2
    kind, machine = struct.unpack_from(f"{order}HH", head, 16)
    if kind != _CORE:
        return None
    if wide:
        table, sections, flags, _, each, count = struct.unpack_from(f"{order}QQIHHH", head, 32)
    else:
        table, sections, flags, _, each, count = struct.unpack_from(f"{order}IIIHHH", head, 28)
    if count == _MORE_SEGMENTS:
        first = part(sections, 64) if sections < 1 << 62 else b""
        at = 44 if wide else 28
        count = struct.unpack_from(f"{order}I", first, at)[0] if len(first) >= at + 4 else 0
    least = 56 if wide else 32
    sane = least <= each <= _LARGEST_ENTRY and table < 1 << 62
    entries = part(table, each * min(count, _MOST_SEGMENTS)) if sane else b""
    form = f"{order}I4xQ16xQ" if wide else f"{order}II8xI"
    segments = (
        [struct.unpack_from(form, entries, at) for at in range(0, len(entries) - least + 1, each)] if sane else []
    )
    fault = "makedumpfile marked it incomplete" if flags & _INCOMPLETE_ELF and machine in _PLAIN_FLAGS else ""
    if not fault and size is not None:
        end = max((offset + length for _, offset, length in segments), default=0)
        fault = f"{end - size} bytes are missing at its end" if end > size else ""
        fault = fault or ("" if segments else "it holds no memory")
    notes = [(offset, length) for kind, offset, length in segments if kind == _NOTE and offset < 1 << 62]
    for offset, length in notes[:_MOST_NOTE_SEGMENTS]:
        release, time = _noted(part(offset, min(length, _LONGEST_NOTES)), order)
        if release:
            return Header("elf", release, time, fault)
    return Header("elf", fault=fault)


def _noted(data: bytes, order: str) -> tuple[str | None, int | None]:
    """What the note VMCOREINFO tells, of all the notes of a segment."""
    at = 0
    for _ in range(_MOST_NOTES):
        if at + 12 > len(data):
            break
        name, text, _ = struct.unpack_from(f"{order}III", data, at)
        start = at + 12 + (name + 3 & ~3)
        if data[at + 12 : at + 12 + name] == b"VMCOREINFO\0":
            return _info(data[start : start + min(text, _LONGEST_INFO)])
        at = start + (text + 3 & ~3)
    return None, None
