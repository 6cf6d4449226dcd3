"""Placing on x86: the era's search, on all the memory layouts that the known facts leave open."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grubkd.memory import genericsearch, kaslr, x86search
from grubkd.memory.architecture import Architecture
from grubkd.memory.eras import Era
from grubkd.memory.freememory import PAGE
from grubkd.memory.judgement import combined, of_chances, of_variants
from grubkd.memory.kernelimage import typical_image
from grubkd.memory.outcome import failed
from grubkd.memory.release import AUTOMATIC_SINCE
from grubkd.memory.size import GIB, KIB, MIB
from grubkd.memory.x86free import Held, Top, free_from_bottom, free_from_top

if TYPE_CHECKING:
    from collections.abc import Iterator

    from grubkd.memory.bootfacts import Boot
    from grubkd.memory.judgement import Judgement
    from grubkd.memory.outcome import Outcome
    from grubkd.memory.physical import Extent
    from grubkd.memory.reading import Request

_BOOTMEM = frozenset({Era.V2_6_29, Era.V2_6_32, Era.RHEL6})
_LEAST, _EDGE = 16 * KIB, MIB
_TABLES = 3 * PAGE
# What 64-bit kernels were seen to take for a node's own data, whatever their flavour.
_NODE_DATA = {(5, 10): 0x2A000, (6, 1): 0x2B000, (6, 12): 0x2A980, (7, 2): 0x2B080}
_USUAL_NODE_DATA = 0x2B080
# A region's end moves in steps of 16M; OVMF was seen to keep 32M at the top of memory.
_EFI_EDGES = tuple(range(16 * MIB, 176 * MIB, 16 * MIB))


def judge(request: Request, boot: Boot) -> Judgement:
    """What comes of it, and how sure that is."""
    ram = _addressable(boot)
    if not ram:
        return of_variants([failed("no RAM below what this kernel can address")], "")
    if boot.release.era in _BOOTMEM:
        return _judge_bootmem(request, boot, ram)
    images = list(_images(boot))
    tops = list(_tops(boot, ram))
    if not boot.kaslr:
        layouts = [Held(image, boot.initrd, boot.borders, top) for image in images for top in tops]
        outcomes = [_attempt(request, boot, ram, layout)[0] for layout in layouts]
        outcomes += _in_the_way(request, boot)
        return of_variants(outcomes, _why(boot, images))
    size = images[0][1] - images[0][0]

    def attempt(kernel: Extent | None, top: Top = tops[0]) -> tuple[Outcome, tuple[Extent, ...]]:
        return _attempt(request, boot, ram, Held(kernel, boot.initrd, boot.borders, top))

    counted = kaslr.outcomes(attempt, ram, boot.machine, size, boot.initrd)
    why = "KASLR may put the kernel itself there"
    chances = of_chances(counted, strict=request.base != 0, why=why)
    return combined(chances, of_variants([chances.likeliest, *_rest(request, boot, ram, tops)], _why(boot, [])))


def _rest(request: Request, boot: Boot, ram: tuple[Extent, ...], tops: list[Top]) -> Iterator[Outcome]:
    """What other configurations would do, the kernel being elsewhere."""
    for top in tops[1:]:
        yield _attempt(request, boot, ram, Held(None, boot.initrd, boot.borders, top))[0]
    yield from _in_the_way(request, boot)


def _in_the_way(request: Request, boot: Boot) -> Iterator[Outcome]:
    """EFI's boot services may hold memory anywhere, and the kernel leaves it to them until late in its start.

    A search passes such memory over; a fixed place cannot.
    """
    if boot.efi and request.base:
        yield failed("memory is in use")


def _attempt(request: Request, boot: Boot, ram: tuple[Extent, ...], held: Held) -> tuple[Outcome, tuple[Extent, ...]]:
    free, movable = free_from_top(ram, boot.machine, held)
    era = boot.release.era
    found: int | None
    if era.since(Era.V6_8):
        bounds = genericsearch.limits(boot.machine, ram)
        outcome = genericsearch.search(request, era, boot.machine, free, bounds)
        found = genericsearch.main(request, era, free, bounds)[0] if outcome.status == "failed" else None
    else:
        outcome = x86search.from_top(request, era, boot.machine, free)
        found = x86search.main(request, era, boot.machine, free) if outcome.status == "failed" else None
    if found is not None:
        # It failed for the region below 4G. With a kernel in the way of this one it would lie elsewhere, and might not
        # need another.
        movable = (*movable, (found, found + request.size))
    return outcome, movable


def _judge_bootmem(request: Request, boot: Boot, ram: tuple[Extent, ...]) -> Judgement:
    if boot.release.version < AUTOMATIC_SINCE and not request.base:
        return of_variants([failed("crashkernel reservation failed - you have to specify a base address")], "")
    outcomes = []
    images = list(_images(boot))
    for image in images:
        free = free_from_bottom(ram, image, boot.initrd)
        outcomes.append(x86search.from_bottom(request, boot.release.era, boot.machine, free, ram))
    judgement = of_variants(outcomes, _why(boot, images))
    end = request.base + request.size
    if request.base and boot.machine is Architecture.X86_64 and request.base < ram[-1][1] < end:
        # Seen in the sources only: depending on its nodes the kernel returns an error or meets a BUG_ON.
        return judgement._replace(certain=False, why="a region beyond the end of RAM may also stop the boot")
    return judgement


def _addressable(boot: Boot) -> tuple[Extent, ...]:
    """An i386 kernel without PAE sees nothing at or above 4G, one with PAE nothing at or above 64G."""
    if boot.machine is not Architecture.I386:
        return boot.memory.ram
    limit = 64 * GIB if boot.release.pae or boot.release.architecture is None else 4 * GIB
    return tuple((start, min(end, limit)) for start, end in boot.memory.ram if start < limit)


def _images(boot: Boot) -> Iterator[Extent]:
    """The kernel's own extent: the given one, else the typical one and the shortest and longest beside it."""
    if boot.kernel_image:
        yield boot.kernel_image
        return
    image = typical_image(boot.release, boot.machine, 0)
    start, end = image.extent
    yield start, end
    if image.less:
        yield start, end - image.less
    if image.more:
        yield start, end + image.more


