"""The headers of dumps: which kernel crashed and when, and whether the dump is complete.

A bounded part of each file is read, and nothing in it is trusted. makedumpfile's flattened form is a stream of pieces,
each with its offset, because a pipe cannot seek.
"""

from __future__ import annotations

import re
import struct
from typing import TYPE_CHECKING, NamedTuple

from grubkd.machine.elf import CORE, Elf

if TYPE_CHECKING:
    from grubkd.machine.elf import Part


_HEAD = 4096
_SIGNATURE = b"makedumpfile\0\0\0\0"
_MOST_PIECES = 2000
# What is read at once is in few of them.
_MOST_PARTS = 64
_END = b"\xff" * 16
_LARGEST_OFFSET = 1 << 62


class _Piece(NamedTuple):
    """`size` bytes of the dump from `start` on. They are in the file at `place`."""

    start: int
    size: int
    place: int


class Flattened:
    """A flattened file, read as the dump that its first pieces make. `ended`: the end mark is there."""

    # The last piece comes first: it replaces what earlier ones say.
    def __init__(self, part: Part, pieces: tuple[_Piece, ...], *, ended: bool) -> None:
        self._part = part
        self._pieces = pieces
        self.ended = ended

    @classmethod
    def read(cls, part: Part, size: int) -> Flattened | None:
        """The dump in a file of that many bytes; None if it is not flattened."""
        if part(0, 16) != _SIGNATURE:
            return None
        pieces: list[_Piece] = []
        at = _HEAD
        head = part(at, 16)
        while len(head) == 16 and head != _END and len(pieces) < _MOST_PIECES:
            # Big-endian on every machine.
            start, length = struct.unpack(">qq", head)
            if start < 0 or not 0 < length < _LARGEST_OFFSET - at:
                break
            pieces.append(_Piece(start, length, at + 16))
            at += 16 + length
            head = part(at, 16)
        # In a large file not every piece is visited: its last bytes decide, though a bitmap may end the same way.
        ended = head == _END or (len(pieces) == _MOST_PIECES and part(size - 16, 16) == _END)
        return cls(part, tuple(reversed(pieces)), ended=ended)

    def part(self, offset: int, size: int) -> bytes:
        """The bytes of the dump there, up to the first that no piece has. The last piece with a byte counts."""
        found = b""
        for _ in range(_MOST_PARTS):
            at = offset + len(found)
            if len(found) == size:
                break
            piece = next((each for each in self._pieces if each.start <= at < each.start + each.size), None)
            if piece is None:
                break
            skipped = at - piece.start
            more = self._part(piece.place + skipped, min(size - len(found), piece.size - skipped))
            if not more:
                break
            found += more
        return found


_MAGIC = {
    b"\x1f\x8b": "gzip",
    b"BZh": "bzip2",
    b"\xfd7zXZ\0": "xz",
    b"\x04\x22\x4d\x18": "lz4",
    b"\x28\xb5\x2f\xfd": "zstd",
}
PACKED = frozenset(_MAGIC.values())
"""Forms of a dump that is packed as a whole: its content is not read."""
_LONGEST_INFO = 64 << 10
# Other ELF files of i386, s390, x86_64 and arm64 have the flags 0.
_PLAIN_FLAGS = frozenset({3, 22, 62, 183})
_INCOMPLETE_ELF = 0x1
_INCOMPLETE_KDUMP = 0x8
_RELEASE = re.compile(rb"[0-9][\x21-\x7e]{0,63}")
_OSRELEASE = re.compile(rb"^OSRELEASE=([\x21-\x7e]{1,64})$", re.MULTILINE)
_CRASHTIME = re.compile(rb"^CRASHTIME=(\d{1,12})$", re.MULTILINE)
_BUILD_ID = re.compile(rb"^BUILD-ID=([0-9a-f]{16,64})$", re.MULTILINE)


class DumpHeader(NamedTuple):
    """The header of a dump. `form`: `elf`, `kdump` (compressed), either `flattened`, or how the file is packed.

    `release` of the kernel that crashed, `time` of the crash in seconds since 1970, and `build_id` of the kernel, which
    VMCOREINFO has since 5.9, in hexadecimal; None if unknown. `fault`: why the dump is not complete, "" if no fault is
    found.
    """

    form: str
    release: str | None = None
    time: int | None = None
    fault: str = ""
    build_id: str | None = None


