"""What the kernel of a case reads in its values and where it reserves the memory, as far as the facts allow."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grubkd.memory.kernel_parser import read
from grubkd.memory.placement.place import Placement, boot_facts, counted_ram, passes_quick_test, place_at_boot
from grubkd.memory.size import GIB, KIB, MIB, format_size, round_down

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from grubkd.memory.case import Case
    from grubkd.memory.kernel_parser import KernelRequest
    from grubkd.memory.memory_map import Extent, MemoryMap
    from grubkd.memory.placement.place import BootFacts

_PAGE = 4 * KIB
# GRUB 2 loads an initrd as high as it may: below 2 GiB, minus a little that old kernels do not handle.
_GRUB_CEILING = 2 * GIB - 64 * KIB
# The size of an initrd if nothing says it.
_USUAL_INITRD = 32 * MIB
NOTHING_OBSERVED = "the running kernel was booted with this value and holds no reservation"


def request(case: Case, values: Sequence[str] = ()) -> KernelRequest | None:
    """What the kernel reads in the case's command line followed by the values.

    None if the RAM is unknown, or if Xen reads it. An amount of RAM that the user gave is what the kernel counts.
    """
    memory = case.memory_map()
    if memory is None or case.hypervisor is not None:
        return None
    spans = case.release.counts_span and case.machine.is_x86
    ram = counted_ram(case.release, case.machine, memory) if spans or case.ram is None or case.memory else case.ram
    words = "".join(f"crashkernel={text} " for text in values)
    line = f"{case.cmdline} {words}".lstrip() if values else case.cmdline
    return read(line, case.release, case.machine, ram)


def placement(case: Case, asked: KernelRequest) -> Placement | None:
    """Where the kernel reserves the memory; None if the RAM is unknown.

    Where the boot loader puts the initrd is known of the running system only. Otherwise several places are tried, and
    only what they agree on is certain.
    """
    found = list(_placements(case, asked))
    return _agreed(found) if found else None


def reserves_clearly(case: Case, asked: KernelRequest) -> bool:
    """Whether `placement` is neither "failed" nor "hang", by a quick test. False: only `placement` can say."""
    facts = next(_boots(case), None)
    return facts is not None and passes_quick_test(asked, facts)


def may_reserve(case: Case) -> bool:
    """Whether the case's command line may reserve memory with the initrd at its likeliest place.

    False too if the RAM is unknown. With the initrd elsewhere it may still reserve memory.
    """
    asked = request(case)
    if asked is None or asked.status != "ok":
        return False
    if reserves_clearly(case, asked):
        return True
    found = next(_placements(case, asked), None)
    return found is not None and found.status not in ("failed", "hang")


def problem(case: Case, values: Sequence[str]) -> str:
    """Why the kernel does not reserve the values on this machine; "" if it does or may, or if it is not known."""
    if case.observed and case.observed.values == tuple(values):
        return "" if case.observed.size else NOTHING_OBSERVED
    asked = request(case, values)
    if asked is None:
        return ""
    if asked.status != "ok":
        return asked.reason
    if reserves_clearly(case, asked):
        return ""
    why = ""
    for found in _placements(case, asked):
        if found.status not in ("failed", "hang"):
            return ""
        why = why or found.reason
    return why


def assumption(case: Case) -> str:
    """What the forecast assumes; "" if it uses the machine's own memory map."""
    if case.memory is not None or not case.ram:
        return ""
    return f"on a typical memory map of {format_size(case.ram)}"


def _placements(case: Case, asked: KernelRequest) -> Iterator[Placement]:
    return (place_at_boot(asked, facts, case.cmdline) for facts in _boots(case))


def _boots(case: Case) -> Iterator[BootFacts]:
    """The facts of the boot for each possible place of the initrd, the likeliest first; none if the RAM is unknown."""
    memory = case.memory_map()
    if memory is None:
        return
    for initrd in _initrds(case, memory):
        yield boot_facts(
            case.release,
            case.machine,
            memory,
            kernel_image=memory.kernel,
            initrd=initrd,
            kaslr=case.kaslr,
            cmdline=case.cmdline,
            borders=case.borders,
            efi=case.efi,
        )


def _initrds(case: Case, memory: MemoryMap) -> Iterator[Extent | None]:
    """The possible places of the initrd, the likeliest first; None for a kernel without one."""
    known = case.initrd or memory.initrd
    if known is not None or case.initrd_size == 0:
        yield known
        return
    size = _USUAL_INITRD if case.initrd_size is None else case.initrd_size
    for end in _initrd_ends(case, memory):
        if end > size:
            start = round_down(end - size, _PAGE)
            yield start, start + size
    if case.initrd_size is None:
        yield None


def _initrd_ends(case: Case, memory: MemoryMap) -> Iterator[int]:
    """Where an initrd may end: at the top of the RAM below 4G or, on x86, where GRUB ends it."""
    ranges = [(start, min(end, 4 * GIB)) for start, end in memory.ram if start < 4 * GIB] or memory.ram[:1]
    # A small piece above firmware's tables has no room for an initrd.
    top = max((end for start, end in ranges if end - start >= 64 * MIB), default=ranges[-1][1])
    yield top
    if case.machine.is_x86 and top > _GRUB_CEILING:
        yield _GRUB_CEILING


def _agreed(found: Sequence[Placement]) -> Placement:
    """The first placement; "uncertain" if the others differ from it."""
    first = found[0]
    others = [each for each in found[1:] if (each.status, each.regions) != (first.status, first.regions)]
    if not others:
        return first
    regions = [regions for each in (first, *others) for regions in (*each.alternatives, each.regions)]
    alternatives = tuple(dict.fromkeys(each for each in regions if each != first.regions))
    reason = "; ".join(dict.fromkeys(filter(None, (first.reason, "where the boot loader puts the initrd decides"))))
    may_hang = any(each.may_hang or each.status == "hang" for each in found)
    return Placement("uncertain", first.regions, alternatives, reason, may_hang)
