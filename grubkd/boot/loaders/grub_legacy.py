"""GRUB legacy (0.97): grub.conf and menu.lst, read as its stage2 does, with the options of Debian's update-grub.

Facts of GRUB 0.97 (stage2.c, cmdline.c, builtins.c): a tab is a blank; a backslash before a newline makes one blank of
both; `default` counts before the first title only; a title without a command behind it is no entry of the menu; a
statement is cut at 1500 bytes. The words behind a kernel's path go to the kernel as they are: there is no quoting.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from grubkd.boot import updategrub
from grubkd.boot.document import DefaultSetting, Document, Image, Slot, Stanza, Word
from grubkd.boot.entry import is_initrd, is_linux, is_xen
from grubkd.boot.loaders.format import Format, LoaderMenu, MenuItem, absent_default, holds_value
from grubkd.boot.model import Feeds, Line, NewKernelArgs
from grubkd.boot.words import LineNumbers, held, open_quotes, span, words
from grubkd.errors import CannotHold, Notice, NotUnderstood, TooLong, place_at
from grubkd.parsing.grammar import Node, Token, parse
from grubkd.text import from_bytes, in_quotes

if TYPE_CHECKING:
    from grubkd.boot.document import Assignment
    from grubkd.boot.loaders.format import Sources
    from grubkd.tree.tree import Tree

FILES = ("/boot/grub/grub.conf", "/boot/grub/menu.lst", "/etc/grub.conf")
# `savedefault` keeps the entry's number in this file, followed by newlines and a notice.
SAVED_DEFAULT = "/boot/grub/default"
STATEMENT_MAX = 1500  # bytes; stage2.c, NEW_HEAPSIZE: GRUB drops the rest of a longer statement

# The key of an entry that grub4dos starts from a disk image: another system.
_ISO = "map"
_BSD_TYPES = frozenset(f"--type={name}bsd" for name in ("free", "net", "open"))
_CONTINUATION = r"\\\r*\n"
_NUMBER = r"(?i)0x(?P<hexadecimal>[0-9a-f]+)|(?P<decimal>[0-9]+)"
_CHANGED = r"[\t\r\n]|\\\Z"


def parse_menu(file: str, text: str) -> Document:
    """The menu. Its setting `default` is "saved" or a number, if the heading gives one. Raises NotUnderstood."""
    try:
        tree = parse("grub_legacy", text, file=file)
    except NotUnderstood as problem:
        raise _explained(problem, text) from None
    reader = _MenuListReader(file, text)
    for child in tree.children:
        if isinstance(child, Node):
            reader.statement(child)
        else:
            reader.options.mark(child.text)
    return reader.document()


def quote(slot: Slot, argument: str) -> str:
    """The argument as a statement, or an option of update-grub, holds it. Raises CannotHold."""
    held(argument)
    if re.search(_CHANGED, argument):
        raise CannotHold(
            f"{in_quotes(argument)}: GRUB 0.97 drops carriage returns, makes blanks of tabs, joins lines at a \\",
            hint="write it with blanks only and without a backslash at its end",
        )
    return updategrub.quote(slot, argument)


def finish(file: str, _before: str, text: str) -> str:
    """The text, if GRUB reads each of its kernel statements whole. Raises TooLong."""
    if any(len(line) > STATEMENT_MAX for line in text.replace("\\\n", "").replace("\\\r\n", "").split("\n")):
        for notice in parse_menu(file, text).warnings:
            if notice.code == "statement-too-long":
                raise TooLong(notice.message, hint=notice.hint, place=notice.place)
    return text


def menus(sources: Sources, tree: Tree) -> list[LoaderMenu]:
    """The entries of each file, in file order, and the lines of new kernels."""
    found = []
    for document in sources.documents["grub-legacy"]:
        default = _default(document, tree)
        items = tuple(
            MenuItem(stanza, document.file, default=position == default, foreign=_ISO in stanza.keys)
            for position, stanza in enumerate(document.stanzas)
        )
        new_kernels = _update_grub_args(document) or _copied_args(document, default)
        found.append(LoaderMenu("grub-legacy", (document.file,), items, new_kernels=new_kernels))
    return found


def _default(document: Document, tree: Tree) -> int | None:
    """The number of the default entry: GRUB 0.97 takes 0 if no statement gives one."""
    value = document.settings.get("default", "0").strip()
    if value == "saved":
        value = "0"
        if tree.exists(SAVED_DEFAULT):
            value = from_bytes(tree.read(SAVED_DEFAULT)).partition("\n")[0].strip() or "0"
    return int(value) if value.isascii() and value.isdigit() else None


def _update_grub_args(document: Document) -> tuple[NewKernelArgs, ...]:
    """The lines that Debian's update-grub makes its entries from; empty where the menu has none of its options.

    All entries get `# kopt=`, those that are not single-user `# defoptions=` too; the Xen hypervisor gets `# xenhopt=`.
    """
    slots: dict[str, list[Slot]] = {}
    for assignment in document.assignments:
        earlier = slots.get(assignment.variable, []) if assignment.extends else []
        slots[assignment.variable] = [*earlier, assignment.slot]
    # `kopt_2_6_26` replaces kopt for such kernels: of several the most specific, and so the longest name.
    name = max((name for name in slots if name.partition("_")[0] == "kopt"), key=len, default="kopt")
    kopt, defoptions, xenhopt = slots.get(name, []), slots.get("defoptions", []), slots.get("xenhopt", [])
    found = []
    if kopt or defoptions:
        line = Line(tuple(kopt + defoptions), (kopt or defoptions)[-1])
        found.append(NewKernelArgs(name if kopt else "defoptions", line, Feeds.NORMAL, "grub-legacy"))
    if kopt:
        found.append(NewKernelArgs(name, Line(tuple(kopt), kopt[-1]), Feeds.RECOVERY, "grub-legacy"))
    xen = any(stanza.images and is_xen(stanza.images[0].path) for stanza in document.stanzas)
    if xenhopt and (xen or holds_value(xenhopt)):
        found.append(NewKernelArgs("xenhopt", Line(tuple(xenhopt), xenhopt[-1]), Feeds.XEN, "grub-legacy"))
    return tuple(found)


def _copied_args(document: Document, default: int | None) -> tuple[NewKernelArgs, ...]:
    """Without update-grub (grubby, new-kernel-pkg) a new kernel copies the line of the default entry."""
    stanza = document.stanzas[default] if default is not None and default < len(document.stanzas) else None
    images = stanza.images if stanza and _ISO not in stanza.keys else ()
    if not images or not images[0].slots or not is_linux(images[0].path):
        return ()
    line = Line(images[0].slots, images[0].slots[-1])
    return (NewKernelArgs("default entry", line, Feeds.NONE, "grub-legacy", copied=True),)


def _explained(problem: NotUnderstood, text: str) -> NotUnderstood:
    """The same error in the words of GRUB's manual."""
    place = problem.place
    if place is None or not text.split("\n")[place.line - 1].startswith("\r", place.column - 1):
        return problem
    return NotUnderstood("a carriage return inside a line, which GRUB drops", hint=problem.hint, place=place)


