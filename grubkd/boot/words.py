"""The words of a slot in a format that hands its bytes to the kernel unquoted: GRUB legacy, BLS, kernel/cmdline.

The kernel's own quoting splits them, with one exception. People paste `crashkernel=64M@16M"` from a page whose line
ends in a stray quote; for the kernel that quote makes one argument of the rest of the line. Such a token is a word of
its own here, so that it can be shown with a warning and replaced, quote and all.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from functools import lru_cache
from typing import TYPE_CHECKING

from grubkd.boot import cmdline
from grubkd.boot.model import Word
from grubkd.errors import CannotHold, Notice, place_at

if TYPE_CHECKING:
    from collections.abc import Callable

_STRAY = re.compile(rf'(?<![^{cmdline.BLANKS}])crashkernel=[^{cmdline.BLANKS}"]*"(?![^{cmdline.BLANKS}])')
_REFERENCE = re.compile(r"\$(?:([A-Za-z_][A-Za-z0-9_]*)|\{([A-Za-z_][A-Za-z0-9_]*)\})")


def verbatim(raw: str) -> str:
    """The decoding of a format that has none."""
    return raw


class LineNumbers:
    """The lines of a text, counted once: a menu asks for hundreds of them."""

    def __init__(self, text: str) -> None:
        self._newlines = [found.start() for found in re.finditer("\n", text)]

    def of(self, offset: int) -> int:
        """The number, from 1, of the line that a byte is in."""
        return bisect_left(self._newlines, offset) + 1


def words(text: str, start: int, end: int, decode: Callable[[str], str] = verbatim) -> tuple[Word, ...]:
    """The words of text[start:end], with their spans in `text`; `decode` tells what the kernel receives of one."""
    # tuple.__new__ makes a NamedTuple in a third of the time that the tuple's own constructor takes.
    make = tuple.__new__
    return tuple([make(Word, (start + a, start + b, made, None)) for a, b, made in _cut(text[start:end], decode)])


@lru_cache(maxsize=1024)
def _cut(part: str, decode: Callable[[str], str]) -> tuple[tuple[int, int, str], ...]:
    """The words of a text: start, end, what the kernel receives. Most entries of a menu hold the same text."""
    stray = _stray(part)
    if stray is None:
        spans = [(found.start, found.end) for found in cmdline.split(part)]
    else:
        spans = [(found.start, found.end) for found in cmdline.split(part[: stray.start()])]
        spans.append(stray.span())
        spans += [(stray.end() + a.start, stray.end() + a.end) for a in cmdline.split(part[stray.end() :])]
    return tuple((a, b, decode(part[a:b])) for a, b in spans)


def with_references(found: tuple[Word, ...]) -> tuple[Word, ...]:
    """The words, those that are one whole `$name` or `${name}` with the name as their reference."""
    if not [word for word in found if word.text[:1] == "$"]:
        return found
    return tuple(word._replace(reference=_reference(word.text)) if word.text[:1] == "$" else word for word in found)


def quote_notice(file: str, text: str, start: int, end: int) -> Notice | None:
    """The warning about a double quote in text[start:end] that is never closed, at its column; None without one."""
    part = text[start:end]
    if part.count('"') % 2 == 0:
        return None
    stray = _stray(part)
    if stray is not None:
        return Notice(
            "stray-quote",
            f"a quote without its partner at the end of {stray.group()}: the kernel reads the rest of the line as one "
            "argument with it",
            "set the value anew: grubkd replaces the argument with its quote",
            place_at(file, text, start + stray.end() - 1),
        )
    return Notice(
        "unbalanced-quote",
        "a double quote that is never closed: the kernel reads the rest of the line as one argument",
        "close the quote or remove it",
        place_at(file, text, start + cmdline.unbalanced(part)),
    )


def held(argument: str) -> str:
    """The argument, if it stands as one word in such a format. Raises CannotHold with the reason."""
    if not argument or "\0" in argument or cmdline.tokens(argument) != [argument] or argument.count('"') % 2:
        raise CannotHold(
            f"{argument!r} is not one kernel argument",
            hint="enclose a value with blanks in double quotes, and close each quote",
        )
    return argument


def _stray(part: str) -> re.Match[str] | None:
    """The first stray token where its quote is what leaves the quotes of the line unbalanced."""
    if part.count('"') % 2 == 0:
        return None
    for found in _STRAY.finditer(part):
        if part.count('"', 0, found.start()) % 2 == 0:
            return found
    return None


def _reference(text: str) -> str | None:
    found = _REFERENCE.fullmatch(text)
    return (found[1] or found[2]) if found else None
