"""The settings of the kdump services: the words of kdump.conf, and shell variables."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from grubkd.machine.ram import text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from grubkd.tree.root import Root


_ASSIGNMENT = re.compile(
    r"""\s*(?:export\s+)?([A-Za-z_]\w*)=(?:"([^"$`\\]*)"|'([^']*)'|([^\s"'$`\\#;&|<>()]*))\s*(?:#.*)?"""
)
_NAME = re.compile(r"\s*(?:export\s+)?([A-Za-z_]\w*)=")


class Setting(NamedTuple):
    """One setting and its line, from 1."""

    name: str
    value: str
    line: int


def kdump_conf(text: str) -> tuple[Setting, ...]:
    """The settings of a kdump.conf in order, as kdump-utils reads them: a word, blanks, the rest of the line.

    A `#` starts a comment anywhere. Quotes around the whole value are removed.
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
    """The last value that a file of plain shell assignments gives each variable.

    A variable whose last value only a shell can compute (`$`, a command) is left out.
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


_FILES = ("/etc/sysconfig/kdump", "/etc/default/kdump-tools")
_CPUS = re.compile(r"^[^#\n]*\b(?:nr_cpus|maxcpus)=(\d{1,4})\b", re.MULTILINE)


def capture_cpus(tree: Root) -> int:
    """The number of CPUs that the capture kernel starts, by the arguments that the service adds; 0 if unknown."""
    for path in _FILES:
        found = _CPUS.findall(text(tree, path) or "")
        if found:
            return int(found[-1])
    return 0
