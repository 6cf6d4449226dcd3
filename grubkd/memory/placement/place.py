"""Where a kernel reserves the memory for its capture kernel, or why it reserves nothing.

`place` picks the model of the architecture: the modules beside this one.
"""

from __future__ import annotations

from itertools import groupby
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from grubkd.memory.architecture import Architecture, architecture
from grubkd.memory.kernel_parser import read
from grubkd.memory.memory_map import Extent
from grubkd.memory.placement import arm, armhf, early, generic, power_s390, x86
from grubkd.memory.placement.boot_facts import counted_ram, possible_boots
from grubkd.memory.placement.search import UNKNOWN, overlap

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any, Literal

    from grubkd.memory.kernel_parser import KernelRequest
    from grubkd.memory.memory_map import MemoryMap
    from grubkd.memory.placement.boot_facts import BootFacts
    from grubkd.memory.placement.search import Likelihood
    from grubkd.memory.release import Release

    Status = Literal["reserved", "failed", "hang", "uncertain"]

Regions = tuple[Extent, ...]

INITRD_DECIDES = "where the boot loader puts the initrd decides"
MAP_DECIDES = "the memory map decides"
_MANY = 4
MOST_OUTCOMES = 24
"""How many possible results a placement names: the likeliest ones."""


class Placement(NamedTuple):
    """The reserved regions, ascending; each is (start, end exclusive) in bytes.

    status: "reserved": the regions are exact in at least 999 of 1000 boots. "failed": nothing is reserved. "hang": the
    machine does not boot. "uncertain": `regions` is the most likely result and `alternatives` has the others, with ()
    for "reserves nothing". may_hang: one of the possible results is a machine that does not boot. chance: the
    probability of `regions`, from 0 to 1. chances: those of the alternatives.
    """

    status: Status
    regions: Regions
    alternatives: tuple[Regions, ...]
    reason: str
    may_hang: bool = False
    chance: float = 1.0
    chances: tuple[float, ...] = ()

    @property
    def chance_of_nothing(self) -> float:
        """The probability that nothing is reserved; a result that is certain has none."""
        if self.status != "uncertain":
            return 0.0 if self.regions else 1.0
        outcomes = zip((self.regions, *self.alternatives), (self.chance, *self.chances), strict=True)
        return sum(chance for regions, chance in outcomes if not regions)


def place(request: KernelRequest, release: Release, arch: str, memory: MemoryMap, **facts: Any) -> Placement:
    """Return what the kernel of that release does with the request on that memory.

    The facts are those of `possible_boots`; what the result of all possible boots is, is certain. Raises
    ArchitectureUnknown.
    """
    return agreed_boots(request, list(possible_boots(release, arch, memory, **facts)))


def place_line(cmdline: str, release: Release, arch: str, ram: int, memory: MemoryMap, **facts: Any) -> Placement:
    """The same for a command line: with each behaviour that the release may have. `ram`: as for kernel_parser.read."""

    def asked(each: Release) -> KernelRequest:
        counted = ram if each.counts_span == release.counts_span else counted_ram(each, arch, memory, cmdline)
        return read(cmdline, each, arch, counted)

    def judged(request: KernelRequest, each: Release) -> Placement:
        return place(request, each, arch, memory, cmdline=cmdline, **facts)

    return agreed_releases(release, architecture(arch), asked, judged)


def agreed_releases(
    release: Release,
    machine: Architecture,
    asked: Callable[[Release], KernelRequest],
    judged: Callable[[KernelRequest, Release], Placement],
) -> Placement:
    """What all behaviours that the release may have lead to.

    `asked`: what a kernel with one behaviour reads. `judged`: what it does with that.
    """
    found = []
    known: dict[tuple[object, ...], Placement] = {}
    for each in release.possible:
        request = asked(each)
        key = (request, *_placing(each, machine))
        if key not in known:
            known[key] = judged(request, each)
        found.append(known[key])
    return agreed(found, release.doubt)


def _placing(release: Release, machine: Architecture) -> tuple[object, ...]:
    """The part of a release's behaviour that the placement depends on; the rest is for reading the value."""
    behaviour = release.behaviours[0]
    rules = behaviour.rules
    return (behaviour.era, rules.letters, rules.saturates, *behaviour.placing(arm=machine is Architecture.ARM64))


def agreed_boots(request: KernelRequest, boots: Sequence[BootFacts]) -> Placement:
    """What the boots have in common; "uncertain" if one differs. Each memory map counts the same."""
    joined = []
    for _, group in groupby(boots, key=lambda boot: boot.memory):
        alike = list(group)
        # Of many possible boots each counts little.
        found = [place_at_boot(request, boot) for boot in alike] if len(boots) <= _MANY else _sampled(request, alike)
        joined.append(agreed(found, INITRD_DECIDES, [boot.share for boot in alike]))
    return agreed(joined, MAP_DECIDES, in_turn=True)


def _sampled(request: KernelRequest, boots: Sequence[BootFacts]) -> list[Placement]:
    """The placement of each boot, by a sample of the kernel's possible places.

    An initrd beside all that a boot without one allocates does not change the result.
    """
    without: dict[BootFacts, tuple[Placement, tuple[Extent, ...] | None]] = {}
    found = []
    for boot in boots:
        alike = boot._replace(sampled=True, initrd=None, share=1)
        if alike not in without:
            without[alike] = _judge(request, alike)
        placement, touched = without[alike]
        if boot.initrd and (touched is None or overlap(boot.initrd, touched)):
            placement = place_at_boot(request, boot._replace(sampled=True))
        found.append(placement)
    return found


