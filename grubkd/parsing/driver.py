"""The driver: a text through the tables of a grammar to its tree, as Lark's own LALR parser would read it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from grubkd.parsing.tree import Node, Token

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from grubkd.parsing.tables import Tables
    from grubkd.parsing.tree import Child

# tuple.__new__ makes a NamedTuple in a third of the time that the tuple's own constructor takes.
_make = tuple.__new__
_END = "$END"
# No rule has this number.
_STRAY = -(1 << 30)


class Stray(Exception):
    """The text has something at `offset` that the grammar has no place for there; or it ends too early.

    `terminal`: the grammar knows it elsewhere.
    """

    def __init__(self, offset: int, *, terminal: bool = False) -> None:
        super().__init__(offset)
        self.offset = offset
        self.terminal = terminal


class Driver:
    """A parser that runs the tables of one grammar. Its regular expressions are made when first needed."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self._matchers: list[Callable[[str, int, int], re.Match[str] | None] | None] = [None] * len(tables.patterns)

    def parse(self, text: str, start: int = 0, end: int | None = None) -> Node:
        """The tree of text[start:end]. Raises Stray at the first place that the grammar has no way to go on from."""
        tables, matchers = self._tables, self._matchers
        actions, gotos, rules, origins = tables.actions, tables.gotos, tables.rules, tables.origins
        lexers, ignored = tables.lexers, tables.ignored
        states = [tables.start]
        values: list[Child | list[Child]] = []
        state = tables.start
        offset, length = start, len(text) if end is None else end
        while True:
            if offset < length:
                match = matchers[lexers[state]] or self._matcher(lexers[state])
                found = match(text, offset, length)
                if found is None:
                    anything = re.compile(tables.anything.source)
                    raise Stray(offset, terminal=anything.match(text, offset, length) is not None)
                kind: str = found.lastgroup  # type: ignore[assignment]
                end = found.end()
                if kind in ignored:
                    offset = end
                    continue
            else:
                kind, end = _END, length
            while (action := actions[state].get(kind, _STRAY)) < 0:
                if action == _STRAY:
                    raise Stray(offset, terminal=True)
                name, size, kept = rules[-1 - action]
                children = _children(values, size, kept)
                if size:
                    del values[-size:], states[-size:]
                state = gotos[states[-1]][origins[-1 - action]]
                states.append(state)
                if not name:
                    values.append(children)
                    continue
                node: Node = _make(Node, (name, tuple(children)))
                if state == tables.end and kind is _END:
                    return node
                values.append(node)
            states.append(action)
            state = action
            values.append(_make(Token, (kind, text[offset:end], offset, end)))
            offset = end

    def _matcher(self, number: int) -> Callable[[str, int, int], re.Match[str] | None]:
        made = self._matchers[number] = re.compile(self._tables.patterns[number].source).match
        return made


def _children(values: Sequence[Child | list[Child]], size: int, kept: tuple[int, ...] | None) -> list[Child]:
    """What a rule's symbols give its node: those that are lists are inlined."""
    if not size:
        return []
    found: list[Child] | None = None
    symbols = values[-size:]
    for value in symbols if kept is None else [symbols[each] for each in kept]:
        if type(value) is not list:
            if found is None:
                found = []
            found.append(value)  # type: ignore[arg-type]
        elif found is None:
            found = value  # its only owner: what a list grows from is not copied
        else:
            found += value
    return [] if found is None else found
