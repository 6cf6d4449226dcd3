"""Regular expressions kept compiled: Python itself keeps none in its bytecode files.

Compiling one takes up to a millisecond, and thirty are used where three entries are shown. What Python's compiler makes
of an expression depends on the version of Python alone; for any other version it is compiled from its source.
"""

from __future__ import annotations

import _sre  # type: ignore[import-not-found]
import re
import sys
from struct import pack, unpack

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import AnyStr

    # Its flags, its code as little-endian words of four bytes, how many groups it has, and the names of some.
    Kept = tuple[int, bytes, int, Mapping[str, int]]

PYTHON = f"{sys.implementation.cache_tag} {_sre.MAGIC} {_sre.CODESIZE}"
"""For which Python a code is made."""


def kept(source: str | bytes, flags: int = 0) -> Kept:
    """What Python's compiler makes of an expression."""
    from re import _compiler, _parser  # type: ignore[attr-defined]

    compiled = re.compile(source, flags)
    words = _compiler._code(_parser.parse(source, flags), flags)
    return compiled.flags, pack(f"<{len(words)}I", *words), compiled.groups, dict(compiled.groupindex)


def load(source: AnyStr, found: Kept) -> re.Pattern[AnyStr]:
    """The expression whose code was made for this Python."""
    flags, code, groups, names = found
    numbers: list[str | None] = [None] * (groups + 1)
    for name, number in names.items():
        numbers[number] = name
    words = list(unpack(f"<{len(code) // 4}I", code))
    made: re.Pattern[AnyStr] = _sre.compile(source, flags, words, groups, names, tuple(numbers))
    return made
