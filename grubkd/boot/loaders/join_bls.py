"""Boot Loader Specification snippets, read by GRUB's blscfg or by systemd-boot, and what kernel-install adds."""

from __future__ import annotations

from dataclasses import replace
from enum import Enum
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from grubkd.boot import cmdline, menuorder
from grubkd.boot.build import main_boot
from grubkd.boot.loaders import grub2
from grubkd.boot.loaders import join_zipl as zipl
from grubkd.boot.loaders.joined import LoaderMenu, MenuItem, setting, slots_of
from grubkd.boot.model import Feeds, Followup, Line, NewKernelArgs, Slot, Stanza
from grubkd.errors import Notice, Place

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from grubkd.boot.model import Document, Entry, Image
    from grubkd.tree.tree import Tree


class Reader(Enum):
    """Which boot loader takes the snippets."""

    GRUB = "grub"
    SYSTEMD_BOOT = "systemd-boot"
    ZIPL = "zipl"


_ORDERS = {
    Reader.GRUB: menuorder.grub_order,
    Reader.SYSTEMD_BOOT: menuorder.systemd_boot_order,
    Reader.ZIPL: menuorder.zipl_order,
}
KERNEL_CMDLINE = "/etc/kernel/cmdline"
VENDOR_CMDLINE = "/usr/lib/kernel/cmdline"


def join(  # noqa: PLR0913 - every kind of file that meets in a snippet's line
    snippets: Sequence[Document],
    loaders: Sequence[Document],
    cmdlines: Sequence[Document],
    scripts: Sequence[Document],
    environments: Sequence[Document],
    *,
    zipls: Sequence[Document],
    unified: Sequence[Stanza],
    reader: Reader,
) -> LoaderMenu | None:
    """The entries in the menu order of their reader, and the lines of kernels installed later; None without files.

    GRUB expands `$name` from its environment, an unset one to nothing, and reads what comes out as script. systemd-boot
    takes every byte as it stands, and zipl every one but `${NAME}`, a variable of its own. `unified`: images
    with a kernel in them, which systemd-boot shows in the same menu.
    """
    if not snippets and not loaders and not cmdlines:
        return None
    grub = reader is Reader.GRUB
    ordered = _ordered(snippets, reader)
    references: dict[str, tuple[Slot, ...]] = {}
    warnings: tuple[Notice, ...] = ()
    if grub:
        warnings = tuple(_not_read(ordered))
        ordered = [_marked(document, "grub") for document in ordered]
        names = {word.reference for slot in _slots(ordered) for word in slot.words if word.reference}
        references = dict.fromkeys(names, ()) | dict(grub2.references_of(scripts, environments))
    followups: tuple[Followup, ...] = ()
    if reader is Reader.ZIPL:
        warnings = (*_not_taken(ordered), *zipl.variables(_slots(ordered)))
        ordered = [_marked(document, "zipl") for document in ordered]
        default = _default_of_zipl(ordered, zipls)
        followups = (Followup(zipl.COMMAND, frozenset(document.file for document in ordered)),)
    elif grub:
        default = _default_of_grub(ordered, scripts, environments)
    else:
        default = default_of_systemd_boot([*(stanza for each in ordered for stanza in each.stanzas), *unified], loaders)
    candidates = tuple(
        MenuItem(stanza, document.file, default=stanza.id is not None and stanza.id == default)
        for document in ordered
        for stanza in document.stanzas
    )
    own = [document for document in cmdlines if document.file == KERNEL_CMDLINE]
    files = [document.file for document in (*ordered, *own, *loaders)]
    futures = _cmdline(cmdlines)
    if grub and ordered:
        futures = _kernelopts(scripts, environments) + futures
    return LoaderMenu("bls", tuple(files), candidates, references, futures, warnings, followups)


def _not_read(documents: Sequence[Document]) -> Iterator[Notice]:
    """Arguments that GRUB does not hand on: a second `options` line, or one behind an empty line."""
    for slot in _slots(documents):
        if slot.style == "not-grub" and slot.words:
            yield Notice(
                "options-not-read",
                "GRUB reads only the first options line of a snippet, and nothing behind an empty line",
                hint="join the options in one line, above any empty line",
                place=Place(slot.file, slot.line),
            )


def _not_taken(documents: Sequence[Document]) -> Iterator[Notice]:
    """Snippets on which zipl stops, so that nothing at all is made bootable: each has one line of options."""
    for document in documents:
        for slot in _slots([document])[1:]:
            yield Notice(
                "options-not-read",
                "zipl refuses a snippet with a second options line, and stops",
                hint="join the options in one line",
                place=Place(slot.file, slot.line),
            )


def _slots(documents: Sequence[Document]) -> list[Slot]:
    return [
        slot for document in documents for stanza in document.stanzas for image in stanza.images for slot in image.slots
    ]


def _marked(document: Document, style: str) -> Document:
    """The same snippet with its slots marked as read by a boot loader that takes more than bytes from them."""

    def marked(image: Image) -> Image:
        return replace(image, slots=tuple([_read_as(slot, style) for slot in image.slots]))

    stanzas = tuple([replace(stanza, images=tuple(map(marked, stanza.images))) for stanza in document.stanzas])
    return replace(document, stanzas=stanzas)


