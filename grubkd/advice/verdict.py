"""What the kernel of an entry does with its command line, and the picture of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from grubkd.advice.case import build_case, entry_release, observed
from grubkd.boot import cmdline
from grubkd.boot.entry import file_name, main_boot, main_line
from grubkd.boot.model import Role
from grubkd.errors import ArchitectureUnknown, RamUnknown, Usage
from grubkd.memory import forecast
from grubkd.memory.placement.early import deciding_words
from grubkd.memory.release import Release
from grubkd.memory.size import GIB, MIB

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Literal

    from grubkd.boot.model import Entry
    from grubkd.machine.machine import Machine
    from grubkd.memory.case import Case, Observed, Plan
    from grubkd.memory.kernel_parser import KernelRequest
    from grubkd.memory.memory_map import Extent
    from grubkd.memory.picture import Picture

    Status = Literal["none", "reserved", "failed", "hang", "uncertain", "unknown"]


# Amounts to try if the RAM is unknown, the usual ones first: what is the same on all of them is certain.
_AMOUNTS = (4 * GIB, 16 * GIB, 512 * MIB, GIB, 2 * GIB, 64 * GIB, 1024 * GIB)
_NAME = "crashkernel="

NOT_JUDGED = "this tree has more such values than are judged at once"
# One that needs more than a quick test takes up to a second. The kernels of a real tree share one or two values.
_MOST_JUDGED = 5


class Verdict(NamedTuple):
    """What a kernel does with a command line.

    status: "none": the line asks for nothing. "unknown": the RAM or the release is unknown. The
    others are those of memory.placement.place.Placement, as are regions, alternatives, may_hang, chance and chances.
    request: what the kernel reads, None if unknown. lacks_high_low: the line has `,high` or `,low` and this kernel does
    not know them.
    assumption: what the answer assumes about the machine. note: whose behaviour is assumed, if that of this very
    release is not known. observed: bytes that the running kernel reserved for the same line, which decides; else None.
    ram, image: bytes of the machine's RAM, and those that a capture kernel takes to start; 0 if unknown.
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
    observed: int | None = None
    chance: float = 1.0
    chances: tuple[float, ...] = ()
    ram: int = 0
    image: int = 0

    @property
    def chance_of_nothing(self) -> float:
        """The probability that nothing is reserved, in an uncertain result."""
        # A brief verdict has no places.
        if self.status != "uncertain" or not (self.regions or self.alternatives):
            return 0.0
        return sum(chance for regions, chance in self._outcomes() if not regions)

    @property
    def chance_of_size(self) -> float:
        """The probability, at least, that regions of the same sizes are reserved as in the likeliest result.

        Of many results the least likely are not among the alternatives, but "nothing" always is.
        """
        sizes = [(_sizes(regions), chance) for regions, chance in self._outcomes()]
        if all(each in ([], sizes[0][0]) for each, _ in sizes):
            return 1 - self.chance_of_nothing
        return sum(chance for each, chance in sizes if each == sizes[0][0])

    def _outcomes(self) -> list[tuple[tuple[Extent, ...], float]]:
        return [(self.regions, self.chance), *zip(self.alternatives, self.chances, strict=False)]

    @property
    def reserves_nothing(self) -> bool:
        """Whether the line has a value that asks for memory, and nothing is reserved."""
        return self.status == "failed" or (self.status == "none" and self.request is not None)

    @property
    def size(self) -> int:
        """Bytes that are reserved, or asked for where the result is not certain; 0 if unknown or none."""
        return self.observed or (self.request.size if self.request else 0)


_RAM_UNKNOWN = Verdict("unknown", "the amount of RAM is not known")


def _sizes(regions: Sequence[Extent]) -> list[int]:
    return sorted(end - start for start, end in regions)


