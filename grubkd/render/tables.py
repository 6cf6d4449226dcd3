"""Tables, sizes, addresses and colours for a terminal.

An answer is made with marks, which become a terminal's colours, or nothing, when it is written.

The marks are lone surrogates below U+DC80. grubkd.text makes only those from U+DC80 on, so no title and no file name
can forge a colour.
"""

from __future__ import annotations

import re
from contextlib import contextmanager
from typing import TYPE_CHECKING

from grubkd.memory.size import GIB, MIB, format_size

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from grubkd.memory.memory_map import Extent

GOOD, DOUBT, BAD, HEAD, PLACE, KERNEL = map(chr, range(0xD801, 0xD807))
_END, _BLANK = "\ud800", "\ud807"
# Bold, and those of the eight basic colours that can be read on a light and on a dark background.
_SEQUENCES = {GOOD: "32", DOUBT: "33", BAD: "31", HEAD: "1", PLACE: "36", KERNEL: "34"}
_COLOURED = {ord(mark): f"\x1b[{number}m" for mark, number in _SEQUENCES.items()} | {ord(_END): "\x1b[0m"}
_PLAIN: dict[int, str | None] = {**dict.fromkeys(_COLOURED), ord(_BLANK): " "}
_COLOURED[ord(_BLANK)] = " "
# The columns, by their heads, whose cells may be shortened in the middle; and the least width of such a cell.
_SHORTENED = frozenset({"title", "in", "directory", "kernel"})
_LEAST = 16
_WORD = "( *)([^ ]+)"
_INDENT = 4

_width: int | None = None


def mark(text: str, colour: str) -> str:
    """The text, marked with a colour; an empty text stays empty."""
    return f"{colour}{text}{_END}" if text else text


def plain(text: str) -> str:
    """The text without marks."""
    return text if text.isascii() else text.translate(_PLAIN)


def coloured(text: str) -> str:
    """The text with the terminal's sequences in place of marks."""
    return text.translate(_COLOURED)


def wanted(choice: str, environment: Mapping[str, str], *, terminal: bool) -> bool:
    """Whether to colour a stream: as --color says, else on a terminal, unless NO_COLOR or TERM forbid it.

    NO_COLOR as in https://no-color.org: set and not empty. CLICOLOR_FORCE is ignored: a pipe may lead to patch(1).
    """
    if choice != "auto":
        return choice == "always"
    return terminal and not environment.get("NO_COLOR") and environment.get("TERM", "dumb") != "dumb"


@contextmanager
def fitted(width: int | None) -> Iterator[None]:
    """A context in which tables, and lines that are wrapped, fit into so many columns; None: all is shown."""
    global _width  # noqa: PLW0603 - the answer is made while it is written, to one terminal
    before, _width = _width, width
    try:
        yield
    finally:
        _width = before


def width() -> int | None:
    """The columns that tables and lines have now; None if all is shown."""
    return _width


def columns(text: str) -> int:
    """The columns of a terminal that a text takes: letters of East Asia take two, combining ones none."""
    shown = plain(text)
    if shown.isascii():
        return len(shown)
    from unicodedata import combining, east_asian_width

    return sum(0 if combining(each) else 2 if east_asian_width(each) in "WF" else 1 for each in shown)


def solid(text: str) -> str:
    """The text with blanks at which no line is broken: a command that is pasted."""
    return text.replace(" ", _BLANK)


def wrapped(text: str, indent: int = _INDENT) -> list[str]:
    """The text in lines that fit, broken at blanks; all but the first are indented. A longer path is shortened."""
    if _width is None or "\n" in text or columns(text) <= _width:
        return [text]
    lines, line = [], ""
    for blanks, word in re.findall(_WORD, text):
        said = shortened(word, _width - indent) if word[0] == "/" else word
        if line.strip() and columns(line + blanks + said) > _width:
            lines.append(line)
            line = " " * indent + said
        else:
            line += blanks + said
    return [*lines, line]


def shortened(text: str, most: int) -> str:
    """The text in so many columns, with dots in its middle if it is longer."""
    if columns(text) <= most or text != plain(text):
        return text
    most, left, right = max(most, 5), text, text
    while columns(left) > (most - 3 + 1) // 2:
        left = left[:-1]
    while columns(right) > (most - 3) // 2:
        right = right[1:]
    return f"{left}...{right}"


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns aligned by their widest cell, two blanks between, no blanks at line ends; each row as in table_rows."""
    return "\n".join(table_rows(heads, rows))


def table_rows(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """The head and the rows of a table. Where they do not fit, the cells of some columns are shortened.

    Where that is not enough, a row takes several lines, and the cells that do not fit into the first are below it.
    """
    cells = [[mark(head, HEAD) for head in heads], *rows]
    widths = [max(map(columns, column)) for column in zip(*cells, strict=True)]
    wide = _width or sum(widths) + 2 * len(widths)
    groups = [range(len(heads))]
    if _total(widths) > wide:
        narrow = _narrowed(heads, widths, wide)
        if _total(narrow) > wide:
            groups = _groups(widths, wide)
            most = [wide - (_INDENT if group[0] else 0) for group in groups for _ in group]
            narrow = [
                min(each, room) if head in _SHORTENED else each
                for each, room, head in zip(widths, most, heads, strict=True)
            ]
        widths = narrow
        limits = [each if head in _SHORTENED else wide * 9 for each, head in zip(widths, heads, strict=True)]
        cells = [[shortened(cell, limit) for cell, limit in zip(row, limits, strict=True)] for row in cells]
    return ["\n".join(_line(row, widths, group) for group in groups) for row in cells]


def _total(widths: Sequence[int]) -> int:
    return sum(widths) + 2 * (len(widths) - 1)


def _narrowed(heads: Sequence[str], widths: Sequence[int], wide: int) -> list[int]:
    """The widths with the columns that may be shortened made narrower, the last first, but not below _LEAST."""
    found = list(widths)
    for index in reversed(range(len(heads))):
        if heads[index] in _SHORTENED:
            spare = max(found[index] - _LEAST, 0)
            found[index] -= min(spare, max(_total(found) - wide, 0))
    return found


def _groups(widths: Sequence[int], wide: int) -> list[range]:
    """The columns of each line."""
    found, start, room = [], 0, wide
    for index in range(len(widths)):
        if index > start and _total(widths[start : index + 1]) > room:
            found.append(range(start, index))
            start, room = index, wide - _INDENT
    return [*found, range(start, len(widths))]


def _line(row: Sequence[str], widths: Sequence[int], group: range) -> str:
    cells = [row[index] + " " * (widths[index] - columns(row[index])) for index in group]
    return (" " * (_INDENT if group[0] else 0) + "  ".join(cells)).rstrip()


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
