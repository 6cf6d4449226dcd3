"""Tables, sizes, addresses and colours for a terminal.

An answer is made with marks, which become a terminal's colours, or nothing, when it is written.

The marks are lone surrogates below U+DC80. to_display makes only those from U+DC80 on, so no title and no file name
can forge a colour.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from grubkd.memory.size import GIB, MIB, format_size

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from grubkd.memory.memory_map import Extent

GOOD, DOUBT, BAD, HEAD, PLACE, KERNEL = map(chr, range(0xD801, 0xD807))
_END = "\ud800"
# Bold, and those of the eight basic colours that can be read on a light and on a dark background.
_SEQUENCES = {GOOD: "32", DOUBT: "33", BAD: "31", HEAD: "1", PLACE: "36", KERNEL: "34"}
_COLOURED = {ord(mark): f"\x1b[{number}m" for mark, number in _SEQUENCES.items()} | {ord(_END): "\x1b[0m"}
_PLAIN = dict.fromkeys(_COLOURED)
# Control characters of terminals with UTF-8 and with single bytes, but tab and newline.
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\udc80-\udc9f]")


def mark(text: str, colour: str) -> str:
    """The text, marked with a colour; an empty text stays empty."""
    return f"{colour}{text}{_END}" if text else text


def plain(text: str) -> str:
    """The text without marks."""
    return text.translate(_PLAIN) if _END in text else text


def coloured(text: str) -> str:
    """The text with the terminal's sequences in place of marks."""
    return text.translate(_COLOURED)


def shown(text: str) -> str:
    """The text with control characters as escapes: a terminal would obey them."""
    return _CONTROLS.sub(lambda found: f"\\x{ord(found[0]) & 0xFF:02x}", text)


def wanted(choice: str, environment: Mapping[str, str], *, terminal: bool) -> bool:
    """Whether to colour a stream: as --color says, else on a terminal, unless NO_COLOR or TERM forbid it.

    NO_COLOR as in https://no-color.org: set and not empty. CLICOLOR_FORCE is ignored: a pipe may lead to patch(1).
    """
    if choice != "auto":
        return choice == "always"
    return terminal and not environment.get("NO_COLOR") and environment.get("TERM", "dumb") != "dumb"


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns aligned by their widest cell, two blanks between, no blanks at line ends."""
    lines = [[mark(head, HEAD) for head in heads], *rows]
    lengths = [[len(plain(cell)) for cell in row] for row in lines]
    widths = [max(column) for column in zip(*lengths, strict=True)]
    return "\n".join(
        "  ".join(
            cell + " " * (width - length) for cell, width, length in zip(row, widths, sizes, strict=True)
        ).rstrip()
        for row, sizes in zip(lines, lengths, strict=True)
    )


def size(amount: int) -> str:
    """An amount in bytes for people: exact where it is whole megabytes, else rounded."""
    if amount % MIB == 0 or amount < MIB:
        return format_size(amount)
    if amount < 10 * GIB:
        return f"{amount / MIB:.0f}M"
    return f"{amount / GIB:.1f}".removesuffix(".0") + "G"


def extent(region: Extent) -> str:
    """Addresses as the kernel prints them: the end inclusive."""
    return f"{region[0]:#x}-{region[1] - 1:#x}"
