"""ELF files: the segments and notes of a dump, the build-id and the debugging symbols of a kernel.

A bounded part of each file is read, and nothing in it is trusted.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from typing import TypeAlias

Part: TypeAlias = Callable[[int, int], bytes]
"""A function from offset and size to the bytes there; fewer, or none, behind the end."""

CORE = 4  # ET_CORE
_NOTE = 4  # PT_NOTE
_GNU_BUILD_ID = 3  # NT_GNU_BUILD_ID
_MORE_SEGMENTS = 0xFFFF  # PN_XNUM: the number does not fit, and is in the first section header
# Notes of a dump: one of some 400 bytes for each CPU, and a few.
_LONGEST_NOTES = 4 << 20
_LONGEST_NOTE = 64 << 10
_MOST_NOTES = 20_000
_MOST_NOTE_SEGMENTS = 4
_MOST_SEGMENTS = 1 << 16
_MOST_SECTION_NAMES = 1 << 20
_LARGEST_ENTRY = 256
_LARGEST_OFFSET = 1 << 62


class _Word(NamedTuple):
    """The byte order, as struct writes it, and whether words have 64 bits."""

    order: str
    wide: bool


class _Segment(NamedTuple):
    """A program header: p_type, p_offset, p_filesz."""

    kind: int
    offset: int
    length: int


class _Sections(NamedTuple):
    """Where the section headers are: e_shoff, e_shentsize, and e_shstrndx, the one of the names."""

    table: int
    entry: int
    names: int


class Elf(NamedTuple):
    """An ELF file: e_type, e_machine, e_flags, its segments, and where its sections are."""

    word: _Word
    kind: int
    machine: int
    flags: int
    segments: list[_Segment]
    sections: _Sections

    @classmethod
    def read(cls, part: Part, head: bytes) -> Elf | None:
        """The headers of a file whose first bytes, 64 or more, are `head`; None if it is not an ELF file."""
        if len(head) < 64 or head[:4] != b"\x7fELF" or head[4] not in (1, 2) or head[5] not in (1, 2):
            return None
        word = _Word("<>"[head[5] - 1], head[4] == 2)
        kind, machine = struct.unpack_from(f"{word.order}HH", head, 16)
        form, at = ("QQI6H", 32) if word.wide else ("III6H", 28)
        table, sections, flags, _, entry, count, size, _, names = struct.unpack_from(word.order + form, head, at)
        if count == _MORE_SEGMENTS:
            count = _count_in_section(part, sections, word)
        found = _segments(part, table, entry, min(count, _MOST_SEGMENTS), word)
        return cls(word, kind, machine, flags, found, _Sections(sections, size, names))

    def note(self, part: Part, name: bytes, kind: int | None = None) -> bytes:
        """The content of the first note with that name, and that type if one is given; b"" without one."""
        found = [each for each in self.segments if each.kind == _NOTE and each.offset < _LARGEST_OFFSET]
        for each in found[:_MOST_NOTE_SEGMENTS]:
            content = _note(part(each.offset, min(each.length, _LONGEST_NOTES)), self.word.order, name, kind)
            if content:
                return content
        return b""

    def build_id(self, part: Part) -> str | None:
        """The build-id in hexadecimal; None if there is none."""
        found = self.note(part, b"GNU\0", _GNU_BUILD_ID)
        return found.hex() if 8 <= len(found) <= 32 else None

    def has_symbols(self, part: Part) -> bool:
        """Whether it has DWARF debugging symbols: a section .debug_info, compressed or not."""
        table, entry, names = self.sections
        at = table + entry * names
        header = part(at, 64) if entry <= _LARGEST_ENTRY and at < _LARGEST_OFFSET else b""
        if (len(header) < 64 and self.word.wide) or len(header) < 40:
            return False
        offset, size = struct.unpack_from(f"{self.word.order}{'24xQQ' if self.word.wide else '16xII'}", header)
        found = part(offset, min(size, _MOST_SECTION_NAMES)) if offset < _LARGEST_OFFSET else b""
        return b".debug_info\0" in found or b".zdebug_info\0" in found


def _count_in_section(part: Part, sections: int, word: _Word) -> int:
    """The number of segments in sh_info of the first section header."""
    first = part(sections, 64) if sections < _LARGEST_OFFSET else b""
    at = 44 if word.wide else 28
    count: int = struct.unpack_from(f"{word.order}I", first, at)[0] if len(first) >= at + 4 else 0
    return count


def _segments(part: Part, table: int, entry: int, count: int, word: _Word) -> list[_Segment]:
    """The program headers; [] if the table makes no sense. `entry`: bytes of each."""
    least = 56 if word.wide else 32
    if not least <= entry <= _LARGEST_ENTRY or table >= _LARGEST_OFFSET:
        return []
    entries = part(table, entry * count)
    form = word.order + ("I4xQ16xQ" if word.wide else "II8xI")
    return [_Segment(*struct.unpack_from(form, entries, at)) for at in range(0, len(entries) - least + 1, entry)]


def _note(data: bytes, order: str, wanted: bytes, kind: int | None) -> bytes:
    """The content of a note among the notes of a segment."""
    at = 0
    for _ in range(_MOST_NOTES):
        if at + 12 > len(data):
            break
        name, text, found = struct.unpack_from(f"{order}III", data, at)
        start = at + 12 + (name + 3 & ~3)
        if data[at + 12 : at + 12 + name] == wanted and kind in (None, found):
            return data[start : start + min(text, _LONGEST_NOTE)]
        at = start + (text + 3 & ~3)
    return b""
