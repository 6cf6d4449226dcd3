"""The menu of extlinux and syslinux: extlinux.conf, syslinux.cfg; U-Boot reads the same form.

Facts of syslinux 6 (doc/syslinux.txt, com32/elflink/ldlinux/readconfig.c): keywords in any letter case; statements
before the first LABEL hold for all labels, so that a label without an APPEND of its own takes the global one, and
`APPEND -` means none; of two in one label the last counts; the arguments reach the kernel as they stand.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from grubkd.boot.loaders.format import Format
from grubkd.boot.model import Assignment, Document, Image, Slot, Stanza, Word
from grubkd.boot.words import held, quote_notice, words
from grubkd.errors import CannotHold, NotUnderstood, place_at
from grubkd.parsing.grammar import Node, Token, parse

if TYPE_CHECKING:
    from grubkd.errors import Notice
    from grubkd.tree.tree import Tree

FILES = (
    "/boot/extlinux/extlinux.conf",
    "/boot/extlinux.conf",
    "/boot/syslinux/syslinux.cfg",
    "/boot/syslinux/extlinux.conf",
)
# The name by which a label refers to the global arguments.
GLOBAL = "append"
# What loads a Linux kernel: KERNEL guesses by the file's name, LINUX says so.
_LINUX = frozenset(("kernel", "linux"))


def find(tree: Tree) -> tuple[str, ...]:
    """The files that the tree has, by their real paths, each once."""
    found = dict.fromkeys(tree.resolve(file) for file in FILES)
    return tuple(file for file in found if file is not None)


def parse_menu(file: str, text: str) -> Document:
    """The labels in order; the global APPEND as an assignment of `append`. Raises NotUnderstood.

    settings: `default` (DEFAULT or UI), and `menu default`, the label so marked.
    """
    reader = _Reader(file, text)
    for node in parse("extlinux", text, file=file).children:
        if isinstance(node, Node):
            reader.take(node)
    return reader.document()


def quote(slot: Slot, argument: str) -> str:
    """The argument as it stands in an APPEND line. Raises CannotHold for a line end: there is no quoting."""
    if "\n" in argument or "\r" in argument:
        raise CannotHold(f"{argument!r}: an APPEND line cannot hold a line end", hint="write it without line ends")
    return held(argument)


class _Label:
    """What is known of a label while its lines are read."""

    def __init__(self, name: str, start: int) -> None:
        self.name = name
        self.start = start
        self.title = ""
        self.kernel: Token | None = None
        self.append: Slot | None = None
        self.none = False
        self.initrds: tuple[str, ...] = ()


class _Reader:
    """One reading of a menu, statement by statement."""

    def __init__(self, file: str, text: str) -> None:
        self._file = file
        self._text = text
        self._global: Slot | None = None
        self._labels: list[_Label] = []
        self._settings: dict[str, str] = {}
        self._warnings: list[Notice] = []

    def take(self, node: Node) -> None:
        keyword = next(child for child in node.children if isinstance(child, Token))
        rest = next(node.tokens("TEXT"), None)
        value = rest.text.strip(" \t") if rest else ""
        label = self._labels[-1] if self._labels else None
        if node.name == "label":
            self._labels.append(_Label(value, keyword.start))
        elif node.name == "append":
            self._append(keyword, rest, label)
        elif node.name == "default" and keyword.text.lower() != "ontimeout":
            self._settings["default"] = value
        elif node.name == "menu" and label:
            self._menu(value, label)
        elif node.name == "kernel" and label:
            if rest is None:
                raise self._refused(keyword, f"{keyword.text} without a path")
            loads = keyword.text.lower() in _LINUX
            label.kernel = Token(keyword.kind, value, self._body(rest), rest.end) if loads else None
        elif node.name == "initrd" and label:
            label.initrds = tuple(value.split(","))

    def document(self) -> Document:
        assignments = (Assignment(GLOBAL, self._global, extends=False),) if self._global else ()
        stanzas = tuple(self._stanza(position, label) for position, label in enumerate(self._labels))
        return Document(self._file, "extlinux", stanzas, assignments, self._settings, tuple(self._warnings))

    def _append(self, keyword: Token, rest: Token | None, label: _Label | None) -> None:
        none = rest is not None and rest.text.strip(" \t") == "-"
        slot = self._slot(keyword, None if none else rest)
        notice = quote_notice(self._file, self._text, slot.start, slot.end)
        self._warnings += [notice] if notice else []
        if label is None:
            self._global = None if none else slot
        else:
            label.append, label.none = slot, none

    def _menu(self, value: str, label: _Label) -> None:
        word, _, rest = value.partition(" ")
        if word.lower() == "label":
            # A caret marks the letter that is the entry's key.
            label.title = rest.strip(" \t").replace("^", "")
        elif word.lower() == "default":
            self._settings["menu default"] = label.name

    def _slot(self, keyword: Token, rest: Token | None) -> Slot:
        found = words(self._text, self._body(rest), rest.end) if rest else ()
        start, end = (found[0].start, found[-1].end) if found else (keyword.end, keyword.end)
        before = "" if found else " "
        line = self._line(keyword.start)
        if rest is not None and not found:
            raise self._refused(keyword, "APPEND without an argument")
        return Slot(self._file, "extlinux", "APPEND", start, end, line, found, before=before)

    def _stanza(self, position: int, label: _Label) -> Stanza:
        title = label.title or label.name
        images: tuple[Image, ...] = ()
        initrds = label.initrds
        if label.kernel:
            slots = (label.append or self._absent(label.kernel),)
            if label.none and label.append:
                slots = (self._instead_of_none(label.append),)
            images = (Image(label.kernel.text, slots, self._line(label.kernel.start)),)
            # syslinux takes initrd= out of the arguments to load the files it names, and leaves it there.
            initrds += tuple(
                path
                for word in self._arguments(slots[0])
                if word.text.startswith("initrd=")
                for path in word.text.removeprefix("initrd=").split(",")
            )
        return Stanza(
            title=title,
            line=self._line(label.start),
            images=images,
            initrds=initrds,
            id=label.name,
            nesting=((position, title, label.name),),
        )

    def _arguments(self, slot: Slot) -> tuple[Word, ...]:
        """The label's arguments: its own, or the global ones where its slot only refers to them."""
        refers = self._global is not None and any(word.reference == GLOBAL for word in slot.words)
        return self._global.words if refers and self._global else slot.words

    def _instead_of_none(self, slot: Slot) -> Slot:
        """The slot of `APPEND -`: the dash goes when arguments come."""
        dash = self._text.index("-", slot.start)
        return Slot(self._file, "extlinux", "APPEND", dash, dash + 1, slot.line, (), style="none")

    def _absent(self, kernel: Token) -> Slot:
        """Where an APPEND line will stand: behind the kernel's, indented alike.

        Until then the label has the global arguments: a reference that takes no room.
        """
        begin = self._text.rfind("\n", 0, kernel.start) + 1
        line = self._text[begin : kernel.start]
        indent = line[: len(line) - len(line.lstrip(" \t"))]
        eol = "\r\n" if "\r\n" in self._text else "\n"
        end = self._text.find("\n", kernel.end)
        at, before, after = (len(self._text), eol, "") if end < 0 else (end + 1, "", eol)
        found = (Word(at, at, "", GLOBAL),) if self._global else ()
        before += f"{indent}APPEND "
        number = self._line(kernel.start)
        return Slot(self._file, "extlinux", "APPEND", at, at, number, found, before=before, after=after)

    def _body(self, rest: Token) -> int:
        return rest.start + len(rest.text) - len(rest.text.lstrip(" \t"))

    def _line(self, offset: int) -> int:
        return self._text.count("\n", 0, offset) + 1

    def _refused(self, token: Token, why: str) -> NotUnderstood:
        hint = "complete the statement or remove it"
        return NotUnderstood(why, hint=hint, place=place_at(self._file, self._text, token.start))


FORMAT = Format(name="extlinux", find=find, parse=parse_menu, quote=quote)