@dataclass(slots=True)
class _Title:
    """A title, and what the commands behind it load, as far as they were read."""

    title: str
    line: int
    generated: bool
    images: list[Image] = field(default_factory=list)
    initrds: list[str] = field(default_factory=list)
    keys: dict[str, str] = field(default_factory=dict)
    commands: int = 0


class _MenuListReader:
    """One reading of a menu, statement by statement."""

    def __init__(self, file: str, text: str) -> None:
        self._file = file
        self._text = text
        self._line = LineNumbers(text).of
        self.options = updategrub.Options(file, text)
        self._title: _Title | None = None
        self._stanzas: list[Stanza] = []
        self._assignments: list[Assignment] = []
        self._settings: dict[str, str] = {}
        self._warnings: list[Notice] = []
        self._default: DefaultSetting | None = None

    def document(self) -> Document:
        self._close()
        found = tuple(self._stanzas), tuple(self._assignments), self._settings, tuple(self._warnings)
        return Document(self._file, "grub-legacy", *found, default=self._default)

    def statement(self, node: Node) -> None:
        first = next(node.tokens())
        if node.name == "title":
            self._close()
            if self._default is None:
                at = self._text.rfind("\n", 0, first.start) + 1
                self._default = absent_default(self._text, at, "default ")
            self._title = _Title(_argument(node), self._line(first.start), self.options.generated)
        elif node.name == "option":
            self._option(first, next(node.tokens("OPTION_VALUE"), None))
        elif node.name == "unknown":
            message = f"GRUB passes over the unknown command `{first.text}`"
            self._warn("unknown-statement", message, first.start, hint="correct or remove it")
        elif self._title is None:
            self._heading(node, first)
        else:
            self._command(node, first, self._title)

    def _close(self) -> None:
        """End an entry. GRUB leaves out one without a command, which counts for `default`."""
        entry, self._title = self._title, None
        if entry and entry.commands:
            nesting = ((len(self._stanzas), entry.title, None),)
            stanza = Stanza(entry.title, entry.line, tuple(entry.images), tuple(entry.initrds), nesting=nesting)
            self._stanzas.append(stanza._replace(generated=entry.generated, keys=entry.keys))

    def _option(self, name: Token, value: Token | None) -> None:
        end = value.end if value else name.end
        found = self.options.assignment(name.text[2:-1], name.end, end, self._line(name.start))
        if found:
            self._warnings += open_quotes(self._file, self._text, found.slot.start, found.slot.end)
            self._assignments.append(found)

    def _heading(self, node: Node, command: Token) -> None:
        """A statement before the first title: GRUB runs those of the menu and ignores the others."""
        if node.name == "default":
            value = _default_value(_argument(node))
            if value is not None:
                self._settings["default"] = value
                text = next(node.tokens("TEXT"))
                size = len((re.match(_NUMBER, text.text) or [text.text])[0])
                self._default = DefaultSetting("default", text.start, text.start + size)
        elif node.name != "other":
            self._warn("ignored-statement", f"GRUB ignores `{command.text}` before the first title", command.start)

    def _command(self, node: Node, command: Token, entry: _Title) -> None:
        """A statement of an entry."""
        entry.commands += 1
        if node.name == "default":
            message = "GRUB reads `default` before the first title only; this entry fails at it"
            self._warn("ignored-statement", message, command.start)
        elif node.name == "other":
            if command.text == "map" and ".iso" in _argument(node).lower():
                entry.keys[_ISO] = _argument(node)
        else:
            path = next(node.tokens("PATH"), None)
            if path is None:
                raise NotUnderstood(
                    f"`{command.text}` without a file",
                    hint="GRUB stops this entry here; complete the statement or remove it",
                    place=place_at(self._file, self._text, command.start),
                )
            if any(option.text in _BSD_TYPES for option in node.tokens("OPTION")):
                return
            if node.name == "initrd" or (node.name == "module" and is_initrd(path.text)):
                entry.initrds.append(path.text)
            else:
                slot = self._slot(node.name, command, path, next(node.tokens("ARGUMENTS"), None))
                line = self._line(command.start)
                entry.images.append(Image(path.text, (slot,), line, module=node.name == "module"))

    def _slot(self, variable: str, command: Token, path: Token, arguments: Token | None) -> Slot:
        if arguments is None:
            return Slot(self._file, "grub-legacy", variable, path.end, path.end, self._line(path.end), (), before=" ")
        found = self._words(arguments)
        start, end = span(found, arguments.end)
        slot = Slot(self._file, "grub-legacy", variable, start, end, self._line(start), found)
        self._warnings += open_quotes(self._file, self._text, start, end)
        length = len(_received(self._text[command.start : arguments.end]))
        if length > STATEMENT_MAX:
            message = f"the statement has {length} bytes: GRUB 0.97 reads the first {STATEMENT_MAX}"
            self._warn("statement-too-long", message, command.start, hint="shorten it")
        return slot

    def _words(self, arguments: Token) -> tuple[Word, ...]:
        """The words of an argument list; a backslash with its newline is a blank, and inside quotes one blank."""
        text, start = self._text, arguments.start
        if "\\" not in arguments.text:
            return words(text, start, arguments.end, _received)
        # Blanks of the same length keep every offset.
        masked = re.sub(_CONTINUATION, lambda found: " " * len(found.group()), arguments.text)
        found = [(start + word.start, start + word.end) for word in words(masked, 0, len(masked))]
        return tuple(Word(a, b, _received(text[a:b])) for a, b in found)

    def _warn(self, code: str, message: str, offset: int, hint: str = "") -> None:
        self._warnings.append(Notice(code, message, hint, place_at(self._file, self._text, offset)))


def _argument(node: Node) -> str:
    """What GRUB passes to a command."""
    text = next(node.tokens("TEXT"), None)
    return _received(text.text) if text else ""


def _received(raw: str) -> str:
    """A piece of a line as GRUB keeps it."""
    return re.sub(_CONTINUATION, " ", raw).replace("\t", " ")


def _default_value(argument: str) -> str | None:
    """What GRUB takes from a `default` statement: "saved", a number in decimal, or None: the statement fails."""
    if argument == "saved":
        return argument
    found = re.match(_NUMBER, argument)
    if not found:
        return None
    return str(int(found["hexadecimal"], 16) if found["hexadecimal"] else int(found["decimal"]))


FORMAT = Format("grub-legacy", parse_menu, paths=FILES, quote=quote, finish=finish, lens="Kernel_args.legacy")
