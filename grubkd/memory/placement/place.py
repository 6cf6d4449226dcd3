"""Where a kernel reserves the memory for its capture kernel, or why it reserves nothing.

`place` picks the model of the architecture: the modules beside this one.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from grubkd.memory.architecture import Architecture, architecture
from grubkd.memory.kernel_parser import read
from grubkd.memory.memory_map import Extent
from grubkd.memory.placement import arm, early, generic, power_s390, x86
from grubkd.memory.placement.initrd import UnknownInitrd, possible_initrds

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import Any, Literal

    from grubkd.memory.kernel_parser import KernelRequest
    from grubkd.memory.memory_map import MemoryMap
    from grubkd.memory.placement.search import Likelihood
    from grubkd.memory.release import Release

    Status = Literal["reserved", "failed", "hang", "uncertain"]

Regions = tuple[Extent, ...]

INITRD_DECIDES = "where the boot loader puts the initrd decides"
MAP_DECIDES = "the memory map decides"
_MANY = 4
MOST_OUTCOMES = 24
"""How many possible results a placement names: the likeliest ones."""

# Debian's kernels of these versions were booted and follow the rules to the byte.
_MEASURED = frozenset({(5, 10), (6, 1), (6, 12), (7, 2)})


class BootFacts(NamedTuple):
    """The facts of one boot that a placement depends on. The optional ones are as in `possible_boots`.

    share: how often this boot occurs, compared with the others that are possible.
    """

    release: Release
    machine: Architecture
    memory: MemoryMap
    kernel_image: Extent | None = None
    initrd: Extent | None = None
    kaslr: bool = False
    borders: tuple[int, ...] = ()
    efi: bool = False
    cmdline: str = ""
    sampled: bool = False
    dma_limit: int | None = None
    kexec: bool | None = None
    share: int = 1

    @property
    def measured(self) -> bool:
        """Whether kernels of this version were booted and follow the rules to the byte."""
        return self.release.exact and self.release.version[:2] in _MEASURED


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


def counted_ram(release: Release, arch: str, memory: MemoryMap, cmdline: str = "") -> int:
    """Bytes of RAM that the kernel compares with the ranges of a value.

    The sum of all RAM after mem= and memmap=; x86 kernels up to RHEL 6 take the end of the last RAM instead.
    """
    machine = architecture(arch)
    memory = early.map_after(cmdline, release, machine, memory) if early.changes_ram(cmdline) else memory
    if machine is Architecture.ARM:
        # max_low_pfn - min_low_pfn: low memory only.
        return min(memory.span - memory.ram[0][0], arm.ARM_LOW_MEMORY)
    return memory.span if release.counts_span and machine.is_x86 else memory.ram_total


def possible_boots(  # noqa: PLR0913 (the facts of one boot)
    release: Release,
    arch: str,
    memory: MemoryMap,
    *,
    cmdline: str = "",
    initrd: Extent | UnknownInitrd | None = None,
    efi: bool | None = None,
    kaslr: bool | None = None,
    **known: Any,
) -> Iterator[BootFacts]:
    """The facts of a boot, for each possible value of those that are not known, the likeliest first.

    initrd: None for none. kaslr: None to derive it from the command line and the release. efi: booted by EFI firmware,
    which keeps data in RAM that the map calls usable; None: an x86 map shows it, on arm64 both are possible. known:
    kernel_image (from "Kernel code" to the end of "Kernel bss" without KASLR; with KASLR only its size matters; None: a
    typical image), borders (the first address of each NUMA node but the lowest; empty: those of the map), dma_limit
    (arm64: the end of the memory that DMA reaches) and kexec (whether it is built with kexec). Raises
    ArchitectureUnknown.
    """
    machine = architecture(arch)
    known["borders"] = known.get("borders") or early.node_borders(memory.nodes)
    moves = release.moves(cmdline) if kaslr is None else kaslr
    firmware = [efi] if efi is not None else [True] if memory.efi else [False]
    if efi is None and machine.is_x86:
        firmware = [memory.efi or memory.is_broken]
    elif efi is None and machine is Architecture.ARM64 and not memory.efi:
        firmware = [False, True]
    left = early.map_after(cmdline, release, machine, memory) if early.changes_ram(cmdline) else memory
    left = early.without_hotplug(cmdline, left)
    for by_efi in firmware:
        unknown = initrd
        if initrd is None and by_efi and next(early.words(cmdline, "initrd="), None):
            # The EFI stub loads it.
            unknown = UnknownInitrd(loader="efistub")
        for place, share in possible_initrds(unknown, machine, memory, early.mem_limit(cmdline, release)).items():
            facts = known | {"initrd": place, "share": share}
            yield BootFacts(release, machine, left, kaslr=moves, efi=by_efi, cmdline=cmdline, **facts)


def place(request: KernelRequest, release: Release, arch: str, memory: MemoryMap, **facts: Any) -> Placement:
    """Return what the kernel of that release does with the request on that memory.

    The facts are those of `possible_boots`; what the result of all possible boots is, is certain. Raises
    ArchitectureUnknown.
    """
    return agreed_boots(request, list(possible_boots(release, arch, memory, **facts)))


def place_line(cmdline: str, release: Release, arch: str, ram: int, memory: MemoryMap, **facts: Any) -> Placement:
    """The same for a command line: with each behaviour that the release may have. `ram`: as for kernel_parser.read."""
    found = []
    known: dict[tuple[object, ...], Placement] = {}
    for each in release.possible:
        counted = ram if each.counts_span == release.counts_span else counted_ram(each, arch, memory, cmdline)
        request = read(cmdline, each, arch, counted)
        key = (request, *placing(each, architecture(arch)))
        if key not in known:
            known[key] = place(request, each, arch, memory, cmdline=cmdline, **facts)
        found.append(known[key])
    return agreed(found, release.doubt)


def placing(release: Release, machine: Architecture) -> tuple[object, ...]:
    """The part of a release's behaviour that the placement depends on; the rest is for reading the value."""
    behaviour = release.behaviours[0]
    falls_back = behaviour.arm_falls_back if machine is Architecture.ARM64 else 0
    return (behaviour.era, behaviour.rules.letters, behaviour.rules.saturates, falls_back)


