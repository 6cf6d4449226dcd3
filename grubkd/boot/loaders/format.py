"""What a format is: one value of this class a module, listed in formats/__init__.py."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from grubkd.boot.model import Document, Slot
    from grubkd.tree.tree import Tree


def unchanged(_slot: Slot, argument: str) -> str:
    """The quoting of a format that has none: the argument stands in the file as the kernel receives it."""
    return argument


def as_it_is(_file: str, text: str) -> str:
    """The finish of a format whose file has no outer form."""
    return text


def nothing_more(_text: str, slot: Slot) -> tuple[int, int]:
    """The vacate of a format in which a statement may stand without arguments."""
    return slot.start, slot.end


@dataclass(frozen=True, slots=True)
class Format:
    """One configuration file format. Formats do not know each other; inventory joins what they say.

    `find(tree)`: the real paths of the format's files that the tree has, each once, in the format's order.
    `parse(file, text)`: what the file says; raises NotUnderstood with the place.
    `quote(slot, argument)`: the bytes that make the bootloader hand the argument to the kernel; raises CannotHold.
    The law: parsing a slot into which quote's text was spliced gives the argument back.
    `finish(file, text)`: the edited text in the file's outer form (grubenv's 1024 bytes); raises TooLong.
    `vacate(text, slot)`: the span that goes when the slot loses its last argument.
    `lens`: the Augeas lens that takes the text of a slot apart, `lens_by_style` that of slots of another style.
    """

    name: str
    find: Callable[[Tree], tuple[str, ...]]
    parse: Callable[[str, str], Document]
    quote: Callable[[Slot, str], str] = unchanged
    finish: Callable[[str, str], str] = as_it_is
    vacate: Callable[[str, Slot], tuple[int, int]] = nothing_more
    lens: str = "Kernel_args.line"
    lens_by_style: Mapping[str, str] = field(default_factory=dict)
