"""How large an initrd is when the kernel has unpacked it. Nothing is written, and little memory is used.

An initrd is a series of cpio archives (the kernel's Documentation/driver-api/early-userspace/buffer-format.rst): plain
ones with microcode may come first, then one that is packed as a whole. Sizes come from headers where the form has them:
the index of xz, the frames and blocks of zstd, the blocks of lz4. gzip and bzip2 are decompressed and counted.
"""

from __future__ import annotations

import os
import re
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from grubkd.errors import GrubkdError
from grubkd.memory.size import GIB, KIB, MIB

if TYPE_CHECKING:
    import bz2
    import lzma

    from grubkd.tree.root import Root

_CHUNK = 256 * KIB
# Bounds for a hostile tree, of all initrds together: bytes decompressed, in the time of gzip, and headers read.
_MOST_DECOMPRESSED = GIB
_MOST_HEADERS = 200_000
_MOST_ZEROS = 16 * MIB
_XZ_MEMORY = 128 * MIB
_LARGEST_INDEX = MIB
_REPEATED_BYTE, _COMPRESSED_BLOCK, _RESERVED_BLOCK = 1, 2, 3
_ZSTD_BLOCK = 128 * KIB
_LZ4_BLOCK = 8 * MIB
_LARGEST_LZ4_BLOCK = _LZ4_BLOCK + _LZ4_BLOCK // 255 + 16
_MORE = 15


class Unpacked(NamedTuple):
    """Bytes of an initrd's files, or the most that they may have, and of its image."""

    size: int
    packed: int


class _Part(NamedTuple):
    """One archive of an initrd: bytes of its content, and where the next one may start."""

    size: int
    end: int


class _UnknownSize(Exception):
    """The archive is damaged, too large, or of a form whose size is not known."""


class InitrdSizes:
    """The sizes of the initrds of one tree. Each is read once, when it is asked for."""

    def __init__(self, tree: Root) -> None:
        self._tree = tree
        self._budget = _Budget(_MOST_DECOMPRESSED, _MOST_HEADERS)
        self._known: dict[str, Unpacked | None] = {}

    def unpacked(self, path: str) -> Unpacked | None:
        """The size of an initrd; None if it is not known."""
        import lzma
        import zlib

        if path not in self._known:
            try:
                with self._tree.open(path) as file:
                    fd = file.fileno()
                    self._known[path] = _Archive(fd, os.fstat(fd).st_size, self._budget).measure()
            except (_UnknownSize, GrubkdError, OSError, EOFError, struct.error, zlib.error, lzma.LZMAError):
                self._known[path] = None
        return self._known[path]


@dataclass(slots=True)
class _Budget:
    """What is left of the bounds."""

    decompressed: int
    headers: int


