"""zipl.conf of s390x: what zipl of s390-tools writes into its boot map.

Facts of s390-tools 2 (zipl/src/scan.c): a keyword stands once in its section; the value goes to the kernel as it
stands, without the quotes around it, which know no escape; `image` and `ramdisk` may end in a load address. What zipl
itself refuses is refused here.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from grubkd.boot.loaders.format import Format
from grubkd.boot.model import Document, Image, Slot, Stanza
from grubkd.boot.words import held, quote_notice, words
from grubkd.errors import CannotHold, NotUnderstood, place_at
from grubkd.parsing.grammar import Node, Token, parse

if TYPE_CHECKING:
    from grubkd.tree.tree import Tree

# zipl takes the first that is there.
FILES = ("/etc/zipl.conf", "/usr/lib/s390-tools/zipl.conf", "/lib/s390-tools/zipl.conf")
_DEFAULTBOOT = "defaultboot"
_ADDRESS = re.compile(r",(?:0x)?[0-9A-Fa-f]+\Z")
_QUOTES = ("'", '"')


def find(tree: Tree) -> tuple[str, ...]:
    """The file that zipl reads, by its real path."""
    found = (tree.resolve(file) for file in FILES)
    return next(((file,) for file in found if file is not None), ())


def parse_configuration(file: str, text: str) -> Document:
    """The sections in order, `defaultboot` aside. Raises NotUnderstood.

    settings: `default`, the name of the section that boots by default ("" for the first of all that boot a kernel), not
    set where zipl could not tell; `menu`, where zipl makes a menu of all sections. A stanza's key `parmfile` is the
    path of a file with further arguments.
    """
    sections: list[_Section] = []
    menus: list[_Section] = []
    for node in parse("zipl", text, file=file).children:
        if isinstance(node, Node):
            (sections if node.name == "section" else menus).append(_Section(file, text, node))
    _check_names(file, text, sections)
    _check_names(file, text, menus)
    boot = next((each for each in sections if each.name == _DEFAULTBOOT), None)
    others = [each for each in sections if each is not boot]
    stanzas = tuple(_stanza(file, text, position, each) for position, each in enumerate(others))
    slots = [slot for stanza in stanzas for image in stanza.images for slot in image.slots]
    notices = (quote_notice(file, text, slot.start, slot.end) for slot in slots)
    return Document(
        file,
        "zipl",
        stanzas=stanzas,
        settings=_settings(boot, menus) if boot else {},
        warnings=tuple(notice for notice in notices if notice),
    )


def quote(slot: Slot, argument: str) -> str:
    """The argument as it stands in `parameters`. Raises CannotHold.

    What is refused: a line end, a quote that would end the value, and `${`, with which newer zipl names a variable of
    its own environment.
    """
    if "\n" in argument or "\r" in argument:
        raise CannotHold(f"{argument!r}: parameters cannot hold a line end", hint="write it without line ends")
    if "${" in argument:
        raise CannotHold(f"{argument!r}: zipl takes ${{ for a variable of its own", hint="write it without ${")
    if slot.style in _QUOTES and slot.style in argument:
        other = _QUOTES[slot.style == _QUOTES[0]]
        hint = f"put {other} around the whole value of `parameters` first"
        raise CannotHold(f"{argument!r}: its quote would end the value, which {slot.style} encloses", hint=hint)
    if not slot.style and argument.startswith(_QUOTES):
        hint = "put quotes around the whole value of `parameters` first"
        raise CannotHold(f"{argument!r}: zipl takes a quote at the beginning for the value's own", hint=hint)
    return held(argument)


class _Value:
    """What an assignment gives to its keyword: the text, where it stands, and its quotes, if any."""

    __slots__ = ("end", "keyword", "quote", "start", "text")

    def __init__(self, keyword: Token, token: Token) -> None:
        body = token.text.lstrip(" \t").removeprefix("=").lstrip(" \t")
        quoted = token.kind == "QUOTED"
        self.keyword = keyword
        self.quote = body[0] if quoted else ""
        self.text = body[1:-1] if quoted else body
        self.end = token.end - quoted
        self.start = self.end - len(self.text)


class _Section:
    """A section or a menu: its name and what its lines assign. Raises NotUnderstood for a keyword that stands twice."""

    def __init__(self, file: str, text: str, node: Node) -> None:
        head = next(child for child in node.children if isinstance(child, Token))
        self.name = head.text.strip("[]:") if node.name == "menu" else head.text[1:-1]
        self.start = head.start
        self.values: dict[str, _Value] = {}
        for child in node.children:
            if isinstance(child, Node):
                keyword, value = (token for token in child.children if isinstance(token, Token))
                name = keyword.text if child.name == "assignment" else f"#{int(keyword.text)}"
                if name in self.values:
                    raise _refused(file, text, keyword.start, f"{keyword.text} a second time in {self.name}")
                self.values[name] = _Value(keyword, value)
            elif child.kind == "AUTO":
                self.values["defaultauto"] = _Value(child, Token("BARE", "", child.end, child.end))

    def said(self, keyword: str) -> str | None:
        """The text given to a keyword, None without one."""
        value = self.values.get(keyword)
        return value.text if value else None


def _check_names(file: str, text: str, sections: list[_Section]) -> None:
    seen = set()
    for each in sections:
        if each.name in seen:
            raise _refused(file, text, each.start, f"{each.name} a second time")
        seen.add(each.name)


def _settings(boot: _Section, menus: list[_Section]) -> dict[str, str]:
    named = boot.said("default")
    if "target" in boot.values or "defaultauto" in boot.values:
        return {"menu": "", "default": named or ""}
    if named is not None:
        return {"default": named}
    menu = next((each for each in menus if each.name == boot.said("defaultmenu")), None)
    if menu is None:
        return {}
    chosen = menu.said("default") or next((name[1:] for name in menu.values if name.startswith("#")), "")
    entry = menu.said(f"#{int(chosen)}") if chosen.isascii() and chosen.isdigit() else None
    return {} if entry is None else {"default": entry}


def _stanza(file: str, text: str, position: int, section: _Section) -> Stanza:
    image = section.values.get("image")
    images: tuple[Image, ...] = ()
    if image:
        if not image.text:
            raise _refused(file, text, image.keyword.start, "image without a path")
        number = _line(text, image.keyword.start)
        images = (Image(_path(image.text), (_slot(file, text, section, image),), number),)
    ramdisk, parmfile = section.said("ramdisk"), section.said("parmfile")
    return Stanza(
        title=section.name,
        line=_line(text, section.start),
        images=images,
        initrds=(_path(ramdisk),) if ramdisk else (),
        id=section.name,
        nesting=((position, section.name, section.name),),
        keys={"parmfile": _path(parmfile)} if parmfile else {},
    )


def _slot(file: str, text: str, section: _Section, image: _Value) -> Slot:
    """The arguments of a section, or where a `parameters` line will stand: behind that of the image, indented alike."""
    value = section.values.get("parameters")
    if value:
        found = words(text, value.start, value.end)
        start, end = (found[0].start, found[-1].end) if found else (value.start, value.start)
        line = _line(text, value.keyword.start)
        return Slot(file, "zipl", "parameters", start, end, line, found, style=value.quote)
    begin = text.rfind("\n", 0, image.keyword.start) + 1
    indent = text[begin : image.keyword.start]
    newline = text.find("\n", image.end)
    at = len(text) if newline < 0 else newline + 1
    # Without quotes it holds any argument that does not begin with one.
    before, after = ("\n", "") if newline < 0 else ("", "\n")
    line = _line(text, image.keyword.start)
    before += f"{indent}parameters="
    return Slot(file, "zipl", "parameters", at, at, line, (), before=before, after=after)


def _path(value: str) -> str:
    return _ADDRESS.sub("", value)


def _line(text: str, offset: int) -> int:
    return text.count("\n", 0, offset) + 1


def _refused(file: str, text: str, offset: int, what: str) -> NotUnderstood:
    return NotUnderstood(what, hint="zipl refuses it too: correct the file", place=place_at(file, text, offset))


FORMAT = Format(name="zipl", find=find, parse=parse_configuration, quote=quote)
