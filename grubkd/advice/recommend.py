"""The value that each entry should hold, and what is wrong with the value that it has."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from grubkd.advice.case import FADUMP, build_case, entry_release, stand_in_release
from grubkd.advice.judgement import Judgement, notices
from grubkd.advice.verdict import Verdicts
from grubkd.boot import cmdline, findings
from grubkd.boot.entry import main_boot
from grubkd.errors import ArchitectureUnknown, GrubkdError, NoSuchEntry, Notice, RamUnknown, WouldNotReserve
from grubkd.memory import planner
from grubkd.memory.release import Release
from grubkd.memory.size import format_size

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from grubkd.advice.verdict import Verdict
    from grubkd.boot.model import BootConfig, Entry
    from grubkd.machine.machine import Machine
    from grubkd.memory.case import Case, Plan

# The first kernel of a system without one: its release is unknown, but it is not an old one.
_FIRST_KERNEL = "6.12.0"

TOO_SMALL = "a capture kernel that runs out of memory saves nothing"
_ENOUGH = f"{TOO_SMALL}: grubkd plan shows how much to choose"


class PlanOptions(NamedTuple):
    """What the user says about the machine and the value; None and False if nothing.

    `ram`, and `offset` if it is an address, are in bytes. offset "auto": grubkd chooses a place. fadump: whether the
    line will ask POWER's firmware for the dump; None: as it does now.
    """

    ram: int | None = None
    arch: str | None = None
    this_machine: bool = False
    offset: int | str | None = None
    fadump: bool | None = None


NO_OPTIONS = PlanOptions()


def plan_entry(entry: Entry, config: BootConfig, machine: Machine, options: PlanOptions = NO_OPTIONS) -> Plan:
    """What `set --auto` writes for an entry that shares its line with no other.

    Raises RamUnknown, ArchitectureUnknown, WouldNotReserve if nothing fits, NoSuchEntry for an entry without Linux.
    """
    if not entry.linux:
        raise NoSuchEntry(f"entry {entry.index} ({entry.title}) starts no Linux", place=entry.source)
    return _plan(entry, config, machine, options)


def plan_entries(
    entries: Iterable[Entry], config: BootConfig, machine: Machine, options: PlanOptions = NO_OPTIONS
) -> dict[int, Plan]:
    """The plans of entries, by their index. Raises as plan_entry does."""
    return {entry.index: plan_entry(entry, config, machine, options) for entry in entries}


def plan_future(config: BootConfig, machine: Machine, options: PlanOptions = NO_OPTIONS) -> Plan:
    """What new kernels should get: the largest plan of all present entries. Raises as plan_entry does."""
    plans = [plan_entry(entry, config, machine, options) for entry in config.entries if entry.own_linux]
    return planner.largest(plans) if plans else _plan(None, config, machine, options)


def plan_release(release: Release, machine: Machine, options: PlanOptions = NO_OPTIONS) -> Plan:
    """What a kernel of that release should get, installed or not. Raises as plan_entry does."""
    return _planned(build_case(None, machine, release), machine, options)


def _planned(case: Case, machine: Machine, options: PlanOptions) -> Plan:
    initrd = machine.unpacked(case.release.text)
    if initrd and case.parts.initramfs:
        case = case._replace(parts=case.parts._replace(initramfs=initrd.packed, unpacked=initrd.size))
    if options.fadump is not None:
        case = case._replace(needs=case.needs._replace(fadump=options.fadump))
    if case.needs.fadump:
        case = case._replace(cmdline="fadump=on")
    address = options.offset if isinstance(options.offset, int) else None
    return planner.plan(case, offset=address, with_offset=options.offset is not None)


def recommended(config: BootConfig, machine: Machine, options: PlanOptions = NO_OPTIONS) -> Plan:
    """The one value to recommend: of the default entry, else of the first one, else of new kernels."""
    own = [entry for entry in config.entries if entry.own_linux]
    first = next((entry for entry in own if entry.default), own[0] if own else None)
    return plan_entry(first, config, machine, options) if first else plan_future(config, machine, options)


def _plan(entry: Entry | None, config: BootConfig, machine: Machine, options: PlanOptions) -> Plan:
    release = entry_release(entry) or stand_in_release(config, machine)
    case = build_case(entry, machine, release or Release.parse(_FIRST_KERNEL))
    return _planned(case._replace(assumed=release is None), machine, options)


def review(config: BootConfig, machine: Machine) -> tuple[Plan | None, tuple[Notice, ...]]:
    """The value to recommend, None if it is not known, and warnings about the values of the entries."""
    plan, problems = None, []
    if config.bootloaders:
        try:
            plan = recommended(config, machine)
        except (RamUnknown, ArchitectureUnknown, WouldNotReserve) as problem:
            problems = [findings.notice(problem)]
    return plan, (*problems, *judgements(config, machine))


def judgements(config: BootConfig, machine: Machine) -> Iterator[Notice]:
    """The faults of the values that the entries have."""
    verdicts = Verdicts(machine)
    boots = ((entry, main_boot(entry.boots)) for entry in config.entries if entry.own_linux)
    return notices((entry, verdicts.brief(" ".join(boot.arguments), entry)) for entry, boot in boots if boot)


def shortage(entry: Entry, line: str, found: Verdict, config: BootConfig, machine: Machine) -> Judgement | None:
    """What is wrong with an amount that is less than grubkd would choose for the entry; None if nothing is.

    `line`: of the entry, as it is or will be. `found`: the verdict on it.
    """
    size = max(found.request.size if found.request else 0, found.observed or 0)
    if near := near_need(size, line, machine):
        return Judgement("near-need", near, _ENOUGH)
    try:
        wanted = plan_entry(entry, config, machine)
    except GrubkdError:
        return None
    if size >= wanted.size:
        return None
    said = f"reserves {format_size(size)}, less than the {format_size(wanted.size)} of {wanted.source}"
    return Judgement("small", said, _ENOUGH)


def near_need(size: int, line: str, machine: Machine) -> str:
    """What is wrong with an amount that is less than a tenth above the measured need; "" if nothing is."""
    found = machine.measured
    if found is None or size >= found.advised or any(word in FADUMP for word in cmdline.tokens(line)):
        return ""
    than = "less than" if size < found.size else "less than a tenth more than"
    return f"reserves {format_size(size)}, {than} was needed: {found}"
