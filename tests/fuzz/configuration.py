"""Read a configuration file, edit it in memory, read it again: shared by the targets of the formats."""

import sys
from collections.abc import Mapping
from pathlib import Path

from grubkd.boot import inventory
from grubkd.boot.selector import Selection, select
from grubkd.change import changes, edit, verify
from grubkd.change.request import ArgChange, Verb, reservation
from grubkd.errors import GrubkdError, VerificationFailed
from grubkd.text import to_bytes
from grubkd.tree.tree import Overlay

sys.path.insert(0, str(Path(__file__).parent.parent))

from support.strategies import MemoryTree

WISHES = (
    reservation(("256M",)),
    ArgChange(Verb.SET, "console", ("console=tty0", "console=ttyS0")),
    ArgChange(Verb.ADD, "dyndbg", ('dyndbg="file a.c +p"',)),
    ArgChange(Verb.REMOVE, "quiet"),
)


def attempt(files: Mapping[str, bytes]) -> None:
    """Read the tree of these files, and set values in all of it and in its first entry.

    A refusal is a valid answer. An edit that does not read as planned is a failure, although nothing would be written.
    """
    tree = MemoryTree(files)
    config = inventory.read(tree)
    for problem in config.errors:
        assert problem.place, problem
        str(problem)
    if config.errors:
        return
    first = [str(entry.index) for entry in config.entries if entry.own_linux][:1]
    for selection in (select(config, []), *([select(config, first)] if first else [])):
        _edit(tree, config, selection)


def _edit(tree: MemoryTree, config: inventory.BootConfig, selection: Selection) -> None:
    try:
        planned = changes.make(config, selection, lambda _entry: WISHES)
        verify.fits(config, planned, None)
        texts = edit.apply(config.texts, planned.edits)
    except VerificationFailed:
        raise
    except GrubkdError:
        return
    after = {path: to_bytes(text) for path, text in texts.items()}
    verify.check(config, inventory.read(Overlay(tree, after)), planned.expected)
