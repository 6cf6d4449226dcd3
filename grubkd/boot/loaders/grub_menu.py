"""The menu of a grub.cfg: its entries with their loader commands, and its variables, in file order.

Nothing is executed: conditions are not evaluated, functions are not called.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass, field
from itertools import count, pairwise, product
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from grubkd.boot.loaders.grub_device import device_of, searched
from grubkd.boot.loaders.grub_script import VARIABLE, unquoted
from grubkd.boot.model import Include
from grubkd.errors import Notice, NotUnderstood, place_at
from grubkd.parsing.grammar import Child, Node, Token, parse

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from grubkd.errors import Place

# How deep blocks may nest: more than any menu needs, and few enough for a recursive walk.
DEPTH = 100

LINUX = frozenset({"linux", "linux16", "linuxefi"})
FIRST = LINUX | {"multiboot", "multiboot2", "xen_hypervisor"}
MODULES = frozenset({"module", "module2", "xen_module"})
INITRDS = frozenset({"initrd", "initrd16", "initrdefi"})
_LOADERS = FIRST | MODULES | INITRDS
_LOAD_ANOTHER_FILE = frozenset({"configfile", "normal", "source", ".", "extract_entries_source"})
_SET_THEIR_ARGUMENTS = frozenset({"read", "load_env", "search.file", "search.fs_label", "search.fs_uuid"})

_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SET_OPTION = re.compile(r"(?:--set|-s|-v)(?:=(?:[0-9]+:)?(?P<name>\w+))?")
_SECTION_MARK = re.compile(r"^### (BEGIN|END) (\S+) ###[ \t\r]*$", re.MULTILINE)
_LOADS_LINUX = re.compile(r"\b(?:linux(?:16|efi)?|multiboot2?)\b")
_ENV_FILE = re.compile(r"(?:-f|--file)=?")
_ID_OPTIONS = frozenset({"--id", "$menuentry_id_option", "${menuentry_id_option}"})
_OPTIONS_WITH_VALUE = frozenset({"--class", "--users", "--hotkey", "--source"})

# Position in its menu from 0, title, id.
Level: TypeAlias = tuple[int, str, str | None]


class Assigned(NamedTuple):
    """A value that a command gives to a variable. `word`: `name=value`. `entry`: the menuentry around it.

    `always`: no condition, loop or function is around it.
    """

    word: Token
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

    `devices`: the devices that variables and loopbacks name when it is booted; `searched`: it looks for one itself.
    `commands`: the commands that it runs.
    """

    start: int
    title: str
    id: str | None
    nesting: tuple[Level, ...]
    section: str | None
    loaders: list[LoaderCommand] = field(default_factory=list)
    initrds: list[str] = field(default_factory=list)
    devices: dict[str, str] = field(default_factory=dict)
    searched: bool = False
    commands: set[str] = field(default_factory=set)


class _Context(NamedTuple):
    """The blocks around a statement.

    `conditional`: the statement may not run. `always`: no condition, loop or function is around it. `deferred`: it does
    not run when GRUB reads the file. `entry`, `function`: the menuentry and the function around it. `submenus`: the
    submenus around it. `positions`: numbers the items of the innermost menu.
    """

    positions: Iterator[int]
    depth: int = 0
    conditional: bool = False
    always: bool = True
    deferred: bool = False
    entry: MenuEntry | None = None
    function: str = ""
    submenus: tuple[Level, ...] = ()


