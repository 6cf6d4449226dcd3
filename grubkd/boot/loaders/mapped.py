"""A decoded text that knows where in the file each of its characters came from."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from grubkd.boot.model import Word


@dataclass(slots=True)
class Mapped:
    """Decoded characters and, for each, the span of file bytes that gives it."""

    text: str = ""
    starts: list[int] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)

    def add(self, text: str, start: int, end: int) -> None:
        """Append characters that stand for the file's start:end, one byte each where the lengths agree."""
        self.text += text
        if len(text) == end - start:
            self.starts.extend(range(start, end))
            self.ends.extend(range(start + 1, end + 1))
        else:
            self.starts.extend([start] * len(text))
            self.ends.extend([end] * len(text))

    def span(self, start: int, end: int) -> tuple[int, int]:
        """The file's span of text[start:end], which must not be empty."""
        return self.starts[start], self.ends[end - 1]

    def placed(self, word: Word) -> Word:
        """The word, found in `text`, with its span in the file."""
        start, end = self.span(word.start, word.end)
        return word._replace(start=start, end=end)
