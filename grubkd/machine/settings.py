"""Settings of the kdump services, in their two forms: the words of kdump.conf, and variables of a shell."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from grubkd.errors import GrubkdError
from grubkd.text import from_bytes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from grubkd.tree.tree import Tree

_ASSIGNMENT = re.compile(
    r"""\s*(?:export\s+)?([A-Za-z_]\w*)=(?:"([^"$`\\]*)"|'([^']*)'|([^\s"'$`\\#;&|<>()]*))\s*(?:#.*)?"""
)
_NAME = re.compile(r"\s*(?:export\s+)?([A-Za-z_]\w*)=")


class Setting(NamedTuple):
    """One setting and the line, from 1, that it stands in."""

    name: str
    value: str
    line: int


def kdump_conf(text: str) -> tuple[Setting, ...]:
    """The settings of a kdump.conf in order, as kdump-utils reads them: a word, blanks, the rest of the line.

    A `#` begins a comment anywhere; quotes around the whole value are taken off.
    """
    found = []
    for number, line in enumerate(text.split("\n"), 1):
        name, _, value = line.partition("#")[0].strip().replace("\t", " ").partition(" ")
        value = value.strip()
        if len(value) > 1 and value[0] == value[-1] == '"':
            value = value[1:-1]
        if name:
            found.append(Setting(name, value, number))
    return tuple(found)


def variables(text: str) -> Mapping[str, Setting]:
    """What a file of plain shell assignments leaves in each variable.

    A value that only a shell can tell (`$`, a command) is left out, together with what stood there before.
    """
    found: dict[str, Setting] = {}
    for number, line in enumerate(text.split("\n"), 1):
        match = _ASSIGNMENT.fullmatch(line)
        if match:
            value = next((each for each in match.groups()[1:] if each is not None), "")
            found[match[1]] = Setting(match[1], value, number)
            continue
        named = _NAME.match(line)
        if named:
            found.pop(named[1], None)
    return found


def text_of(tree: Tree, path: str) -> str | None:
    """The text of a settings file; None where there is none, or it may not be read."""
    try:
        return from_bytes(tree.read(path)) if tree.exists(path) else None
    except GrubkdError:
        return None
