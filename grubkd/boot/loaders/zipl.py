"""zipl.conf of s390x: what zipl of s390-tools writes into its boot map.

Facts of s390-tools 2 (zipl/src/scan.c): a section has each keyword once; the value goes to the kernel as it is,
without the quotes around it, which know no escape; `image` and `ramdisk` may end in a load address. What zipl itself
refuses is refused here. The map that zipl made is what boots: zipl reads its configuration only when it is run.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from grubkd.boot.document import DefaultSetting, Document, Image, Slot, Stanza
from grubkd.boot.loaders.format import (
    Followup,
    Format,
    LoaderMenu,
    MenuItem,
    absent_default,
    line_behind,
    on_one_line,
)
from grubkd.boot.model import ManagedBy
from grubkd.boot.words import LineNumbers, open_quotes, span, words
from grubkd.errors import CannotHold, GrubkdError, Notice, NotUnderstood, Place, place_at
from grubkd.parsing.grammar import Node, Token, parse
from grubkd.text import from_bytes, in_quotes

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from grubkd.boot.loaders.format import Sources
    from grubkd.tree.tree import Tree

FILE = "/etc/zipl.conf"
VENDOR_FILES = ("/usr/lib/s390-tools/zipl.conf", "/lib/s390-tools/zipl.conf")
COMMAND = ("zipl",)

_DEFAULTBOOT = "defaultboot"
_ADDRESS = r",(?:0x)?[0-9A-Fa-f]+\Z"
_QUOTES = ("'", '"')


def find(tree: Tree) -> tuple[str, ...]:
    """The file that zipl reads, by its real path: the first that exists."""
    found = (tree.resolve(file) for file in (FILE, *VENDOR_FILES))
    return next(((file,) for file in found if file is not None), ())


def parse_configuration(file: str, text: str) -> Document:
    """The sections in order, but for `defaultboot`. Raises NotUnderstood.

    settings: `default`, the name of the section that boots by default, or "" if zipl makes a menu of all sections, of
    which the first that boots a kernel is the default; not set if zipl has no default. A stanza's key `parmfile` is the
    path of a file with further arguments.
    """
    reader = _ConfigurationReader(file, text)
    sections: list[_ZiplSection] = []
    menus: list[_ZiplSection] = []
    for node in parse("zipl", text, file=file).nodes():
        (sections if node.name == "section" else menus).append(reader.section(node))
    reader.check_names(sections)
    reader.check_names(menus)
    boot = next((each for each in sections if each.name == _DEFAULTBOOT), None)
    others = [each for each in sections if each is not boot]
    stanzas = tuple(reader.stanza(position, each) for position, each in enumerate(others))
    slots = [slot for stanza in stanzas for image in stanza.images for slot in image.slots]
    notices = (notice for slot in slots for notice in open_quotes(file, text, slot.start, slot.end))
    settings = _settings(boot, menus) if boot else {}
    default = _default_setting(text, boot, menus) if boot else None
    return Document(file, "zipl", stanzas, settings=settings, warnings=tuple(notices), default=default)


def quote(slot: Slot, argument: str) -> str:
    """The argument as `parameters` holds it. Raises CannotHold.

    What is refused: a line end, a quote that would end the value, and `${`, with which newer zipl names a variable of
    its own environment.
    """
    if "${" in argument:
        raise CannotHold(f"{in_quotes(argument)}: zipl takes ${{ for a variable of its own", hint="write it without ${")
    if slot.style in _QUOTES and slot.style in argument:
        other = _QUOTES[slot.style == _QUOTES[0]]
        hint = f"put {other} around the whole value of `parameters` first"
        raise CannotHold(
            f"{in_quotes(argument)}: its quote would end the value, which {slot.style} encloses", hint=hint
        )
    if not slot.style and argument.startswith(_QUOTES):
        hint = "put quotes around the whole value of `parameters` first"
        raise CannotHold(f"{in_quotes(argument)}: zipl takes a quote at the beginning for the value's own", hint=hint)
    return on_one_line(slot, argument)


def menus(sources: Sources, tree: Tree) -> list[LoaderMenu]:
    """The sections in file order, with the arguments of their parmfiles."""
    found = []
    for document in sources.documents["zipl"]:
        default = _default(document)
        warnings: list[Notice] = []
        items = []
        for stanza in document.stanzas:
            complete, managed_by = _with_parmfile(stanza, tree, document.file, warnings)
            items.append(MenuItem(complete, document.file, default=stanza is default, managed_by=managed_by))
        warnings += variables([slot for each in items for image in each.stanza.images for slot in image.slots])
        followups = (Followup(COMMAND, frozenset((document.file,))),)
        found.append(LoaderMenu("zipl", (document.file,), tuple(items), warnings=tuple(warnings), followups=followups))
    return found


def variables(slots: Sequence[Slot]) -> Iterator[Notice]:
    """Arguments with a `${NAME}`, which zipl 2.16 and later replace at boot from their environment block."""
    for slot in slots:
        for word in slot.words:
            if "${" in word.text:
                yield Notice(
                    "zipl-variable",
                    f"{word.text}: zipl replaces the variable at boot by a value that grubkd does not read",
                    hint="zipl-editenv --list shows the values",
                    place=Place(slot.file, slot.line),
                )


def _default(document: Document) -> Stanza | None:
    """The section that `default` names; of a menu of all, the first that boots a kernel."""
    named = document.settings.get("default")
    if named == "":
        return next((stanza for stanza in document.stanzas if stanza.images), None)
    return next((stanza for stanza in document.stanzas if stanza.title == named), None)


def _with_parmfile(stanza: Stanza, tree: Tree, file: str, warnings: list[Notice]) -> tuple[Stanza, ManagedBy | None]:
    """The stanza with the arguments of its parmfile, which come first (job.c, get_parmline)."""
    path = stanza.keys.get("parmfile")
    if path is None or not stanza.images:
        return stanza, None
    image = stanza.images[0]
    try:
        text = from_bytes(tree.read(path))
    except GrubkdError as problem:
        message = f"the parmfile {path}: {problem.message}"
        hint = "make it readable, or name another one: zipl stops there"
        warnings.append(Notice("parmfile-missing", message, hint, Place(file, image.line)))
        return stanza, ManagedBy.PARMFILE
    found = words(text, 0, len(text))
    slot = Slot(path, "zipl", "parmfile", *span(found, 0), 1, found)
    return stanza._replace(images=(image._replace(slots=(slot, *image.slots)),)), ManagedBy.PARMFILE


class _Setting(NamedTuple):
    """A value given to a keyword: its text and where that begins and ends, without the quotes, which `quote` names."""

    keyword: Token
    text: str = ""
    start: int = 0
    end: int = 0
    quote: str = ""


class _ZiplSection(NamedTuple):
    """A section or a menu: its name, and what each keyword, or number of a menu, is set to."""

    name: str
    start: int
    values: dict[str, _Setting]

    def said(self, keyword: str) -> str | None:
        value = self.values.get(keyword)
        return value.text if value else None


class _ConfigurationReader:
    """One reading of a zipl.conf."""

    def __init__(self, file: str, text: str) -> None:
        self._file = file
        self._text = text
        self._line = LineNumbers(text).of

    def section(self, node: Node) -> _ZiplSection:
        """Raises NotUnderstood for a keyword given twice."""
        head = next(node.tokens())
        name = head.text.strip(":") if node.name == "menu" else head.text[1:-1]
        values: dict[str, _Setting] = {}
        for token in node.tokens("DEFAULTAUTO"):
            values[token.text] = _Setting(token)
        for child in node.nodes():
            keyword, equals, *given = child.tokens()
            key = f"#{int(keyword.text)}" if child.name == "item" else keyword.text
            if key in values:
                raise self._refused(keyword.start, f"{keyword.text} a second time in {name}")
            values[key] = _setting(keyword, given[0] if given else Token("BARE", "", equals.end, equals.end))
        return _ZiplSection(name, head.start, values)

    def check_names(self, sections: Sequence[_ZiplSection]) -> None:
        """Raises NotUnderstood for a name given twice."""
        seen = set()
        for each in sections:
            if each.name in seen:
                raise self._refused(each.start, f"{each.name} a second time")
            seen.add(each.name)

    def stanza(self, position: int, section: _ZiplSection) -> Stanza:
        image = section.values.get("image")
        images: tuple[Image, ...] = ()
        if image:
            if not image.text:
                raise self._refused(image.keyword.start, "image without a path")
            slot = self._slot(section.values.get("parameters"), image)
            images = (Image(_path(image.text), (slot,), self._line(image.keyword.start)),)
        ramdisk, parmfile = section.said("ramdisk"), section.said("parmfile")
        return Stanza(
            title=section.name,
            line=self._line(section.start),
            images=images,
            initrds=(_path(ramdisk),) if ramdisk else (),
            id=section.name,
            nesting=((position, section.name, section.name),),
            keys={"parmfile": _path(parmfile)} if parmfile else {},
        )

    def _slot(self, value: _Setting | None, image: _Setting) -> Slot:
        """The arguments, or the place of a missing `parameters` line: behind that of the image, indented alike."""
        if value:
            found = words(self._text, value.start, value.end)
            line = self._line(value.keyword.start)
            return Slot(self._file, "zipl", "parameters", *span(found, value.start), line, found, style=value.quote)
        begin = self._text.rfind("\n", 0, image.keyword.start) + 1
        indent = self._text[begin : image.keyword.start]
        at, before, after = line_behind(self._text, image.end)
        # Without quotes it holds any argument that does not begin with one.
        before += f"{indent}parameters="
        line = self._line(image.keyword.start)
        return Slot(self._file, "zipl", "parameters", at, at, line, (), before=before, after=after)

    def _refused(self, offset: int, what: str) -> NotUnderstood:
        place = place_at(self._file, self._text, offset)
        return NotUnderstood(what, hint="zipl refuses it too: correct the file", place=place)


def _setting(keyword: Token, value: Token) -> _Setting:
    if value.kind == "QUOTED":
        return _Setting(keyword, value.text[1:-1], value.start + 1, value.end - 1, value.text[0])
    return _Setting(keyword, value.text, value.start, value.end)


def _settings(boot: _ZiplSection, menus: Sequence[_ZiplSection]) -> dict[str, str]:
    named = boot.said("default")
    if "target" in boot.values or "defaultauto" in boot.values:
        return {"default": named or ""}
    if named is not None:
        return {"default": named}
    menu = next((each for each in menus if each.name == boot.said("defaultmenu")), None)
    if menu is None:
        return {}
    chosen = menu.said("default") or next((name[1:] for name in menu.values if name.startswith("#")), "")
    entry = menu.said(f"#{int(chosen)}") if chosen.isascii() and chosen.isdigit() else None
    return {} if entry is None else {"default": entry}


def _default_setting(text: str, boot: _ZiplSection, menus: Sequence[_ZiplSection]) -> DefaultSetting | None:
    """The place of `default`, set or not: in the section `defaultboot`, or in the menu that this section names."""
    named = next((each for each in menus if each.name == boot.said("defaultmenu")), None)
    direct = {"default", "target", "defaultauto"} & boot.values.keys()
    section = boot if direct else named
    if section is None:
        return None
    numbers = {value.text: name[1:] for name, value in section.values.items() if name.startswith("#")}
    value = section.values.get("default")
    if value:
        return DefaultSetting("default", value.start, value.end, numbers=numbers)
    at, _, _ = line_behind(text, section.start)
    return absent_default(text, at, "default=")._replace(numbers=numbers)


def _path(value: str) -> str:
    return re.sub(_ADDRESS, "", value)


FORMAT = Format("zipl", parse_configuration, paths=(FILE,), read_only=VENDOR_FILES, choose=find, quote=quote)
