"""Selects entries of the menu: ALL, DEFAULT, an index, `title=`, the path of a kernel, an id."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from grubkd.boot.entry import file_name, release_of
from grubkd.errors import NoSuchEntry

if TYPE_CHECKING:
    from collections.abc import Sequence

    from grubkd.boot.model import BootConfig, Entry


class Selection(NamedTuple):
    """The selected entries in show's order; `everything`: all entries of this system, and new kernels."""

    entries: tuple[Entry, ...]
    everything: bool


def select(config: BootConfig, selectors: Sequence[str]) -> Selection:
    """The entries that match any of the selectors; without selectors, ALL.

    A selector is, in this order: ALL, DEFAULT, digits (the index), `title=` and the exact title, a path (with a `/`),
    an id. Raises NoSuchEntry if a selector matches nothing, or the default cannot be determined.
    """
    if not selectors or "ALL" in selectors:
        return Selection(tuple(entry for entry in config.entries if entry.own_linux), True)
    chosen = {entry.index for selector in selectors for entry in _matches(config, selector)}
    return Selection(tuple(entry for entry in config.entries if entry.index in chosen), False)


def _matches(config: BootConfig, selector: str) -> list[Entry]:
    hint = "grubkd show lists the entries with their indexes and ids"
    if selector == "DEFAULT":
        found = [entry for entry in config.entries if entry.default]
        if not found:
            raise NoSuchEntry("which entry boots by default cannot be determined", hint=hint)
        return found
    # Only ASCII digits are an index: str.isdigit() would take others too, and int() them.
    if selector.isascii() and selector.isdigit():
        found = [entry for entry in config.entries if entry.index == int(selector)]
    elif selector.startswith("title="):
        found = [entry for entry in config.entries if entry.title == selector.removeprefix("title=")]
    elif "/" in selector:
        found = [entry for entry in config.entries if _loads(entry, selector)]
    else:
        found = [entry for entry in config.entries if entry.id == selector]
    if not found:
        raise NoSuchEntry(f"no entry matches '{selector}'", hint=hint)
    return found


def _loads(entry: Entry, path: str) -> bool:
    """Whether the entry loads the kernel at that path: its file name and release decide, never its directory.

    For a file name without a release (`/lib/modules/RELEASE/vmlinuz`, `/TOKEN/RELEASE/linux`) the release in the path
    decides.
    """
    release = release_of(path)
    for boot in entry.boots:
        same_name = file_name(boot.path) == file_name(path)
        if release is None:
            if same_name:
                return True
        elif release in (release_of(boot.path), entry.version) and (
            same_name or "-" not in file_name(path) or "-" not in file_name(boot.path)
        ):
            return True
    return False
