"""What the kernel of an entry will do with its command line.

MERGED: What a kernel of some release would do with some line, on this machine or another.

MERGED: The picture of memory for an entry and its plan.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from grubkd.advice.case import build_case, entry_release
from grubkd.boot import cmdline
from grubkd.boot.build import main_boot
from grubkd.boot.kernelpath import file_name
from grubkd.boot.model import Role
from grubkd.errors import ArchitectureUnknown, RamUnknown, Usage
from grubkd.memory import forecast
from grubkd.memory.architecture import Architecture
from grubkd.memory.picture import picture
from grubkd.memory.release import Release
from grubkd.memory.size import GIB, MIB

if TYPE_CHECKING:
    from typing import Literal

    from grubkd.boot.model import Entry
    from grubkd.machine.machine import Machine
    from grubkd.memory.case import Case
    from grubkd.memory.kernel_parser import KernelRequest
    from grubkd.memory.memory_map import Extent
    from grubkd.memory.picture import Picture
    from grubkd.memory.plan import Plan

    Status = Literal["none", "reserved", "failed", "hang", "uncertain", "unknown"]


# Amounts to try where the RAM is unknown: what comes out the same on each of them is certain. Usual ones come first.
_AMOUNTS = (4 * GIB, 16 * GIB, 512 * MIB, GIB, 2 * GIB, 64 * GIB, 1024 * GIB)
_CRASH_DUMP_RESERVES_SINCE = (6, 9)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What comes of a line.

    "none": it asks for nothing. "unknown": too little is known (the RAM, the release, Xen's own reading) to tell; the
    others as in memory.placement. regions: (start, end exclusive). request: what the kernel reads, None if unknown.
    lacks_high_low: the line holds `,high` or `,low` and this kernel does not know them. may_hang: among the possible
    outcomes is a machine that does not boot. assumption: what the answer takes for granted. note: whose
    behaviour is taken, where that of the very release is not known.
    """

    status: Status
    reason: str
    regions: tuple[Extent, ...] = ()
    alternatives: tuple[tuple[Extent, ...], ...] = ()
    request: KernelRequest | None = None
    lacks_high_low: bool = False
    may_hang: bool = False
    assumption: str = ""
    note: str = ""


def verdict(line: str, entry: Entry, machine: Machine, *, initrd_size: int | None = None) -> Verdict:
    """What the kernel of the entry, or its hypervisor, will do with a line as it receives it.

    `initrd_size` in bytes, where it is not that of the entry's own.
    """
    found, sample = _shared(line, entry, machine, initrd_size)
    if sample is None or sample.text == entry.version:
        return found
    return replace(found, reason=_told(found.reason, sample, entry), note=_told(sample.note, sample, entry))


def outcome(line: str, entry: Entry, machine: Machine) -> tuple[Status, str]:
    """The verdict's status and reason alone: of thousands of entries no more is asked for."""
    found, sample = _shared(line, entry, machine, None)
    return found.status, found.reason if sample is None else _told(found.reason, sample, entry)


def _told(said: str, sample: Release, entry: Entry) -> str:
    """What is said of one build, said of the entry's own."""
    return said.replace(sample.text, entry.version or "")


def _shared(line: str, entry: Entry, machine: Machine, initrd_size: int | None) -> tuple[Verdict, Release | None]:
    """The verdict, and the build that it names: one for all that are judged alike. None: the release is unknown."""
    text = entry.version or ""
    runs = machine.running is not None and machine.running.release == text
    try:
        sample = Release.parse(text) if runs or machine.kernel(text) else Release.sample_of(text)
    except Usage:
        return _settled(line, Verdict("unknown", "the entry names no kernel release")), None
    boot = main_boot(entry.boots)
    image = file_name(boot.path) if boot and boot.role is Role.HYPERVISOR else None
    # All that tells entries apart here; builds of which the tree has no files are judged alike.
    facts = (id(machine), sample, line, image, bool(entry.initrds), initrd_size)
    known = _JUDGED.get(facts)
    if known is None:
        known = _JUDGED[facts] = machine, _verdict(line, entry, machine, sample, initrd_size)
    return known[1], sample


# With the machine, so that its id() is no other's.
_JUDGED: dict[tuple[object, ...], tuple[Machine, Verdict]] = {}


def _verdict(line: str, entry: Entry, machine: Machine, release: Release, initrd_size: int | None) -> Verdict:
    try:
        case = replace(build_case(entry, machine, release), cmdline=line)
        if initrd_size is not None:
            case = replace(case, initrd=None, initrd_size=initrd_size)
    except ArchitectureUnknown as problem:
        return _settled(line, Verdict("unknown", problem.message))
    lacks = _lacks_high_low(line, case)
    if case.hypervisor is not None:
        return _settled(line, Verdict("unknown", "the Xen hypervisor reads it", lacks_high_low=lacks))
    ignored = _ignored(machine, release, case.machine)
    if ignored and "crashkernel=" in line:
        return Verdict("failed", ignored, request=forecast.request(case), lacks_high_low=lacks)
    found = judge_case(case) if case.memory_map() is not None else _on_any_ram(case)
    return replace(found, lacks_high_low=lacks, note=release.note)


