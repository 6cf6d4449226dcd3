"""zipl.conf: its sections, what their parmfiles add, and the run of zipl that makes any change take effect."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from grubkd.boot.loaders.joined import LoaderMenu, MenuItem
from grubkd.boot.managed_by import ManagedBy
from grubkd.boot.model import Followup, Slot
from grubkd.boot.words import words
from grubkd.errors import GrubkdError, Notice, Place
from grubkd.text import from_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from grubkd.boot.model import Document, Stanza
    from grubkd.tree.tree import Tree

# What boots is the map that zipl made; it reads its configuration only when it is run.
COMMAND = ("zipl",)


def join(documents: Sequence[Document], tree: Tree) -> LoaderMenu | None:
    """The sections in file order; None without a zipl.conf.

    Of the sections that boot a kernel the one that `default` names boots by default, of a menu of all the first.
    """
    if not documents:
        return None
    document = documents[0]
    default = _default(document)
    warnings: list[Notice] = []
    candidates = []
    for stanza in document.stanzas:
        found, managed_by = _with_parmfile(stanza, tree, document.file, warnings)
        candidates.append(MenuItem(found, document.file, default=stanza is default, managed_by=managed_by))
    warnings += variables([slot for each in candidates for image in each.stanza.images for slot in image.slots])
    followups = (Followup(COMMAND, frozenset((document.file,))),)
    return LoaderMenu("zipl", (document.file,), tuple(candidates), {}, (), tuple(warnings), followups)


def variables(slots: Sequence[Slot]) -> Iterator[Notice]:
    """Arguments with a `${NAME}`, which zipl 2.16 and later replace at boot from their environment block."""
    for slot in slots:
        for word in slot.words:
            if "${" in word.text:
                yield Notice(
                    "zipl-variable",
                    f"{word.text}: zipl puts a value in at boot, which is not looked into",
                    hint="zipl-editenv --list tells the values",
                    place=Place(slot.file, slot.line),
                )


def _default(document: Document) -> Stanza | None:
    named = document.settings.get("default")
    kernels = [stanza for stanza in document.stanzas if stanza.images]
    if named == "":
        return kernels[0] if kernels else None
    return next((stanza for stanza in document.stanzas if stanza.title == named), None)


def _with_parmfile(stanza: Stanza, tree: Tree, file: str, warnings: list[Notice]) -> tuple[Stanza, ManagedBy | None]:
    """The stanza with the arguments of its parmfile, which come first (job.c, get_parmline)."""
    path = stanza.keys.get("parmfile")
    if path is None or not stanza.images:
        return stanza, None
    image = stanza.images[0]
    try:
        text = from_bytes(tree.read(path))
    except GrubkdError as problem:
        message = f"the parmfile {path}: {problem.message}"
        hint = "make it readable, or name another one: zipl stops there"
        warnings.append(Notice("parmfile-missing", message, hint, Place(file, image.line)))
        return stanza, ManagedBy.PARMFILE
    found = words(text, 0, len(text))
    start, end = (found[0].start, found[-1].end) if found else (0, 0)
    slot = Slot(path, "zipl", "parmfile", start, end, 1, found)
    return replace(stanza, images=(replace(image, slots=(slot, *image.slots)),)), ManagedBy.PARMFILE
