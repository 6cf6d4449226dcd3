r"""The value of a shell assignment, undone: its characters, where each came from, and between which quotes.

Only what needs no execution is decoded: quotes, backslashes, line continuations, and the variable's own earlier value
(`$VAR`, `${VAR}`, `${VAR:+$VAR }`), which becomes one character that no file can hold.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import Enum

from grubkd.boot.loaders.mapped import Mapped
from grubkd.errors import NotUnderstood, place_at

# No text read from a file holds a character above U+00FF: each of its characters is one byte.
ITSELF = "\ue000"


class Quotes(Enum):
    """Between which quotes a character stands."""

    NONE = ""
    SINGLE = "'"
    DOUBLE = '"'


_BARE = re.compile(r"""(?P<nothing>\\\r*\n)|\\(?P<escaped>[\s\S])|(?P<quote>['"])|(?P<plain>[^'"\\$`]++)""")
_DOUBLE = re.compile(
    r"""(?P<nothing>\\\r*\n|\r+(?=\n))|\\(?P<escaped>[$`"\\])|(?P<quote>")|(?P<plain>[^"\\$`\r]++|\\)"""
)
_SINGLE = re.compile(r"""(?P<nothing>\r+(?=\n))|(?P<quote>')|(?P<plain>[^'\r]++)""")
_PIECES = {Quotes.NONE: _BARE, Quotes.DOUBLE: _DOUBLE, Quotes.SINGLE: _SINGLE}
_LITERAL = "write the arguments themselves into the value"
_LONE_DOLLAR = re.compile(r"\$(?![A-Za-z0-9_?#*@!$({'-]|\\\r*\n)")


@dataclass(slots=True)
class Value:
    """What text[start:end] of a file gives its variable: characters with their places, and the quotes around each."""

    file: str
    text: str
    start: int
    end: int
    variable: str
    mapped: Mapped = field(default_factory=Mapped)
    quotes: list[Quotes] = field(default_factory=list)

    def add(self, text: str, start: int, end: int, quotes: Quotes) -> None:
        """Append decoded characters of the file's start:end."""
        self.mapped.add(text, start, end)
        self.quotes.extend([quotes] * len(text))

    def problem(self, offset: int, message: str, hint: str) -> NotUnderstood:
        """The refusal of what stands at an offset of the file."""
        return NotUnderstood(message, hint=hint, place=place_at(self.file, self.text, offset))


def decode(file: str, text: str, start: int, end: int, variable: str) -> Value:
    """The value at text[start:end] of an assignment to `variable`.

    Raises NotUnderstood, with the place, for a command, for a variable other than itself, and for a `~` that the shell
    would replace.
    """
    own = re.compile(
        rf"\$(?:{variable}(?!\w|\\\r*\n)|\{{{variable}(?P<blank>:?\+\$(?:{variable}|\{{{variable}\}})[ ])?\}})"
    )
    made = Value(file, text, start, end, variable)
    quotes = Quotes.NONE
    at = start
    while at < end:
        if itself := own.match(text, at, end) if quotes is not Quotes.SINGLE else None:
            made.add(ITSELF, at, itself.end(), quotes)
            at = itself.end()
            if itself["blank"]:
                made.add(" ", at, at, quotes)
            continue
        piece = _PIECES[quotes].match(text, at, end)
        if piece is None:
            if not _LONE_DOLLAR.match(text, at, end):
                found = "a command" if text[at] == "`" or text.startswith("$(", at) else "another variable"
                raise made.problem(at, f"the value of {variable} holds {found}: nothing is executed here", _LITERAL)
            made.add("$", at, at + 1, quotes)
            at += 1
            continue
        if piece["quote"]:
            quotes = Quotes(piece["quote"]) if quotes is Quotes.NONE else Quotes.NONE
        elif not piece["nothing"]:
            decoded = piece["plain"] if piece["plain"] is not None else piece["escaped"]
            if quotes is Quotes.NONE and ((decoded[0] == "~" and at == start) or ":~" in decoded):
                raise made.problem(at, "the shell replaces an unquoted ~ by a directory", "put it in quotes")
            made.add(decoded, at, piece.end(), quotes)
        at = piece.end()
    return made
