"""The sections of an EFI executable (Microsoft's PE/COFF), as far as a unified kernel image says something in them."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, NamedTuple

from grubkd.text import from_bytes

if TYPE_CHECKING:
    from collections.abc import Callable

# Bytes. A kernel reads 4096 at most of a command line; os-release files have some hundreds.
LARGEST_TEXT = 64 << 10
# ukify writes some ten; the firmware of OVMF refuses more than 96.
MOST_SECTIONS = 96
_TEXTS = frozenset((".cmdline", ".osrel", ".uname"))
_HEADER = 64
_COFF = 24
_SECTION = 40


class Malformed(ValueError):
    """The file is no EFI executable; the message says why."""


class Section(NamedTuple):
    """Where a section's bytes stand in the file, and, for those that hold a text that is of use here, that text."""

    start: int
    size: int
    text: str


def sections(read: Callable[[int, int], bytes]) -> dict[str, Section]:
    """The sections by name, the first of each: those of further profiles come later.

    `read(start, size)` gives at most so many bytes of the file. Whatever the file says, no more than its headers and
    LARGEST_TEXT bytes of a section are read. Raises Malformed, and what `read` raises.
    """
    head = read(0, _HEADER)
    if len(head) < _HEADER or head[:2] != b"MZ":
        raise Malformed("it does not begin as one")
    at = struct.unpack_from("<I", head, 0x3C)[0]
    coff = read(at, _COFF)
    if len(coff) < _COFF or coff[:4] != b"PE\0\0":
        raise Malformed("its PE header is missing")
    count, optional = struct.unpack_from("<H", coff, 6)[0], struct.unpack_from("<H", coff, 20)[0]
    if count > MOST_SECTIONS:
        raise Malformed(f"it claims {count} sections")
    table = read(at + _COFF + optional, count * _SECTION)
    if len(table) < count * _SECTION:
        raise Malformed("its table of sections is cut off")
    found: dict[str, Section] = {}
    for number in range(count):
        raw, virtual, _, size, start = struct.unpack_from("<8sIIII", table, number * _SECTION)
        name = from_bytes(raw.rstrip(b"\0"))
        if name not in found:
            # On the disk a section is padded, in memory it may be longer than that by zeros.
            held = min(virtual, size) if virtual else size
            found[name] = Section(start, held, _text(read, name, start, held) if name in _TEXTS else "")
    return found


def _text(read: Callable[[int, int], bytes], name: str, start: int, size: int) -> str:
    if size > LARGEST_TEXT:
        raise Malformed(f"its {name} has {size} bytes")
    data = read(start, size)
    if len(data) < size:
        raise Malformed(f"its {name} is cut off")
    return from_bytes(data).partition("\0")[0]
