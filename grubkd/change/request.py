"""What is to change: the arguments, in which lines, and which entries share one value."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from grubkd.boot import cmdline
from grubkd.boot.model import Feeds, Role
from grubkd.errors import Refused

if TYPE_CHECKING:
    from collections.abc import Iterator

    from grubkd.boot.model import BootConfig, Entry, Line, NewKernelArgs, SlotKey
    from grubkd.boot.selector import Selection


class Verb(Enum):
    """How a wish treats the arguments it is about."""

    SET = "set"
    ADD = "add"
    REMOVE = "remove"


@dataclass(frozen=True, slots=True)
class ArgChange:
    """One wish about one argument name; the arguments are tokens, verbatim as the kernel is to receive them.

    HOLD: the line holds exactly `tokens` under that name (none: the name goes). ADD: `tokens` (one) stands in the
    line, appended where it does not yet. REMOVE: no argument of that name, or, where `tokens` names one with a value,
    none equal to it.
    """

    verb: Verb
    name: str
    tokens: tuple[str, ...] = ()

    @property
    def reserves(self) -> bool:
        """Whether it is about the reservation, which Xen makes in its own line."""
        return self.name == cmdline.CRASHKERNEL

    def matches(self, argument: str) -> bool:
        """Whether an argument is one of those the wish is about; by exact name, never by pattern."""
        if self.verb is Verb.ADD:
            return cmdline.meaning(argument) == cmdline.meaning(self.tokens[0])
        # The first test is the quicker one, and most arguments fail it.
        if self.name not in argument or cmdline.name_of(argument) != self.name:
            return False
        if self.verb is Verb.REMOVE and self.tokens:
            return cmdline.value_of(argument) == cmdline.value_of(self.tokens[0])
        return True


def reservation(values: tuple[str, ...]) -> ArgChange:
    """The wish that the line holds exactly these crashkernel values, given without the name."""
    return ArgChange(Verb.SET, cmdline.CRASHKERNEL, tuple(f"{cmdline.CRASHKERNEL}={value}" for value in values))


def lines_of(entry: Entry, wish: ArgChange) -> Iterator[Line]:
    """The lines of an entry that a wish is about: Xen makes the reservation, Linux gets everything else."""
    beside_kernel = Role.HYPERVISOR if wish.reserves else Role.MODULE
    for boot in entry.boots:
        if boot.role in (Role.KERNEL, beside_kernel):
            yield boot.line


def check_editable(selection: Selection) -> None:
    """Refuse entries that grubkd never edits. Raises Refused naming the first."""
    for entry in selection.entries:
        if entry.foreign or not entry.linux:
            what = "belongs to another system" if entry.foreign else "boots no Linux"
            raise Refused(
                f"entry {entry.index} ({entry.title}) {what}",
                hint="choose another entry; grubkd show lists them",
                place=entry.source,
            )


def editable_new_kernels(config: BootConfig) -> list[NewKernelArgs]:
    """The future lines that an edit of everything includes."""
    return [future for future in config.new_kernels if not future.copied and not future.read_only]


def closed_slots(config: BootConfig, selection: Selection) -> frozenset[SlotKey]:
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


def sharing_groups(config: BootConfig, selection: Selection) -> list[tuple[tuple[Entry, ...], bool]]:
    """The selected entries in groups that share a value, and whether the group shares it with kernels to come.

    Entries share where an edit of one line would change the other's: a slot of both that may be edited, or, where
    everything is selected, the source that a generator makes both from. Groups are in the order of their first entry.
    """
    wish = reservation(())
    closed = closed_slots(config, selection)
    coming: frozenset[SlotKey] = frozenset()
    if selection.everything:
        coming = frozenset().union(*(future.line.reach() for future in editable_new_kernels(config)))
    group_of: dict[SlotKey, int] = {}
    entries: dict[int, list[Entry]] = {}
    keys_of: dict[int, set[SlotKey]] = {}
    for number, entry in enumerate(selection.entries):
        keys = {key for line in lines_of(entry, wish) for key in line.reach()} - closed
        source = fed_by_source(config, entry) if selection.everything else None
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
