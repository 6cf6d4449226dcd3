"""GRUB legacy: its configuration, and what its generators and kernel packages make of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grubkd.boot.kernelpath import is_xen
from grubkd.boot.loaders.joined import LoaderMenu, MenuItem, holds_value
from grubkd.boot.model import Feeds, Line, NewKernelArgs
from grubkd.text import from_bytes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from grubkd.boot.model import Document, Slot
    from grubkd.tree.tree import Tree

# `savedefault` keeps the entry's number in this file, followed by newlines and a notice.
SAVED_DEFAULT = "/boot/grub/default"


def join(documents: Sequence[Document], tree: Tree) -> tuple[LoaderMenu, ...]:
    """The entries in file order; the default by number, which GRUB 0.97 takes as 0 where no statement gives one."""
    return tuple(_join_one(document, tree) for document in documents)


def _join_one(document: Document, tree: Tree) -> LoaderMenu:
    default = _default(document, tree)
    candidates = tuple(
        MenuItem(stanza, document.file, default=position == default) for position, stanza in enumerate(document.stanzas)
    )
    return LoaderMenu("grub-legacy", (document.file,), candidates, {}, _futures(document, default))


def _default(document: Document, tree: Tree) -> int | None:
    value = document.settings.get("default", "0").strip()
    if value == "saved":
        value = "0"
        if tree.exists(SAVED_DEFAULT):
            value = from_bytes(tree.read(SAVED_DEFAULT)).partition("\n")[0].strip() or "0"
    return int(value) if value.isascii() and value.isdigit() else None


def _futures(document: Document, default: int | None) -> tuple[NewKernelArgs, ...]:
    """The lines of kernels installed later.

    Debian's update-grub makes its entries from `# kopt=` and gives `# defoptions=` to those that are not single-user;
    under Xen the hypervisor gets `# xenhopt=`. Elsewhere (grubby, new-kernel-pkg) a new kernel copies the default.
    """
    slots: dict[str, list[Slot]] = {}
    for assignment in document.assignments:
        earlier = slots.get(assignment.variable, []) if assignment.extends else []
        slots[assignment.variable] = [*earlier, assignment.slot]
    # `kopt_2_6_26` takes the place of kopt for such kernels: of several the most specific, and so the longest name.
    general = max((name for name in slots if name.partition("_")[0] == "kopt"), key=len, default="kopt")
    kopt = slots.get(general) or []
    defoptions = slots.get("defoptions") or []
    futures = []
    if kopt or defoptions:
        line = Line(tuple(kopt + defoptions), (kopt or defoptions)[-1])
        futures.append(NewKernelArgs(general if kopt else "defoptions", line, Feeds.NORMAL, "grub-legacy"))
    if kopt:
        futures.append(NewKernelArgs(general, Line(tuple(kopt), kopt[-1]), Feeds.RECOVERY, "grub-legacy"))
    if (xenhopt := slots.get("xenhopt")) and (_has_xen(document) or holds_value(xenhopt)):
        futures.append(NewKernelArgs("xenhopt", Line(tuple(xenhopt), xenhopt[-1]), Feeds.XEN, "grub-legacy"))
    if not futures and default is not None and default < len(document.stanzas):
        images = document.stanzas[default].images
        if images and images[0].slots:
            line = Line(images[0].slots, images[0].slots[-1])
            futures.append(NewKernelArgs("default entry", line, Feeds.NONE, "grub-legacy", copied=True))
    return tuple(futures)


def _has_xen(document: Document) -> bool:
    return any(stanza.images and is_xen(stanza.images[0].path) for stanza in document.stanzas)
