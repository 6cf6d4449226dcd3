"""What is to change: arguments, in which lines, and which entries have to share one value."""

from __future__ import annotations

import re
from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

from grubkd.boot import cmdline, findings
from grubkd.boot.model import Feeds, Line, Role
from grubkd.errors import Notice, Refused, WouldNotBoot, WouldNotReserve
from grubkd.memory.value import AUTO, parse_value
from grubkd.memory.xen import for_xen

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from grubkd.boot.document import SlotKey
    from grubkd.boot.model import BootConfig, Entry, LineKey, NewKernelArgs
    from grubkd.boot.selector import Selection


# Where the root file system is, how to get at it, and what starts from it.
_NEEDED = (
    r"root|rootflags|rootfstype|rootwait|rootdelay|init|rdinit|rd\..+|luks\..+|cryptdevice|netroot|nfsroot|zfs|ostree"
)


class Verb(Enum):
    """What an ArgChange does; see there."""

    SET = "set"
    ADD = "add"
    REMOVE = "remove"


class ArgChange(NamedTuple):
    """A change of the arguments of one name. `tokens` are arguments as the kernel is to receive them.

    SET: the line holds exactly `tokens` under that name; without tokens the name goes. ADD: the line holds the one
    token; it is appended where it is missing. REMOVE: no argument of that name stays; if `tokens` has one with a value,
    only arguments equal to it go.
    """

    verb: Verb
    name: str
    tokens: tuple[str, ...] = ()

    @property
    def reserves(self) -> bool:
        """Whether it changes the reservation. Under Xen the hypervisor makes the reservation, from its own line."""
        return self.name == cmdline.CRASHKERNEL

    @property
    def gives_values(self) -> bool:
        """Whether it says which crashkernel values the line has to hold."""
        return self.reserves and self.verb is Verb.SET

    @property
    def recorded(self) -> str:
        """The change as history records it."""
        return f"{self.verb.value} {' '.join(self.tokens) or self.name}"

    def matches(self, argument: str) -> bool:
        """Whether an argument is one of those to change; by exact name, never by pattern."""
        if self.verb is Verb.ADD:
            return cmdline.meaning(argument) == cmdline.meaning(self.tokens[0])
        if cmdline.name_of(argument) != self.name:
            return False
        if self.verb is Verb.REMOVE and self.tokens:
            return cmdline.value_of(argument) == cmdline.value_of(self.tokens[0])
        return True


def reservation(values: tuple[str, ...]) -> ArgChange:
    """The change after which the line holds exactly these crashkernel values, given without the name."""
    return ArgChange(Verb.SET, cmdline.CRASHKERNEL, tuple(f"{cmdline.CRASHKERNEL}={value}" for value in values))


def removal(argument: str) -> ArgChange:
    """The change that removes every argument of a name or, given NAME=VALUE, those with that value."""
    return ArgChange(Verb.REMOVE, cmdline.name_of(argument), (argument,) if "=" in argument else ())


def for_hypervisor(change: ArgChange) -> ArgChange:
    """The change of a reservation as Xen reads it: without `,high` and `,low`. Raises WouldNotReserve for `auto`."""
    texts = [token.partition("=")[2] for token in change.tokens]
    if not any(text.endswith((",high", ",low", ",cma")) or text == AUTO for text in texts):
        return change
    text = for_xen([parse_value(each) for each in texts])
    if text is None:
        raise WouldNotReserve(
            f"the Xen hypervisor does not know {' '.join(texts)}",
            hint="give its entries a SIZE with --kernel, or choose the other entries",
        )
    return reservation((text,))


def lines_of(entry: Entry, change: ArgChange) -> Iterator[Line]:
    """The lines of an entry that a change is for: Xen's for the reservation, Linux's for all other arguments."""
    beside_kernel = Role.HYPERVISOR if change.reserves else Role.MODULE
    for boot in entry.boots:
        if boot.role in (Role.KERNEL, beside_kernel):
            yield boot.line


def check_editable(config: BootConfig, selection: Selection) -> None:
    """Raise Refused for the first entry that grubkd never edits, ArgumentsNotKnown for one that it cannot edit.

    Raises NothingToEdit if everything is selected and that is nothing, unless another tool owns the menu.
    """
    nothing = findings.nothing_to_edit(config) if selection.everything and not config.managed_by else None
    if nothing:
        raise nothing
    for entry in selection.entries:
        if not entry.own_linux:
            what = "belongs to another system" if entry.foreign else "boots no Linux"
            raise Refused(
                f"entry {entry.index} ({entry.title}) {what}",
                hint="choose another entry; grubkd show lists them",
                place=entry.source,
            )
        if entry.not_known:
            raise findings.not_known(entry)


