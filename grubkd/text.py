"""Bytes as text, without loss.

Inside grubkd a text is a `str` with one character for each byte (latin-1): offsets are byte offsets, and no byte is
lost, whether or not it is valid UTF-8. People type and read the form of the operating system: UTF-8, with a lone
surrogate U+DC80..U+DCFF for each byte that is not UTF-8 ("surrogateescape").
"""

from __future__ import annotations


def from_bytes(data: bytes) -> str:
    """The text of a file's bytes: one character a byte."""
    return data.decode("latin-1")


def to_bytes(text: str) -> bytes:
    """The bytes of a text made by from_bytes or from_user."""
    return text.encode("latin-1")


def from_user(text: str) -> str:
    """Text from argv, an option or JSON, as one character a byte."""
    return text.encode("utf-8", "surrogateescape").decode("latin-1")


def to_display(text: str) -> str:
    """Text for a terminal or JSON; a byte that is not UTF-8 becomes a lone surrogate."""
    if text.isascii():
        return text
    return text.encode("latin-1").decode("utf-8", "surrogateescape")
