"""Regular expressions that are compiled when they are first used: a run uses a third of grubkd's.

Not even then where the package's build did it: see grubkd.kept. To type checkers `expression` is re.compile.
"""

import re
from functools import cache

TYPE_CHECKING = False  # known to type checkers by its name

if TYPE_CHECKING:
    from re import compile as expression

    sources: set[tuple[str | bytes, int]]
else:
    # Every expression of the modules imported so far: its source and its flags.
    sources = set()

    class expression:  # noqa: N801 - stands for a function
        """As re.compile; every attribute is the compiled expression's own."""

        def __init__(self, pattern, flags=0):
            self._source = pattern, int(flags)
            sources.add(self._source)

        def __getattr__(self, name):
            compiled = _compiled(*self._source)
            # The usual methods at once: from now on they are found without this detour.
            self.__dict__.update(
                match=compiled.match, fullmatch=compiled.fullmatch, search=compiled.search, finditer=compiled.finditer
            )
            self.__dict__.update(findall=compiled.findall, sub=compiled.sub, split=compiled.split)
            return getattr(compiled, name)

    @cache
    def _built():
        """Those that the package's build compiled for this Python."""
        try:
            from grubkd import expression_tables as built
        except ImportError:  # not built
            return {}
        from grubkd.kept import PYTHON

        return built.EXPRESSIONS if built.PYTHON == PYTHON else {}

    def _compiled(source, flags):
        found = _built().get((source, flags))
        if found is None:
            return re.compile(source, flags)
        from grubkd.kept import load

        return load(source, found)


__all__ = ["expression", "sources"]
