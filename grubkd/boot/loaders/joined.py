"""What the files of one bootloader join into."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from grubkd.boot import cmdline

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from grubkd.boot.managed_by import ManagedBy
    from grubkd.boot.model import Document, Followup, NewKernelArgs, Slot, Stanza
    from grubkd.errors import Notice


@dataclass(frozen=True, slots=True)
class MenuItem:
    """A stanza that will be an entry, with what only the join knows of it."""

    stanza: Stanza
    file: str
    default: bool = False
    foreign: bool = False
    managed_by: ManagedBy | None = None


@dataclass(frozen=True, slots=True)
class LoaderMenu:
    """A bootloader's part of the BootConfig. `references`: what names in its entries' lines stand for."""

    format: str
    files: tuple[str, ...]
    candidates: tuple[MenuItem, ...]
    references: Mapping[str, tuple[Slot, ...]]
    new_kernels: tuple[NewKernelArgs, ...] = ()
    warnings: tuple[Notice, ...] = ()
    followups: tuple[Followup, ...] = ()


def setting(documents: Sequence[Document], name: str) -> str | None:
    """The last value that the documents give to a setting, or None."""
    for document in reversed(documents):
        if name in document.settings:
            return document.settings[name]
    return None


def slots_of(documents: Sequence[Document], variable: str) -> tuple[Slot, ...]:
    """The slot of the last assignment of a variable in these documents, as a tuple of one, or ()."""
    for document in reversed(documents):
        for assignment in reversed(document.assignments):
            if assignment.variable == variable:
                return (assignment.slot,)
    return ()


def holds_value(slots: Sequence[Slot]) -> bool:
    """Whether any of the slots holds a crashkernel argument: one for Xen counts even where no Xen is installed."""
    return any(cmdline.is_crashkernel(word.text) for slot in slots for word in slot.words)
