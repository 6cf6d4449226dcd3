"""refind_linux.conf of rEFInd: the options for every kernel in its directory; the first line is the default.

Facts of rEFInd's config.c (ReadTokenLine): tokens end at a blank, a tab, `=` or `,` outside quotes; two quotes inside
quotes are one. A line is a title and the options; `%v` in the options becomes the version of the kernel. A line of one
token is no entry.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from grubkd.boot.document import Document, Image, Slot, Stanza
from grubkd.boot.loaders.format import Format, LoaderMenu, MenuItem
from grubkd.boot.words import Mapped, held, span
from grubkd.errors import CannotHold
from grubkd.parsing.grammar import Token, parse
from grubkd.text import in_quotes

if TYPE_CHECKING:
    from grubkd.boot.loaders.format import Sources
    from grubkd.tree.tree import Tree

FILES = ("/boot/refind_linux.conf", "/boot/refind-linux.conf")
_PIECE = r'""|[^"]+'
_KERNELS = ("vmlinuz", "vmlinux", "bzimage", "kernel", "linux")
_NUMBER = r"(\d+)"


def parse_options(file: str, text: str) -> Document:
    """The lines with options as stanzas. Their images have no path: rEFInd looks for kernels. Raises NotUnderstood."""
    stanzas: list[Stanza] = []
    for node in parse("refind_linux", text, file=file).nodes("option"):
        tokens = list(node.tokens())
        if len(tokens) > 1:
            title = _decoded(tokens[0]).text
            line = text.count("\n", 0, tokens[0].start) + 1
            image = Image("", (_slot(file, tokens[1], line),), line)
            nesting = ((len(stanzas), title, title),)
            stanzas.append(Stanza(title, line, (image,), id=title, nesting=nesting))
    return Document(file, "refind", tuple(stanzas))


def quote(_slot: Slot, argument: str) -> str:
    """The argument as a quoted token holds it. Raises CannotHold."""
    if "\n" in argument or "\r" in argument or "%v" in argument:
        raise CannotHold(
            f"{in_quotes(argument)}: rEFInd ends an option at a line end, and replaces %v",
            hint="write the argument without line ends and %v",
        )
    return held(argument).replace('"', '""')


def menus(sources: Sources, tree: Tree) -> list[LoaderMenu]:
    """The lines as entries of the newest kernel beside the file."""
    found = []
    for document in sources.documents["refind"]:
        directory = document.file.rpartition("/")[0]
        kernels = [name for name in tree.list(directory) if name.lower().startswith(_KERNELS)]
        path = f"{directory}/{max(kernels, key=_by_number, default='vmlinuz')}"
        items = tuple(
            MenuItem(_with_kernel(stanza, path), document.file, default=stanza is document.stanzas[0])
            for stanza in document.stanzas
        )
        found.append(LoaderMenu("refind", (document.file,), items))
    return found


def _with_kernel(stanza: Stanza, path: str) -> Stanza:
    return stanza._replace(images=tuple(image._replace(path=path) for image in stanza.images))


def _by_number(name: str) -> list[tuple[int, str]]:
    return [(int(part), "") if part.isdigit() else (0, part) for part in re.split(_NUMBER, name)]


def _decoded(token: Token) -> Mapped:
    mapped = Mapped()
    inside = token.text[1:-1] if token.kind == "QUOTED" else token.text
    at = token.start + (token.kind == "QUOTED")
    for piece in re.finditer(_PIECE, inside):
        mapped.add('"' if piece[0] == '""' else piece[0], at + piece.start(), at + piece.end())
    return mapped


def _slot(file: str, token: Token, line: int) -> Slot:
    found = _decoded(token).kernel_words()
    begin = token.start + (token.kind == "QUOTED")
    quotes = "" if token.kind == "QUOTED" else '"'
    return Slot(file, "refind", "options", *span(found, begin), line, found, before=quotes, after=quotes)


FORMAT = Format("refind", parse_options, paths=FILES, quote=quote, lens="Kernel_args.refind")
