"""The ordinary titles of a long GRUB legacy menu, each read by one expression instead of the grammar.

What it takes for ordinary is a part of what the grammar reads, and means the same there; all else is left to it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

# Each repetition ends where the next begins to fit, so that what does not fit in the end is seen in linear time.
# No backslash, carriage return or NUL anywhere: a statement is a line, and its words stand as they are.
_OTHER = (
    r"(?:[ \t]*+(?:boot|lock|makeactive|quiet|rootnoverify|root|savedefault|uuid)"
    r"(?:[ \t]++[^ \t\r\n\0\\=][^\r\n\0\\]*+)?\n)*"
)
_TITLE = re.compile(
    r"title[ \t]++(?P<title>[^ \t\r\n\0\\=][^\r\n\0\\]*+)\n"
    rf"{_OTHER}"
    r"[ \t]*+(?P<kernel>kernel)[ \t]++(?P<path>[^ \t\r\n\0\\=-][^ \t\r\n\0\\]*+)(?P<arguments>[^\r\n\0\\]*+)\n"
    rf"{_OTHER}"
    r"(?:[ \t]*+initrd[ \t]++(?P<initrd>[^ \t\r\n\0\\=][^ \t\r\n\0\\]*+)[ \t]*+\n"
    rf"{_OTHER})?"
    r"(?:[ \t]*+\n)*(?=title[ \t]|\Z)"
)
# Behind a line that no backslash continues.
_NEXT = re.compile(r"(?<=[^\\\r]\n)title[ \t]")


def parts(text: str) -> Iterator[re.Match[str] | tuple[int, int]]:
    """The menu from its begin to its end: ordinary titles, and the spans of what is for the grammar to read.

    A title's groups: `title` and `arguments` (blanks at their ends), `kernel`, `path`, `initrd` (or None). Behind it
    the menu ends, or the next title follows.
    """
    at, end = 0, len(text)
    while at < end:
        title = _TITLE.match(text, at)
        if title:
            yield title
            at = title.end()
            continue
        start = at
        while at < end and not title:
            following = _NEXT.search(text, at + 1)
            at = following.start() if following else end
            title = _TITLE.match(text, at)
        yield start, at