class _Info(NamedTuple):
    """What a VMCOREINFO text says."""

    release: str | None = None
    time: int | None = None
    build_id: str | None = None


def read(part: Part, size: int) -> DumpHeader | None:
    """The header of a file of that many bytes; None if it is not a dump."""
    flat = Flattened.read(part, size)
    if flat is not None:
        inner = _plain(flat.part, None)
        fault = "" if flat.ended else "it ends before its end mark"
        if inner is None:
            return DumpHeader("flattened", fault=fault or "its header is missing")
        return inner._replace(form=f"{inner.form}, flattened", fault=fault or inner.fault)
    return _plain(part, size)


def _plain(part: Part, size: int | None) -> DumpHeader | None:
    """Like read, for what is not flattened. `size`: None for a flattened file, whose size says nothing."""
    head = part(0, 512)
    if head[:8] in (b"KDUMP   ", b"DISKDUMP"):
        return _kdump(part, head, size)
    if head[:4] == b"\x7fELF":
        return _elf(part, head, size)
    return next((DumpHeader(name) for magic, name in _MAGIC.items() if head.startswith(magic)), None)


def _kdump(part: Part, head: bytes, size: int | None) -> DumpHeader:
    """The disk_dump_header of makedumpfile: signature, version, six names of uname, a time, status, the block size."""
    if len(head) < 432:  # on i386 it has 452 bytes, and a flattened file may end behind it
        return DumpHeader("kdump", fault="it ends in its header")
    order = "<" if 0 < struct.unpack_from("<i", head, 8)[0] < 256 else ">"
    # Alignment and size of the next fields depend on the word of the machine.
    wide = _is_block(struct.unpack_from(f"{order}i", head, 428)[0])
    status, block = struct.unpack_from(f"{order}Ii", head, 424 if wide else 412)
    if not _is_block(block):
        return DumpHeader("kdump", _release(head[142:207]), fault="its header makes no sense")
    version = struct.unpack_from(f"{order}i", head, 8)[0]
    found = _Info()
    if version >= 3:
        found = _info(_part_of_info(part, order, block, wide, packed=head[272:274] in (b"i3", b"i4", b"i5", b"i6")))
    fault = "makedumpfile marked it incomplete" if status & _INCOMPLETE_KDUMP else ""
    if not fault and size is not None and size < 2 * block:
        fault = "it ends in its header"
    return DumpHeader("kdump", _release(head[142:207]) or found.release, found.time, fault, found.build_id)


def _is_block(size: int) -> bool:
    """Whether it can be the size of a block, which is usually a page."""
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
    return part(offset, min(length, _LONGEST_INFO)) if 0 < offset < _LARGEST_OFFSET else b""


def _release(field: bytes) -> str | None:
    text = field.partition(b"\0")[0]
    return text.decode("ascii") if _RELEASE.fullmatch(text) else None


def _info(data: bytes) -> _Info:
    """What a VMCOREINFO text says."""
    found = (each.search(data) for each in (_OSRELEASE, _CRASHTIME, _BUILD_ID))
    release, time, build_id = (each[1].decode("ascii") if each else None for each in found)
    return _Info(release, int(time) if time else None, build_id)


def _elf(part: Part, head: bytes, size: int | None) -> DumpHeader | None:
    """The header of an ELF core file; None for another ELF file."""
    file = Elf.read(part, head)
    if file is None or file.kind != CORE:
        return None
    marked = file.flags & _INCOMPLETE_ELF and file.machine in _PLAIN_FLAGS
    fault = "makedumpfile marked it incomplete" if marked else ""
    if not fault and size is not None:
        end = max((each.offset + each.length for each in file.segments), default=0)
        fault = f"{end - size} bytes are missing at its end" if end > size else ""
        fault = fault or ("" if file.segments else "it holds no memory")
    found = _info(file.note(part, b"VMCOREINFO\0"))
    return DumpHeader("elf", found.release, found.time, fault, found.build_id)
