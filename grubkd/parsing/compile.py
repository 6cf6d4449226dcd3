"""Compiles a grammar to the tables of the driver. The only module that uses Lark.

Lark's public API saves a whole parser, which only Lark can run. The tables are therefore taken from the parse table
and the lexers that Lark keeps inside a parser (`_parse_table`, `lexers`): the same in Lark 1.1.5 and 1.3. This runs
when the package is built, before the tests, and in a source tree.
"""

from __future__ import annotations

import re
from importlib import resources
from typing import TYPE_CHECKING

from grubkd.parsing.grammar import Rule, Tables

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path
    from typing import Any

    from lark import Lark


def source(name: str) -> str:
    """Returns the text of grammars/<name>.lark."""
    return resources.files("grubkd.grammars").joinpath(f"{name}.lark").read_text("utf-8")


def parser(source: str) -> Lark:
    """Returns Lark's own parser for a grammar: LALR, contextual lexer, start rule `start`.

    A grammar may import terminals from the others: `%import grub_words.WORD`.
    """
    from lark import Lark

    paths = [str(resources.files("grubkd.grammars"))]
    return Lark(source, parser="lalr", lexer="contextual", maybe_placeholders=False, import_paths=paths)


def tables(source: str) -> Tables:
    """Returns the tables of a grammar.

    Raises ValueError where a string terminal is an instance of a pattern: Lark prefers the string, the driver does not.
    """
    lark = parser(source)
    table: Any = lark.parser.parser._parse_table
    lexers: Any = lark.parser.lexer
    start, end = table.start_states["start"], table.end_states["start"]
    rules = sorted(lark.rules, key=str)
    numbers = {rule: number for number, rule in enumerate(rules)}
    names = {name: number for number, name in enumerate(sorted({str(rule.origin.name) for rule in rules}))}
    order = _reached(table.states, start)
    states = {state: number for number, state in enumerate(order)}
    sets: dict[tuple[str, ...], int] = {}
    actions: list[dict[str, int]] = []
    gotos: list[dict[int, int]] = []
    for state in order:
        _check_strings(lexers.lexers[state].terminals)
        actions.append({})
        gotos.append({})
        for symbol, (action, argument) in sorted(table.states[state].items()):
            if symbol in names:
                gotos[-1][names[symbol]] = states[argument]
            else:
                actions[-1][str(symbol)] = states[argument] if str(action) == "Shift" else -1 - numbers[argument]
    return Tables(
        start=states[start],
        end=states[end],
        actions=tuple(actions),
        gotos=tuple(gotos),
        rules=tuple(_rule(rule, names) for rule in rules),
        lexers=tuple(sets.setdefault(_names(lexers.lexers[state].terminals), len(sets)) for state in order),
        sets=tuple(sets),
        terminals={str(each.name): each.pattern.to_regexp() for each in lexers.root_lexer.terminals},
        ignored=frozenset(map(str, lexers.root_lexer.ignore_types)),
    )


def module(source: str) -> str:
    """Returns the source of a Python module that holds the tables of a grammar as TABLES."""
    made = tables(source)
    fields = {name: repr(value) for name, value in zip(Tables._fields, made, strict=True)}
    fields["rules"] = f"tuple(map(Rule._make, {[tuple(rule) for rule in made.rules]!r}))"
    fields["ignored"] = f"frozenset({sorted(made.ignored)!r})"
    return (
        '"""Made from the grammar of the same name. Do not edit."""\n\n'
        "from grubkd.parsing.grammar import Rule, Tables\n\n"
        f"TABLES = Tables(\n{''.join(f'    {name}={value},{chr(10)}' for name, value in fields.items())})\n"
    )


def write(directory: Path) -> list[Path]:
    """Writes NAME_tables.py for each grammar into a directory. Returns the files. Raises as `tables`, and OSError."""
    made = []
    for grammar in sorted(resources.files("grubkd.grammars").iterdir(), key=lambda each: each.name):
        if grammar.name.endswith(".lark"):
            made.append(directory / f"{grammar.name.removesuffix('.lark')}_tables.py")
            made[-1].write_text(module(grammar.read_text("utf-8")), "utf-8")
    return made


def _reached(states: Any, start: int) -> Sequence[int]:
    """The states in an order that does not depend on Lark's numbers, which may differ from run to run."""
    found = [start]
    for state in found:
        for _, (action, argument) in sorted(states[state].items()):
            if str(action) == "Shift" and argument not in found:
                found.append(argument)
    return found


def _rule(rule: Any, names: dict[str, int]) -> Rule:
    origin, options = str(rule.origin.name), rule.options
    kept = tuple(
        number
        for number, symbol in enumerate(rule.expansion)
        if options.keep_all_tokens or not (symbol.is_term and symbol.filter_out)
    )
    return Rule(
        name=str(rule.alias or origin),
        size=len(rule.expansion),
        kept=None if len(kept) == len(rule.expansion) else kept,
        inlined=origin.startswith("_"),
        single=options.expand1 and not rule.alias,
        origin=names[origin],
    )


def _names(terminals: Iterable[Any]) -> tuple[str, ...]:
    return tuple(str(each.name) for each in terminals)


def _check_strings(terminals: Iterable[Any]) -> None:
    terminals = list(terminals)
    for string in [each for each in terminals if each.pattern.type == "str"]:
        for other in terminals:
            if other.pattern.type == "re" and re.fullmatch(other.pattern.to_regexp(), string.pattern.value):
                raise ValueError(f"{string.name} is an instance of {other.name}")
