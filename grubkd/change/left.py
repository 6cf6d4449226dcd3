"""Whether an interrupted run left anything, by the names of the journals alone: most often it did not.

More than that takes most of the modules that write, which a run that changes nothing has no other use for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from grubkd.change.lock import STATE

if TYPE_CHECKING:
    from grubkd.tree.root import Root


def nothing_left(root: Root) -> bool:
    """Whether there is no journal but those of finished transactions; False also where that cannot be seen."""
    if not root.exists(STATE):
        return STATE not in root.denied
    names = root.list(f"{STATE}/transactions")
    return bool(names) and all(name.endswith(".done") for name in names)
