"""From a stanza to an entry: roles of images, rescue, version; the parts of joining common to every bootloader."""

import re
from collections.abc import Mapping

from grubkd.boot import cmdline
from grubkd.boot.kernelpath import is_initrd, is_linux, is_tboot, is_xen, release_of
from grubkd.boot.model import Boot, Entry, Image, Line, Role, Slot, SlotKey, Stanza
from grubkd.errors import Place

_RESCUE_TITLE = re.compile(r"\b(rescue|recovery|single[ -]user|failsafe)\b", re.IGNORECASE)
_RESCUE_ARGUMENTS = frozenset({"single", "S", "s", "recovery", "rescue", "emergency"})


def line_of(slots: tuple[Slot, ...], references: Mapping[str, tuple[Slot, ...]]) -> Line:
    """The line of slots in which each name of `references` stands for the same slots everywhere.

    A new argument goes behind what a whole-line reference such as `$kernelopts` stands for, so that kernels installed
    later get it too; without one to the last own slot.
    """
    found: dict[tuple[SlotKey, str], tuple[Slot, ...]] = {}
    home = slots[-1]
    for slot in slots:
        for word in slot.words:
            if word.reference is not None and word.reference in references:
                inner = references[word.reference]
                found[(slot.key, word.reference)] = inner
                if word.reference == "kernelopts" and inner:
                    home = inner[-1]
    return Line(slots, home, found)


def boots_of(images: tuple[Image, ...], references: Mapping[str, tuple[Slot, ...]]) -> tuple[Boot, ...]:
    """The images with their roles and lines.

    An entry whose first image is Xen has the hypervisor make the reservation; its first other image is the Linux
    module. Under tboot, loaded the same way, the Linux module is an ordinary kernel.
    """
    if not images:
        return ()
    first = images[0]
    boots = []
    for image in images:
        role = Role.KERNEL
        if image is first and is_xen(image.path):
            role = Role.HYPERVISOR
        elif (image is first and is_tboot(image.path)) or is_initrd(image.path) or not is_linux(image.path):
            role = Role.OTHER
        elif image.module and is_xen(first.path):
            role = Role.MODULE
        boots.append(Boot(role, image.path, line_of(image.slots, references)))
    return tuple(boots)


def main_boot(boots: tuple[Boot, ...]) -> Boot | None:
    """The image an entry is known by: the hypervisor, else the first kernel, else whatever it loads first."""
    for role in (Role.HYPERVISOR, Role.KERNEL, Role.OTHER):
        for boot in boots:
            if boot.role is role:
                return boot
    return None


def entry_of(  # noqa: PLR0913 - an entry is made in one place, from all that its bootloader knows
    stanza: Stanza,
    *,
    file: str,
    format_name: str,
    index: int,
    default: bool,
    foreign: bool,
    references: Mapping[str, tuple[Slot, ...]],
) -> Entry:
    """The entry that a stanza states."""
    boots = boots_of(stanza.images, references)
    kernels = [boot for boot in boots if boot.role in (Role.KERNEL, Role.MODULE)]
    version = stanza.keys.get("version")
    if version is None and kernels:
        version = release_of(kernels[0].path)
    return Entry(
        index=index,
        title=stanza.title,
        id=stanza.id,
        version=version,
        boots=boots,
        initrds=stanza.initrds,
        default=default,
        rescue=bool(kernels) and _is_rescue(stanza, kernels),
        linux=bool(kernels),
        foreign=foreign,
        generated=stanza.generated,
        format=format_name,
        source=Place(file, stanza.line),
    )


def _is_rescue(stanza: Stanza, kernels: list[Boot]) -> bool:
    if _RESCUE_TITLE.search(stanza.title) or "0-rescue" in f"{stanza.id} {stanza.keys.get('version', '')}":
        return True
    for piece in kernels[0].line.pieces():
        name, value = cmdline.name_of(piece.word.text), cmdline.value_of(piece.word.text)
        if value is None and name in _RESCUE_ARGUMENTS:
            return True
        if name == "systemd.unit" and value in ("rescue.target", "emergency.target"):
            return True
    return False
