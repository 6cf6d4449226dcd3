"""The loader commands of a grub.cfg, and what their names and paths depend on: variables, functions, devices."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import product
from math import prod
from typing import TYPE_CHECKING, NamedTuple

from grubkd.boot.loaders.grub_device import device_of, searched
from grubkd.boot.loaders.grub_script import VARIABLE, unquoted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from grubkd.boot.document import Level
    from grubkd.parsing.grammar import Token

LINUX = frozenset({"linux", "linux16", "linuxefi"})
FIRST = LINUX | {"multiboot", "multiboot2", "xen_hypervisor"}
MODULES = frozenset({"module", "module2", "xen_module"})
INITRDS = frozenset({"initrd", "initrd16", "initrdefi"})
_MOST_NAMES = 64


class Assigned(NamedTuple):
    """A value that a command gives to a variable. `word`: `name=value`. `entry`: the menuentry around it.

    `always`: no condition, loop or function is around it.
    """

    word: Token
    value: str
    entry: MenuEntry | None
    always: bool


class LoaderCommand(NamedTuple):
    """A command that loads a file: its name, its offset, the word of the file, and the words behind that."""

    name: str
    start: int
    path: Token
    arguments: Sequence[Token]


@dataclass(slots=True)
class MenuEntry:
    """A menuentry and what it loads. `nesting`, `section`: see model.Stanza.

    `devices`: the devices that its variables and loopbacks name. `commands`: the commands that it runs.
    """

    start: int
    title: str
    id: str | None
    nesting: tuple[Level, ...]
    section: str | None
    loaders: list[LoaderCommand] = field(default_factory=list)
    initrds: list[str] = field(default_factory=list)
    devices: dict[str, str] = field(default_factory=dict)
    commands: set[str] = field(default_factory=set)


class Commands:
    """What the commands of a file do, as far as it was read.

    `assigned`: the values of each variable; `functions`: the commands in each function.
    """

    def __init__(self) -> None:
        self.assigned: dict[str, list[Assigned]] = {}
        self.functions: dict[str, set[str]] = {}
        self._devices: dict[str, str] = {}

    def name(self, word: Token) -> str:
        """The name of a command. If its variables make it a loader command with all their values, that name.

        `linux${efi}`: with the values that the file has so far, and with none.
        """
        name = unquoted(word.text)
        if "$" not in name:
            return name
        pieces = VARIABLE.split(name)
        values = [{each} for each in pieces]
        values[1::2] = [{*self.values(each.strip("{}")), ""} for each in pieces[1::2]]
        if prod(map(len, values)) > _MOST_NAMES:
            return name
        made = {"".join(each) for each in product(*values)} - {""}
        return next((min(made) for kind in (FIRST, MODULES, INITRDS) if made and made <= kind), name)

    def values(self, variable: str) -> list[str]:
        """The values that the file gives to a variable so far, with the variables in them as written."""
        return [each.value for each in self.assigned.get(variable, ())]

    def path(self, word: Token) -> str:
        """The path that a word is, with the variables expanded that have one value."""
        pieces = VARIABLE.split(unquoted(word.text))
        for at in range(1, len(pieces), 2):
            values = self.values(pieces[at].strip("{}"))
            pieces[at] = values[0] if len(values) == 1 and "$" not in values[0] else f"${pieces[at]}"
        return "".join(pieces)

    def loads_in_a_function(self, entry: MenuEntry) -> bool:
        """Whether an entry without a loader command of its own calls a function with one, or makes one with eval."""
        pending, seen = set(entry.commands), set[str]()
        while pending:
            name = pending.pop()
            seen.add(name)
            pending |= self.functions.get(name, set()) - seen
        return not entry.loaders and bool(seen & FIRST)

    def find_device(self, words: Sequence[Token], entry: MenuEntry | None) -> None:
        """Note what a `search` or `loopback` does, in an entry or at the top level."""
        devices = entry.devices if entry else self._devices
        if words[0].text == "loopback":
            named = [word.text for word in words[1:] if not word.text.startswith("-")]
            devices.update({unquoted(each): "loopback" for each in named[:1]})
        elif found := searched(words):
            devices[found[0]] = found[1]

    def device_of(self, path: str, entry: MenuEntry | None) -> str:
        """The device of a path, as grub_device does, in an entry or at the top level."""
        return device_of(path, {**self._devices, **(entry.devices if entry else {})})