def agreed_boots(request: KernelRequest, boots: Sequence[BootFacts]) -> Placement:
    """What the boots have in common; "uncertain" if one differs. Each memory map counts the same."""
    # Of many possible boots each counts little: a sample of the kernel's possible places is enough for each.
    sampled = len(boots) > _MANY
    by_map: dict[int, list[BootFacts]] = {}
    for boot in boots:
        by_map.setdefault(id(boot.memory), []).append(boot._replace(sampled=sampled))
    joined = [
        agreed([place_at_boot(request, boot) for boot in group], INITRD_DECIDES, [boot.share for boot in group])
        for group in by_map.values()
    ]
    return agreed(joined, MAP_DECIDES, in_turn=True)


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
    if power_s390.uses_fadump(facts):
        return _placement(power_s390.judge_fadump(request, facts), "")
    if request.status != "ok":
        return Placement("failed", (), (), request.reason)
    return _placement(_likelihood(request, facts), _disturbing(facts))


def _disturbing(facts: BootFacts) -> str:
    """A parameter that may change what is free and is not modelled, "" for none."""
    names: tuple[str, ...] = early.UNMODELLED if facts.machine.is_x86 else early.UNMODELLED_ELSEWHERE
    if not facts.memory.nodes:
        # Which memory can be unplugged is not known.
        names += ("movable_node",)
    return next(early.words(facts.cmdline, *names), "")


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
        return arm.judge_arm(request, facts)
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
        if likeliest.regions and () not in shares:
            shares = {regions: chance / 2 for regions, chance in shares.items()} | {(): 0.5}
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
