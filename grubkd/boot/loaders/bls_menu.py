"""The menu of the Boot Loader Specification snippets, as GRUB's blscfg, systemd-boot or zipl makes it.

blscfg.py says what GRUB reads. systemd-boot takes every byte as it is, and zipl every byte but `${NAME}`, a variable of
its own.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from grubkd.boot import menuorder
from grubkd.boot.document import Slot, Stanza
from grubkd.boot.loaders import blscfg, grub_entries, kernel_cmdline, owners, systemd_boot, zipl
from grubkd.boot.loaders.format import Followup, LoaderMenu, MenuItem, SnippetReader, setting, slots_of
from grubkd.boot.menuorder import grub_key
from grubkd.boot.model import Feeds, Line, NewKernelArgs
from grubkd.errors import Notice, Place

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from grubkd.boot.document import Document, Image
    from grubkd.boot.loaders.format import Sources
    from grubkd.tree.tree import Tree


def menus(sources: Sources, tree: Tree) -> list[LoaderMenu]:
    """The snippets in the menu order of their reader, the deployments of ostree in a menu of their own."""
    kinds = ("bls", "loader-conf", "kernel-cmdline")
    menu = _menu(sources) if any(sources.documents[kind] for kind in kinds) else None
    return owners.separate_deployments(menu, tree)


def _menu(sources: Sources) -> LoaderMenu:
    documents = sources.documents
    ordered = _ordered(documents["bls"], sources.snippet_reader)
    stanzas = _stanzas(ordered)
    new_kernels = kernel_cmdline.new_kernel_args(documents["kernel-cmdline"])
    references: Mapping[str, tuple[Slot, ...]] = {}
    warnings: tuple[Notice, ...] = ()
    followups: tuple[Followup, ...] = ()
    if sources.snippet_reader is SnippetReader.GRUB:
        default = _default_of_grub(stanzas, sources)
        known = grub_entries.references_of(documents["grub2"], documents["grubenv"])
        readings = [blscfg.as_read(document, known) for document in ordered]
        ordered = [document for document, _ in readings]
        references = {**dict.fromkeys(_names(ordered), ()), **known}
        new_kernels = (_kernelopts(sources) if ordered else ()) + new_kernels
        warnings = (*(notice for _, notices in readings for notice in notices), *_not_shown(ordered))
    elif sources.snippet_reader is SnippetReader.ZIPL:
        default = _default_of_zipl(stanzas, sources)
        warnings = (*_refused_by_zipl(ordered), *zipl.variables(_slots(ordered)))
        followups = (Followup(zipl.COMMAND, frozenset(document.file for document in ordered)),)
        ordered = [_with_style(document, "zipl") for document in ordered]
    else:
        menu = [*stanzas, *(image.stanza for image in sources.images)]
        default = systemd_boot.default_id(menu, documents["loader-conf"])
    items = tuple(
        MenuItem(stanza, document.file, default=stanza.id is not None and stanza.id == default)
        for document in ordered
        for stanza in document.stanzas
    )
    own = [document for document in documents["kernel-cmdline"] if document.file == kernel_cmdline.FILE]
    files = tuple(document.file for document in (*ordered, *own, *documents["loader-conf"]))
    return LoaderMenu("bls", files, items, references, new_kernels, warnings, followups)


def _stanzas(documents: Sequence[Document]) -> list[Stanza]:
    return [stanza for document in documents for stanza in document.stanzas]


def _slots(documents: Sequence[Document]) -> list[Slot]:
    return [slot for stanza in _stanzas(documents) for image in stanza.images for slot in image.slots]


def _ordered(snippets: Sequence[Document], reader: SnippetReader) -> list[Document]:
    """The snippets that are entries, in the order of their reader's menu."""
    order = {
        SnippetReader.GRUB: menuorder.grub_order,
        SnippetReader.SYSTEMD_BOOT: menuorder.systemd_boot_order,
        SnippetReader.ZIPL: menuorder.zipl_order,
    }[reader]
    # A stanza has no hash of its own, and two directories may hold snippets of one name.
    documents = {id(stanza): document for document in snippets for stanza in document.stanzas}
    return [documents[id(stanza)] for stanza in order(_stanzas(snippets))]


def _with_style(document: Document, style: str) -> Document:
    """The same snippet with its slots marked as read by a boot loader that takes more than bytes from them."""

    def marked(image: Image) -> Image:
        return image._replace(slots=tuple(slot._replace(style=style) for slot in image.slots))

    stanzas = tuple(stanza._replace(images=tuple(map(marked, stanza.images))) for stanza in document.stanzas)
    return document._replace(stanzas=stanzas)


def _not_shown(documents: Sequence[Document]) -> Iterator[Notice]:
    """The warnings about snippets whose names are equal to GRUB: it shows only the one that it reads first."""
    for one, other in pairwise(documents):
        if one.stanzas and other.stanzas and grub_key(one.stanzas[0]) == grub_key(other.stanzas[0]):
            message = f"GRUB takes this name and {one.stanzas[0].id} for the same version, and shows only one of them"
            yield Notice("snippet-not-shown", message, "rename or remove one of them", Place(other.file))


def _refused_by_zipl(documents: Sequence[Document]) -> Iterator[Notice]:
    """Snippets at which zipl stops, so that it makes nothing bootable: each may have one line of options."""
    for document in documents:
        for slot in _slots([document])[1:]:
            yield Notice(
                "options-not-read",
                "zipl refuses a snippet with a second options line, and stops",
                hint="join the options in one line",
                place=Place(slot.file, slot.line),
            )


def _default_of_grub(stanzas: Sequence[Stanza], sources: Sources) -> str | None:
    """The id of the snippet that GRUB boots by default, None if it cannot be determined.

    blscfg adds the snippets to the menu before the entries of the generators that come later.
    """
    menu = [
        Stanza(stanza.title, stanza.line, (), id=stanza.id, nesting=((position, stanza.title, stanza.id),))
        for position, stanza in enumerate(stanzas)
    ]
    found = grub_entries.default_of(menu, sources.documents["grub2"], sources.documents["grubenv"])
    return found.id if found else None


def _default_of_zipl(stanzas: Sequence[Stanza], sources: Sources) -> str | None:
    """The id of the snippet that zipl.conf names by its title, or the first if zipl makes a menu and names none."""
    configurations = sources.documents["zipl"]
    named = setting(configurations, "default")
    if named == "":
        sections = any(stanza.images for stanza in _stanzas(configurations))
        return stanzas[0].id if stanzas and not sections else None
    return next((stanza.id for stanza in stanzas if stanza.title == named), None)


def _names(documents: Sequence[Document]) -> set[str]:
    """The variables in the snippets: one that nothing sets gives nothing."""
    return {word.reference for slot in _slots(documents) for word in slot.words if word.reference}


def _kernelopts(sources: Sources) -> tuple[NewKernelArgs, ...]:
    """`kernelopts` of grubenv, which new snippets may refer to, and the fallbacks that grub.cfg sets without it."""
    environments, scripts = sources.documents["grubenv"], sources.documents["grub2"]
    slots = slots_of(environments, "kernelopts") + slots_of(scripts, "kernelopts") + slots_of(scripts, blscfg.FALLBACK)
    return tuple(NewKernelArgs(slot.variable, Line((slot,), slot), Feeds.NONE, "bls") for slot in slots)