class Verdicts:
    """The verdicts on the entries of one machine. Entries that cannot differ share one, which is computed once."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._known: dict[tuple[object, ...], Verdict] = {}
        self._left = _MOST_JUDGED

    def verdict(self, line: str, entry: Entry, *, initrd_size: int | None = None) -> Verdict:
        """What the kernel of the entry, or its hypervisor, does with the line.

        `line`: as the kernel receives it. `initrd_size`: in bytes, None for that of the entry's own.
        """
        return self._verdict(line, entry, initrd_size, brief=False)

    def brief(self, line: str, entry: Entry) -> Verdict:
        """A verdict that says what fails, much faster than `verdict`.

        If memory is clearly reserved, the status is "uncertain" and there are no regions. Of the values that need more
        than a quick test only a few are judged, which bounds the time that a hostile tree takes: the status of the
        others is "unknown", and the reason NOT_JUDGED.
        """
        return self._verdict(line, entry, None, brief=True)

    def foreseen(self, entry: Entry, plan: Plan) -> Verdict:
        """What the kernel of the entry will do once its line has the plan's values."""
        boot = main_boot(entry.boots)
        words = boot.arguments if boot else []
        kept = [word for word in words if not cmdline.is_crashkernel(word)]
        return self.verdict(" ".join((*kept, *(f"{_NAME}{value}" for value in plan.values))), entry)

    def _verdict(self, line: str, entry: Entry, initrd_size: int | None, *, brief: bool) -> Verdict:
        text, machine = entry.version or "", self._machine
        try:
            release = Release.parse(text)
        except Usage:
            return _without_value(line) or Verdict("unknown", "the entry names no kernel release")
        # The tree knows nothing more about one of these builds than about another.
        if not machine.kernel(text) and not (machine.running and machine.running.release == text):
            release = release.sample
        boot = main_boot(entry.boots)
        image = file_name(boot.path) if boot and boot.role is Role.HYPERVISOR else None
        key = (release, deciding_words(line), image, bool(entry.initrds), initrd_size, brief)
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = self._judge(line, entry, release, initrd_size, brief=brief)
        if release.text == text:
            return found
        return found._replace(
            reason=found.reason.replace(release.text, text), note=found.note.replace(release.text, text)
        )

    def _judge(self, line: str, entry: Entry, release: Release, initrd_size: int | None, *, brief: bool) -> Verdict:
        without = _without_value(line)
        if without and (brief or _NAME in line):
            return without
        try:
            case = build_case(entry, self._machine, release)._replace(cmdline=line)
        except ArchitectureUnknown as problem:
            return without or Verdict("unknown", problem.message)
        if initrd_size is not None:
            case = case._replace(initrd=None, initrd_size=initrd_size)
        lacks = _lacks_high_low(line, case)
        # Another initrd is another boot.
        seen = observed(cmdline.tokens(line), release, self._machine) if initrd_size is None else None
        if seen and seen.values and seen.values == cmdline.crashkernel_values(cmdline.tokens(line)):
            return _as_observed(case, seen)
        ignored = "" if case.hypervisor else self._machine.why_ignored(release, case.machine)
        if ignored and without is None:
            return Verdict("failed", ignored, request=forecast.request(case), lacks_high_low=lacks)
        memory = case.memory_map()
        quick = _judge_quickly(case) if brief or memory is None else None
        if brief and quick is None:
            if not self._left:
                return Verdict("unknown", NOT_JUDGED)
            self._left -= 1
        found = quick or (_on_any_ram(case) if memory is None else judge_case(case))
        return found._replace(lacks_high_low=lacks, note=release.note)


def _as_observed(case: Case, seen: Observed) -> Verdict:
    """What the running kernel did with the line. Where its addresses are not known, the predicted ones if they fit."""
    request = forecast.request(case)
    if not seen.size:
        return Verdict("failed", forecast.NOTHING_OBSERVED, request=request, observed=0)
    model = judge_case(case)
    places = (model.regions, *model.alternatives)
    fitting = next((each for each in places if seen.size in {end - start for start, end in each}), ())
    return _measured(case, Verdict("reserved", "", seen.regions or fitting, request=request, observed=seen.size))


