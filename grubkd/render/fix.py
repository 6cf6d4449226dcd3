"""The fix of a warning, an error or a finding: as text, and as commands that act on the tree of this run.

Advice does not know the root: it says `grubkd set --auto`. This module adds the options that name the tree and the
machine of this run to commands of grubkd, and puts chroot(8) before other commands.
"""

from __future__ import annotations

import re
from shlex import join
from typing import TYPE_CHECKING

from grubkd.render.tables import solid
from grubkd.text import to_line

if TYPE_CHECKING:
    from grubkd.advice.finding import Finding
    from grubkd.errors import GrubkdError, Notice

    Command = tuple[str, ...]

_MACHINE = ("--root", "--ram", "--arch")
TAKES = {
    "show": (*_MACHINE, "--this-machine", "--grub-cfg"),
    "plan": (*_MACHINE, "--this-machine"),
    "set": (*_MACHINE, "--this-machine", "--grub-cfg"),
    "unset": ("--root", "--grub-cfg"),
    "predict": _MACHINE,
    "enable": (*_MACHINE, "--this-machine"),
    "check": _MACHINE,
    "dumps": ("--root",),
    "keep": ("--root",),
    "history": ("--root",),
    "rollback": ("--root",),
}
"""Verb -> the options about the tree and the machine that it takes and passes on."""
_MENTIONED = re.compile(rf"\bgrubkd ({'|'.join(TAKES)})\b(?! --root)")

_given: dict[str, str] = {}


def forget() -> None:
    """Forget the options: what follows is about the running system."""
    _given.clear()


def given(option: str, value: str = "") -> None:
    """An option of this run about the tree or the machine; "" for a flag. Text has one character for each byte."""
    _given[option] = value


def command(words: Command) -> Command:
    """The command, for the tree and the machine of this run."""
    if words[0] != "grubkd":
        return ("chroot", _given["--root"], *words) if "--root" in _given else words
    if len(words) < 2 or words[1] not in TAKES or "--root" in words:
        return words
    return (*words[:2], *_options(words[1], words), *words[2:])


def _options(verb: str, words: Command = ()) -> list[str]:
    """The options of this run that a verb takes and that the command does not have yet."""
    have = {word.partition("=")[0] for word in words}
    named = ((name, _given[name]) for name in TAKES[verb] if name in _given and name not in have)
    return [word for name, value in named for word in ((name, value) if value else (name,))]


def of(found: Finding | Notice | GrubkdError) -> tuple[str, tuple[Command, ...]]:
    """The fix as text, "" if there is none, and its commands; the text has the commands as they can be pasted."""
    said = getattr(found, "fix", "") or getattr(found, "hint", "")
    commands = tuple(map(command, found.commands))
    for plain, mine in zip(found.commands, commands, strict=True):
        said = said.replace(join(plain), join(mine))
    return _MENTIONED.sub(lambda verb: join(("grubkd", verb[1], *_options(verb[1]))), said), commands


def shown(found: Finding | Notice | GrubkdError) -> str:
    """The fix on one line of a message; no line is broken inside a command, so that it can be pasted."""
    said, commands = of(found)
    line = to_line(said)
    for each in commands:
        plain = to_line(join(each))
        line = line.replace(plain, solid(plain))
    return line
