"""The menu of a grub.cfg: its entries with their loader statements, its variables, in file order.

The grammar has checked the nesting; what is left is to follow it with a stack. Nothing is executed: conditions are not
evaluated, functions not called.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from grubkd.boot.loaders.grubwords import Span, reference, spans, value
from grubkd.errors import Notice, NotUnderstood, place_at
from grubkd.parsing.grammar import Token, parse

if TYPE_CHECKING:
    from collections.abc import Sequence

    from grubkd.errors import Place

DEPTH = 100

LINUX = frozenset({"linux", "linux16", "linuxefi"})
FIRST = LINUX | {"multiboot", "multiboot2", "xen_hypervisor"}
MODULES = frozenset({"module", "module2", "xen_module"})
INITRDS = frozenset({"initrd", "initrd16", "initrdefi"})
_LOADERS = FIRST | MODULES | INITRDS
_ENTERS = frozenset({"configfile", "normal", "source", "."})
_NAMERS = frozenset({"read", "load_env", "search.file", "search.fs_label", "search.fs_uuid"})

_SIMPLE_NAME = re.compile(r"([^ \t\\'\"$]++)(?=[ \t]|\Z)")
_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SET_OPTION = re.compile(r"(?:--set|-s|-v)(?:=(?:[0-9]+:)?(?P<name>\w+))?")
_MARK = re.compile(r"^### (BEGIN|END) (\S+) ###[ \t\r]*$", re.MULTILINE)
_ID_OPTIONS = frozenset({"--id", "$menuentry_id_option", "${menuentry_id_option}"})
_OPTIONS_WITH_VALUE = frozenset({"--class", "--users", "--hotkey", "--source"})


class Statement(NamedTuple):
    """A command that loads a file: its name, where it starts, the file's word, and what stands behind it."""

    name: str
    start: int
    path: Span
    arguments: Span


@dataclass(slots=True)
class MenuEntry:
    """A menuentry and what stands in it."""

    start: int
    title: str
    id: str | None
    nesting: tuple[tuple[int, str, str | None], ...]
    section: str | None
    loaders: list[Statement] = field(default_factory=list)
    initrds: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Frame:
    """An open block. `conditional`: what stands here may not run. `apart`: it does not run when the file is read."""

    conditional: bool = False
    apart: bool = False
    entry: MenuEntry | None = None
    submenu: bool = False