def _tops(boot: Boot, ram: tuple[Extent, ...]) -> Iterator[Top]:
    """What lies at the top of memory: as measured, else up to a megabyte, with EFI much more."""
    node_data = _NODE_DATA.get(boot.release.version[:2], _USUAL_NODE_DATA)
    usual = Top(0, 0) if boot.machine is Architecture.I386 else Top(node_data, _TABLES)
    yield usual
    if ram[-1][1] > 4 * GIB and boot.machine is Architecture.X86_64:
        # Two pages were seen with a processor that maps gigabytes at once; others need one for each gigabyte.
        yield from (Top(node_data, 2 * PAGE), Top(node_data, _TABLES + ram[-1][1] // GIB * PAGE))
    if not boot.measured:
        yield from (Top(_LEAST, 0), Top(_EDGE, _TABLES))
    if boot.efi:
        yield from (Top(node_data, _TABLES, (edge, 0)) for edge in _EFI_EDGES)
        yield from (Top(node_data, _TABLES, (0, edge)) for edge in _EFI_EDGES if ram[-1][1] > 4 * GIB)


def _why(boot: Boot, images: list[Extent]) -> str:
    if boot.efi:
        return "EFI firmware keeps data of its own in RAM"
    if not boot.measured:
        return f"{boot.release.note or 'this kernel was never measured'}, and about a megabyte decides"
    if len(images) > 1:
        return "the kernel's own size decides, and only a typical one is known"
    return "the kernel's page tables at the top of memory decide"
