"""Reads a text by one of the grammars in grammars/: returns a tree of nodes and tokens with byte spans.

`parse` is all that a format needs. Below it is the driver, which runs the tables that Lark computed from the grammar
(grubkd/parsing/compile.py). It returns the tree that Lark's own LALR parser with its contextual lexer returns;
tests/boot/test_parsing.py compares the two. Lark itself is not imported at run time: importing it takes longer than
reading an ordinary boot configuration.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from grubkd.errors import NotUnderstood, place_at

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_END = "$END"
_Matcher: TypeAlias = Callable[[str, int, int], re.Match[str] | None]


class Token(NamedTuple):
    """A terminal: its kind as named in the grammar, its text, and its span in the parsed text, in bytes."""

    kind: str
    text: str
    start: int
    end: int


class Node(NamedTuple):
    """A rule: its name and its children in file order."""

    name: str
    children: tuple[Child, ...]

    def nodes(self, name: str | None = None) -> Iterator[Node]:
        """The direct children that are nodes, all or those of this name."""
        return (child for child in self.children if isinstance(child, Node) and name in (None, child.name))

    def tokens(self, kind: str | None = None) -> Iterator[Token]:
        """The direct children that are tokens, all or those of this kind."""
        return (child for child in self.children if isinstance(child, Token) and kind in (None, child.kind))


Child: TypeAlias = Node | Token


class Rule(NamedTuple):
    """What the driver does with the symbols of a rule.

    `name`: the name of the node. `size`: the number of symbols. `kept`: the positions of the symbols that become
    children, None for all. `inlined`: the children become children of the parent (`_rule`). `single`: an only child
    replaces the node (`?rule`). `origin`: the number of the rule's name in `Tables.gotos`.
    """

    name: str
    size: int
    kept: tuple[int, ...] | None
    inlined: bool
    single: bool
    origin: int


class Tables(NamedTuple):
    """An LALR(1) automaton and its contextual lexer.

    `start`, `end`: the first state, and the state after the whole text. `actions`: for each state, terminal -> the
    next state (shift), or -1 - the number of a rule (reduce). `gotos`: for each state, number of a rule's name -> the
    next state. `lexers`: for each state, the number of its set of terminals. `sets`: sets of terminals, each in the
    order in which they are tried. `terminals`: name -> regular expression. `ignored`: the terminals of %ignore.
    """

    start: int
    end: int
    actions: tuple[Mapping[str, int], ...]
    gotos: tuple[Mapping[int, int], ...]
    rules: tuple[Rule, ...]
    lexers: tuple[int, ...]
    sets: tuple[tuple[str, ...], ...]
    terminals: Mapping[str, str]
    ignored: frozenset[str]


class Unexpected(Exception):
    """The text does not follow the grammar at `offset`. `terminal`: a terminal of the grammar matches there."""

    def __init__(self, offset: int, *, terminal: bool = False) -> None:
        super().__init__(offset)
        self.offset = offset
        self.terminal = terminal


class Terminals(dict[str, _Matcher]):
    """Name of a terminal -> what matches it.

    A terminal is compiled when it is first tried, by itself: one pattern for all terminals of a state would match
    faster, but takes longer to compile than an ordinary file takes to read.
    """

    def __init__(self, patterns: Mapping[str, str]) -> None:
        super().__init__()
        self._patterns = patterns

    def __missing__(self, name: str) -> _Matcher:
        self[name] = re.compile(self._patterns[name]).match
        return self[name]


class Driver:
    """An LALR parser: runs the tables of one grammar."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self._terminals = Terminals(tables.terminals)

    def parse(self, text: str, start: int = 0, end: int | None = None) -> Node:
        """Returns the tree of text[start:end]. Raises Unexpected at the first place that is not in the grammar."""
        tables = self._tables
        actions, ignored = tables.actions, tables.ignored
        states, values = [tables.start], list[Child | list[Child]]()
        state, offset, length = tables.start, start, len(text) if end is None else end
        while True:
            kind, stop = _END, length
            if offset < length:
                kind, stop = self._lex(tables.lexers[state], text, offset, length)
                if kind in ignored:
                    offset = stop
                    continue
            action = actions[state].get(kind)
            while action is not None and action < 0:
                state = self._reduce(tables.rules[-1 - action], states, values)
                if state == tables.end and kind is _END:
                    return values[0]  # type: ignore[return-value] # the start rule is not inlined
                action = actions[state].get(kind)
            if action is None:
                raise Unexpected(offset, terminal=True)
            state = action
            states.append(state)
            values.append(Token(kind, text[offset:stop], offset, stop))
            offset = stop

    def _lex(self, number: int, text: str, start: int, end: int) -> tuple[str, int]:
        """The first terminal of a set that matches at `start`, and where it ends."""
        terminals = self._terminals
        for name in self._tables.sets[number]:
            if found := terminals[name](text, start, end):
                return name, found.end()
        raise Unexpected(start, terminal=any(terminals[each](text, start, end) for each in self._tables.terminals))

    def _reduce(self, rule: Rule, states: list[int], values: list[Child | list[Child]]) -> int:
        """Replaces the symbols of a rule by what it makes of them. Returns the next state."""
        children: list[Child] = []
        if rule.size:
            symbols = values[-rule.size :]
            del values[-rule.size :], states[-rule.size :]
            children = _children(symbols if rule.kept is None else [symbols[each] for each in rule.kept])
        if rule.inlined:
            values.append(children)
        elif rule.single and len(children) == 1:
            values.append(children[0])
        else:
            values.append(Node(rule.name, tuple(children)))
        state = self._tables.gotos[states[-1]][rule.origin]
        states.append(state)
        return state


def _children(symbols: Sequence[Child | list[Child]]) -> list[Child]:
    """Flattens the lists of inlined rules. The first list is extended in place: a long list is never copied."""
    children = symbols[0] if symbols and isinstance(symbols[0], list) else list(symbols[:1])
    for symbol in symbols[1:]:
        if isinstance(symbol, list):
            children.extend(symbol)
        else:
            children.append(symbol)
    return children  # type: ignore[return-value] # the first symbol is no list here


@cache
def _driver(name: str) -> Driver:
    """The driver of grammars/<name>.lark, with the tables of the build; a source tree has none and needs Lark."""
    try:
        tables: Tables = import_module(f"grubkd.grammars.{name}_tables").TABLES
    except ModuleNotFoundError:
        from grubkd.parsing import compile

        tables = compile.tables(compile.source(name))
    return Driver(tables)


def parse(name: str, text: str, *, file: str, start: int = 0, end: int | None = None) -> Node:
    """Returns the tree of text[start:end] by grammars/<name>.lark; spans are offsets in `text`.

    Raises NotUnderstood, with file, line and column, at the first character that does not follow the grammar.
    """
    try:
        return _driver(name).parse(text, start, end)
    except Unexpected as problem:
        offset = problem.offset
        if offset == len(text):
            found = "the end of the file"
        elif text.startswith(("\n", "\r\n"), offset):
            found = "the end of the line"
        else:
            found = repr(text[offset : offset + 20].partition("\n")[0] if problem.terminal else text[offset])
        raise NotUnderstood(
            f"not understood: {found}",
            hint="grubkd edits only what it can read; correct the file, or report the statement",
            place=place_at(file, text, offset),
        ) from None
