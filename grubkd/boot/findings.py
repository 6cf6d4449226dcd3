"""Warnings about a boot configuration: kernels that are missing, values that differ."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grubkd.boot import cmdline
from grubkd.boot.entry import file_name
from grubkd.boot.image import Images
from grubkd.boot.model import Feeds, Role
from grubkd.errors import ArgumentsNotKnown, NothingToEdit, Notice, Place, TunedValue, VariableNotKnown

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from grubkd.boot.document import Slot
    from grubkd.boot.model import BootConfig, Entry, Line, Piece
    from grubkd.errors import GrubkdError
    from grubkd.tree.tree import Tree

# A warning names at most so many entries for each value.
_MOST_NAMED = 3


def warnings(config: BootConfig, tree: Tree) -> tuple[Notice, ...]:
    """What keeps entries from being edited, kernels that are missing, and values that differ."""
    return (
        *_not_editable(config),
        *tuned_values(config.entries),
        *_missing_kernels(config, tree),
        *_disagreement(config),
    )


def _not_editable(config: BootConfig) -> Iterator[Notice]:
    """Entries with unknown arguments; a menu in which nothing is edited."""
    for entry in _own(config):
        if entry.not_known:
            yield notice(not_known(entry))
        for name, argument in entry.doubtful:
            if cmdline.is_crashkernel(argument):
                yield notice(doubtful(entry, name, argument))
    if config.owner:
        message = f"grubkd does not read the menu of {config.owner.name}"
        yield Notice(NothingToEdit.code, message, "grubkd set names what to change", Place(config.owner.file))
    elif found := nothing_to_edit(config):
        yield notice(found)


def not_known(entry: Entry) -> ArgumentsNotKnown:
    """The error about an entry whose arguments are not known."""
    message = f"entry {entry.index} ({entry.title}) {entry.not_known}: its arguments are not known"
    return ArgumentsNotKnown(message, place=entry.source)


def doubtful(entry: Entry, variable: str, argument: str) -> VariableNotKnown:
    """The error about an entry with a variable that may hold an argument."""
    message = f"entry {entry.index} ({entry.title}) takes arguments from ${variable}, whose value is not known: one of"
    return VariableNotKnown(f"{message} its values has {argument}", place=entry.source)


def nothing_to_edit(config: BootConfig) -> NothingToEdit | None:
    """The error about a menu without an entry that may be edited; None for any other configuration."""
    if not config.entries or config.new_kernels or any(_own(config)):
        return None
    return NothingToEdit(
        "no entry of this menu boots a Linux kernel of this system, and nothing here feeds new kernels"
    )


def is_tuned(slot: Slot) -> bool:
    """Whether tuned writes the slot: grubkd never does."""
    return slot.variable == "tuned_params"


def tuned_values(entries: Sequence[Entry]) -> tuple[Notice, ...]:
    """The warnings about crashkernel values that tuned's profile sets, one for each file."""
    pieces = (piece for entry in entries if entry.own_linux for boot in entry.boots for piece in boot.line.pieces())
    found = (piece for piece in pieces if is_tuned(piece.slot) and cmdline.is_crashkernel(piece.word.text))
    return tuple({piece.slot.file: notice(tuned_value(piece)) for piece in found}.values())


def tuned_value(piece: Piece) -> TunedValue:
    """The error about an argument that tuned's profile sets."""
    slot, word = piece
    message = f"tuned's profile sets {word.text} ({slot.variable}), and grubkd does not write what tuned owns"
    return TunedValue(message, place=Place(slot.file, slot.line))


def notice(problem: GrubkdError) -> Notice:
    """The warning that says the same as an error."""
    return Notice(problem.code, problem.message, problem.hint, problem.place, problem.commands)


def _missing_kernels(config: BootConfig, tree: Tree) -> Iterator[Notice]:
    """One warning for each kernel whose file exists nowhere that a boot loader's path may mean."""
    seen = set()
    images = Images(tree)
    for entry in _own(config):
        for boot in entry.boots:
            kernel = entry.version, file_name(boot.path)
            if (
                boot.role is Role.OTHER
                or "$" in boot.path
                or kernel in seen
                or images.find(boot.path, entry.source.file)
            ):
                continue
            seen.add(kernel)
            yield Notice(
                "kernel-missing",
                f"entry {entry.index} ({entry.title}) loads {boot.path}, which does not exist",
                hint="is /boot mounted? else remove the entry with the tool that made it",
                place=entry.source,
            )


def _disagreement(config: BootConfig) -> Iterator[Notice]:
    """A warning where entries, but for rescue entries, and the lines of new kernels hold different values."""
    holders: dict[tuple[str, ...], list[str]] = {}
    for entry in _own(config):
        # All alternatives count; beside Xen the Linux module reserves nothing.
        for boot in entry.boots if not entry.rescue else ():
            if boot.role in (Role.KERNEL, Role.HYPERVISOR):
                holders.setdefault(_values(boot.line), []).append(f"entry {entry.index}")
    for args in config.new_kernels:
        if args.seed is None and args.feeds is not Feeds.RECOVERY:
            holders.setdefault(_values(args.line), []).append(f"{args.variable} in {args.line.home.file}")
    if len(holders) > 1:
        found = [f"{' '.join(values) or 'none'}: {_some(names)}" for values, names in holders.items()]
        if len(found) > _MOST_NAMED + 1:
            found[_MOST_NAMED:] = [f"and {len(found) - _MOST_NAMED} more values"]
        yield Notice(
            "values-disagree",
            f"entries and new kernels do not hold the same value ({'; '.join(found)})",
            hint="make them agree: grubkd set --auto",
            commands=(("grubkd", "set", "--auto"),),
        )


def _values(line: Line) -> tuple[str, ...]:
    """The values of a line that grubkd can change."""
    return cmdline.crashkernel_values(piece.word.text for piece in line.pieces() if not is_tuned(piece.slot))


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:_MOST_NAMED])


def _own(config: BootConfig) -> Iterator[Entry]:
    return (entry for entry in config.entries if entry.own_linux)
