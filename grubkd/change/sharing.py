"""Which entries must carry one value, because a slot or a generator's source is theirs together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grubkd.change import targets
from grubkd.change.arg_change import reservation

if TYPE_CHECKING:
    from grubkd.boot.model import BootConfig, Entry, SlotKey
    from grubkd.boot.selector import Selection


def groups(config: BootConfig, selection: Selection) -> list[tuple[tuple[Entry, ...], bool]]:
    """The selected entries in groups that share a value, and whether the group shares it with kernels to come.

    Entries share where an edit of one line would change the other's: a slot of both that may be edited, or, where
    everything is selected, the source that a generator makes both from. Groups are in the order of their first entry.
    """
    wish = reservation(())
    closed = targets.closed(config, selection)
    coming: frozenset[SlotKey] = frozenset()
    if selection.everything:
        coming = frozenset().union(*(future.line.reach() for future in targets.editable_futures(config)))
    group_of: dict[SlotKey, int] = {}
    entries: dict[int, list[Entry]] = {}
    keys_of: dict[int, set[SlotKey]] = {}
    for number, entry in enumerate(selection.entries):
        keys = {key for line in targets.lines_of(entry, wish) for key in line.reach()} - closed
        source = targets.fed_by_source(config, entry) if selection.everything else None
        if source is not None:
            keys |= source.line.reach()
        met = {group_of[key] for key in keys if key in group_of}
        home = min(met, default=number)
        entries.setdefault(home, []).append(entry)
        for other in met - {home}:
            entries[home] += entries.pop(other)
            keys |= keys_of.pop(other)
        keys_of.setdefault(home, set()).update(keys)
        group_of.update(dict.fromkeys(keys, home))
    return [
        (tuple(sorted(found, key=lambda entry: entry.index)), bool(keys_of[home] & coming))
        for home, found in sorted(entries.items())
    ]
