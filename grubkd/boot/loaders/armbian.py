"""armbianEnv.txt of Armbian: `extraargs=`, to which the boot script of U-Boot adds arguments of its own.

U-Boot reads the file by `env import -t`: NAME=VALUE without quotes, the last of a name counts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from grubkd.boot.document import Document, Image, Slot, Stanza
from grubkd.boot.loaders.format import Format, LoaderMenu, MenuItem, on_one_line
from grubkd.boot.words import open_quotes, span, words
from grubkd.errors import Notice, Place
from grubkd.parsing.grammar import Token, parse

if TYPE_CHECKING:
    from grubkd.boot.loaders.format import Sources
    from grubkd.tree.tree import Tree

FILE = "/boot/armbianEnv.txt"
_KERNELS = ("Image", "zImage", "uImage")


def parse_environment(file: str, text: str) -> Document:
    """The arguments as one stanza. Raises NotUnderstood at a NUL byte, or a carriage return inside a line."""
    slot = _absent(file, text)
    for pair in parse("name_value", text, file=file).nodes("pair"):
        name = next(pair.tokens("NAME"))
        if name.text == "extraargs":
            value = next(pair.tokens("VALUE"), Token("VALUE", "", name.end + 1, name.end + 1))
            found = words(text, value.start, value.end)
            line = text.count("\n", 0, name.start) + 1
            slot = Slot(file, "armbian", "extraargs", *span(found, value.start), line, found)
    notices = [*open_quotes(file, text, slot.start, slot.end)]
    if slot.words:
        message = "the boot script adds arguments of its own before these"
        hint = "they are in bootargs of /boot/boot.cmd"
        notices.append(Notice("arguments-in-part", message, hint, Place(file, slot.line)))
    stanza = Stanza("Armbian", slot.line, (Image("", (slot,), slot.line),), id="armbian")
    return Document(file, "armbian", (stanza,), warnings=tuple(notices))


def _absent(file: str, text: str) -> Slot:
    before = "extraargs=" if not text or text.endswith("\n") else "\nextraargs="
    at = len(text)
    return Slot(file, "armbian", "extraargs", at, at, text.count("\n") + 1, (), before=before, after="\n")


def menus(sources: Sources, tree: Tree) -> list[LoaderMenu]:
    """The one entry of the boot script; none if there is an extlinux menu, which U-Boot reads instead."""
    documents = sources.documents["armbian"]
    if not documents or sources.documents["extlinux"]:
        return []
    document = documents[0]
    kernel = next((name for name in _KERNELS if tree.exists(f"/boot/{name}")), _KERNELS[0])
    stanza = document.stanzas[0]
    stanza = stanza._replace(images=(stanza.images[0]._replace(path=f"/boot/{kernel}"),))
    return [LoaderMenu("armbian", (document.file,), (MenuItem(stanza, document.file, default=True),))]


FORMAT = Format("armbian", parse_environment, paths=(FILE,), quote=on_one_line)
