"""What stands in a tree that a person may want to name: entries, values, arguments, transactions; each with a note.

Read for completions, so no more than is asked for: the configuration without the machine, history without the files.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from grubkd.boot.build import main_boot
from grubkd.tree.root import Root

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from grubkd.boot.model import Entry

Named = tuple[str, str]


def selectors(root: str, word: str) -> list[Named]:
    """What selects entries. Titles, paths and ids are told only where one is begun: they are long."""
    entries = _entries(root)
    found = [("ALL", "every entry, and kernels installed later")]
    found += [("DEFAULT", entry.title) for entry in entries if entry.default][:1]
    found += [(str(entry.index), entry.title) for entry in entries]
    if word:
        found += [(f"title={entry.title}", entry.version or "") for entry in entries]
        found += [(entry.id, entry.title) for entry in entries if entry.id and "/" not in entry.id]
        found += [
            (boot.path, entry.title) for entry in entries if (boot := main_boot(entry.boots)) and "/" in boot.path
        ]
    return list(dict(reversed(found)).items())[::-1]


def values(root: str) -> list[Named]:
    """The crashkernel values of the entries, without the name."""
    return _once(
        (argument.partition("=")[2], entry.title)
        for entry, argument in _arguments(root)
        if argument.startswith("crashkernel=")
    )


def arguments(root: str) -> list[Named]:
    """The arguments of the entries."""
    return _once((argument, entry.title) for entry, argument in _arguments(root))


def releases(root: str) -> list[Named]:
    """The releases of the entries' kernels."""
    return _once((entry.version, entry.title) for entry in _entries(root) if entry.version)


def transactions(root: str) -> list[Named]:
    """The transactions, latest first, each with its command and what took it back."""
    from grubkd.change import history

    return [
        (
            past.id,
            f"{past.record.command} at {past.record.time}" + (f", undone by {past.undone_by}" * bool(past.undone_by)),
        )
        for past in reversed(history.read(Root(root)).transactions)
    ]


def architectures() -> list[Named]:
    """Every architecture whose kernels grubkd knows."""
    from grubkd.memory.architecture import Architecture

    return [(each.value, "") for each in Architecture]


def _entries(root: str) -> list[Entry]:
    """The Linux entries of this installation."""
    from grubkd.boot import inventory

    return [entry for entry in inventory.read(Root(root)).entries if entry.own_linux]


def _arguments(root: str) -> Iterator[tuple[Entry, str]]:
    for entry in _entries(root):
        boot = main_boot(entry.boots)
        for piece in boot.line.pieces() if boot else ():
            yield entry, piece.word.text


def _once(found: Iterable[Named]) -> list[Named]:
    """The first of each text."""
    kept: dict[str, str] = {}
    for text, note in found:
        kept.setdefault(text, note)
    return list(kept.items())
