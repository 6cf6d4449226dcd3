"""The value that each entry should hold.

MERGED: What `show` says beside the facts: the value to recommend, and entries whose kernel would reserve nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from grubkd.advice.case import build_case, entry_release, stand_in_release
from grubkd.advice.verdict import outcome
from grubkd.boot.build import main_boot
from grubkd.errors import ArchitectureUnknown, NoSuchEntry, Notice, RamUnknown, WouldNotReserve
from grubkd.memory import planner
from grubkd.memory.planner import largest as largest_for
from grubkd.memory.release import Release

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from grubkd.boot.model import BootConfig, Entry
    from grubkd.machine.machine import Machine
    from grubkd.memory.plan import Plan


# Of a system without a kernel: what its first kernel will be is not known, but it will be no old one.
_TO_COME = "6.12.0"


@dataclass(frozen=True, slots=True)
class PlanOptions:
    """What a person says about the machine and the value; None and False where they say nothing.

    ram, and offset where it is an address, in bytes; offset "auto" asks for a place that grubkd chooses.
    """

    ram: int | None = None
    arch: str | None = None
    this_machine: bool = False
    offset: int | str | None = None


NO_OPTIONS = PlanOptions()


def plan_entry(entry: Entry, config: BootConfig, machine: Machine, options: PlanOptions = NO_OPTIONS) -> Plan:
    """What `set --auto` writes for an entry that shares its line with no other.

    Raises RamUnknown, ArchitectureUnknown, WouldNotReserve where nothing fits, NoSuchEntry for an entry without Linux.
    """
    if not entry.linux:
        raise NoSuchEntry(f"entry {entry.index} ({entry.title}) starts no Linux", place=entry.source)
    return _plan(entry, config, machine, options)


def plan_future(config: BootConfig, machine: Machine, options: PlanOptions = NO_OPTIONS) -> Plan:
    """What kernels installed later should get: the largest over all present entries. Raises as plan_entry does."""
    plans = [plan_entry(entry, config, machine, options) for entry in _own(config)]
    return largest(plans) if plans else _plan(None, config, machine, options)


def plan_release(release: Release, machine: Machine, options: PlanOptions = NO_OPTIONS) -> Plan:
    """What a kernel of that release should get, installed or not. Raises as plan_entry does."""
    address = options.offset if isinstance(options.offset, int) else None
    return planner.plan(build_case(None, machine, release), offset=address, with_offset=options.offset is not None)


def recommended(config: BootConfig, machine: Machine, options: PlanOptions = NO_OPTIONS) -> Plan:
    """The one value to recommend: that of the default entry, else of the first, else of kernels to come."""
    own = _own(config)
    first = next((entry for entry in own if entry.default), own[0] if own else None)
    return plan_entry(first, config, machine, options) if first else plan_future(config, machine, options)


def largest(plans: Sequence[Plan]) -> Plan:
    """One plan for entries that share a value: the largest that each of them can read and place.

    Raises WouldNotReserve where none suits them all.
    """
    return largest_for(plans)


def _own(config: BootConfig) -> list[Entry]:
    return [entry for entry in config.entries if entry.own_linux]


def _plan(entry: Entry | None, config: BootConfig, machine: Machine, options: PlanOptions) -> Plan:
    known = entry_release(entry, machine) or stand_in_release(config, machine) or Release.parse(_TO_COME)
    address = options.offset if isinstance(options.offset, int) else None
    return planner.plan(build_case(entry, machine, known), offset=address, with_offset=options.offset is not None)


def review(config: BootConfig, machine: Machine) -> tuple[Plan | None, tuple[Notice, ...]]:
    """The value to recommend, None where it cannot be told, and warnings about what the entries hold now."""
    plan, problems = _recommendation(config, machine)
    return plan, (*problems, *_reserving_nothing(config, machine))


def _recommendation(config: BootConfig, machine: Machine) -> tuple[Plan | None, tuple[Notice, ...]]:
    if not config.bootloaders:
        return None, ()
    try:
        return recommended(config, machine), ()
    except (RamUnknown, ArchitectureUnknown, WouldNotReserve) as problem:
        return None, (Notice(problem.code, problem.message, problem.hint, problem.place),)


def _reserving_nothing(config: BootConfig, machine: Machine) -> Iterator[Notice]:
    """Of entries with the same kernel the first is named."""
    told = set()
    for entry in config.entries:
        boot = main_boot(entry.boots)
        if not entry.linux or entry.foreign or boot is None or entry.version in told:
            continue
        status, reason = outcome(" ".join(boot.arguments), entry, machine)
        if status == "failed":
            told.add(entry.version)
            yield Notice(
                "reserves-nothing",
                f"entry {entry.index} ({entry.title}) reserves nothing: {reason}",
                hint="grubkd plan names a value that fits",
                place=entry.source,
            )
        elif status == "hang":
            yield Notice(
                "would-not-boot",
                f"entry {entry.index} ({entry.title}) would not boot: {reason}",
                hint="choose a smaller value before the next boot",
                place=entry.source,
            )
