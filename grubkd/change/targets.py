"""Which lines a wish is fulfilled in: those of the selected entries, and those of the future."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grubkd.boot.model import Feeds, Role
from grubkd.errors import Refused

if TYPE_CHECKING:
    from collections.abc import Iterator

    from grubkd.boot.model import BootConfig, Entry, Line, NewKernelArgs, SlotKey
    from grubkd.boot.selector import Selection
    from grubkd.change.arg_change import ArgChange


def lines_of(entry: Entry, wish: ArgChange) -> Iterator[Line]:
    """The lines of an entry that a wish is about: Xen makes the reservation, Linux gets everything else."""
    beside_kernel = Role.HYPERVISOR if wish.reserves else Role.MODULE
    for boot in entry.boots:
        if boot.role in (Role.KERNEL, beside_kernel):
            yield boot.line


def check(selection: Selection) -> None:
    """Refuse entries that grubkd never edits. Raises Refused naming the first."""
    for entry in selection.entries:
        if entry.foreign or not entry.linux:
            what = "belongs to another system" if entry.foreign else "boots no Linux"
            raise Refused(
                f"entry {entry.index} ({entry.title}) {what}",
                hint="choose another entry; grubkd show lists them",
                place=entry.source,
            )


def editable_futures(config: BootConfig) -> list[NewKernelArgs]:
    """The future lines that an edit of everything includes."""
    return [future for future in config.new_kernels if not future.copied and not future.read_only]


def closed(config: BootConfig, selection: Selection) -> frozenset[SlotKey]:
    """The slots shared with a line that was not selected, which are therefore not edited."""
    if selection.everything:
        return frozenset(key for future in config.new_kernels if future.read_only for key in future.line.reach())
    chosen = {entry.index for entry in selection.entries}
    keys: set[SlotKey] = set()
    for entry in config.entries:
        if entry.index not in chosen:
            keys.update(key for boot in entry.boots for key in boot.line.reach())
    for future in config.new_kernels:
        if not future.copied:
            keys.update(future.line.reach())
    return frozenset(keys)


def fed_by_source(config: BootConfig, entry: Entry) -> NewKernelArgs | None:
    """The future line from which a generator would make this entry's Linux line anew, or None."""
    if not entry.generated:
        return None
    wanted = Feeds.RECOVERY if entry.rescue else Feeds.NORMAL
    for future in config.new_kernels:
        if future.feeds is wanted and future.format == entry.format:
            return future
    return None
