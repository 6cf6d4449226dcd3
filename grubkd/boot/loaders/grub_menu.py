"""The menu of a grub.cfg: its entries with their loader commands, and its variables, in file order.

Nothing is executed: conditions are not evaluated, functions are not called.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from itertools import count, pairwise
from typing import TYPE_CHECKING, NamedTuple

from grubkd.boot.document import Include
from grubkd.boot.loaders.grub_commands import (
    FIRST,
    INITRDS,
    LINUX,
    MODULES,
    Assigned,
    Commands,
    LoaderCommand,
    MenuEntry,
)
from grubkd.boot.loaders.grub_script import unquoted
from grubkd.errors import Notice, NotUnderstood, place_at
from grubkd.parsing.grammar import Child, Node, Token, parse

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from grubkd.boot.document import Level
    from grubkd.errors import Place

# How deep blocks may nest: more than any menu needs, and few enough for a recursive walk.
DEPTH = 100

_LOADERS = FIRST | MODULES | INITRDS
_LOAD_ANOTHER_FILE = frozenset({"configfile", "normal", "source", ".", "extract_entries_source"})
_SET_THEIR_ARGUMENTS = frozenset({"read", "load_env", "search.file", "search.fs_label", "search.fs_uuid"})

_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SET_OPTION = re.compile(r"(?:--set|-s|-v)(?:=(?:[0-9]+:)?(?P<name>\w+))?")
_SECTION_MARK = re.compile(r"^### (BEGIN|END) (\S+) ###[ \t\r]*$", re.MULTILINE)
_LOADS_LINUX = r"\b(?:linux(?:16|efi)?|multiboot2?)\b"
_ENV_FILE = r"(?:-f|--file)=?"
_ID_OPTIONS = frozenset({"--id", "$menuentry_id_option", "${menuentry_id_option}"})
_OPTIONS_WITH_VALUE = frozenset({"--class", "--users", "--hotkey", "--source"})


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
    variable. `includes`: other scripts that it loads; `environments`: the files of `load_env`.
    """

    def __init__(self, file: str, text: str) -> None:
        self.entries: list[MenuEntry] = []
        self.settings: dict[str, str] = {}
        self.defined: set[str] = set()
        self.commands = Commands()
        self.includes: list[Include] = []
        self.environments: list[str] = []
        self.warnings: list[Notice] = []
        # Where the sections of the generator's scripts begin (with the script) and end (with ""), in file order.
        marks = _SECTION_MARK.finditer(text)
        self._sections = [(mark.start(), mark[2] if mark[1] == "BEGIN" else "") for mark in marks]
        self._file, self._text = file, text
        self._loose = MenuEntry(0, "", None, ((0, "", None),), None)
        self._walk(parse("grub2", text, file=file).children, _Context(count()))
        if not self.entries and self._loose.loaders:
            # Without a menu GRUB runs the commands of the top level.
            self._loose.start = self._loose.loaders[0].start
            self.entries.append(self._loose)
            self.warnings = [each for each in self.warnings if each.code != "linux-outside-entry"]

    def place(self, offset: int) -> Place:
        """The place of a byte of the file."""
        return place_at(self._file, self._text, offset)

    def _walk(self, children: Iterable[Child], context: _Context) -> None:
        """Read the statements among the children of a node."""
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
            name = self.commands.name(words[0]) if words else ""
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
        name = self.commands.name(words[0]) if words else ""
        if name == "eval" and any(re.search(_LOADS_LINUX, word.text) for word in words):
            name = "linux"
        if context.entry or context.function:
            functions = self.commands.functions
            running = context.entry.commands if context.entry else functions.setdefault(context.function, set())
            running.add(name)
        if name.startswith(("search", "loopback")) and not context.function:
            self.commands.find_device(words, context.entry)
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
                self.environments += [
                    re.sub(_ENV_FILE, "", one) or other for one, other in files if re.match(_ENV_FILE, one)
                ]
        elif name in ("set", "!") or "=" in name or any("--set" in word.text for word in words):
            self._define(words, name, context)

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
                    self.commands.device_of(path, entry),
                )
            )

    def _item(self, words: Sequence[Token], name: str, inside: _Context) -> _Context:
        """Add a menuentry or submenu. Returns the context of its body."""
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
        entry, place = context.entry or self._loose, self.place
        if context.deferred and not context.entry:
            return
        if not context.entry and name in FIRST:
            message = f"{name} outside every menuentry: it is neither shown nor edited"
            hint = "put it into a menuentry"
            self.warnings.append(Notice("linux-outside-entry", message, hint, place(words[0].start)))
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
        """Note the variables that a command sets: `set a=b`, `a=b`, `search --set=a`."""
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
        assigned = self.commands.assigned.setdefault(name, [])
        assigned.append(Assigned(word, text, context.entry, context.always))
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
