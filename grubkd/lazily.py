"""Regular expressions that are compiled when they are first used: a run uses a third of grubkd's.

To type checkers `expression` is re.compile.
"""

from __future__ import annotations

import re

TYPE_CHECKING = False  # known to type checkers by its name

if TYPE_CHECKING:
    from re import compile as expression
else:

    class expression:  # noqa: N801 - stands for a function
        """As re.compile; every attribute is the compiled expression's own."""

        def __init__(self, pattern, flags=0):
            self._source = pattern, flags

        def __getattr__(self, name):
            compiled = re.compile(*self._source)
            # The usual methods at once: from now on they are found without this detour.
            self.__dict__.update(
                match=compiled.match, fullmatch=compiled.fullmatch, search=compiled.search, finditer=compiled.finditer
            )
            self.__dict__.update(findall=compiled.findall, sub=compiled.sub, split=compiled.split)
            return getattr(compiled, name)


__all__ = ["expression"]