class Menu:
    """The contents of a grub.cfg. Raises NotUnderstood where blocks nest deeper than DEPTH.

    `settings`: the variables with their values when no condition is true; a variable that only conditional commands
    set has the first value. `defined`: every variable that any command may set. `assigned`: the values of each
    variable. `includes`: other scripts that it loads; `environments`: the files of `load_env`. `has_sections`:
    grub-mkconfig wrote the file.
    """

    def __init__(self, file: str, text: str) -> None:
        self.entries: list[MenuEntry] = []
        self.settings: dict[str, str] = {}
        self.defined: set[str] = set()
        self.assigned: dict[str, list[Assigned]] = {}
        self.includes: list[Include] = []
        self.environments: list[str] = []
        self.warnings: list[Notice] = []
        # Where the sections of the generator's scripts begin (with the script) and end (with ""), in file order.
        marks = _SECTION_MARK.finditer(text)
        self._sections = [(mark.start(), mark[2] if mark[1] == "BEGIN" else "") for mark in marks]
        self.has_sections = bool(self._sections)
        self._file, self._text = file, text
        self._devices: dict[str, str] = {}
        self._functions: dict[str, set[str]] = {}
        self._walk(parse("grub2", text, file=file).children, _Context(count()))

    def place(self, offset: int) -> Place:
        """Returns the place of a byte of the file."""
        return place_at(self._file, self._text, offset)

    def _walk(self, children: Iterable[Child], context: _Context) -> None:
        """Reads the statements among the children of a node."""
        for child in children:
            if isinstance(child, Token):
                continue
            name = child.name
            if name == "command":
                self._command(self._words(child.children), context)
            elif name in ("then", "elif"):
                self._walk(child.children, context._replace(conditional=True))
            elif name == "else":
                self._walk(child.children, context)
            else:
                self._compound(child, context)

    def _compound(self, node: Node, context: _Context) -> None:
        if context.depth == DEPTH:
            raise NotUnderstood(
                f"blocks nested more than {DEPTH} deep",
                hint="write the menu with fewer levels",
                place=self.place(_start(node)),
            )
        name, children = node
        inside = context._replace(depth=context.depth + 1)
        if name in ("menuentry", "submenu", "block"):
            words = self._words(children)
            name = self._command_name(words[0]) if words else ""
            if name in ("menuentry", "submenu"):
                inside = self._item(words, name, inside)
            elif words:
                self._command(words, context)
            children, inside = next(node.nodes("body")).children, inside._replace(deferred=True)
        elif name == "function":
            function = next(node.tokens("IDENTIFIER")).text
            inside = inside._replace(deferred=True, conditional=True, always=False, function=function)
        elif name == "if_statement":
            inside = inside._replace(always=False)
        elif name in ("while_loop", "for_loop"):
            inside = inside._replace(conditional=True, always=False)
            if name == "for_loop":
                variable, *_ = self._words(children)
                self.defined.add(variable.text)
        self._walk(children, inside)

    def _words(self, children: Iterable[Child]) -> list[Token]:
        """The words among the children of a command.

        GRUB drops every line that begins with # when it reads a file, before it looks at quotes (normal/main.c).
        """
        words = [child for child in children if isinstance(child, Token)]
        at = self._text.find("\n#", words[0].start, words[-1].end) if words else -1
        if at >= 0:
            raise NotUnderstood(
                "a line that begins with # inside a statement: GRUB ignores it",
                hint="remove the line",
                place=self.place(at + 1),
            )
        return words

    def _command(self, words: Sequence[Token], context: _Context) -> None:
        name = self._command_name(words[0]) if words else ""
        if name == "eval" and any(_LOADS_LINUX.search(word.text) for word in words):
            name = "linux"
        if context.entry or context.function:
            running = context.entry.commands if context.entry else self._functions.setdefault(context.function, set())
            running.add(name)
        if name.startswith(("search", "loopback")):
            self._find_device(words, name, context)
        if name in _LOADERS and words[0].text != "eval":
            self._loader(words, name, context)
        elif name in _LOAD_ANOTHER_FILE:
            self._load_file(words, context)
        elif name == "blscfg":
            self.settings["blscfg"] = "1"
        elif name in _SET_THEIR_ARGUMENTS:
            self.defined.update(word.text for word in words[1:] if _IDENTIFIER.fullmatch(word.text))
            if name == "load_env":
                options = [unquoted(word.text) for word in words[1:]]
                files = pairwise((*options, ""))
                self.environments += [_ENV_FILE.sub("", one) or other for one, other in files if _ENV_FILE.match(one)]
        elif name in ("set", "!") or "=" in name or any("--set" in word.text for word in words):
            self._define(words, name, context)

    def _command_name(self, word: Token) -> str:
        """The name of a command; variables that always make it the name of a loader command give that command.

        `linux${efi}`: with the values that the file has so far, and with none.
        """
        name = unquoted(word.text)
        if "$" not in name:
            return name
        pieces = VARIABLE.split(name)
        values = [[each] for each in pieces]
        values[1::2] = [[*self.values(each.strip("{}")), ""] for each in pieces[1::2]]
        made = {"".join(each) for each in product(*values)} - {""} if len(values) < 8 else {name}
        return next((min(made) for kind in (FIRST, MODULES, INITRDS) if made and made <= kind), name)

    def values(self, variable: str) -> list[str]:
        """Returns the values that the file gives to a variable so far, with the variables in them as written."""
        return [unquoted(each.word.text).partition("=")[2] for each in self.assigned.get(variable, ())]

    def loads_in_a_function(self, entry: MenuEntry) -> bool:
        """Whether an entry without a loader command of its own calls a function with one, or makes one with eval."""
        pending, seen = set(entry.commands), set[str]()
        while pending:
            name = pending.pop()
            seen.add(name)
            pending |= self._functions.get(name, set()) - seen
        return not entry.loaders and bool(seen & FIRST)

    def _find_device(self, words: Sequence[Token], name: str, context: _Context) -> None:
        devices = context.entry.devices if context.entry else self._devices
        if name == "loopback":
            named = [word.text for word in words[1:] if not word.text.startswith("-")]
            devices.update({unquoted(each): "loopback" for each in named[:1]})
        elif (found := searched(words)) and not context.function:
            devices[found[0]] = found[1]
            if context.entry:
                context.entry.searched = True

    def device_of(self, path: str, entry: MenuEntry | None) -> str:
        """Returns the device of a path, as grub_device does, in an entry or at the top level."""
        return device_of(path, {**self._devices, **(entry.devices if entry else {})})

    def _load_file(self, words: Sequence[Token], context: _Context) -> None:
        if len(words) > 1 and not context.function:
            path, entry = unquoted(words[1].text), context.entry
            self.includes.append(
                Include(
                    path,
                    self.place(words[0].start).line,
                    len(self.entries),
                    context.submenus,
                    entry is not None or unquoted(words[0].text) in ("configfile", "normal"),
                    not context.always,
                    self.device_of(path, entry),
                )
            )

    def _item(self, words: Sequence[Token], name: str, inside: _Context) -> _Context:
        """Adds a menuentry or submenu. Returns the context of its body."""
        title, identity = _title_and_id(words[1:])
        level = (next(inside.positions), title, identity)
        if name == "submenu":
            return inside._replace(positions=count(), submenus=(*inside.submenus, level))
        start = words[0].start
        entry = MenuEntry(start, title, identity, (*inside.submenus, level), self._section(start))
        self.entries.append(entry)
        return inside._replace(entry=entry)

    def _section(self, offset: int) -> str | None:
        index = bisect_right(self._sections, (offset, "\U0010ffff")) - 1
        return self._sections[index][1] or None if index >= 0 else None

    def _loader(self, words: Sequence[Token], name: str, context: _Context) -> None:
        entry, place = context.entry, self.place
        if entry is None:
            if name in FIRST and not context.deferred:
                message = f"{name} outside every menuentry: it is neither shown nor edited"
                hint = "put it into a menuentry"
                self.warnings.append(Notice("linux-outside-entry", message, hint, place(words[0].start)))
            return
        first, *arguments = words
        if name in INITRDS:
            entry.initrds += [unquoted(word.text) for word in arguments if not word.text.startswith("--")]
            return
        # Options before the path, such as --quirk-bad-kludge and --nounzip.
        while name not in LINUX and arguments and arguments[0].text.startswith("-"):
            del arguments[0]
        if not arguments:
            message = f"{name} without a file loads nothing"
            self.warnings.append(Notice("nothing-loaded", message, "name the kernel", place(first.start)))
            return
        entry.loaders.append(LoaderCommand(name, first.start, arguments[0], arguments[1:]))

    def _define(self, words: Sequence[Token], name: str, context: _Context) -> None:
        """Notes the variables that a command sets: `set a=b`, `a=b`, `search --set=a`."""
        if name == "!":
            words = words[1:]
            name = unquoted(words[0].text) if words else ""
        option = False
        for word in words[1:]:
            found = _SET_OPTION.fullmatch(word.text)
            named = found["name"] if found else word.text.rpartition(":")[2] if option else None
            self.defined.update([named] if named else [])
            option = found is not None and not found["name"]
        target = words[1] if name == "set" and len(words) > 1 else words[0] if "=" in name else None
        if target is not None:
            self._assign(target, context)

    def _assign(self, word: Token, context: _Context) -> None:
        name, equals, text = unquoted(word.text).partition("=")
        if not equals or not _IDENTIFIER.fullmatch(name):
            return
        self.defined.add(name)
        self.assigned.setdefault(name, []).append(Assigned(word, context.entry, context.always))
        if context.entry and name == "root":
            context.entry.devices[name] = text
        if not context.deferred and (not context.conditional or name not in self.settings):
            self.settings[name] = text


def _title_and_id(words: Iterable[Token]) -> tuple[str, str | None]:
    """The title and the id among the arguments of a menuentry; options may be before and behind the title."""
    title, identity = None, None
    pending = iter([word.text for word in words])
    for raw in pending:
        if raw in _OPTIONS_WITH_VALUE:
            next(pending, None)
        elif raw in _ID_OPTIONS:
            following = next(pending, None)
            identity = unquoted(following) if following else None
        elif raw.startswith("--id="):
            identity = unquoted(raw)[5:]
        elif not raw.startswith("--") and title is None:
            title = unquoted(raw)
    return title or "", identity


def _start(node: Node) -> int:
    """The offset of the first token in a node."""
    first: Child = node
    while isinstance(first, Node):
        first = first.children[0]
    return first.start
