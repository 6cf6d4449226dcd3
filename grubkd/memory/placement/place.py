"""Where a kernel reserves the memory for its capture kernel, or why it reserves nothing.

`place` picks the model of the architecture: the modules beside this one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from grubkd.memory.architecture import Architecture, architecture
from grubkd.memory.memory_map import Extent
from grubkd.memory.placement import generic, power_s390, x86

if TYPE_CHECKING:
    from typing import Any, Literal

    from grubkd.memory.kernel_parser import KernelRequest
    from grubkd.memory.memory_map import MemoryMap
    from grubkd.memory.placement.search import Likelihood
    from grubkd.memory.release import Release

    Status = Literal["reserved", "failed", "hang", "uncertain"]

Regions = tuple[Extent, ...]

# Arguments that take or hide memory before the kernel looks for the region. They are not modelled.
_DISTURBING = ("mem=", "memmap=", "cma=", "hugetlb_cma=", "numa=fake", "movable_node", "numa_emulation")
# Debian's kernels of these versions were booted and follow the rules to the byte.
_MEASURED = frozenset({(5, 10), (6, 1), (6, 12), (7, 2)})


class BootFacts(NamedTuple):
    """The facts of one boot that a placement depends on. The optional ones are as in `place`."""

    release: Release
    machine: Architecture
    memory: MemoryMap
    kernel_image: Extent | None = None
    initrd: Extent | None = None
    kaslr: bool = False
    borders: tuple[int, ...] = ()
    efi: bool = False

    @property
    def measured(self) -> bool:
        """Whether kernels of this version were booted and follow the rules to the byte."""
        return self.release.exact and self.release.version[:2] in _MEASURED


class Placement(NamedTuple):
    """The reserved regions, ascending; each is (start, end exclusive) in bytes.

    status: "reserved": the regions are exact. "failed": nothing is reserved. "hang": the machine does not boot.
    "uncertain": `regions` is the most likely result and `alternatives` has the others, with () for "reserves nothing".
    may_hang: one of the possible results is a machine that does not boot.

    "reserved" may have alternatives too: results of less than one boot in twenty, where KASLR puts the kernel on the
    region.
    """

    status: Status
    regions: Regions
    alternatives: tuple[Regions, ...]
    reason: str
    may_hang: bool = False


def counted_ram(release: Release, arch: str, memory: MemoryMap) -> int:
    """Bytes of RAM that the kernel compares with the ranges of a value.

    The sum of all RAM; x86 kernels up to RHEL 6 take the end of the last RAM instead.
    """
    return memory.span if release.counts_span and architecture(arch).is_x86 else memory.ram_total


def boot_facts(  # noqa: PLR0913 (the facts of one boot)
    release: Release,
    arch: str,
    memory: MemoryMap,
    *,
    kernel_image: Extent | None = None,
    initrd: Extent | None = None,
    kaslr: bool | None = None,
    cmdline: str = "",
    borders: tuple[int, ...] = (),
    efi: bool | None = None,
) -> BootFacts:
    """Collect the facts of a boot, and derive those that are not given.

    kernel_image: from "Kernel code" to the end of "Kernel bss" without KASLR (with KASLR only its size matters); None:
    a typical image of the release. initrd: None for none. kaslr: None to derive it from the command line and the
    release. borders: the first address of each NUMA node but the lowest. efi: booted by EFI firmware, which keeps data
    in RAM that the map calls usable; None to derive it from the map. Raises ArchitectureUnknown.
    """
    machine = architecture(arch)
    if kaslr is None:
        kaslr = release.moves(cmdline)
    if efi is None:
        efi = memory.efi or (machine.is_x86 and memory.is_broken)
    return BootFacts(release, machine, memory, kernel_image, initrd, kaslr, borders, efi)


def place(
    request: KernelRequest, release: Release, arch: str, memory: MemoryMap, *, cmdline: str = "", **facts: Any
) -> Placement:
    """Return what the kernel of that release does with the request on that memory.

    `cmdline` is its command line; the other facts are those of `boot_facts`. Raises ArchitectureUnknown.
    """
    return place_at_boot(request, boot_facts(release, arch, memory, cmdline=cmdline, **facts), cmdline)


def place_at_boot(request: KernelRequest, facts: BootFacts, cmdline: str = "") -> Placement:
    """Return what the kernel does with the request at that boot."""
    if request.status != "ok":
        return Placement("failed", (), (), request.reason)
    disturbing = next((word for word in cmdline.split() if word.startswith(_DISTURBING)), "")
    return _placement(_likelihood(request, facts), disturbing)


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
    return generic.judge(request, facts)


def _placement(found: Likelihood, disturbing: str) -> Placement:
    """The answer for what the model found. `disturbing`: an argument that is not modelled, "" for none."""
    likeliest, others = found.likeliest, found.others
    alternatives = tuple(dict.fromkeys(other.regions for other in others if other.regions != likeliest.regions))
    may_hang = likeliest.status == "hang" or any(other.status == "hang" for other in others)
    reasons = [likeliest.reason, found.why]
    status: Status = likeliest.status if found.certain else "uncertain"
    if disturbing:
        status = "uncertain"
        reasons.append(f"{disturbing} changes what is free")
        alternatives = tuple(dict.fromkeys((*alternatives, ()))) if likeliest.regions else alternatives
    return Placement(status, likeliest.regions, alternatives, "; ".join(filter(None, reasons)), may_hang)
