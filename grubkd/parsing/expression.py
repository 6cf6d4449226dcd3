"""Regular expressions kept compiled: Python itself keeps none in its bytecode files.

Compiling the expressions of a script's grammar takes longer than the interpreter's whole start. What Python's compiler
makes of one depends on the version of Python alone; for any other version the expression is compiled from its source.
"""

from __future__ import annotations

import _sre  # type: ignore[import-not-found]
import re
import sys
from struct import pack, unpack

TYPE_CHECKING = False
if TYPE_CHECKING:
    from grubkd.parsing.tables import Pattern

PYTHON = f"{sys.implementation.cache_tag} {_sre.MAGIC} {_sre.CODESIZE}"
"""For which Python a code is made."""

# Where the text must end.
NOTHING = "(?!)"


def code(source: str) -> bytes:
    """What Python's compiler makes of an expression, as little-endian words of four bytes."""
    from re import _compiler, _parser  # type: ignore[attr-defined]

    words = _compiler._code(_parser.parse(source), 0)
    return pack(f"<{len(words)}I", *words)


def expression(pattern: Pattern, python: str) -> re.Pattern[str]:
    """The regular expression of a pattern whose code was made for `python`."""
    if python != PYTHON:
        return re.compile(pattern.source)
    groups = {terminal: number for number, terminal in enumerate(pattern.terminals, 1)}
    words = list(unpack(f"<{len(pattern.code) // 4}I", pattern.code))
    made: re.Pattern[str] = _sre.compile(
        pattern.source, re.UNICODE.value, words, len(groups), groups, (None, *pattern.terminals)
    )
    return made