def judge_case(case: Case) -> Verdict:
    """What the kernel does with the case's command line on its memory map."""
    request = forecast.request(case)
    placement = forecast.placement(case) if request else None
    if request is None or placement is None:
        return _RAM_UNKNOWN
    if request.status == "none":
        return Verdict("none", request.reason, request=request)
    found = Verdict(placement.status, placement.reason, placement.regions, placement.alternatives, request)
    return _measured(case, found)._replace(
        may_hang=placement.may_hang,
        assumption=forecast.assumption(case),
        chance=placement.chance,
        chances=placement.chances,
    )


def _measured(case: Case, found: Verdict) -> Verdict:
    """The verdict with the machine's RAM and the size of the capture kernel's image."""
    memory = case.memory_map()
    start, end = case.kernel_extent()
    return found._replace(ram=case.ram or (memory.ram_total if memory else 0), image=end - start)


def _without_value(line: str) -> Verdict | None:
    """The verdict on a line without any value, or with one that means none; None for other lines."""
    if _NAME not in line:
        return Verdict("none", "no crashkernel= on the command line")
    values = cmdline.crashkernel_values(cmdline.tokens(line))
    if cmdline.is_off(values) and line.count(_NAME) == 1:
        return Verdict("none", f"crashkernel={values[0]}: no reservation, on purpose")
    return None


def _judge_quickly(case: Case) -> Verdict | None:
    """The verdict where memory is clearly reserved or, for unknown RAM, may be; None if that takes longer to find."""
    if case.memory_map() is None:
        largest_first = (case._replace(ram=ram) for ram in sorted(_AMOUNTS, reverse=True))
        return _RAM_UNKNOWN if any(map(forecast.may_reserve, largest_first)) else None
    asked = forecast.request(case)
    if asked and forecast.reserves_amply(case, asked):
        return _measured(case, Verdict("uncertain", "", request=asked))
    return None


def _on_any_ram(case: Case) -> Verdict:
    """For unknown RAM: the result that every amount of RAM has, else "unknown"."""
    found = _RAM_UNKNOWN
    for each in (judge_case(case._replace(ram=ram)) for ram in _AMOUNTS):
        if each.status not in ("none", "failed", "hang") or found.status not in ("unknown", each.status):
            return _RAM_UNKNOWN
        found = each
    return found


def _lacks_high_low(line: str, case: Case) -> bool:
    """Whether the line has `,high` or `,low` and this kernel, or hypervisor, does not know them."""
    values = [word for word in cmdline.tokens(line) if cmdline.is_crashkernel(word)]
    return any(word.endswith((",high", ",low")) for word in values) and not case.knows_high


class Simulation(NamedTuple):
    """The case, the RAM in bytes that it was judged on, and the verdict."""

    case: Case
    ram: int
    verdict: Verdict


def simulate(line: str, release: Release, machine: Machine, *, initrd_size: int | None) -> Simulation:
    """What a kernel of that release does with the line as it receives it.

    `initrd_size`: in bytes, 0 for none, None for that of the tree's kernel. Raises RamUnknown, ArchitectureUnknown.
    """
    case = build_case(None, machine, release)._replace(cmdline=line)
    if initrd_size is not None:
        case = case._replace(initrd_size=initrd_size)
    memory = case.memory_map()
    if memory is None:
        raise RamUnknown(
            "what the kernel does depends on the amount of RAM",
            hint="give it: --ram=SIZE, or a memory map: --iomem=FILE, --firmware-map=FILE",
        )
    return Simulation(case, case.ram or memory.ram_total, judge_case(case)._replace(note=release.note))


def draw(entry: Entry, plan: Plan, verdict: Verdict, machine: Machine) -> Picture:
    """The memory as the entry's kernel will divide it. Raises RamUnknown, ArchitectureUnknown."""
    from grubkd.memory.picture import picture

    release = entry_release(entry)
    case = build_case(entry, machine, release) if release else plan.cases[0]
    case = case._replace(cmdline=main_line(entry))
    parts = [f"entry {entry.index}: {' '.join(plan.values)}", case.kernel, verdict.assumption]
    title = ", ".join(part for part in parts if part)
    return picture(title, case, verdict.regions, verdict.alternatives, plan.refused)
