"""Plain command lines, read without click, which costs more to import than most verbs take.

Plain is: a verb, then long options by their whole names, each once unless it may be repeated, and arguments, with
nothing wrong in them. Every other line is left to click, so that errors, help and short options have one place.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from grubkd.errors import Usage

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from grubkd.commands.declared import Parameter, Verb

# What of click's settings is understood here; an option with another is not plain.
_UNDERSTOOD = frozenset({"default", "flag_value", "help", "is_flag", "metavar", "multiple", "nargs", "required"})


def read(verb: Verb, words: Sequence[str]) -> dict[str, Any] | None:
    """What the verb's function is to be called with, or None where the words behind the verb are not plain."""
    options = {name: each for each in verb.parameters for name in each.names if name.startswith("--")}
    given: dict[str, list[str]] = {}
    arguments: list[str] = []
    rest = iter(words)
    for word in rest:
        if not word.startswith("-"):
            arguments.append(word)
            continue
        name, equals, text = word.partition("=")
        option = options.get(name)
        if option is None or not _UNDERSTOOD.issuperset(option.settings):
            return None
        if option.settings.get("is_flag"):
            if equals:
                return None
        elif not equals:
            text = next(rest, "-")
            # Its value may be left out, or is missing.
            if "flag_value" in option.settings or text.startswith("-"):
                return None
        given.setdefault(option.variable, []).append(text)
    try:
        values = {each.variable: _value(each, given) for each in verb.parameters if each.is_option}
        return values | _arguments([each for each in verb.parameters if not each.is_option], arguments)
    except (Usage, _NotPlain):
        return None


class _NotPlain(Exception):
    """Something is wrong that click has words for."""


def _value(option: Parameter, given: Mapping[str, Sequence[str]]) -> Any:
    texts = given.get(option.variable, ())
    settings = option.settings
    if settings.get("multiple"):
        return tuple(_read(option, text) for text in texts)
    if len(texts) > 1 or (not texts and settings.get("required")):
        raise _NotPlain
    if settings.get("is_flag"):
        return bool(texts)
    return _read(option, texts[0]) if texts else settings.get("default")


def _read(parameter: Parameter, text: str) -> Any:
    if parameter.choices and text not in parameter.choices:
        raise _NotPlain
    return parameter.read(parameter.names[0], text) if parameter.read else text


def _arguments(wanted: Sequence[Parameter], words: Sequence[str]) -> dict[str, Any]:
    """The arguments: one for each word in order, and the rest for one that takes any number, which stands last."""
    values: dict[str, Any] = {}
    left = list(words)
    for each in wanted:
        if each.settings.get("nargs") == -1:
            values[each.variable] = tuple(left)
            left = []
        elif left:
            values[each.variable] = left.pop(0)
        elif each.settings.get("required", True):
            raise _NotPlain
        else:
            values[each.variable] = None
    if left:
        raise _NotPlain
    return values
