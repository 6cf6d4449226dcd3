"""How files of a tree, of /proc and of /sys are read: text, a number, the words of kdump.conf, shell variables.

A file that is missing or not readable is None, or b"" where only its first bytes are read. The text of a file that this
process may not read counts as absent, and its path is added to the tree's `denied`, unless it is one of /proc or /sys:
there an ordinary user's answer has less detail, and is not wrong.
"""

from __future__ import annotations

import re
from stat import S_ISREG
from typing import TYPE_CHECKING, NamedTuple

from grubkd.errors import GrubkdError, PermissionDenied
from grubkd.text import from_bytes

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Mapping

    from grubkd.tree.root import Root


_ASSIGNMENT = r"""\s*(?:export\s+)?([A-Za-z_]\w*)=(?:"([^"$`\\]*)"|'([^']*)'|([^\s"'$`\\;&|<>()]*))(?:\s+#.*)?\s*"""
# The shell expands a ~ where an unquoted value begins, and behind a colon.
_TILDE = r"[^'\"=]*=(?:[^'\"\s]*:)?~"
# One line as the shell reads it: quotes and continuations join lines.
_LOGICAL_LINE = r"""(?:[^\n'"\\#]+|(?<=[^\s;&|()<>])#|\\[\s\S]|'[^']*'|"[^"\\]*(?:\\[\s\S][^"\\]*)*"|#[^\n]*)*"""
_NAME = r"\s*(?:export\s+)?([A-Za-z_]\w*)="


def text(tree: Root, path: str) -> str | None:
    """The text of a file."""
    try:
        return from_bytes(tree.read(path)) if tree.exists(path) else None
    except PermissionDenied:
        if not path.startswith(("/proc/", "/sys/")):
            tree.denied.add(path)
        return None
    except GrubkdError:
        return None


def integer(tree: Root, path: str) -> int | None:
    """The decimal number in a file of /proc or /sys."""
    content = text(tree, path)
    return int(content) if content is not None and content.strip().isdecimal() else None


def head(tree: Root, path: str, size: int) -> bytes:
    """The first bytes of a file of any size."""
    try:
        return tree.part(path, 0, size)
    except GrubkdError:
        return b""


def plain(tree: Root, directory: str, name: str) -> os.stat_result | None:
    """The metadata of a regular file of a directory; None for anything else, and for a link.

    In a directory where every user may write, a link could lead to another user's file, and opening a pipe could block.
    """
    home, path = tree.resolve(directory), f"{directory.rstrip('/')}/{name}"
    status = tree.stat(path)
    if home is None or status is None or not S_ISREG(status.st_mode):
        return None
    return status if tree.resolve(path) == f"{home.rstrip('/')}/{name}" else None


class Setting(NamedTuple):
    """One setting and its line, from 1."""

    name: str
    value: str
    line: int


def kdump_conf(content: str) -> tuple[Setting, ...]:
    """The settings of a kdump.conf in order, as kdump-utils reads them: a word, blanks, the rest of the line.

    A `#` starts a comment anywhere. Quotes around the whole value are removed.
    """
    found = []
    for number, line in enumerate(content.split("\n"), 1):
        name, _, value = line.partition("#")[0].strip().replace("\t", " ").partition(" ")
        value = value.strip()
        if len(value) > 1 and value[0] == value[-1] == '"':
            value = value[1:-1]
        if name:
            found.append(Setting(name, value, number))
    return tuple(found)


def variables(content: str) -> Mapping[str, Setting]:
    """The last value that a file of plain shell assignments gives each variable.

    A variable whose last value only a shell can compute (`$`, `~`, a command) is left out.
    """
    found: dict[str, Setting] = {}
    for number, line in _logical_lines(content):
        match = re.fullmatch(_ASSIGNMENT, line)
        if match and not re.match(_TILDE, line):
            value = next((each for each in match.groups()[1:] if each is not None), "")
            found[match[1]] = Setting(match[1], value, number)
            continue
        named = re.match(_NAME, line)
        if named:
            found.pop(named[1], None)
    return found


def _logical_lines(content: str) -> Iterator[tuple[int, str]]:
    """The lines as the shell reads them, each with its number; up to a quote that is not closed."""
    at, number = 0, 1
    while at < len(content):
        found = re.compile(_LOGICAL_LINE).match(content, at)
        end = found.end() if found else at
        if content[end : end + 1] not in ("\n", ""):
            yield number, content[at:]
            return
        yield number, content[at:end]
        number += content.count("\n", at, end + 1)
        at = end + 1


_FILES = ("/etc/sysconfig/kdump", "/etc/default/kdump-tools")
_CPUS = re.compile(r"^[^#\n]*\b(?:nr_cpus|maxcpus)=(\d{1,4})\b", re.MULTILINE)


def capture_cpus(tree: Root) -> int:
    """The number of CPUs that the capture kernel starts, by the arguments that the service adds; 0 if unknown."""
    for path in _FILES:
        found = _CPUS.findall(text(tree, path) or "")
        if found:
            return int(found[-1])
    return 0
