"""The commands that a change may need afterwards. No other is ever run, whatever a journal asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from grubkd.tree.root import Root

# zipl writes the boot map of s390x, which names the blocks of what it boots.
KNOWN: frozenset[tuple[str, ...]] = frozenset({("zipl",)})
# Seconds that one may take: zipl needs a few.
PATIENCE = 120.0


def run(command: Sequence[str], root: Root, stop: Callable[[], bool] = lambda: False) -> None:
    """Run one in the tree; see grubkd.run. Raises CommandFailed, Refused for a foreign architecture."""
    from grubkd import run as running  # seldom needed, and subprocess takes its time to load

    running.run(command, root, stop=stop, patience=PATIENCE)