class Menu:
    """What a grub.cfg states. Raises NotUnderstood where blocks nest deeper than DEPTH.

    `settings`: the variables as they stand when no condition holds; one that only conditional statements set has the
    first value. `defined`: every name that something in the file may set. `sets`: the `set kernelopts=` and
    `set tuned_params=` statements, as the span of the word. `enters`: files that the script loads at its top level.
    """

    def __init__(self, file: str, text: str, tokens: Sequence[Token]) -> None:
        self.entries: list[MenuEntry] = []
        self.settings: dict[str, str] = {}
        self.defined: set[str] = set()
        self.sets: list[tuple[str, Span]] = []
        self.enters: list[str] = []
        self._marks = _marks(text)
        self.sections = bool(self._marks)
        self.warnings: list[Notice] = []
        self._file, self._text = file, text
        self._sure: set[str] = set()
        self._values: dict[str, set[str]] = {}
        self._frames: list[Frame] = [Frame()]
        self._levels: list[tuple[int, str, str | None]] = []
        self._counts: list[int] = [0]
        self._read(tokens)

    def place(self, offset: int) -> Place:
        """The place of a byte of the file."""
        return place_at(self._file, self._text, offset)

    def raw(self, span: Span) -> str:
        """The bytes of a word."""
        return self._text[span.start : span.end]

    def _read(self, tokens: Sequence[Token]) -> None:
        for index, token in enumerate(tokens):
            kind = token.kind
            if kind in ("COMMAND", "ARGUMENTS"):
                self._refuse_dropped_line(token)
            if kind == "COMMAND":
                block = index + 1 < len(tokens) and tokens[index + 1].kind == "OPEN"
                self._command(token, block=block)
            elif kind in ("IF", "WHILE", "UNTIL", "FOR", "FUNCTION"):
                if kind == "FOR":
                    self.defined.add(token.text.split()[1])
                self._push(token, Frame(conditional=kind != "IF", apart=kind == "FUNCTION"))
            elif kind in ("THEN", "ELIF"):
                self._frames[-1].conditional = True
            elif kind == "ELSE":
                self._frames[-1].conditional = False
            elif kind in ("CLOSE", "FI", "DONE"):
                self._pop()

    def _push(self, token: Token, frame: Frame) -> None:
        if len(self._frames) > DEPTH:
            raise NotUnderstood(
                f"blocks nested more than {DEPTH} deep",
                hint="write the menu with fewer levels",
                place=self.place(token.start),
            )
        self._frames.append(frame)

    def _pop(self) -> None:
        frame = self._frames.pop()
        if frame.submenu:
            self._levels.pop()
            self._counts.pop()

    def _entry(self) -> MenuEntry | None:
        return next((frame.entry for frame in reversed(self._frames) if frame.entry), None)

    def _apart(self) -> bool:
        return any(frame.apart for frame in self._frames)

    def _command(self, token: Token, *, block: bool) -> None:
        simple = _SIMPLE_NAME.match(token.text)
        name = simple[1] if simple else self._name(token)
        frame = Frame(apart=block)
        if block and name in ("menuentry", "submenu"):
            frame = self._item(token, name)
        elif name in _LOADERS:
            self._loader(token, name)
        elif name in _ENTERS:
            self._enter(token)
        elif name == "blscfg":
            self.settings["blscfg"] = "1"
        elif name == "set" or "=" in name or name == "!" or name in _NAMERS or "--set" in token.text:
            self._define(token, name)
        if block:
            self._push(token, frame)

    def _refuse_dropped_line(self, token: Token) -> None:
        """GRUB drops a line that begins with # while it reads the file, before it knows of quotes (normal/main.c)."""
        at = token.text.find("\n#")
        if at >= 0:
            raise NotUnderstood(
                "a line that begins with # inside a statement: GRUB passes over it",
                hint="take the line away",
                place=self.place(token.start + at + 1),
            )

    def _words(self, token: Token) -> list[Span]:
        return list(spans(self._text, token.start, token.end))

    def _name(self, token: Token) -> str:
        """The command of a word with quotes or variables; a variable that is always a loader's name is that loader."""
        words = self._words(token)
        raw = self.raw(words[0]) if words else ""
        variable = reference(raw)
        values = self._values.get(variable, set()) if variable else set()
        for kind in (FIRST, MODULES, INITRDS):
            if values and values <= kind:
                return min(values)
        return value(raw)

    def _item(self, token: Token, name: str) -> Frame:
        title, identity = self._described(self._words(token)[1:])
        if name == "submenu":
            self._levels.append(self._level(title, identity))
            self._counts.append(0)
            return Frame(apart=True, submenu=True)
        return Frame(apart=True, entry=self._begun(token.start, title, identity))

    def _begun(self, start: int, title: str, identity: str | None) -> MenuEntry:
        """A new entry of the menu that is open."""
        nesting = (*self._levels, self._level(title, identity))
        entry = MenuEntry(start, title, identity, nesting, self._section(start))
        self.entries.append(entry)
        return entry

    def _level(self, title: str, identity: str | None) -> tuple[int, str, str | None]:
        self._counts[-1] += 1
        return self._counts[-1] - 1, title, identity

    def _described(self, words: Sequence[Span]) -> tuple[str, str | None]:
        """The title and id among the words of a menuentry: options may stand on both sides of the title."""
        title, identity = None, None
        pending = iter(words)
        for word in pending:
            raw = self.raw(word)
            if raw in _OPTIONS_WITH_VALUE:
                next(pending, None)
            elif raw in _ID_OPTIONS:
                following = next(pending, None)
                identity = value(self.raw(following)) if following else None
            elif raw.startswith("--id="):
                identity = value(raw)[5:]
            elif not raw.startswith("--") and title is None:
                title = value(raw)
        return title or "", identity

    def _section(self, offset: int) -> str | None:
        index = bisect_right(self._marks, (offset, "\U0010ffff")) - 1
        return self._marks[index][1] or None if index >= 0 else None

    def _loader(self, token: Token, name: str) -> None:
        entry = self._entry()
        if entry is None:
            if name in FIRST and not self._apart():
                message = f"{name} outside every menuentry: it is neither shown nor edited"
                hint = "put it into a menuentry"
                self.warnings.append(Notice("linux-outside-entry", message, hint, self.place(token.start)))
            return
        words = self._words(token)
        if name in INITRDS:
            entry.initrds += [value(self.raw(word)) for word in words[1:] if not self.raw(word).startswith("--")]
            return
        if name not in LINUX:
            # --quirk-bad-kludge and its like, --nounzip, before the path.
            while len(words) > 1 and self.raw(words[1]).startswith("-"):
                del words[1]
        if len(words) < 2:
            message = f"{name} without a file loads nothing"
            self.warnings.append(Notice("nothing-loaded", message, "name the kernel", self.place(token.start)))
            return
        path, rest = words[1], words[2:]
        arguments = Span(rest[0].start, rest[-1].end) if rest else Span(path.end, path.end)
        entry.loaders.append(Statement(name, words[0].start, path, arguments))

    def _enter(self, token: Token) -> None:
        words = self._words(token)
        if len(words) > 1 and not self._apart():
            self.enters.append(value(self.raw(words[1])))

    def _define(self, token: Token, name: str) -> None:
        """Note what a statement sets: `set a=b`, `a=b`, `search --set=a`, `read a`."""
        words = self._words(token)
        if name == "!":
            del words[0]
            name = value(self.raw(words[0])) if words else ""
        if name in _NAMERS:
            self.defined.update(self.raw(word) for word in words[1:] if _IDENTIFIER.fullmatch(self.raw(word)))
        option = False
        for word in words[1:]:
            found = _SET_OPTION.fullmatch(self.raw(word))
            named = found["name"] if found else self.raw(word).rpartition(":")[2] if option else None
            self.defined.update([named] if named else [])
            option = found is not None and not found["name"]
        target = words[1] if name == "set" and len(words) > 1 else words[0] if "=" in name else None
        if target is not None:
            self._assign(target)

    def _assign(self, word: Span) -> None:
        name, equals, text = value(self.raw(word)).partition("=")
        if not equals or not _IDENTIFIER.fullmatch(name):
            return
        self.defined.add(name)
        self._values.setdefault(name, set()).add(text)
        if name in ("kernelopts", "tuned_params"):
            self.sets.append((name, word))
        if self._apart():
            return
        if not any(frame.conditional for frame in self._frames):
            self.settings[name] = text
            self._sure.add(name)
        elif name not in self.settings:
            self.settings[name] = text


def _marks(text: str) -> list[tuple[int, str]]:
    """Where the sections of the generator's scripts begin (with the script) and end (with ""), in order."""
    return [(mark.start(), mark[2] if mark[1] == "BEGIN" else "") for mark in _MARK.finditer(text)]


def tokens(file: str, text: str, start: int = 0, end: int | None = None) -> list[Token]:
    """The tokens of the statements in text[start:end]. Raises NotUnderstood."""
    tree = parse("grub2", text, file=file, start=start, end=end)
    return [token for token in tree.children if isinstance(token, Token)]
