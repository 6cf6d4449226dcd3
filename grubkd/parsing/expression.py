"""The regular expression of a parser's terminals, kept compiled."""

from __future__ import annotations

import re

from grubkd.kept import PYTHON, load

TYPE_CHECKING = False
if TYPE_CHECKING:
    from grubkd.parsing.tables import Pattern

# Where the text must end.
NOTHING = "(?!)"


def expression(pattern: Pattern, python: str) -> re.Pattern[str]:
    """The regular expression of a pattern whose code was made for `python`."""
    if python != PYTHON:
        return re.compile(pattern.source)
    groups = {terminal: number for number, terminal in enumerate(pattern.terminals, 1)}
    return load(pattern.source, (re.UNICODE.value, pattern.code, len(groups), groups))
