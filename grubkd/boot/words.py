"""The words of a slot, in a format that passes its bytes to the kernel unquoted: GRUB legacy, BLS, kernel/cmdline.

They are split by the kernel's own quoting, with one exception. People paste `crashkernel=64M@16M"` from a page whose
line ends in a stray quote; for the kernel that quote makes one argument of the rest of the line. Here such a token is a
word of its own, so that it can be shown with a warning, and replaced together with its quote.

Formats with a quoting of their own decode the text first: `Mapped` keeps the place of each character in the file.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from grubkd.boot import cmdline
from grubkd.boot.document import Word
from grubkd.errors import CannotHold, Notice, place_at
from grubkd.text import in_quotes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

_STRAY = rf'(?<![^{cmdline.BLANKS}])crashkernel=[^{cmdline.BLANKS}"]*"(?![^{cmdline.BLANKS}])'
_REFERENCE = r"\$(?:([A-Za-z_][A-Za-z0-9_]*)|\{([A-Za-z_][A-Za-z0-9_]*)\})"


class LineNumbers:
    """The lines of a text, counted once: a menu asks for hundreds of them."""

    def __init__(self, text: str) -> None:
        self._newlines = [found.start() for found in re.finditer("\n", text)]

    def of(self, offset: int) -> int:
        """The number, from 1, of the line that a byte is in."""
        return bisect_left(self._newlines, offset) + 1


def words(text: str, start: int, end: int, decode: Callable[[str], str] = str) -> tuple[Word, ...]:
    """The words of text[start:end], with their spans in `text`; `decode(raw)` is what the kernel receives of one."""
    return tuple(Word(start + a, start + b, decode(text[start + a : start + b])) for a, b in _spans(text[start:end]))


def _spans(part: str) -> list[tuple[int, int]]:
    stray = _stray(part)
    if stray is None:
        return cmdline.spans(part)
    after = [(stray.end() + a, stray.end() + b) for a, b in cmdline.spans(part[stray.end() :])]
    return [*cmdline.spans(part[: stray.start()]), stray.span(), *after]


def span(found: Sequence[Word], at: int) -> tuple[int, int]:
    """The span from the first word to the last; without words, the empty span at an offset."""
    return (found[0].start, found[-1].end) if found else (at, at)


@dataclass(slots=True)
class Mapped:
    """A decoded text, with the span in the file of each of its characters."""

    text: str = ""
    starts: list[int] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)

    def add(self, text: str, start: int, end: int) -> None:
        """Append characters that come from the file's bytes start:end: one from each byte where the lengths agree."""
        self.text += text
        if len(text) == end - start:
            self.starts.extend(range(start, end))
            self.ends.extend(range(start + 1, end + 1))
        else:
            self.starts.extend([start] * len(text))
            self.ends.extend([end] * len(text))

    def span(self, start: int, end: int) -> tuple[int, int]:
        """The span in the file of text[start:end], which must not be empty."""
        return self.starts[start], self.ends[end - 1]

    def kernel_words(self) -> tuple[Word, ...]:
        """The words of `text` as the kernel splits it, with their spans in the file."""
        found = words(self.text, 0, len(self.text))
        return tuple(word._replace(start=self.starts[word.start], end=self.ends[word.end - 1]) for word in found)


def with_references(found: tuple[Word, ...]) -> tuple[Word, ...]:
    """The words; those that are one whole `$name` or `${name}` get the name as their reference."""
    return tuple(word._replace(reference=_reference(word.text)) if word.text[:1] == "$" else word for word in found)


def open_quotes(file: str, text: str, start: int, end: int) -> Iterator[Notice]:
    """The warning, if there is one, about a double quote in text[start:end] that is never closed."""
    part = text[start:end]
    if part.count('"') % 2 == 0:
        return
    stray = _stray(part)
    if stray is not None:
        yield Notice(
            "stray-quote",
            f"a quote without its partner at the end of {stray.group()}: the kernel reads the rest of the line as one "
            "argument with it",
            "set the value again: grubkd replaces the argument together with its quote",
            place_at(file, text, start + stray.end() - 1),
        )
    else:
        yield Notice(
            "unbalanced-quote",
            "a double quote that is never closed: the kernel reads the rest of the line as one argument",
            "close the quote or remove it",
            place_at(file, text, start + cmdline.unbalanced(part)),
        )


def held(argument: str) -> str:
    """The argument, if such a format holds it as one word. Raises CannotHold with the reason."""
    if not argument or "\0" in argument or cmdline.tokens(argument) != [argument] or argument.count('"') % 2:
        raise CannotHold(
            f"{in_quotes(argument)} is not one kernel argument",
            hint="enclose a value with blanks in double quotes, and close each quote",
        )
    return argument


def _stray(part: str) -> re.Match[str] | None:
    """The first stray token, if its quote is the one that leaves the quotes of the line unbalanced."""
    if part.count('"') % 2 == 0:
        return None
    for found in re.finditer(_STRAY, part):
        if part.count('"', 0, found.start()) % 2 == 0:
            return found
    return None


def _reference(text: str) -> str | None:
    found = re.fullmatch(_REFERENCE, text)
    return (found[1] or found[2]) if found else None