def check_needed(selection: Selection, changes_for: Callable[[Entry], Sequence[ArgChange]]) -> None:
    """Raise WouldNotBoot for the first entry that would lose an argument by which the kernel or initrd finds the root.

    Another argument of the same name, but for those of dracut (`rd.lvm.lv=`), is as good.
    """
    for entry in selection.entries:
        for change in changes_for(entry):
            if change.verb is not Verb.REMOVE or not re.fullmatch(_NEEDED, change.name):
                continue
            for line in lines_of(entry, change):
                held = [each for each in line.arguments() if cmdline.name_of(each) == change.name]
                gone = [each for each in held if change.matches(each)]
                if gone and (len(gone) == len(held) or change.name.startswith("rd.")):
                    raise WouldNotBoot(
                        f"entry {entry.index} ({entry.title}) may not boot without {gone[0]}",
                        hint="remove it with --force if it is not needed",
                        place=entry.source,
                    )


def losses(
    selection: Selection, changes_for: Callable[[Entry], Sequence[ArgChange]], expected: Mapping[LineKey, Sequence[str]]
) -> Iterator[Notice]:
    """The warnings about entries that lose their value although one is asked for: recovery entries of a generator.

    `expected`: key of each line -> its arguments afterwards.
    """
    for entry in selection.entries:
        held = [text for boot in entry.boots for text in boot.arguments if cmdline.is_crashkernel(text)]
        asked = any(change.gives_values and change.tokens for change in changes_for(entry))
        left = any(cmdline.is_crashkernel(text) for boot in entry.boots for text in expected[boot.line.key])
        if held and asked and not left:
            yield Notice(
                "loses-value",
                f"entry {entry.index} ({entry.title}) loses {' '.join(held)}: the value stays in the last variable that"
                " sets it, of which no recovery entry is made",
                hint="for recovery entries too, set it in GRUB_CMDLINE_LINUX alone",
                place=entry.source,
            )


def editable_new_kernels(config: BootConfig) -> list[NewKernelArgs]:
    """The lines for new kernels that are edited when everything is selected."""
    return [each for each in config.new_kernels if not each.copied and not each.read_only]


def closed_slots(config: BootConfig, selection: Selection) -> frozenset[SlotKey]:
    """The slots that must not be edited: they also feed a line that is not selected."""
    if selection.everything:
        return frozenset(key for each in config.new_kernels if each.read_only for key in each.line.reach())
    chosen = {entry.index for entry in selection.entries}
    keys: set[SlotKey] = set()
    for entry in config.entries:
        if entry.index not in chosen:
            keys.update(key for boot in entry.boots for key in boot.line.reach())
    for each in config.new_kernels:
        if not each.copied:
            keys.update(each.line.reach())
    return frozenset(keys)


def fed_by_source(config: BootConfig, entry: Entry) -> NewKernelArgs | None:
    """The line from which a generator makes the Linux line of this entry; None for an entry that is not generated."""
    if not entry.generated:
        return None
    wanted = Feeds.RECOVERY if entry.rescue else Feeds.NORMAL
    for each in config.new_kernels:
        if each.feeds is wanted and each.format == entry.format:
            return each
    return None


def sharing_groups(config: BootConfig, selection: Selection) -> list[tuple[tuple[Entry, ...], bool]]:
    """The selected entries in groups that share one value, and whether new kernels share it too.

    Entries share a value where an edit of one entry's line changes the other's: both have the same slot, which may be
    edited; or, if everything is selected, a generator makes both from the same source. The groups are in the order of
    their first entries.
    """
    change = reservation(())
    closed = closed_slots(config, selection)
    for_new: frozenset[SlotKey] = frozenset()
    if selection.everything:
        for_new = frozenset().union(*(each.line.reach() for each in editable_new_kernels(config)))
    group_of: dict[SlotKey, int] = {}
    entries: dict[int, list[Entry]] = {}
    keys_of: dict[int, set[SlotKey]] = {}
    for number, entry in enumerate(selection.entries):
        keys = {key for line in lines_of(entry, change) for key in line.reach()} - closed
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
        (tuple(sorted(found, key=lambda entry: entry.index)), bool(keys_of[home] & for_new))
        for home, found in sorted(entries.items())
    ]
