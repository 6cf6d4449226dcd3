"""GRUB legacy (0.97): grub.conf and menu.lst, read as its stage2 does, with the options of Debian's update-grub.

Facts of GRUB 0.97 (stage2.c, cmdline.c, builtins.c): a tab is a blank; a backslash before a newline makes one blank of
both; `default` counts before the first title only; a title without a command behind it is no entry of the menu; a
statement is cut at 1500 bytes. The words behind a kernel's path go to the kernel as they stand: there is no quoting.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from grubkd.boot import updategrub
from grubkd.boot.kernelpath import is_initrd
from grubkd.boot.loaders.format import Format
from grubkd.boot.model import Document, Image, Slot, Stanza, Word
from grubkd.boot.words import held, quote_notice, words
from grubkd.errors import CannotHold, Notice, NotUnderstood, Place, TooLong
from grubkd.parsing.grammar import Node, Token, parse

if TYPE_CHECKING:
    from collections.abc import Iterable

    from grubkd.boot.model import Assignment
    from grubkd.parsing.grammar import Child
    from grubkd.tree.tree import Tree

FILES = ("/boot/grub/grub.conf", "/boot/grub/menu.lst", "/etc/grub.conf")

# stage2.c, NEW_HEAPSIZE: what a line has beyond is dropped.
STATEMENT_MAX = 1500

# Characters from which on a menu is read title by title: to load what does it takes as long as to read a few.
_LONG = 4096

_CONTINUATION = re.compile(r"\\\r*\n")
_BEFORE_ARGUMENT = re.compile(r"(?:[ \t=]|\\\r*\n)*")
_NUMBER = re.compile(r"0x(?P<hexadecimal>[0-9a-f]+)|(?P<decimal>[0-9]+)", re.IGNORECASE)
_CHANGED = re.compile(r"[\t\r\n]|\\\Z")


def find(tree: Tree) -> tuple[str, ...]:
    """The files that the tree has, by their real paths, each once."""
    found = dict.fromkeys(tree.resolve(file) for file in FILES)
    return tuple(file for file in found if file is not None)


def parse_menu(file: str, text: str) -> Document:
    """What the menu says. Raises NotUnderstood, also at a command that GRUB 0.97 does not know and would skip.

    settings: `default`, "saved" or a number, as the statements before the first title leave it.
    """
    return (_by_titles(file, text) if len(text) >= _LONG else None) or _by_grammar(file, text)


def _by_titles(file: str, text: str) -> Document | None:
    """The document, None where the menu is not understood: the grammar tells what is wrong first in the whole text."""
    from grubkd.boot.loaders.legacytitles import parts

    try:
        return _Menu(file, text).read(parts(text))
    except NotUnderstood:
        return None


def _by_grammar(file: str, text: str) -> Document:
    try:
        tree = parse("grub_legacy", text, file=file)
    except NotUnderstood as problem:
        from grubkd.boot.loaders.legacyfault import explained

        raise explained(problem, text) from None
    return _Menu(file, text).read(tree.children)


def quote(slot: Slot, argument: str) -> str:
    """The argument as it stands in a statement, or in an option of update-grub. Raises CannotHold."""
    held(argument)
    if _CHANGED.search(argument):
        raise CannotHold(
            f"{argument!r}: GRUB 0.97 makes a blank of a tab, drops carriage returns, joins lines at a backslash",
            hint="write it with blanks only and without a backslash at its end",
        )
    return updategrub.quote(slot, argument)


def finish(file: str, text: str) -> str:
    """The text, if GRUB reads each of its kernel statements whole. Raises TooLong."""
    if any(len(line) > STATEMENT_MAX for line in text.replace("\\\n", "").replace("\\\r\n", "").split("\n")):
        for notice in parse_menu(file, text).warnings:
            if notice.code == "statement-too-long":
                raise TooLong(notice.message, hint=notice.hint, place=notice.place)
    return text


@dataclass(slots=True)
class _Entry:
    """A title and what has been read behind it so far."""

    title: str
    line: int
    generated: bool
    images: list[Image] = field(default_factory=list)
    initrds: list[str] = field(default_factory=list)
    commands: int = 0


class _Menu:
    """One reading of a menu."""

    def __init__(self, file: str, text: str) -> None:
        self.file = file
        self.text = text
        self.newlines = [found.start() for found in re.finditer("\n", text)]
        self.options = updategrub.Options(file, text)
        self.entry: _Entry | None = None
        self.stanzas: list[Stanza] = []
        self.assignments: list[Assignment] = []
        self.settings: dict[str, str] = {}
        self.warnings: list[Notice] = []

    def read(self, parts: Iterable[Child | re.Match[str] | tuple[int, int]]) -> Document:
        """The document of the menu's statements, of its titles as legacytitles finds them, and of spans of its text."""
        for part in parts:
            if isinstance(part, re.Match):
                self.title(part)
            elif isinstance(part, Node | Token):
                self.statement(part)
            else:
                for child in parse("grub_legacy", self.text, file=self.file, start=part[0], end=part[1]).children:
                    self.statement(child)
        self.close()
        return Document(
            self.file,
            "grub-legacy",
            stanzas=tuple(self.stanzas),
            assignments=tuple(self.assignments),
            settings=self.settings,
            warnings=tuple(self.warnings),
        )

    def statement(self, child: Child) -> None:
        if isinstance(child, Node):
            if child.name == "title":
                self.close()
                self.entry = _Entry(self.argument(child), self.line(_first(child).start), self.options.generated)
            elif self.entry is None:
                self.heading(child)
            else:
                self.command(child, self.entry)
        elif child.kind == "MARK":
            self.options.mark(child.text)
        elif found := self.options.assignment(child, self.line(child.start)):
            self.quotes(found.slot)
            self.assignments.append(found)

    def title(self, found: re.Match[str]) -> None:
        """An ordinary title with all that belongs to it."""
        self.close()
        title, path, arguments, initrd = found.group("title", "path", "arguments", "initrd")
        title, rest = title.rstrip(" \t").replace("\t", " "), arguments.rstrip(" \t")
        kernel, end = found.start("kernel"), found.end("path")
        slot = self.slot("kernel", kernel, end, end + len(rest) if rest else None)
        images = (Image(path, (slot,), self.line(kernel)),)
        self.add(title, self.line(found.start()), images, (initrd,) if initrd else (), self.options.generated)

    def close(self) -> None:
        """End an entry; one without a command is left out, as GRUB does, which counts for `default`."""
        entry, self.entry = self.entry, None
        if entry and entry.commands:
            self.add(entry.title, entry.line, tuple(entry.images), tuple(entry.initrds), entry.generated)

    def add(self, title: str, line: int, images: tuple[Image, ...], initrds: tuple[str, ...], generated: bool) -> None:
        nesting = ((len(self.stanzas), title, None),)
        self.stanzas.append(Stanza(title, line, images, initrds, nesting=nesting, generated=generated))

    def heading(self, node: Node) -> None:
        """A statement before the first title: GRUB runs those of the menu and ignores the others."""
        if node.name == "default":
            value = _default(self.argument(node))
            if value is not None:
                self.settings["default"] = value
        elif node.name != "other":
            command = _first(node)
            self.warn("ignored-statement", f"GRUB ignores `{command.text}` before the first title", command.start)

    def command(self, node: Node, entry: _Entry) -> None:
        """A statement of an entry."""
        entry.commands += 1
        command = _first(node)
        if node.name == "default":
            message = "GRUB reads `default` before the first title only; this entry fails at it"
            self.warn("ignored-statement", message, command.start)
        elif node.name != "other":
            path = next(node.tokens("PATH"), None)
            if path is None:
                raise NotUnderstood(
                    f"`{command.text}` without a file",
                    hint="GRUB stops this entry here; complete the statement or remove it",
                    place=self.place(command.start),
                )
            name = path.text[_before(path) :]
            if node.name == "initrd" or (node.name == "module" and is_initrd(name)):
                entry.initrds.append(name)
            else:
                arguments = next(node.tokens("ARGUMENTS"), None)
                variable = "module" if node.name == "module" else "kernel"
                slot = self.slot(variable, command.start, path.end, arguments.end if arguments else None)
                entry.images.append(Image(name, (slot,), self.line(command.start), module=node.name == "module"))

    def slot(self, variable: str, command: int, path: int, end: int | None) -> Slot:
        """The arguments of a command, behind its path (ends at `path`) up to `end`; None: there are none."""
        if end is None:
            return Slot(self.file, "grub-legacy", variable, path, path, self.line(path), (), before=" ")
        found = self.words(path, end)
        start, end = (found[0].start, found[-1].end) if found else (end, end)
        slot = Slot(self.file, "grub-legacy", variable, start, end, self.line(start), found)
        if '"' in self.text[start:end]:
            self.quotes(slot)
        if end - command > STATEMENT_MAX:
            length = len(_received(self.text[command:end]))
            if length > STATEMENT_MAX:
                self.warn(
                    "statement-too-long",
                    f"the statement has {length} bytes: GRUB 0.97 reads the first {STATEMENT_MAX}",
                    command,
                    hint="shorten it",
                )
        return slot

    def words(self, start: int, end: int) -> tuple[Word, ...]:
        """The words of a span; a backslash with its newline is blank, and within quotes one blank."""
        if "\\" not in self.text[start:end]:
            return words(self.text, start, end, _received)
        # Blanks of the same length keep every offset.
        masked = _CONTINUATION.sub(lambda found: " " * len(found.group()), self.text[start:end])
        return tuple(
            Word(start + word.start, start + word.end, _received(self.text[start + word.start : start + word.end]))
            for word in words(masked, 0, len(masked))
        )

    def argument(self, node: Node) -> str:
        """What GRUB hands to a command."""
        text = next(node.tokens("TEXT"), None)
        return _received(text.text[_before(text) :]) if text else ""

    def quotes(self, slot: Slot) -> None:
        notice = quote_notice(self.file, self.text, slot.start, slot.end)
        if notice:
            self.warnings.append(notice)

    def warn(self, code: str, message: str, offset: int, hint: str = "") -> None:
        self.warnings.append(Notice(code, message, hint, self.place(offset)))

    def line(self, offset: int) -> int:
        return bisect_left(self.newlines, offset) + 1

    def place(self, offset: int) -> Place:
        return Place(self.file, self.line(offset), offset - self.text.rfind("\n", 0, offset))


def _first(node: Node) -> Token:
    child = node.children[0]
    assert isinstance(child, Token)  # noqa: S101 - tells the types apart: the grammar begins each statement with its command
    return child


def _before(token: Token) -> int:
    """The length of the blanks at the start of an argument's token."""
    found = _BEFORE_ARGUMENT.match(token.text)
    return found.end() if found else 0


def _received(raw: str) -> str:
    """A piece of a line as GRUB keeps it."""
    if "\\" in raw:
        raw = _CONTINUATION.sub(" ", raw)
    return raw.replace("\t", " ")


def _default(argument: str) -> str | None:
    """What GRUB takes from a `default` statement: "saved", a number in decimal, or None: the statement fails."""
    if argument == "saved":
        return argument
    found = _NUMBER.match(argument)
    if not found:
        return None
    return str(int(found["hexadecimal"], 16) if found["hexadecimal"] else int(found["decimal"]))


FORMAT = Format(name="grub-legacy", find=find, parse=parse_menu, quote=quote, finish=finish, lens="Kernel_args.legacy")
