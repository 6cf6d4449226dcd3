"""The tables of one grammar: what its parser does in each state, and which terminals its lexer looks for there."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from typing import TypeAlias

# Name ("" for a rule whose children become its parent's), number of symbols, and which of these stay: all, or those
# at the positions.
Rule: TypeAlias = tuple[str, int, tuple[int, ...] | None]


class Pattern(NamedTuple):
    """A regular expression with a named group for each terminal, in the order in which they are tried."""

    source: str
    terminals: tuple[str, ...]


class Tables(NamedTuple):
    """An LALR(1) automaton and its contextual lexer.

    `actions`: for each state, terminal -> the next state where it is shifted, or -1 - rule where that rule is reduced.
    `gotos`: for each state, the number of a rule's name -> the next state. `origins`: for each rule, that number.
    `lexers`: for each state, the number of its pattern. `end` is the state that has read the whole text.
    `anything` is the pattern with every terminal.
    """

    start: int
    end: int
    actions: tuple[dict[str, int], ...]
    gotos: tuple[dict[int, int], ...]
    rules: tuple[Rule, ...]
    origins: tuple[int, ...]
    lexers: tuple[int, ...]
    patterns: tuple[Pattern, ...]
    anything: Pattern
    ignored: tuple[str, ...]