def agreed(found: Sequence[Placement], why: str, weights: Sequence[int] = (), *, in_turn: bool = False) -> Placement:
    """What placements have in common.

    `why`: what decides between them. `weights`: how often each occurs. `in_turn`: the first results of each are named
    before the second ones, because which of them holds is known later; else the likeliest of all.
    """
    first = found[0]
    if len(found) == 1:
        return first
    weights = weights or (1,) * len(found)
    shares: dict[Regions, float] = {}
    ranks: dict[Regions, int] = {}
    for each, weight in zip(found, weights, strict=True):
        outcomes = zip((each.regions, *each.alternatives), (each.chance, *each.chances), strict=True)
        for rank, (regions, chance) in enumerate(outcomes):
            shares[regions] = shares.get(regions, 0.0) + chance * weight / sum(weights)
            ranks[regions] = min(rank, ranks.get(regions, rank)) if in_turn else 0
    same = all((each.status, each.regions) == (first.status, first.regions) for each in found)
    status: Status = first.status if same else "uncertain"
    reasons = dict.fromkeys(filter(None, (first.reason, "" if same else why)))
    may_hang = any(each.may_hang or each.status == "hang" for each in found)
    likeliest: Regions = max(filter(None, shares), key=shares.__getitem__, default=())
    # Places share the chance of a reservation, so "nothing" is the likeliest result only where it has more than half.
    if shares.get((), 0.0) > 1 / 2:
        likeliest = ()
    shares = {likeliest: shares[likeliest]} | shares
    return _limited(status, shares, "; ".join(reasons), may_hang=may_hang, ranks=ranks)


def place_at_boot(request: KernelRequest, facts: BootFacts) -> Placement:
    """Return what the kernel does with the request at that boot."""
    return _judge(request, facts)[0]


def _judge(request: KernelRequest, facts: BootFacts) -> tuple[Placement, tuple[Extent, ...] | None]:
    """The placement, and the memory that it depends on, as in Likelihood.touched."""
    if power_s390.uses_fadump(facts):
        return _placement(power_s390.judge_fadump(request, facts), ""), None
    if request.status != "ok":
        return Placement("failed", (), (), request.reason), ()
    found = _likelihood(request, facts)
    return _placement(found, _disturbing(facts)), found.touched


def _disturbing(facts: BootFacts) -> str:
    """A parameter that may change what is free and is not modelled, "" for none."""
    names: tuple[str, ...] = early.UNMODELLED if facts.machine.is_x86 else early.UNMODELLED_ELSEWHERE
    if not facts.memory.nodes:
        # Which memory can be unplugged is not known.
        names += ("movable_node",)
    pages = early.early_hugepages(facts.cmdline, facts.release.version) if facts.machine.is_x86 else ""
    return next(early.words(facts.cmdline, *names), pages)


def passes_quick_test(request: KernelRequest, facts: BootFacts) -> bool:
    """Whether memory is reserved in at least one of twenty boots and no boot hangs. False: only `place` can say.

    It takes a hundredth of the time of `place`.
    """
    return request.status == "ok" and facts.machine is Architecture.X86_64 and x86.passes_quick_test(request, facts)


def _likelihood(request: KernelRequest, facts: BootFacts) -> Likelihood:
    if facts.machine.is_x86:
        return x86.judge(request, facts)
    if facts.machine.is_powerpc:
        return power_s390.judge_power(request, facts)
    if facts.machine is Architecture.S390X:
        return power_s390.judge_s390(request, facts)
    if facts.machine is Architecture.ARM64:
        return arm.judge_arm64(request, facts)
    if facts.machine is Architecture.ARM:
        return armhf.judge_arm(request, facts)
    return generic.judge(request, facts)


def _placement(found: Likelihood, disturbing: str) -> Placement:
    """The answer for what the model found. `disturbing`: an argument that is not modelled, "" for none."""
    likeliest = found.likeliest
    shares = {likeliest.regions: 0.0}
    for outcome, chance in found.outcomes:
        shares[outcome.regions] = shares.get(outcome.regions, 0.0) + chance
    may_hang = any(outcome.status == "hang" for outcome, _ in found.outcomes)
    reasons = [likeliest.reason, found.why]
    status: Status = likeliest.status if found.certain else "uncertain"
    if disturbing:
        status = "uncertain"
        reasons.append(f"{disturbing} changes what is free")
        if likeliest.regions:
            shares.setdefault((), UNKNOWN)
    return _limited(status, shares, "; ".join(filter(None, reasons)), may_hang=may_hang)


def _limited(
    status: Status,
    shares: Mapping[Regions, float],
    reason: str,
    *,
    may_hang: bool,
    ranks: Mapping[Regions, int] = MappingProxyType({}),
) -> Placement:
    """The placement with the first regions, and as alternatives the likeliest of the others.

    "Nothing" is always named. `ranks`: the first place that a result has in one of the joined placements; so the
    likeliest results of each are named.
    """
    first, *others = shares.items()
    # Of about equal chances the order is that of the layouts, the likeliest first.
    others.sort(key=lambda share: (share[0] != (), ranks.get(share[0], 0), -round(share[1], 3)))
    others = sorted(others[: MOST_OUTCOMES - 1], key=lambda share: (share[0] != (), -round(share[1], 3)))
    alternatives, chances = tuple(regions for regions, _ in others), tuple(chance for _, chance in others)
    return Placement(status, first[0], alternatives, reason, may_hang, min(first[1], 1.0), chances)