def foreseen(entry: Entry, plan: Plan, machine: Machine) -> Verdict:
    """What the kernel of the entry will do once its line holds the plan's values."""
    boot = main_boot(entry.boots)
    words = boot.arguments if boot else []
    kept = [word for word in words if not cmdline.is_crashkernel(word)]
    return verdict(" ".join((*kept, *(f"crashkernel={value}" for value in plan.values))), entry, machine)


def judge_case(case: Case) -> Verdict:
    """What comes of the case's line on its memory map, which must be known."""
    request = forecast.request(case)
    placement = forecast.placement(case, request) if request else None
    if request is None or placement is None:
        return Verdict("unknown", "the amount of RAM is not known")
    if request.status == "none":
        return Verdict("none", request.reason, request=request)
    return Verdict(
        placement.status,
        placement.reason,
        placement.regions,
        placement.alternatives,
        request,
        may_hang=placement.may_hang,
        assumption=forecast.assumption(case),
    )


def _settled(line: str, found: Verdict) -> Verdict:
    """The verdict, or "none" for a line that holds no value."""
    held = any(map(cmdline.is_crashkernel, cmdline.tokens(line)))
    return found if held or "crashkernel=" in line else Verdict("none", "no crashkernel= on the command line")


def _on_any_ram(case: Case) -> Verdict:
    """Where the RAM is unknown: what is the same for every amount of it, else "unknown"."""
    unknown = found = Verdict("unknown", "the amount of RAM is not known")
    for ram in _AMOUNTS:
        tried = replace(case, ram=ram)
        each = unknown if forecast.may_reserve(tried) else judge_case(tried)
        if each.status not in ("none", "failed", "hang") or (found is not unknown and each.status != found.status):
            return unknown
        found = each
    return found


def _lacks_high_low(line: str, case: Case) -> bool:
    """Whether the line's value is in a form that this kernel, or hypervisor, does not know: `,high`, `,low`."""
    values = [word for word in cmdline.tokens(line) if cmdline.is_crashkernel(word)]
    return any(word.endswith((",high", ",low")) for word in values) and not case.knows_high


def _ignored(machine: Machine, release: Release, architecture: Architecture) -> str:
    """Why that kernel ignores crashkernel= altogether; "" where it does not, or may not.

    By the configuration file: the reservation needs CONFIG_KEXEC or CONFIG_KEXEC_FILE; CONFIG_CRASH_DUMP as well from
    6.9 on, and on s390x always.
    """
    if machine.hardware.pv_guest:
        return "the kernel of a paravirtual Xen guest ignores crashkernel="
    kernel = machine.kernel(release.text)
    if kernel is None:
        return ""
    if kernel.config.kexec is False:
        return f"kernel {release} is built without CONFIG_KEXEC and ignores crashkernel="
    needs_dump = architecture is Architecture.S390X or release.version >= _CRASH_DUMP_RESERVES_SINCE
    if kernel.config.crash_dump is False and needs_dump:
        return f"kernel {release} is built without CONFIG_CRASH_DUMP and ignores crashkernel="
    return ""


@dataclass(frozen=True, slots=True)
class Simulation:
    """The case, the bytes of RAM it was judged on, and the verdict."""

    case: Case
    ram: int
    verdict: Verdict


def simulate(line: str, release: Release, machine: Machine, *, initrd_size: int | None) -> Simulation:
    """The verdict on the line as that kernel receives it. `initrd_size` in bytes, 0 for none, None for the tree's own.

    Raises RamUnknown, ArchitectureUnknown.
    """
    case = replace(build_case(None, machine, release), cmdline=line)
    if initrd_size is not None:
        case = replace(case, initrd_size=initrd_size)
    memory = case.memory_map()
    if memory is None:
        raise RamUnknown(
            "what the kernel does depends on the amount of RAM",
            hint="give it: --ram=SIZE, or a memory map: --iomem=FILE, --firmware-map=FILE",
        )
    return Simulation(case, case.ram or memory.ram_total, replace(judge_case(case), note=release.note))


def draw(entry: Entry, plan: Plan, verdict: Verdict, machine: Machine) -> Picture:
    """The memory as the entry's kernel will find and divide it. Raises RamUnknown, ArchitectureUnknown."""
    boot = main_boot(entry.boots)
    case = plan.cases[0]
    release = entry_release(entry, machine)
    if release is not None:
        case = build_case(entry, machine, release)
    case = replace(case, cmdline=boot.line.text() if boot else "")
    parts = [f"entry {entry.index}: {' '.join(plan.values)}", str(case.release), verdict.assumption]
    title = ", ".join(part for part in parts if part)
    return picture(title, case, verdict.regions, verdict.alternatives, plan.refused)
