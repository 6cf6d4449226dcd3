"""The menu of extlinux and syslinux: extlinux.conf, syslinux.cfg; U-Boot reads the same form.

Facts of syslinux 6 (doc/syslinux.txt, com32/elflink/ldlinux/readconfig.c): keywords in any letter case; statements
before the first LABEL hold for all labels, so that a label without an APPEND of its own takes the global one, and
`APPEND -` means none; of two in one label the last counts; the arguments reach the kernel as they are.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from grubkd.boot.loaders.format import Format, LoaderMenu, MenuItem, slots_of
from grubkd.boot.model import Assignment, Document, Feeds, Image, Line, NewKernelArgs, Slot, Stanza, Word
from grubkd.boot.words import LineNumbers, held, quote_notice, words
from grubkd.errors import CannotHold, Notice, NotUnderstood, Place, place_at
from grubkd.parsing.grammar import Node, Token, parse

if TYPE_CHECKING:
    from grubkd.boot.loaders.format import Sources
    from grubkd.tree.tree import Tree

FILES = (
    "/boot/extlinux/extlinux.conf",
    "/boot/extlinux.conf",
    "/boot/syslinux/syslinux.cfg",
    "/boot/syslinux/extlinux.conf",
)
# The name by which a label refers to the global arguments.
_GLOBAL = "append"
# The generators that write such a menu, and where each takes the arguments from.
_GENERATORS = (
    ("/usr/sbin/u-boot-update", "U_BOOT_PARAMETERS in /etc/default/u-boot"),
    ("/usr/sbin/extlinux-update", "EXTLINUX_PARAMETERS in /etc/default/extlinux"),
)


def parse_menu(file: str, text: str) -> Document:
    """The labels in order; the global APPEND as an assignment of `append`. Raises NotUnderstood.

    settings: `default` (DEFAULT or UI), and `menu default`, the label so marked.
    """
    reader = _MenuReader(file, text)
    for node in parse("extlinux", text, file=file).children:
        if isinstance(node, Node):
            reader.statement(node)
    return reader.document()


def quote(slot: Slot, argument: str) -> str:
    """The argument as an APPEND line holds it. Raises CannotHold for a line end: there is no quoting."""
    if "\n" in argument or "\r" in argument:
        raise CannotHold(f"{argument!r}: an APPEND line cannot hold a line end", hint="write it without line ends")
    return held(argument)


def menus(sources: Sources, tree: Tree) -> list[LoaderMenu]:
    """The labels of each menu in file order. Its global APPEND feeds every label without one of its own."""
    return [_menu(document, tree) for document in sources.documents["extlinux"]]


def _menu(document: Document, tree: Tree) -> LoaderMenu:
    default = _default(document)
    items = tuple(
        MenuItem(stanza, document.file, default=position == default) for position, stanza in enumerate(document.stanzas)
    )
    shared = slots_of([document], _GLOBAL)
    warnings = tuple(
        Notice(
            "lost-at-regeneration",
            f"{generator} writes this menu: its next run loses what is changed here",
            hint=f"put the value into {source} as well",
            place=Place(document.file),
        )
        for generator, source in _GENERATORS
        if tree.exists(generator)
    )
    return LoaderMenu(
        "extlinux",
        (document.file,),
        items,
        {_GLOBAL: shared} if shared else {},
        (NewKernelArgs("APPEND", Line(shared, shared[0]), Feeds.NONE, "extlinux"),) if shared else (),
        warnings,
    )


def _default(document: Document) -> int | None:
    """The label marked MENU DEFAULT, else the one that DEFAULT names; None where neither is a label of the menu."""
    names = [stanza.id or "" for stanza in document.stanzas]
    folded = [name.lower() for name in names]
    for key in ("menu default", "default"):
        # Arguments may follow the label; syslinux compares labels without regard to case.
        wanted = document.settings.get(key, "").split(" ")[0]
        if wanted in names:
            return names.index(wanted)
        if wanted and wanted.lower() in folded:
            return folded.index(wanted.lower())
    return None


@dataclass(slots=True)
class _Label:
    """A label, and what its lines have said so far. `none`: its arguments are `-`, which means none."""

    name: str
    start: int
    title: str = ""
    kernel: Token | None = None
    append: Slot | None = None
    none: bool = False
    initrds: tuple[str, ...] = ()


class _MenuReader:
    """One reading of a menu, statement by statement."""

    def __init__(self, file: str, text: str) -> None:
        self._file = file
        self._text = text
        self._line = LineNumbers(text).of
        self._eol = "\r\n" if "\r\n" in text else "\n"
        self._global: Slot | None = None
        self._labels: list[_Label] = []
        self._settings: dict[str, str] = {}
        self._warnings: list[Notice] = []

    def statement(self, node: Node) -> None:
        keyword = next(child for child in node.children if isinstance(child, Token))
        value = next(node.tokens("VALUE"), None)
        text = value.text if value else ""
        if node.name == "label":
            self._labels.append(_Label(text, keyword.start))
        elif node.name == "default":
            self._settings["default"] = text
        elif node.name == "append":
            self._append(keyword, value)
        elif self._labels:
            self._of_label(self._labels[-1], node.name, keyword, value)

    def _of_label(self, label: _Label, statement: str, keyword: Token, value: Token | None) -> None:
        """A statement that means something inside a label only."""
        text = value.text if value else ""
        if statement == "kernel":
            if value is None:
                raise self._refused(keyword, f"{keyword.text} without a path")
            label.kernel = value if keyword.kind == "LINUX" else None
        elif statement == "initrd":
            label.initrds = tuple(text.split(","))
        elif statement == "menu_label":
            # A caret marks the letter that is the entry's key.
            label.title = text.replace("^", "")
        elif statement == "menu_default":
            self._settings["menu default"] = label.name

    def document(self) -> Document:
        assignments = (Assignment(_GLOBAL, self._global, extends=False),) if self._global else ()
        stanzas = tuple(self._stanza(position, label) for position, label in enumerate(self._labels))
        return Document(self._file, "extlinux", stanzas, assignments, self._settings, tuple(self._warnings))

    def _append(self, keyword: Token, value: Token | None) -> None:
        none = value is not None and value.text == "-"
        slot = self._slot(keyword, None if none else value)
        notice = quote_notice(self._file, self._text, slot.start, slot.end)
        self._warnings += [notice] if notice else []
        if not self._labels:
            self._global = None if none else slot
        else:
            self._labels[-1].append, self._labels[-1].none = slot, none

    def _slot(self, keyword: Token, value: Token | None) -> Slot:
        found = words(self._text, value.start, value.end) if value else ()
        if value is not None and not found:
            raise self._refused(keyword, "APPEND without an argument")
        start, end = (found[0].start, found[-1].end) if found else (keyword.end, keyword.end)
        before = "" if found else " "
        return Slot(self._file, "extlinux", "APPEND", start, end, self._line(keyword.start), found, before=before)

    def _stanza(self, position: int, label: _Label) -> Stanza:
        title = label.title or label.name
        images: tuple[Image, ...] = ()
        initrds = label.initrds
        if label.kernel:
            slot = label.append or self._absent(label.kernel)
            if label.none and label.append:
                slot = self._instead_of_none(label.append)
            images = (Image(label.kernel.text, (slot,), self._line(label.kernel.start)),)
            # syslinux takes initrd= out of the arguments to load the files it names, and leaves it there.
            given = [word.text for word in self._arguments(slot) if word.text.startswith("initrd=")]
            initrds += tuple(path for argument in given for path in argument.removeprefix("initrd=").split(","))
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
        refers = self._global is not None and any(word.reference == _GLOBAL for word in slot.words)
        return self._global.words if refers and self._global else slot.words

    def _instead_of_none(self, slot: Slot) -> Slot:
        """The slot of `APPEND -`: new arguments replace the dash."""
        dash = self._text.index("-", slot.start)
        return Slot(self._file, "extlinux", "APPEND", dash, dash + 1, slot.line, (), style="none")

    def _absent(self, kernel: Token) -> Slot:
        """The place of an APPEND line that is missing: behind the kernel's, with the same indentation.

        Until then the label has the global arguments: a reference that takes no room.
        """
        line = self._text[self._text.rfind("\n", 0, kernel.start) + 1 : kernel.start]
        indent = line[: len(line) - len(line.lstrip(" \t"))]
        end = self._text.find("\n", kernel.end)
        at, before, after = (len(self._text), self._eol, "") if end < 0 else (end + 1, "", self._eol)
        found = (Word(at, at, "", _GLOBAL),) if self._global else ()
        before += f"{indent}APPEND "
        number = self._line(kernel.start)
        return Slot(self._file, "extlinux", "APPEND", at, at, number, found, before=before, after=after)

    def _refused(self, token: Token, why: str) -> NotUnderstood:
        hint = "complete the statement or remove it"
        return NotUnderstood(why, hint=hint, place=place_at(self._file, self._text, token.start))


FORMAT = Format(name="extlinux", parse=parse_menu, paths=FILES, quote=quote)