def _read_as(slot: Slot, style: str) -> Slot:
    """The same slot with another style: `replace` takes several times as long, and snippets may be thousands."""
    start, end, words = slot.start, slot.end, slot.words
    return Slot(slot.file, slot.format, slot.variable, start, end, slot.line, words, style, slot.before, slot.after)


def _ordered(snippets: Sequence[Document], reader: Reader) -> list[Document]:
    by_stanza = {id(stanza): document for document in snippets for stanza in document.stanzas}
    stanzas = [stanza for document in snippets for stanza in document.stanzas]
    order = _ORDERS[reader]
    return [by_stanza[id(stanza)] for stanza in order(stanzas)]


def _default_of_zipl(ordered: Sequence[Document], zipls: Sequence[Document]) -> str | None:
    """The id of the snippet that zipl.conf names by its title, or the first where it makes a menu and names none."""
    stanzas = [stanza for document in ordered for stanza in document.stanzas]
    named = setting(zipls, "default")
    if named == "":
        sections = any(stanza.images for document in zipls for stanza in document.stanzas)
        return stanzas[0].id if stanzas and not sections else None
    return next((stanza.id for stanza in stanzas if stanza.title == named), None)


def _default_of_grub(
    ordered: Sequence[Document], scripts: Sequence[Document], environments: Sequence[Document]
) -> str | None:
    """The id of the snippet that GRUB boots by default, None where it cannot be told.

    The snippets stand where blscfg is called, before the entries that later generators add.
    """
    stanzas = [stanza for document in ordered for stanza in document.stanzas]
    menu = [
        Stanza(stanza.title, stanza.line, (), id=stanza.id, nesting=((position, stanza.title, stanza.id),))
        for position, stanza in enumerate(stanzas)
    ]
    found = grub2.default_of(menu, scripts, environments)
    return found.id if found else None


def default_of_systemd_boot(stanzas: Sequence[Stanza], loaders: Sequence[Document]) -> str | None:
    """The id of the entry that systemd-boot boots by default: what loader.conf names, else the first of its menu."""
    ordered = menuorder.systemd_boot_order(stanzas)
    pattern = setting(loaders, "default")
    if pattern and pattern.startswith("@"):
        return None
    if pattern:
        # systemd-boot matches the file name, and older versions were given it without its suffix.
        for stanza in ordered:
            # A boot counter (`+3-1`) is in the file's name but no part of the entry's.
            name = menuorder.counted(stanza.id or "").name
            if fnmatchcase(name.lower(), pattern.lower()) or fnmatchcase(f"{name}.conf".lower(), pattern.lower()):
                return stanza.id
    return ordered[0].id if ordered else None


def _kernelopts(scripts: Sequence[Document], environments: Sequence[Document]) -> tuple[NewKernelArgs, ...]:
    """`kernelopts` of grubenv, which new snippets may refer to, and the fallback that grub.cfg sets without it."""
    slots = slots_of(environments, "kernelopts") + slots_of(scripts, "kernelopts")
    return tuple(NewKernelArgs("kernelopts", Line((slot,), slot), Feeds.NONE, "bls") for slot in slots)


def _cmdline(cmdlines: Sequence[Document]) -> tuple[NewKernelArgs, ...]:
    """The file that kernel-install takes the arguments from: the administrator's, else the vendor's."""
    for file in (KERNEL_CMDLINE, VENDOR_CMDLINE):
        slots = slots_of([each for each in cmdlines if each.file == file], "cmdline")
        if slots:
            line = Line(slots, slots[0])
            return (NewKernelArgs("cmdline", line, Feeds.NONE, "bls", read_only=file == VENDOR_CMDLINE),)
    return ()


def missing_cmdline(cmdlines: Sequence[Document], entries: Sequence[Entry], tree: Tree) -> tuple[NewKernelArgs, ...]:
    """What /etc/kernel/cmdline would have to begin with, where it is missing; kernel-install prefers that file.

    It begins as /usr/lib/kernel/cmdline, which kernel-install takes next, else as the default entry, never a rescue
    one. Where the snippets get their line from `$kernelopts` the file has no part.
    """
    if tree.resolve(KERNEL_CMDLINE) is not None or any(_uses_kernelopts(entry) for entry in entries):
        return ()
    words: tuple[str, ...] = ()
    vendor = slots_of([each for each in cmdlines if each.file == VENDOR_CMDLINE], "cmdline")
    ordinary = [entry for entry in entries if entry.linux and not entry.rescue]
    chosen = next((entry for entry in ordinary if entry.default), ordinary[0] if ordinary else None)
    boot = main_boot(chosen.boots) if chosen else None
    if vendor:
        words = Line(vendor, vendor[0]).arguments()
    elif boot:
        words = boot.arguments
    # The boot loader adds these two itself, for the kernel it starts.
    seed = tuple(word for word in words if cmdline.name_of(word) not in ("BOOT_IMAGE", "initrd"))
    if not vendor and boot is None:
        return ()
    slot = Slot(KERNEL_CMDLINE, "kernel-cmdline", "cmdline", 0, 0, 1, (), style="absent", after="\n")
    return (NewKernelArgs("cmdline", Line((slot,), slot), Feeds.NONE, "bls", seed=seed),)


def _uses_kernelopts(entry: Entry) -> bool:
    return any(
        word.reference == "kernelopts" for boot in entry.boots for slot in boot.line.slots for word in slot.words
    )