class _Archive:
    def __init__(self, fd: int, size: int, budget: _Budget) -> None:
        self._fd = fd
        self._size = size
        self._budget = budget

    def measure(self) -> Unpacked:
        total, at = 0, self._start(0)
        while at < self._size:
            magic = self._read(at, 6)
            part = next((measure(self, at) for start, measure in _FORMS.items() if magic.startswith(start)), None)
            if part is None or part.end <= at:
                raise _UnknownSize
            total += part.size
            at = self._start(part.end)
        return Unpacked(total, self._size)

    def _read(self, at: int, size: int) -> bytes:
        """Bytes of the file; it must have at least one of them. Counts as one header."""
        self._budget.headers -= 1
        data = os.pread(self._fd, size, at) if self._budget.headers >= 0 and at < self._size else b""
        if not data:
            raise _UnknownSize
        return data

    def _start(self, at: int) -> int:
        """Where the next archive starts, or the end of the file: zeros fill the space between two."""
        last = at + _MOST_ZEROS
        while at < self._size:
            if at > last:
                raise _UnknownSize
            block = self._read(at, _CHUNK)
            rest = block.lstrip(b"\0")
            if rest:
                return at + len(block) - len(rest)
            at += len(block)
        return at

    def cpio(self, at: int) -> _Part:
        """The `newc` form: 13 numbers of eight hexadecimal digits, a name, the content; TRAILER!!! is the last name."""
        total = 0
        while True:
            head = self._read(at, 512)
            if not re.match(_CPIO, head):
                raise _UnknownSize
            size, length = int(head[54:62], 16), int(head[94:102], 16)
            at += (110 + length + 3 & ~3) + (size + 3 & ~3)
            if head[110 : 110 + length] == b"TRAILER!!!\0":
                return _Part(total, at)
            total += size

    def gzip(self, at: int) -> _Part:
        """Decompressed: the size at the end is that of the last member only."""
        import zlib

        decompressor, total = zlib.decompressobj(wbits=31), 0
        while not decompressor.eof:
            data = self._read(at, _CHUNK)
            at += len(data)
            while data and not decompressor.eof:
                total += self._counted(len(decompressor.decompress(data, MIB)), 1)
                data = decompressor.unconsumed_tail
        return _Part(total, at - len(decompressor.unused_data))

    def bzip2(self, at: int) -> _Part:
        import bz2

        return self._decompressed(at, bz2.BZ2Decompressor(), 12)

    def xz(self, at: int) -> _Part:
        """By the index behind the last block (xz-file-format.txt), if the rest of the file is one stream."""
        import lzma

        return self._xz_index(at) or self._decompressed(at, lzma.LZMADecompressor(memlimit=_XZ_MEMORY), 5)

    def lzma_alone(self, at: int) -> _Part:
        import lzma

        return self._decompressed(at, lzma.LZMADecompressor(lzma.FORMAT_ALONE, memlimit=_XZ_MEMORY), 5)

    def _decompressed(self, at: int, decompressor: bz2.BZ2Decompressor | lzma.LZMADecompressor, cost: int) -> _Part:
        total = 0
        while not decompressor.eof:
            data = b""
            if decompressor.needs_input:
                data = self._read(at, _CHUNK)
                at += len(data)
            total += self._counted(len(decompressor.decompress(data, MIB)), cost)
        return _Part(total, at - len(decompressor.unused_data))

    def _counted(self, size: int, cost: int) -> int:
        """The size, which is taken from what may be decompressed. `cost`: time for a byte, compared with gzip."""
        self._budget.decompressed -= size * cost
        if self._budget.decompressed < 0:
            raise _UnknownSize
        return size

    def _xz_index(self, at: int) -> _Part | None:
        footer = self._read(self._size - 12, 12) if self._size - at > 32 else b""
        length = (struct.unpack_from("<I", footer, 4)[0] + 1) * 4 if footer[10:] == b"YZ" else 0
        start = self._size - 12 - length
        index = self._read(start, length) if 8 <= length <= _LARGEST_INDEX and start > at else b"\1"
        if index[0] != 0:
            return None
        count, place = _number(index, 1)
        if count > length:
            return None
        packed = total = 0
        for _ in range(count):
            size, place = _number(index, place)
            packed += size + 3 & ~3
            size, place = _number(index, place)
            total += size
        return _Part(total, self._size) if start - packed - 12 == at else None

    def zstd(self, at: int) -> _Part:
        """By the frame header (RFC 8878), else the most that the blocks may hold, which is 128K each."""
        head = self._read(at, 18).ljust(18, b"\0")
        single, dictionary, kind = head[4] & 0x20, (0, 1, 2, 4)[head[4] & 3], head[4] >> 6
        place = 5 + (0 if single else 1) + dictionary
        length = (1 if single else 0, 2, 4, 8)[kind]
        known = int.from_bytes(head[place : place + length], "little") + (256 if kind == 1 else 0) if length else None
        at, total, last = at + place + length, 0, False
        while not last:
            block = int.from_bytes(self._read(at, 3), "little")
            last, form, size = bool(block & 1), block >> 1 & 3, block >> 3
            if form == _RESERVED_BLOCK:
                raise _UnknownSize
            total += _ZSTD_BLOCK if form == _COMPRESSED_BLOCK else size
            at += 3 + (1 if form == _REPEATED_BYTE else size)
        return _Part(total if known is None else known, at + (head[4] & 4))

    def skippable(self, at: int) -> _Part:
        """A frame of zstd or lz4 without content."""
        return _Part(0, at + 8 + struct.unpack_from("<I", self._read(at, 8), 4)[0])

    def lz4(self, at: int) -> _Part:
        """The legacy form, which the kernel reads: each block but the last has 8M; the last one is counted."""
        at, total, block = at + 4, 0, b""
        while at + 4 <= self._size:
            length = struct.unpack("<I", self._read(at, 4))[0]
            if not 0 < length <= _LARGEST_LZ4_BLOCK or at + 4 + length > self._size:
                break
            total += _LZ4_BLOCK if block else 0
            at, block = at + 4 + length, self._read(at + 4, length)
        self._counted(len(block), 48)
        return _Part(total + _lz4_size(block), at)


def _number(data: bytes, at: int) -> tuple[int, int]:
    """An integer of xz, in groups of seven bits, and where the next one is."""
    found = 0
    for shift in range(0, 63, 7):
        byte = data[at] if at < len(data) else 0
        found |= (byte & 0x7F) << shift
        at += 1
        if not byte & 0x80:
            return found, at
    raise _UnknownSize


def _lz4_size(block: bytes) -> int:
    """Bytes that a block of lz4 holds (lz4_Block_format.md)."""
    total, at = 0, 0
    while at < len(block):
        literals, match = block[at] >> 4, block[at] & 15
        at += 1
        if literals == _MORE:
            more, at = _lz4_length(block, at)
            literals += more
        at += literals
        total += literals
        if at >= len(block):
            break
        at += 2
        if match == _MORE:
            more, at = _lz4_length(block, at)
            match += more
        total += match + 4
        if total > _LZ4_BLOCK:
            raise _UnknownSize
    return total


def _lz4_length(block: bytes, at: int) -> tuple[int, int]:
    """The rest of a length: bytes of 255, and one that is less."""
    total = 0
    while at < len(block):
        total += block[at]
        at += 1
        if block[at - 1] < 255:
            break
    return total, at


_CPIO = rb"07070[12][0-9a-fA-F]{104}"
_FORMS = {
    b"070701": _Archive.cpio,
    b"070702": _Archive.cpio,
    b"\x1f\x8b": _Archive.gzip,
    b"\xfd7zXZ\0": _Archive.xz,
    b"\x5d\0\0": _Archive.lzma_alone,
    b"BZh": _Archive.bzip2,
    b"\x28\xb5\x2f\xfd": _Archive.zstd,
    b"\x02\x21\x4c\x18": _Archive.lz4,
    **{bytes((0x50 + low, 0x2A, 0x4D, 0x18)): _Archive.skippable for low in range(16)},
}
