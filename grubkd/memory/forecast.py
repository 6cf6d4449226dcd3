"""What the kernel of a case will read in its values, and where it will put them, as far as the facts allow to tell."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from grubkd.memory.kernel_parser import read
from grubkd.memory.placement.place import Placement, counted_ram, place
from grubkd.memory.size import GIB, KIB, MIB, format_size, round_down

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

    from grubkd.memory.architecture import Architecture
    from grubkd.memory.case import Case
    from grubkd.memory.kernel_parser import KernelRequest
    from grubkd.memory.memory_map import Extent, MemoryMap
    from grubkd.memory.release import Release

_PAGE = 4 * KIB
_TELLING = ("kaslr", "mem", "cma", "numa", "movable")
# GRUB 2 loads an initrd as high as it may: below 2 GiB, less a little that old kernels would trip over.
_GRUB_CEILING = 2 * GIB - 64 * KIB
# An initrd whose size nothing tells.
_USUAL = 32 * MIB


def request(case: Case, values: Sequence[str] = ()) -> KernelRequest | None:
    """What the kernel reads in the case's line with the values behind it.

    None where the RAM is unknown, or Xen reads it. A person's amount of RAM is taken as what the kernel counts.
    """
    memory = case.memory_map()
    if memory is None or case.hypervisor is not None:
        return None
    spans = case.release.counts_span and case.machine.is_x86
    ram = counted_ram(case.release, case.machine, memory) if spans or case.ram is None or case.memory else case.ram
    words = "".join(f"crashkernel={text} " for text in values)
    line = f"{case.cmdline} {words}" if values else case.cmdline
    return read(line.lstrip() if values else line, case.release, case.machine, ram)


def placement(case: Case, asked: KernelRequest) -> Placement | None:
    """Where the kernel puts it; None where the RAM is unknown.

    Where the boot loader puts the initrd is known only of the running system: else several places are tried, and
    what they agree on is what can be told.
    """
    found = list(_placements(case, asked))
    return _agreed(found) if found else None


def may_reserve(case: Case) -> bool:
    """Whether the likeliest placement alone tells that the case's line may reserve something: the others take longer.

    False where it does not, or the RAM is unknown; the others may still.
    """
    asked = request(case)
    found = next(_placements(case, asked), None) if asked and asked.status == "ok" else None
    return found is not None and found.status not in ("failed", "hang")


def problem(case: Case, values: Sequence[str]) -> str:
    """Why the kernel would not reserve the values on this machine, "" where it would, may, or nothing tells."""
    asked = request(case, values)
    if asked is None:
        return ""
    if asked.status != "ok":
        return asked.reason
    why = ""
    for found in _placements(case, asked):
        if found.status not in ("failed", "hang"):
            return ""
        why = why or found.reason
    return why


def _placements(case: Case, asked: KernelRequest) -> Iterator[Placement]:
    """The placement for each place where the initrd may be, the likeliest first; none where the RAM is unknown."""
    memory = case.memory_map()
    if memory is None:
        return
    for initrd in _initrds(case, memory):
        yield _placed(
            asked,
            case.release,
            case.machine,
            memory,
            initrd=initrd,
            kaslr=case.kaslr,
            cmdline=_telling(case.cmdline),
            borders=case.borders,
            efi=case.efi,
        )


def _telling(line: str) -> str:
    """The words of a line that may change a placement, so that lines that differ in others are placed once."""
    return " ".join(word for word in line.split() if any(part in word for part in _TELLING))


@lru_cache(maxsize=512)
def _placed(
    asked: KernelRequest, release: Release, machine: Architecture, memory: MemoryMap, **facts: Any
) -> Placement:
    """As place; entries of one kernel ask for the same thing again and again."""
    return place(asked, release, machine, memory, kernel_image=memory.kernel, **facts)


def assumption(case: Case) -> str:
    """What a forecast of the case takes for granted, "" for the machine's own memory map."""
    if case.memory is not None or not case.ram:
        return ""
    return f"on a typical memory map of {format_size(case.ram)}"


def _initrds(case: Case, memory: MemoryMap) -> Iterator[Extent | None]:
    """The places where the initrd may be, the likeliest first; None for a kernel without one."""
    known = case.initrd or memory.initrd
    if known is not None or case.initrd_size == 0:
        yield known
        return
    size = _USUAL if case.initrd_size is None else case.initrd_size
    for end in _tops(case, memory):
        if end > size:
            start = round_down(end - size, _PAGE)
            yield start, start + size
    if case.initrd_size is None:
        yield None


def _tops(case: Case, memory: MemoryMap) -> Iterator[int]:
    """Where an initrd may end: at the top of the RAM below 4G, or on x86 where GRUB ends it."""
    ranges = [(start, min(end, 4 * GIB)) for start, end in memory.ram if start < 4 * GIB] or memory.ram[:1]
    # A sliver above firmware's tables is too small for an initrd.
    top = max((end for start, end in ranges if end - start >= 64 * MIB), default=ranges[-1][1])
    yield top
    if case.machine.is_x86 and top > _GRUB_CEILING:
        yield _GRUB_CEILING


def _agreed(found: Sequence[Placement]) -> Placement:
    """The first placement, uncertain where the others differ from it."""
    first = found[0]
    others = [each for each in found[1:] if (each.status, each.regions) != (first.status, first.regions)]
    if not others:
        return first
    regions = [regions for each in (first, *others) for regions in (*each.alternatives, each.regions)]
    alternatives = tuple(dict.fromkeys(each for each in regions if each != first.regions))
    reason = "; ".join(dict.fromkeys(filter(None, (first.reason, "where the boot loader puts the initrd decides"))))
    may_hang = any(each.may_hang or each.status == "hang" for each in found)
    return Placement("uncertain", first.regions, alternatives, reason, may_hang)
