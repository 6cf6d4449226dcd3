"""The files of extlinux and syslinux: extlinux.conf, syslinux.cfg, isolinux.cfg; U-Boot reads the same form.

Facts of syslinux 6 (doc/syslinux.txt, com32/elflink/ldlinux/readconfig.c, execute.c): keywords in any letter case;
statements before the first LABEL hold for all labels, so that a label without an APPEND of its own takes the global
one, and `APPEND -` means none; of two in one label the last counts; the arguments reach the kernel as they are. The end
of its name, in lower case, says what KERNEL loads; a label without such a statement loads the file that it is named
after. mboot.c32 takes several files with their arguments from APPEND, with ` --- ` between them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from grubkd.boot.document import Assignment, DefaultSetting, Document, Image, Include, Slot, Stanza, Word
from grubkd.boot.entry import file_name, is_initrd, is_xen
from grubkd.boot.loaders.format import ESPS, Format, absent_default, line_behind, on_one_line, real_paths
from grubkd.boot.words import LineNumbers, open_quotes, span, words
from grubkd.errors import CannotHold, Notice, NotUnderstood, place_at
from grubkd.parsing.grammar import Node, Token, parse
from grubkd.text import in_quotes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from grubkd.tree.tree import Tree

FILES = (
    *(f"/boot/extlinux{end}" for end in ("/extlinux.conf", ".conf")),
    *(f"{top}/syslinux/{name}" for top in ("/boot", "") for name in ("syslinux.cfg", "extlinux.conf")),
    *(f"{esp}/EFI/{directory}/syslinux.cfg" for esp in ESPS for directory in ("syslinux", "BOOT")),
    "/boot/syslinux.cfg",
    "/syslinux.cfg",
    "/boot/isolinux/isolinux.cfg",
    "/isolinux/isolinux.cfg",
)
# Where a menu may include files that grubkd edits.
_INCLUDED = tuple(
    f"{top}/*.{end}"
    for top in ("/boot/extlinux", "/boot/syslinux", "/boot/syslinux/*", "/isolinux")
    for end in ("cfg", "conf")
)
# The name by which a label refers to the global arguments.
GLOBAL = "append"

# Suffixes of files that KERNEL does not load as Linux.
_OTHER_TYPES = (".0", ".bin", ".bs", ".bss", ".c32", ".cbt", ".com", ".img")
_BETWEEN_FILES = "---"


def find(tree: Tree) -> tuple[str, ...]:
    """The menus, by their real paths."""
    return real_paths(tree, FILES)


def further(document: Document, tree: Tree) -> Iterator[tuple[str, str]]:
    """The files that a file includes. It may belong to any of the menus, to whose directories paths are relative."""
    for include in document.includes:
        for menu in find(tree):
            path = included(tree, menu, include.path)
            if path:
                yield "extlinux", path


def included(tree: Tree, menu: str, path: str) -> str | None:
    """The real path of an included file, None if it does not exist.

    A relative path begins at the directory of the menu, not of the file that includes it; an absolute one at the top of
    the partition.
    """
    tops = ("", "/boot") if path.startswith("/") else (f"{menu.rpartition('/')[0]}/",)
    return next(filter(None, (tree.resolve(f"{top}{path}") for top in tops)), None)


def parse_menu(file: str, text: str) -> Document:
    """The labels in order; an APPEND before the first of them as an assignment of `append`. Raises NotUnderstood.

    settings: `default` and `ontimeout`, and `menu default`, the label so marked.
    """
    reader = _MenuReader(file, text)
    for node in parse("extlinux", text, file=file).nodes():
        reader.statement(node)
    return reader.document()


def quote(slot: Slot, argument: str) -> str:
    """The argument as an APPEND line holds it. Raises CannotHold for a line end: there is no quoting."""
    if slot.style == "mboot" and argument == _BETWEEN_FILES:
        raise CannotHold(
            f"{in_quotes(argument)}: mboot.c32 takes it for the end of a file's arguments", hint="leave it out"
        )
    return on_one_line(slot, argument)


@dataclass(slots=True)
class _Label:
    """A label, and the values of its statements so far. `none`: its arguments are `-`, which means none."""

    name: Token
    title: str = ""
    loads: Token | None = None
    kernel: Token | None = None
    append: Slot | None = None
    none: bool = False
    initrds: tuple[str, ...] = ()


class _MenuReader:
    """One reading of a file, statement by statement."""

    def __init__(self, file: str, text: str) -> None:
        self._file = file
        self._text = text
        self._line = LineNumbers(text).of
        self._global: Slot | None = None
        self._labels: list[_Label] = []
        self._settings: dict[str, str] = {}
        self._default = absent_default(text, 0, "DEFAULT ")
        self._warnings: list[Notice] = []
        self._includes: list[Include] = []

    def statement(self, node: Node) -> None:
        keyword = next(node.tokens())
        value = next(node.tokens("VALUE"), None)
        if node.name == "label":
            self._labels.append(_Label(value or keyword._replace(text="")))
        elif node.name in ("default", "ontimeout"):
            self._settings[node.name] = value.text if value else ""
            if value and (node.name == "ontimeout" or self._default.variable != "ontimeout"):
                self._default = DefaultSetting(node.name, value.start, value.end)
        elif node.name == "append":
            self._append(keyword, value)
        elif node.name == "include" and value:
            path = value.text.split()[0]
            self._includes.append(Include(path, self._line(keyword.start), len(self._labels)))
        elif node.name == "unknown":
            message = f"`{keyword.text}` is no keyword of syslinux or U-Boot: the line is passed over"
            hint = "correct or remove it: U-Boot passes over the rest of its label too"
            place = place_at(self._file, self._text, keyword.start)
            self._warnings.append(Notice("unknown-statement", message, hint, place))
        elif self._labels:
            self._of_label(self._labels[-1], node.name, keyword, value)

    def _of_label(self, label: _Label, statement: str, keyword: Token, value: Token | None) -> None:
        """A statement that means something inside a label only."""
        text = value.text if value else ""
        if statement == "kernel":
            if value is None and keyword.kind != "LOADER":
                raise self._refused(keyword, f"{keyword.text} without a path")
            label.loads, label.kernel = keyword, value
        elif statement == "initrd":
            label.initrds = tuple(text.split(","))
        elif statement == "menu_label":
            # A caret marks the letter that is the entry's key.
            label.title = text.replace("^", "")
        elif statement == "menu_default":
            self._settings["menu default"] = label.name.text

    def document(self) -> Document:
        assignments = (Assignment(GLOBAL, self._global, extends=False),) if self._global else ()
        stanzas = tuple(self._stanza(position, label) for position, label in enumerate(self._labels))
        return Document(
            self._file,
            "extlinux",
            stanzas,
            assignments,
            self._settings,
            tuple(self._warnings),
            tuple(self._includes),
            default=self._default,
        )

    def _append(self, keyword: Token, value: Token | None) -> None:
        none = value is not None and value.text == "-"
        slot = self._slot(keyword, None if none else value)
        self._warnings += open_quotes(self._file, self._text, slot.start, slot.end)
        if not self._labels:
            self._global = None if none else slot
        else:
            self._labels[-1].append, self._labels[-1].none = slot, none

    def _slot(self, keyword: Token, value: Token | None) -> Slot:
        found = words(self._text, value.start, value.end) if value else ()
        if value is not None and not found:
            raise self._refused(keyword, "APPEND without an argument")
        line, before = self._line(keyword.start), "" if found else " "
        return Slot(self._file, "extlinux", "APPEND", *span(found, keyword.end), line, found, before=before)

    def _stanza(self, position: int, label: _Label) -> Stanza:
        name = label.name.text
        title = label.title or name
        images, initrds = self._images(label)
        return Stanza(
            title=title,
            line=self._line(label.name.start),
            images=images,
            initrds=label.initrds + initrds,
            id=name,
            nesting=((position, title, name),),
        )

    def _images(self, label: _Label) -> tuple[tuple[Image, ...], tuple[str, ...]]:
        """The images that the label loads with arguments, and the initrds that these arguments name."""
        kernel = label.kernel if label.loads else label.name if label.append else None
        if kernel is None or not kernel.text:
            return (), ()
        if file_name(kernel.text) == "mboot.c32":
            return self._behind_mboot(label.append.words) if label.append else ((), ())
        loader = label.loads and label.loads.kind == "LOADER"
        if loader or (not (label.loads and label.loads.kind == "LINUX") and kernel.text.endswith(_OTHER_TYPES)):
            return (), ()
        slot = label.append or self._absent(kernel)
        if label.none and label.append:
            slot = self._instead_of_none(label.append)
        # syslinux takes initrd= out of the arguments to load the files it names, and leaves it there.
        given = [word.text for word in self._arguments(slot) if word.text.startswith("initrd=")]
        initrds = tuple(path for argument in given for path in argument.removeprefix("initrd=").split(","))
        return (Image(kernel.text, (slot,), self._line(kernel.start)),), initrds

    def _behind_mboot(self, found: tuple[Word, ...]) -> tuple[tuple[Image, ...], tuple[str, ...]]:
        """The files that mboot.c32 loads, each with its arguments, if the first of them is Xen; and the initrds."""
        images: list[Image] = []
        initrds: list[str] = []
        ends = [index for index, word in enumerate(found) if word.text == _BETWEEN_FILES]
        for first, end in zip((0, *(index + 1 for index in ends)), (*ends, len(found)), strict=True):
            for path in found[first : min(first + 1, end)]:
                arguments = found[first + 1 : end]
                line, before = self._line(path.start), "" if arguments else " "
                where = span(arguments, path.end)
                slot = Slot(self._file, "extlinux", "APPEND", *where, line, arguments, "mboot", before)
                if is_initrd(path.text):
                    initrds.append(path.text)
                else:
                    images.append(Image(path.text, (slot,), line, module=first > 0))
        return (tuple(images), tuple(initrds)) if images and is_xen(images[0].path) else ((), ())

    def _arguments(self, slot: Slot) -> tuple[Word, ...]:
        """The label's arguments: its own, or the global ones if its slot only refers to them."""
        refers = self._global is not None and any(word.reference == GLOBAL for word in slot.words)
        return self._global.words if refers and self._global else slot.words

    def _instead_of_none(self, slot: Slot) -> Slot:
        """The slot of `APPEND -`: new arguments replace the dash."""
        dash = self._text.index("-", slot.start)
        return Slot(self._file, "extlinux", "APPEND", dash, dash + 1, slot.line, ())

    def _absent(self, kernel: Token) -> Slot:
        """The place of an APPEND line that is missing: behind the kernel's, with the same indentation.

        Until then the label has the global arguments, of this file or of one that includes it: a reference that takes
        no room.
        """
        line = self._text[self._text.rfind("\n", 0, kernel.start) + 1 : kernel.start]
        indent = line[: len(line) - len(line.lstrip(" \t"))]
        at, before, after = line_behind(self._text, kernel.end)
        found = (Word(at, at, "", GLOBAL),)
        before += f"{indent}APPEND "
        number = self._line(kernel.start)
        return Slot(self._file, "extlinux", "APPEND", at, at, number, found, before=before, after=after)

    def _refused(self, token: Token, why: str) -> NotUnderstood:
        hint = "complete the statement or remove it"
        return NotUnderstood(why, hint=hint, place=place_at(self._file, self._text, token.start))


FORMAT = Format("extlinux", parse_menu, paths=(*FILES, *_INCLUDED), choose=find, further=further, quote=quote)
