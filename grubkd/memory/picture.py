"""A picture of physical memory, to scale: what is in it, and where the reservation goes."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

from grubkd.errors import RamUnknown
from grubkd.memory.memory_map import RAM_TYPES
from grubkd.memory.size import MIB, round_down, round_up

if TYPE_CHECKING:
    from collections.abc import Sequence

    from grubkd.memory.case import Case, RefusedRegion
    from grubkd.memory.memory_map import Extent

# A hole longer than all the RAM leaves no room for the rest: it is cut to one part in this many of the RAM.
_CUT = 8


class BandKind(Enum):
    """What a band shows; the value is its name in the legend. Later ones are drawn over earlier ones."""

    HOLE = "no memory"
    FIRMWARE = "firmware, devices"
    RAM = "RAM"
    INITRD = "initial RAM disk"
    KERNEL = "running kernel"
    RESERVED = "crash kernel"
    POSSIBLE = "possible instead"
    REFUSED = "refused"


MARKS = (BandKind.POSSIBLE, BandKind.REFUSED)
"""Kinds that are not memory in use: they are drawn beside the memory, not in it."""


class Band(NamedTuple):
    """Addresses from start to below end. `note`: an explanation for the legend."""

    start: int
    end: int
    kind: BandKind
    note: str = ""


class Picture(NamedTuple):
    """Bands, by kind and address. What no band covers is a hole."""

    title: str
    bands: tuple[Band, ...]

    def of(self, *kinds: BandKind) -> tuple[Band, ...]:
        """The bands of those kinds, by address."""
        return tuple(band for band in self.bands if band.kind in kinds)


def picture(
    title: str,
    case: Case,
    regions: Sequence[Extent],
    alternatives: Sequence[Sequence[Extent]],
    refused: Sequence[RefusedRegion],
) -> Picture:
    """The picture of a case, with its reserved, possible and refused regions. Raises RamUnknown."""
    memory = case.memory_map()
    if memory is None:
        raise RamUnknown("a picture needs the amount of RAM", hint="give it: --ram=SIZE, or --this-machine")
    top = max(end for _, end in memory.ram)
    bands = [
        Band(each.start, each.end, BandKind.FIRMWARE, each.type)
        for each in memory.ranges
        if each.type not in RAM_TYPES and each.start < top and each.type.lower() != "gap"
    ]
    bands += [Band(start, end, BandKind.RAM) for start, end in memory.ram]
    if case.hypervisor is None:
        note = "KASLR moves it at each boot" if case.kaslr_moves else ""
        bands.append(Band(*(memory.kernel or case.kernel_extent(memory.ram[0][0])), BandKind.KERNEL, note))
    initrd = case.initrd or memory.initrd
    if initrd is not None:
        bands.append(Band(*initrd, BandKind.INITRD))
    bands += [Band(*region, BandKind.RESERVED) for region in regions]
    bands += [
        Band(*region, BandKind.POSSIBLE) for region in dict.fromkeys(each for more in alternatives for each in more)
    ]
    bands += [Band(*each.region, BandKind.REFUSED, each.why) for each in refused]
    order = list(BandKind)
    return Picture(title, tuple(sorted(bands, key=lambda band: (order.index(band.kind), band.start))))


class Scale(NamedTuple):
    """Addresses along a line: pieces (start, end, length on the line). The longest holes are cut."""

    pieces: tuple[tuple[int, int, int], ...]

    @property
    def length(self) -> int:
        """The length of the line, in bytes drawn to scale."""
        return sum(length for *_, length in self.pieces)

    @property
    def cuts(self) -> tuple[Extent, ...]:
        """The holes that are cut."""
        return tuple((start, end) for start, end, length in self.pieces if length < end - start)

    def at(self, address: int) -> float:
        """The place of an address on the line, from 0 to 1."""
        passed = 0
        for start, end, length in self.pieces:
            if address < end:
                inside = max(address - start, 0) / (end - start) * length
                return (passed + inside) / self.length
            passed += length
        return 1.0


def whole(shown: Picture) -> Scale:
    """The scale for all memory, from 0 or, if RAM starts above its own size, from there."""
    ram = shown.of(BandKind.RAM)
    total = sum(band.end - band.start for band in ram)
    longest = max(total, MIB) // _CUT
    pieces: list[tuple[int, int, int]] = []
    at = 0 if ram[0].start < total else ram[0].start
    for band in ram:
        if band.start > at:
            hole = band.start - at
            pieces.append((at, band.start, longest if hole > total else hole))
        pieces.append((max(band.start, at), band.end, band.end - max(band.start, at)))
        at = band.end
    return Scale(tuple(pieces))


def around(shown: Picture) -> Scale | None:
    """The scale for the surroundings of what is reserved, or refused; None if nothing is."""
    of_interest = shown.of(BandKind.RESERVED) or shown.of(BandKind.REFUSED)
    if not of_interest:
        return None
    start, end = of_interest[-1].start, of_interest[-1].end
    reach = max(4 * (end - start), 64 * MIB)
    first, last = max(round_down(start - reach, 16 * MIB), 0), round_up(end + reach, 16 * MIB)
    top = max(band.end for band in shown.of(BandKind.RAM))
    # A region above all RAM, which is only possible, is shown whole too.
    last = max(min(last, round_up(top, MIB)), round_up(end, MIB))
    return Scale(((first, last, last - first),))
