"""Unified kernel images on the EFI system partition: entries whose arguments stand in the image itself."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from grubkd.boot import peimage
from grubkd.boot.loaders.join_bls import default_of_systemd_boot
from grubkd.boot.loaders.joined import LoaderMenu, MenuItem
from grubkd.boot.managed_by import ManagedBy
from grubkd.boot.model import Image, Slot, Stanza
from grubkd.boot.words import words
from grubkd.errors import GrubkdError, Notice, Place
from grubkd.tree.osrelease import variables

if TYPE_CHECKING:
    from collections.abc import Sequence

    from grubkd.boot.model import Document
    from grubkd.tree.tree import Tree

_ESPS = ("/efi", "/boot/efi", "/boot")
_DIRECTORY = "/EFI/Linux"


def read(tree: Tree) -> tuple[list[MenuItem], list[Notice]]:
    """The images, and warnings about files of the directory that cannot be read as such, which no loader shows."""
    found: dict[str, MenuItem] = {}
    warnings = []
    for esp in _ESPS:
        for name in tree.list(esp + _DIRECTORY):
            file = tree.resolve(f"{esp}{_DIRECTORY}/{name}")
            if file is None or file in found or not name.lower().endswith(".efi") or name.startswith("."):
                continue
            try:
                sections = peimage.sections(partial(tree.part, file))
            except (peimage.Malformed, GrubkdError) as problem:
                hint = "remove it, or build it anew"
                warnings.append(Notice("not-an-image", f"no EFI image: {problem}", hint, Place(file)))
                continue
            if ".linux" in sections:
                stanza = _stanza(file, f"{_DIRECTORY}/{name}", sections)
                found[file] = MenuItem(stanza, file, managed_by=ManagedBy.UKI)
    return list(found.values()), warnings


def join(
    images: Sequence[MenuItem], snippets: Sequence[Document], loaders: Sequence[Document], *, alone: bool
) -> LoaderMenu | None:
    """The images as entries, None without any. `alone`: no other boot loader is there that would start another entry.

    systemd-boot, and nobody else, is configured by a loader.conf.
    """
    if not images:
        return None
    stanzas = [stanza for document in snippets for stanza in document.stanzas]
    menu = [*stanzas, *(each.stanza for each in images)]
    default = default_of_systemd_boot(menu, loaders) if alone or loaders else None
    candidates = tuple(
        MenuItem(each.stanza, each.file, default=each.stanza.id == default, managed_by=each.managed_by)
        for each in images
    )
    return LoaderMenu("uki", tuple(each.file for each in images), candidates, {})


def _stanza(file: str, path: str, sections: dict[str, peimage.Section]) -> Stanza:
    """An image as an entry; systemd-boot names and orders it by the os-release in it."""
    system = variables(sections[".osrel"].text) if ".osrel" in sections else {}
    name = path.rpartition("/")[2]
    command = sections.get(".cmdline")
    text = command.text if command else ""
    found = words(text, 0, len(text))
    offset = command.start if command else 0
    found = tuple(word._replace(start=word.start + offset, end=word.end + offset) for word in found)
    start, end = (found[0].start, found[-1].end) if found else (offset, offset)
    slot = Slot(file, "uki", ".cmdline", start, end, 1, found)
    release = sections[".uname"].text.strip() if ".uname" in sections else ""
    keys = {
        "uname": release,
        "sort-key": system.get("IMAGE_ID") or system.get("ID", ""),
        "version": system.get("IMAGE_VERSION") or system.get("VERSION_ID", ""),
    }
    return Stanza(
        title=system.get("PRETTY_NAME") or system.get("NAME") or name,
        line=1,
        images=(Image(path, (slot,), 1, kernel=True),),
        id=name,
        keys={key: value for key, value in keys.items() if value},
    )
