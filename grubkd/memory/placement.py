"""Where a kernel reserves memory for its crash kernel, or why it does not."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from grubkd.memory.architecture import architecture
from grubkd.memory.bootfacts import Boot
from grubkd.memory.physical import Extent

if TYPE_CHECKING:
    from typing import Literal

    from grubkd.memory.judgement import Judgement
    from grubkd.memory.physical import MemoryMap
    from grubkd.memory.reading import Request
    from grubkd.memory.release import Release

    Status = Literal["reserved", "failed", "hang", "uncertain"]

Regions = tuple[Extent, ...]

# Each of these takes memory, or hides some, before the region is sought, and is not modelled.
_DISTURBING = ("mem=", "memmap=", "cma=", "hugetlb_cma=", "numa=fake", "movable_node", "numa_emulation")


class Placement(NamedTuple):
    """The regions reserved, ascending, each (start, end exclusive) in bytes.

    "reserved": the regions are exact. "failed": nothing is reserved. "hang": the machine does not boot. "uncertain":
    regions are the likeliest, alternatives the others, () among them where it may reserve nothing; may_hang tells
    that one of the possible outcomes is a machine that does not boot. "reserved" may have alternatives too: those
    that less than one boot in twenty has, where the kernel's random place hits upon the region.
    """

    status: Status
    regions: Regions
    alternatives: tuple[Regions, ...]
    reason: str
    may_hang: bool = False


def kaslr_assumed(cmdline: str, release: Release) -> bool:
    """Whether the kernel places itself at random, as far as the command line and the release tell."""
    return release.kaslr_by_default and "nokaslr" not in cmdline.split()


def counted_ram(release: Release, arch: str, memory: MemoryMap) -> int:
    """Bytes of RAM as the kernel counts them to choose a range: the sum, on x86 up to RHEL 6 the address span."""
    return memory.span if release.counts_span and architecture(arch).is_x86 else memory.ram_total


def place(  # noqa: PLR0913 (the facts of one boot)
    request: Request,
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
) -> Placement:
    """What the kernel of that release does with the request on that memory.

    kernel_image: from "Kernel code" to the end of "Kernel bss", where it lies without KASLR (with KASLR only its size
    counts); absent: a typical extent of the release. initrd: absent means none. kaslr: absent means as the command
    line and the release tell. borders: where one NUMA node ends and the next begins. efi: booted by EFI firmware,
    whose own data lies in RAM that the map calls usable; absent means as the map looks.
    """
    if request.status != "ok":
        return Placement("failed", (), (), request.reason)
    machine = architecture(arch)
    if kaslr is None:
        kaslr = kaslr_assumed(cmdline, release)
    if efi is None:
        efi = memory.efi or (machine.is_x86 and memory.is_broken)
    boot = Boot(release, machine, memory, kernel_image, initrd, kaslr, borders, efi)
    if machine.is_x86:
        from grubkd.memory.x86placement import judge
    else:
        from grubkd.memory.otherplacement import judge
    judgement = judge(request, boot)
    disturbing = [word for word in cmdline.split() if word.startswith(_DISTURBING)]
    return _placement(judgement, disturbing)


def _placement(judgement: Judgement, disturbing: list[str]) -> Placement:
    likeliest = judgement.likeliest
    others = judgement.others
    alternatives = tuple(dict.fromkeys(other.regions for other in others if other.regions != likeliest.regions))
    may_hang = likeliest.status == "hang" or any(other.status == "hang" for other in others)
    reason = "; ".join(part for part in (likeliest.reason, judgement.why) if part)
    if disturbing:
        reason = "; ".join(part for part in (reason, f"{disturbing[0]} changes what is free") if part)
        alternatives = tuple(dict.fromkeys((*alternatives, ()))) if likeliest.regions else alternatives
        return Placement("uncertain", likeliest.regions, alternatives, reason, may_hang)
    status: Status = likeliest.status if judgement.certain else "uncertain"
    return Placement(status, likeliest.regions, alternatives, reason, may_hang)
