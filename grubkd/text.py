"""Bytes as text, without loss.

Inside grubkd a text is a `str` with one character for each byte (latin-1): offsets are byte offsets, and no byte is
lost, whether or not it is valid UTF-8. People type and read the form of the operating system: UTF-8, with a lone
surrogate U+DC80..U+DCFF for each byte that is not UTF-8 ("surrogateescape").
"""

from __future__ import annotations

import os
import re

# What ends a line, or turns the direction of one, wherever it is shown.
_BREAKS = "\x0b-\r\x1c-\x1e\x85\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069"
# What a terminal obeys: control characters but tab and newline, also as bytes that are not UTF-8.
_OBEYED = f"[{_BREAKS}\x00-\x08\x0e-\x1f\x7f-\x9f\udc80-\udc9f]"
# The surrogates that are no bytes could be taken for marks of colours.
_NOT_ON_A_LINE = re.compile(f"[{_BREAKS}\n\ud800-\udc7f]")


def from_bytes(data: bytes) -> str:
    """The text of a file's bytes: one character a byte."""
    return data.decode("latin-1")


def to_bytes(text: str) -> bytes:
    """The bytes of a text made by from_bytes or from_user."""
    return text.encode("latin-1")


def from_user(text: str) -> str:
    """Text from argv, or the name of a file, as one character a byte. Python decoded it by the locale."""
    return os.fsencode(text).decode("latin-1")


def to_user(text: str) -> str:
    """Text in the form of argv and of file names: what from_user takes back."""
    return os.fsdecode(to_bytes(text))


def from_json(text: str) -> str:
    """Text from JSON, as one character a byte. Raises UnicodeEncodeError for half of a surrogate pair."""
    return text.encode("utf-8", "surrogateescape").decode("latin-1")


def to_display(text: str) -> str:
    """Text for a terminal or JSON; a byte that is not UTF-8 becomes a lone surrogate.

    Text that was never bytes stays as it is: from a JSON file that somebody wrote, for instance.
    """
    if text.isascii():
        return text
    try:
        return text.encode("latin-1").decode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return text


def in_quotes(text: str) -> str:
    """The text between quotes, for a message: letters of any language as they are, with escapes for what is none."""
    return repr(to_display(text)).encode("utf-8", "surrogateescape").decode("latin-1")


def to_line(text: str) -> str:
    """Text for one line of a table or a message, with escapes for what would end the line, or reorder or colour it."""
    return _NOT_ON_A_LINE.sub(_escape, to_display(text))


def escaped(shown: str) -> str:
    """Display text with escapes for what a terminal obeys, but for tabs and newlines."""
    return re.sub(_OBEYED, _escape, shown)


def _escape(found: re.Match[str]) -> str:
    number = ord(found[0])
    if 0xDC80 <= number <= 0xDCFF:  # a byte that is not UTF-8
        number -= 0xDC00
    return f"\\x{number:02x}" if number < 0x100 else f"\\u{number:04x}"
