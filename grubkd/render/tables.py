"""Tables, sizes and addresses for a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grubkd.memory.size import GIB, MIB, format_size
from grubkd.render.colour import HEAD, mark, plain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from grubkd.memory.memory_map import Extent


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns aligned by their widest cell, two blanks between, no blanks at line ends."""
    lines = [[mark(head, HEAD) for head in heads], *rows]
    lengths = [[len(plain(cell)) for cell in row] for row in lines]
    widths = [max(column) for column in zip(*lengths, strict=True)]
    return "\n".join(
        "  ".join(
            cell + " " * (width - length) for cell, width, length in zip(row, widths, sizes, strict=True)
        ).rstrip()
        for row, sizes in zip(lines, lengths, strict=True)
    )


def size(amount: int) -> str:
    """An amount in bytes for people: exact where it is whole megabytes, else rounded."""
    if amount % MIB == 0 or amount < MIB:
        return format_size(amount)
    if amount < 10 * GIB:
        return f"{amount / MIB:.0f}M"
    return f"{amount / GIB:.1f}".removesuffix(".0") + "G"


def extent(region: Extent) -> str:
    """Addresses as the kernel prints them: the end inclusive."""
    return f"{region[0]:#x}-{region[1] - 1:#x}"
