"""Reading by a grammar: a grammar by name, a text in, a tree with byte spans out; errors with line and column.

Formats see Node and Token only, so that the parser behind them can change.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from grubkd.errors import NotUnderstood, place_at
from grubkd.parsing.driver import Driver, Stray
from grubkd.parsing.tree import Child, Node, Token

if TYPE_CHECKING:
    from grubkd.parsing.tables import Tables

__all__ = ["Child", "Node", "Token", "parse"]


@cache
def _driver(name: str) -> Driver:
    return Driver(_tables(name))


def _tables(name: str) -> Tables:
    """The tables that the build made beside the grammar; in a source tree there are none, and Lark makes them now."""
    from importlib import import_module

    try:
        made: Tables = import_module(f"grubkd.grammars.{name}_tables").TABLES
    except ModuleNotFoundError:
        from importlib import resources

        from grubkd.parsing import compile

        return compile.tables(resources.files("grubkd.grammars").joinpath(f"{name}.lark").read_text("utf-8"))
    return made


def parse(name: str, text: str, *, file: str, start: int = 0, end: int | None = None) -> Node:
    """The tree of text[start:end] under grammars/<name>.lark (LALR, contextual lexer), start rule `start`.

    Raises NotUnderstood at the first character the grammar has no place for.
    """
    try:
        return _driver(name).parse(text, start, end)
    except Stray as problem:
        offset = problem.offset
        if offset == len(text):
            found = "the end of the file"
        elif text.startswith(("\n", "\r\n"), offset):
            found = "the end of the line"
        elif not problem.terminal:
            found = repr(text[offset])
        else:
            found = repr(text[offset : offset + 20].partition("\n")[0])
        raise NotUnderstood(
            f"not understood: {found}",
            hint="grubkd edits only what it can read; correct the file, or report the statement",
            place=place_at(file, text, offset),
        ) from None
