"""Colour for people: words are marked where an answer is made, and coloured or not where it is written.

The marks are lone surrogates below U+DC80. No text made from bytes holds one (to_display makes only those from
U+DC80 on), so no title and no file name can forge a colour, and an answer with its marks taken out is byte for byte
what it would be without them.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

GOOD, DOUBT, BAD, HEAD, PLACE, KERNEL = map(chr, range(0xD801, 0xD807))
_END = "\ud800"
# Bold, and four of the eight colours that every terminal has; none that vanishes on a light or on a dark ground.
_SEQUENCES = {GOOD: "32", DOUBT: "33", BAD: "31", HEAD: "1", PLACE: "36", KERNEL: "34"}
_COLOURED = {ord(mark): f"\x1b[{number}m" for mark, number in _SEQUENCES.items()} | {ord(_END): "\x1b[0m"}
_PLAIN = dict.fromkeys(_COLOURED)
# What a terminal would obey, one of UTF-8 or one of single bytes; tabs and line ends are none of those.
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\udc80-\udc9f]")


def mark(text: str, colour: str) -> str:
    """The text, to be written in that colour where colours are wanted; an empty text stays empty."""
    return f"{colour}{text}{_END}" if text else text


def plain(text: str) -> str:
    """The text without marks."""
    return text.translate(_PLAIN) if _END in text else text


def coloured(text: str) -> str:
    """The text with the terminal's sequences in place of marks."""
    return text.translate(_COLOURED)


def shown(text: str) -> str:
    """The text with its control characters spelled out: a terminal would obey them."""
    return _CONTROLS.sub(lambda found: f"\\x{ord(found[0]) & 0xFF:02x}", text)


def wanted(choice: str, environment: Mapping[str, str], *, terminal: bool) -> bool:
    """Whether a stream gets colours: by --color, else by NO_COLOR and TERM, and on a terminal only.

    NO_COLOR as https://no-color.org has it: set to anything but the empty string. CLICOLOR_FORCE is not looked at:
    what goes into a pipe may be a diff for patch(1), which somebody's environment must not spoil.
    """
    if choice != "auto":
        return choice == "always"
    return terminal and not environment.get("NO_COLOR") and environment.get("TERM", "dumb") != "dumb"
