"""From a stanza to an entry: roles of images, rescue, version; the parts of joining common to every bootloader."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

from grubkd.boot import cmdline
from grubkd.boot.kernelpath import is_initrd, is_kernel, is_xen, release_of
from grubkd.boot.model import Boot, Entry, Line, Role
from grubkd.errors import Place

if TYPE_CHECKING:
    from collections.abc import Mapping

    from grubkd.boot.managed_by import ManagedBy
    from grubkd.boot.model import Image, Slot, SlotKey, Stanza

_RESCUE_TITLE = re.compile(r"\b(rescue|recovery|single[ -]user|failsafe)\b")
# Looked for first: most titles hold none.
_RESCUE_WORDS = ("rescue", "recovery", "single", "failsafe")
_RESCUE_ARGUMENTS = frozenset({"single", "S", "s", "recovery", "rescue", "emergency"})
_LINUX = (Role.KERNEL, Role.MODULE)
# Of all other arguments the first characters are enough.
_MAY_RESCUE = ('"', "systemd.unit=")


def line_of(slots: tuple[Slot, ...], references: Mapping[str, tuple[Slot, ...]]) -> Line:
    """The line of slots in which each name of `references` stands for the same slots everywhere.

    A new argument goes behind what a whole-line reference such as `$kernelopts` stands for, so that kernels installed
    later get it too; without one to the last own slot, but under GRUB to the first, for Fedora's blscfg reads no other
    `options` line. The same holds for a reference that takes no room, which stands for arguments that an entry without
    any of its own shares with others.
    """
    found: dict[tuple[SlotKey, str], tuple[Slot, ...]] = {}
    home = slots[0] if slots[0].style == "grub" else slots[-1]
    for slot in slots if references else ():
        for word in slot.words:
            if word.reference is not None and word.reference in references:
                inner = references[word.reference]
                found[(slot.key, word.reference)] = inner
                if inner and (word.reference == "kernelopts" or word.start == word.end):
                    home = inner[-1]
    return Line(slots, home, found)


def boots_of(images: tuple[Image, ...], references: Mapping[str, tuple[Slot, ...]]) -> tuple[Boot, ...]:
    """The images with their roles and lines.

    Behind Xen, and behind tboot, which is loaded the same way, the first module that is no initrd is the Linux image;
    what follows it (a security policy) takes no kernel arguments.
    """
    boots: list[Boot] = []
    for image in images:
        line = line_of(image.slots, references)
        boots.append(Boot(_role(image, boots), image.path, line, line.arguments()))
    return tuple(boots)


def _role(image: Image, earlier: list[Boot]) -> Role:
    if image.kernel:
        return Role.KERNEL
    if not is_kernel(image.path):
        return Role.HYPERVISOR if not earlier and is_xen(image.path) else Role.OTHER
    if not image.module:
        return Role.KERNEL
    if any(boot.role in (Role.MODULE, Role.KERNEL) for boot in earlier):
        return Role.OTHER
    return Role.MODULE if any(boot.role is Role.HYPERVISOR for boot in earlier) else Role.KERNEL


def is_deployment(stanza: Stanza) -> bool:
    """Whether the entry starts an ostree deployment, which its initrd finds by the argument `ostree=`."""
    return any(_deploy(tuple([word.text for word in slot.words])) for image in stanza.images for slot in image.slots)


def main_boot(boots: tuple[Boot, ...]) -> Boot | None:
    """The image an entry is known by: the hypervisor, else the first kernel, else whatever it loads first."""
    if len(boots) == 1 and boots[0].role is not Role.MODULE:
        return boots[0]
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
    managed_by: ManagedBy | None,
    deployments: ManagedBy,
    references: Mapping[str, tuple[Slot, ...]],
) -> Entry:
    """The entry that a stanza states. `deployments`: the tool that manages ostree's deployments in this tree."""
    boots = boots_of(stanza.images, references)
    kernels = [boot for boot in boots if boot.role in _LINUX]
    unified = False
    initrds = stanza.initrds
    for image in stanza.images:
        unified = unified or image.kernel
        if image.module and is_initrd(image.path):
            initrds += (image.path,)
    deployed = any(map(_is_deployed, boots))
    # The version of an ostree snippet is its place among the deployments.
    version = None if deployed else stanza.keys.get("uname" if unified else "version")
    if version is None and kernels and not unified:
        version = release_of(kernels[0].path)
    return Entry(
        index=index,
        title=stanza.title,
        id=stanza.id,
        version=version,
        boots=boots,
        initrds=initrds,
        default=default,
        rescue=bool(kernels) and _is_rescue(stanza, kernels),
        linux=bool(kernels),
        foreign=foreign,
        generated=stanza.generated,
        format=format_name,
        source=Place(file, stanza.line),
        managed_by=managed_by or (deployments if deployed else None),
    )


def _is_deployed(boot: Boot) -> bool:
    """As is_deployment, of one image; most have their arguments in common, which are looked through once."""
    if boot.line.references:
        return any(_deploy(tuple([word.text for word in slot.words])) for slot in boot.line.slots)
    return _deploy(boot.arguments)


@lru_cache(maxsize=1024)
def _deploy(words: tuple[str, ...]) -> bool:
    return any(word.startswith("ostree=") for word in words)


def _is_rescue(stanza: Stanza, kernels: list[Boot]) -> bool:
    title = stanza.title.lower()
    if any(map(title.__contains__, _RESCUE_WORDS)) and _RESCUE_TITLE.search(title):
        return True
    if (stanza.id or stanza.keys) and "0-rescue" in f"{stanza.id} {stanza.keys.get('version', '')}":
        return True
    return _ask_for_rescue(kernels[0].arguments)


@lru_cache(maxsize=1024)
def _ask_for_rescue(words: tuple[str, ...]) -> bool:
    """Whether arguments, which most entries have in common, start a rescue system."""
    for word in words:
        if word not in _RESCUE_ARGUMENTS and not word.startswith(_MAY_RESCUE):
            continue
        name, value = cmdline.name_of(word), cmdline.value_of(word)
        if value is None and name in _RESCUE_ARGUMENTS:
            return True
        if name == "systemd.unit" and value in ("rescue.target", "emergency.target"):
            return True
    return False
