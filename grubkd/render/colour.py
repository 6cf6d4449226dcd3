"""Colours: an answer is made with marks, which become the terminal's sequences, or nothing, when it is written.

The marks are lone surrogates below U+DC80. to_display makes only those from U+DC80 on, so no title and no file name
can forge a colour.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

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
