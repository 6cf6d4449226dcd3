"""From a grammar to its tables: the only user of Lark, which works out the automaton and the order of the terminals."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from grubkd.parsing.tables import Pattern, Tables

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from lark import Lark

    from grubkd.parsing.tables import Rule


def parser(source: str) -> Lark:
    """Lark's own parser for a grammar: LALR, contextual lexer, start rule `start`, string terminals left out."""
    from lark import Lark

    return Lark(source, parser="lalr", lexer="contextual", maybe_placeholders=False, keep_all_tokens=False)


def tables(source: str) -> Tables:
    """The tables of a grammar. Raises ValueError for what the driver cannot do: aliases, `?rule`, `!rule`, keywords."""
    lark = parser(source)
    table = lark.parser.parser._parse_table
    lexers = lark.parser.lexer.lexers
    root = lark.parser.lexer.root_lexer
    for lexer in lexers.values():
        _check(lexer.terminals)
    rules = sorted(lark.rules, key=str)
    numbers = {rule: number for number, rule in enumerate(rules)}
    names = {name: number for number, name in enumerate(sorted({str(rule.origin.name) for rule in rules}))}
    order = _reached(table)
    states = {state: number for number, state in enumerate(order)}
    actions: list[dict[str, int]] = []
    gotos: list[dict[int, int]] = []
    for state in order:
        actions.append({})
        gotos.append({})
        for symbol, (action, argument) in sorted(table.states[state].items()):
            if symbol in names:
                gotos[-1][names[symbol]] = states[argument]
            else:
                actions[-1][str(symbol)] = states[argument] if str(action) == "Shift" else -1 - numbers[argument]
    patterns: dict[Pattern, int] = {}
    return Tables(
        start=states[table.start_states["start"]],
        end=states[table.end_states["start"]],
        actions=tuple(actions),
        gotos=tuple(gotos),
        rules=tuple(map(_rule, rules)),
        origins=tuple(names[str(rule.origin.name)] for rule in rules),
        lexers=tuple(patterns.setdefault(_pattern(lexers[state].terminals), len(patterns)) for state in order),
        patterns=tuple(patterns),
        anything=_pattern(root.terminals),
        ignored=tuple(sorted(map(str, root.ignore_types))),
    )


def _reached(table: Any) -> list[int]:
    """The states in an order that does not depend on Lark's own numbers, which may differ from run to run."""
    found = [table.start_states["start"]]
    for state in found:
        for _, (action, argument) in sorted(table.states[state].items()):
            if str(action) == "Shift" and argument not in found:
                found.append(argument)
    return found


def module(source: str) -> str:
    """A Python module that holds the grammar's tables as TABLES, so that they are compiled to bytecode once."""
    fields = (f"    {name}={value!r},\n" for name, value in zip(Tables._fields, tables(source), strict=True))
    return (
        '"""Made from the grammar of the same name; not to be edited."""\n\n'
        "from grubkd.parsing.tables import Pattern, Tables\n\n"
        f"TABLES = Tables(\n{''.join(fields)})\n"
    )


def _rule(rule: Any) -> Rule:
    if rule.alias or rule.options.expand1 or rule.options.keep_all_tokens:
        raise ValueError(f"{rule}: the driver has no way to do this")
    name = str(rule.origin.name)
    kept = tuple(number for number, each in enumerate(rule.expansion) if not (each.is_term and each.filter_out))
    whole = len(kept) == len(rule.expansion)
    return ("" if name.startswith("_") else name, len(rule.expansion), None if whole else kept)


def _pattern(terminals: Iterable[Any]) -> Pattern:
    terminals = list(terminals)
    source = (
        "|".join(f"(?P<{each.name}>{each.pattern.to_regexp()})" for each in terminals) or "(?!)"
    )  # nothing may follow
    if re.compile(source).groups != len(terminals):
        raise ValueError("the driver tells terminals by their group: no other groups")
    return Pattern(source, tuple(str(each.name) for each in terminals))


def _check(terminals: Iterable[Any]) -> None:
    """Lark lets a string win over an expression that matches it and is tried before; the driver does not."""
    terminals = list(terminals)
    for each in terminals:
        if each.pattern.type == "str":
            for other in terminals:
                if other.pattern.type == "re" and re.fullmatch(other.pattern.to_regexp(), each.pattern.value):
                    raise ValueError(f"{each.name} is an instance of {other.name}")
