"""The GRUB_CMDLINE_* variables as the last of several assignments leaves them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grubkd.boot.model import Line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from grubkd.boot.model import Assignment, Document, Slot, SlotKey


def line_of(documents: Sequence[Document], variables: Sequence[str]) -> Line | None:
    """The line that the variables give one after the other, or None where nothing assigns any of them.

    A plain assignment forgets the earlier ones; `+=` adds to them; `"$VAR more"` takes them in at that place. A new
    argument goes to the last plain assignment, of the first variable that has one.
    """
    slots: list[Slot] = []
    references: dict[tuple[SlotKey, str], tuple[Slot, ...]] = {}
    home: Slot | None = None
    for variable in variables:
        value: tuple[Slot, ...] = ()
        plain: Slot | None = None
        for assignment in _assignments(documents, variable):
            slot = assignment.slot
            if not assignment.extends:
                value, plain = (slot,), slot
            elif any(word.reference == variable for word in slot.words):
                references[(slot.key, variable)] = value
                value = (slot,)
            else:
                value = (*value, slot)
        slots.extend(value)
        home = home or plain or (value[-1] if value else None)
    return Line(tuple(slots), home, references) if home else None


def _assignments(documents: Sequence[Document], variable: str) -> list[Assignment]:
    return [each for document in documents for each in document.assignments if each.variable == variable]
