"""Unified kernel images on the EFI system partition: entries whose arguments are in the image itself.

An image is an EFI executable (Microsoft's PE/COFF), whose sections hold the kernel, its command line and the like.
"""

from __future__ import annotations

import struct
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from grubkd.boot.document import Image, Slot, Stanza
from grubkd.boot.loaders import systemd_boot
from grubkd.boot.loaders.format import LoaderMenu, MenuItem
from grubkd.boot.model import ManagedBy
from grubkd.boot.words import span, words
from grubkd.errors import GrubkdError, Notice, Place
from grubkd.text import from_bytes
from grubkd.tree.osrelease import variables

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from grubkd.boot.loaders.format import Sources
    from grubkd.tree.tree import Tree

_DIRECTORIES = ("/efi/EFI/Linux", "/boot/efi/EFI/Linux", "/boot/EFI/Linux")
_ON_ESP = "/EFI/Linux"

# Bytes. A kernel reads at most 4096 of a command line; os-release files have some hundreds.
LARGEST_TEXT = 64 << 10
# ukify writes some ten; the firmware of OVMF refuses more than 96.
MOST_SECTIONS = 96
_TEXTS = frozenset((".cmdline", ".osrel", ".uname"))
_DOS_HEADER = 64
_COFF_HEADER = 24
_SECTION_HEADER = 40


class NoEfiImage(ValueError):
    """The file is no EFI executable; the message says why."""


class PeSection(NamedTuple):
    """The offset of a section in the file, and its text; "" for the sections whose text grubkd does not use."""

    start: int
    text: str


def find_images(tree: Tree) -> tuple[list[MenuItem], list[Notice]]:
    """The images, and warnings about files beside them that no boot loader shows, since they are no EFI images."""
    found: dict[str, MenuItem] = {}
    warnings = []
    paths = [(f"{directory}/{name}", name) for directory in _DIRECTORIES for name in tree.list(directory)]
    for path, name in paths:
        file = tree.resolve(path)
        if file is None or file in found or not name.lower().endswith(".efi") or name.startswith("."):
            continue
        try:
            sections = pe_sections(partial(tree.part, file))
        except (NoEfiImage, GrubkdError) as problem:
            hint = "remove it, or build it again"
            warnings.append(Notice("not-an-image", f"no EFI image: {problem}", hint, Place(file)))
            continue
        if ".linux" in sections:
            found[file] = MenuItem(_stanza(file, f"{_ON_ESP}/{name}", sections), file, managed_by=ManagedBy.UKI)
    return list(found.values()), warnings


def menus(sources: Sources, _tree: Tree) -> list[LoaderMenu]:
    """The images as entries. One is the default only if systemd-boot reads them, or no other boot loader exists."""
    images, documents = sources.images, sources.documents
    if not images:
        return []
    default = None
    # Nothing but systemd-boot reads a loader.conf.
    if documents["loader-conf"] or not (documents["grub2"] or documents["zipl"]):
        snippets = [stanza for document in documents["bls"] for stanza in document.stanzas]
        menu = [*snippets, *(each.stanza for each in images)]
        default = systemd_boot.default_id(menu, documents["loader-conf"])
    items = tuple(each._replace(default=each.stanza.id == default) for each in images)
    return [LoaderMenu("uki", tuple(each.file for each in images), items)]


def _stanza(file: str, path: str, sections: Mapping[str, PeSection]) -> Stanza:
    """An image as an entry; systemd-boot takes its title and place in the menu from the os-release in it."""
    system = variables(sections[".osrel"].text) if ".osrel" in sections else {}
    name = path.rpartition("/")[2]
    command = sections.get(".cmdline", PeSection(0, ""))
    found = tuple(
        word._replace(start=word.start + command.start, end=word.end + command.start)
        for word in words(command.text, 0, len(command.text))
    )
    slot = Slot(file, "uki", ".cmdline", *span(found, command.start), 1, found)
    keys = {
        "uname": sections[".uname"].text.strip() if ".uname" in sections else "",
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


def pe_sections(read: Callable[[int, int], bytes]) -> dict[str, PeSection]:
    """The sections by name, the first of each: those of further profiles come later.

    `read(start, size)` returns at most `size` bytes of the file. Whatever the file says, only its headers and at most
    LARGEST_TEXT bytes of a section are read. Raises NoEfiImage, and what `read` raises.
    """
    head = read(0, _DOS_HEADER)
    if len(head) < _DOS_HEADER or head[:2] != b"MZ":
        raise NoEfiImage("it does not begin as one")
    at = struct.unpack_from("<I", head, 0x3C)[0]
    coff = read(at, _COFF_HEADER)
    if len(coff) < _COFF_HEADER or coff[:4] != b"PE\0\0":
        raise NoEfiImage("its PE header is missing")
    count, optional = struct.unpack_from("<H", coff, 6)[0], struct.unpack_from("<H", coff, 20)[0]
    if count > MOST_SECTIONS:
        raise NoEfiImage(f"it claims {count} sections")
    table = read(at + _COFF_HEADER + optional, count * _SECTION_HEADER)
    if len(table) < count * _SECTION_HEADER:
        raise NoEfiImage("its table of sections is cut off")
    found: dict[str, PeSection] = {}
    for number in range(count):
        raw, virtual, _, size, start = struct.unpack_from("<8sIIII", table, number * _SECTION_HEADER)
        name = from_bytes(raw.rstrip(b"\0"))
        if name not in found:
            # A section is padded in the file; in memory it may be longer, with zeros at its end.
            held = min(virtual, size) if virtual else size
            found[name] = PeSection(start, _section_text(read, name, start, held) if name in _TEXTS else "")
    return found


def _section_text(read: Callable[[int, int], bytes], name: str, start: int, size: int) -> str:
    if size > LARGEST_TEXT:
        raise NoEfiImage(f"its {name} has {size} bytes")
    data = read(start, size)
    if len(data) < size:
        raise NoEfiImage(f"its {name} is cut off")
    return from_bytes(data).partition("\0")[0]
