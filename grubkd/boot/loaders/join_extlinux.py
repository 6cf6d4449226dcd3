"""extlinux and syslinux: one menu, whose global APPEND feeds every label without one of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grubkd.boot.loaders.extlinux import GLOBAL
from grubkd.boot.loaders.joined import LoaderMenu, MenuItem, slots_of
from grubkd.boot.model import Feeds, Line, NewKernelArgs
from grubkd.errors import Notice, Place

if TYPE_CHECKING:
    from collections.abc import Sequence

    from grubkd.boot.model import Document
    from grubkd.tree.tree import Tree

# The generators that make such a menu, and where each takes the arguments from.
_GENERATORS = (
    ("/usr/sbin/u-boot-update", "U_BOOT_PARAMETERS in /etc/default/u-boot"),
    ("/usr/sbin/extlinux-update", "EXTLINUX_PARAMETERS in /etc/default/extlinux"),
)


def join(documents: Sequence[Document], tree: Tree) -> tuple[LoaderMenu, ...]:
    """The entries of each menu in file order."""
    return tuple(_join_one(document, tree) for document in documents)


def _join_one(document: Document, tree: Tree) -> LoaderMenu:
    default = _default(document)
    candidates = tuple(
        MenuItem(stanza, document.file, default=position == default) for position, stanza in enumerate(document.stanzas)
    )
    shared = slots_of([document], GLOBAL)
    futures = (NewKernelArgs("APPEND", Line(shared, shared[0]), Feeds.NONE, "extlinux"),) if shared else ()
    warnings = tuple(
        Notice(
            "lost-at-regeneration",
            f"{generator} makes this menu anew: its next run loses what is changed here",
            hint=f"put the value into {source} as well",
            place=Place(document.file),
        )
        for generator, source in _GENERATORS
        if tree.exists(generator)
    )
    return LoaderMenu("extlinux", (document.file,), candidates, {GLOBAL: shared} if shared else {}, futures, warnings)


def _default(document: Document) -> int | None:
    """The label marked MENU DEFAULT, else the one that DEFAULT names; None where neither is a label of the menu."""
    names = [stanza.id for stanza in document.stanzas]
    for setting in ("menu default", "default"):
        # Arguments may follow the label; syslinux compares labels without regard to case.
        wanted = document.settings.get(setting, "").split(" ")[0]
        if wanted in names:
            return names.index(wanted)
        folded = [name.lower() if name else "" for name in names]
        if wanted and wanted.lower() in folded:
            return folded.index(wanted.lower())
    return None
