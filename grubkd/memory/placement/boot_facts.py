"""The facts of a boot that decide where a kernel reserves memory; all possible boots if some are unknown."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from grubkd.memory.architecture import Architecture, architecture
from grubkd.memory.memory_map import subtract
from grubkd.memory.placement import armhf, early
from grubkd.memory.placement.initrd import UnknownInitrd, possible_initrds
from grubkd.memory.placement.search import PAGE
from grubkd.memory.size import KIB, MIB

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from grubkd.memory.memory_map import Extent, MemoryMap
    from grubkd.memory.release import Release

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


def counted_ram(release: Release, arch: str, memory: MemoryMap, cmdline: str = "") -> int:
    """Bytes of RAM that the kernel compares with the ranges of a value.

    The sum of all RAM after mem= and memmap=, on x86 without what a BIOS has below 1M. x86 kernels up to RHEL 6 take
    the end of the last RAM instead.
    """
    machine = architecture(arch)
    memory = early.map_after(cmdline, release, machine, memory) if early.changes_ram(cmdline) else memory
    if machine is Architecture.ARM:
        # max_low_pfn - min_low_pfn: low memory only.
        return min(memory.span - memory.ram[0][0], armhf.ARM_LOW_MEMORY)
    if not machine.is_x86:
        return memory.ram_total
    if release.counts_span:
        return memory.span
    # trim_bios_range() of arch/x86/kernel/setup.c; memblock_trim_memory() does not change the sum: measured on 5.10.
    return sum(end - start for start, end in subtract(memory.ram, [(0, PAGE), (640 * KIB, MIB)]))


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
        limit = early.mem_limit(cmdline, release)
        for place, share in possible_initrds(unknown, machine, memory, limit, efi=by_efi).items():
            facts = known | {"initrd": place, "share": share}
            yield BootFacts(release, machine, left, kaslr=moves, efi=by_efi, cmdline=cmdline, **facts)
