"""The command line as bash hands it to a completion function, and what bash wants back.

bash splits the line at COMP_WORDBREAKS too (`--root=/x` is three words), leaves quotes and backslashes in the words,
and replaces only what stands behind the last such character, or behind the opening quote.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_PLAIN = re.compile(r"[^\w./:=@%+,^~-]")


@dataclass(frozen=True, slots=True)
class Bash:
    """A line: `words` without quotes, the last as far as the cursor; of that, what bash keeps, and the open quote."""

    words: list[str]
    kept: str
    quote: str

    def insertions(self, candidates: Sequence[tuple[str, str]]) -> list[str]:
        """What to put into COMPREPLY for (word, note); a word of no text is a tab and the note, as it came.

        bash shows no notes. A number or a transaction says nothing by itself: where there are several to choose from,
        their notes stand in the list, which differs early enough for none to be inserted.
        """
        if candidates and not candidates[0][0]:
            return [f"\t{candidates[0][1]}"]
        several = len(candidates) > 1
        width = max((len(text) for text, _ in candidates if text[:1].isdigit()), default=0)
        return [
            f"{text:{width}}  ({note})"
            if several and note and text[:1].isdigit() and not self.kept
            else _quoted(text[len(self.kept) :], self.quote)
            for text, note in candidates
        ]


def read(arguments: Sequence[str]) -> Bash:
    """Read COMP_WORDBREAKS and the words up to the cursor, the last cut off there."""
    breaks, *words = arguments or [""]
    glue = set(breaks) & set("=:@")
    joined: list[str] = []
    glued = False
    for word in words or [""]:
        delimiter = bool(word) and set(word) <= glue
        if joined and (delimiter or glued):
            joined[-1] += word
        else:
            joined.append(word)
        glued = delimiter
    start, quote = _replaced(joined[-1], glue)
    return Bash([_unquoted(word) for word in joined], _unquoted(joined[-1][:start]), quote)


def _replaced(word: str, breaks: set[str]) -> tuple[int, str]:
    """Where the part that bash replaces begins, and the quote that is open there."""
    start, quote, position = 0, "", 0
    while position < len(word):
        character = word[position]
        if character == "\\" and quote != "'":
            position += 1
        elif character in ("'", '"') and quote in ("", character):
            quote = "" if quote else character
            start = position + 1
        elif not quote and character in breaks:
            start = position + 1
        position += 1
    return min(start, len(word)), quote


def _unquoted(word: str) -> str:
    """The word without its quotes and backslashes; a quote may be left open."""
    found, quote, position = "", "", 0
    while position < len(word):
        character = word[position]
        if character == "\\" and quote != "'":
            position += 1
            following = word[position : position + 1]
            found += following if not quote or following in '"\\$`' else f"\\{following}"
        elif character in ("'", '"') and quote in ("", character):
            quote = "" if quote else character
        else:
            found += character
        position += 1
    return found


def _quoted(text: str, quote: str) -> str:
    """The text as it may stand on the line, inside that quote if one is open."""
    if quote == "'":
        return text.replace("'", "'\\''")
    if quote == '"':
        return re.sub(r'(["\\$`])', r"\\\1", text)
    return _PLAIN.sub(lambda found: f"\\{found[0]}", text)
