"""What a user may not look into, for those who only look."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grubkd.errors import Notice, Place

if TYPE_CHECKING:
    from grubkd.tree.root import Root


def denied(tree: Root) -> tuple[Notice, ...]:
    """What is left out of an answer, which must not pass for a whole one."""
    return tuple(
        Notice("permission-denied", "may not be looked into, and is left out", "run grubkd as root", Place(path))
        for path in sorted(tree.denied)
    )
