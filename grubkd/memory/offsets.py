"""SIZE@OFFSET: which address to write, if the kernel needs one or the user wants one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grubkd.errors import Notice, WouldNotReserve
from grubkd.memory.architecture import Architecture
from grubkd.memory.case import RefusedRegion
from grubkd.memory.estimate import STEP, estimate
from grubkd.memory.size import MIB, format_size, round_up

if TYPE_CHECKING:
    from collections.abc import Iterator

    from grubkd.memory.case import Case, PlanDraft
    from grubkd.memory.memory_map import Extent

_ALIGNMENT = {
    Architecture.ARM64: 2 * MIB,
    Architecture.RISCV64: 2 * MIB,
    Architecture.LOONGARCH64: 2 * MIB,
    Architecture.S390X: MIB,
}
_X86_ALIGNMENT = 16 * MIB
_FIRST = 16 * MIB
LESS = "it still covers the estimate: see grubkd plan --explain"
_I386_CEILING = 512 * MIB
_MOST_REFUSED = 4
_GUIDE = "kdump documentation of the kernel: the capture kernel runs where it is loaded, generally at 16M"


def alignment(machine: Architecture) -> int:
    """Addresses are multiples of this: 16M on x86 and POWER, 2M on arm64, riscv64 and loongarch64, 1M on s390x."""
    return _ALIGNMENT.get(machine, _X86_ALIGNMENT)


def settle(case: Case, draft: PlanDraft, *, wanted: int | None, asked: bool) -> PlanDraft:
    """The draft with an offset if one is needed or wanted, and without a vendor's whose place is not free.

    asked: the user wants an offset. wanted: the user's own address, which is only checked. Raises WouldNotReserve if
    there is no room.
    """
    if (asked or wanted is not None) and case.kaslr_moves:
        draft = draft.warned(
            Notice(
                "kaslr-may-collide",
                f"KASLR puts {case.reader} at a random address at each boot, sometimes where the region should be",
                hint="boot it with nokaslr, or let the kernel choose the place: leave out --offset",
            )
        )
    if wanted is not None:
        return _given(case, draft, wanted)
    if draft.value.offset is None and not case.needs_offset and not asked:
        return draft
    size = draft.value.size or 0
    if draft.value.offset is not None:
        draft, offset = _aligned(case, draft, draft.value.offset)
        why = obstacle(case, offset, size)
        if not why:
            return draft
        draft = draft.without((offset, offset + size), why)
        if not case.needs_offset and not asked:
            value = draft.value._replace(offset=None)
            return draft.because(f"no offset: {why}, and this kernel finds a place by itself", case.reader, value)
    return _searched(case, draft, size, asked)


def _aligned(case: Case, draft: PlanDraft, offset: int) -> tuple[PlanDraft, int]:
    """The draft and its offset, raised to the next multiple that the architecture needs."""
    step = alignment(case.machine)
    if offset % step == 0:
        return draft, offset
    raised = round_up(offset, step)
    said = f"@{format_size(offset)} is raised to @{format_size(raised)}, a multiple of {format_size(step)}"
    return draft.because(said, f"alignment on {case.machine}", draft.value._replace(offset=raised)), raised


def _given(case: Case, draft: PlanDraft, wanted: int) -> PlanDraft:
    step = alignment(case.machine)
    if wanted % step:
        raise WouldNotReserve(
            f"@{format_size(wanted)} is not a multiple of {format_size(step)}, as {case.machine} kernels need",
            hint=f"the next one is {format_size(round_up(wanted, step))}",
        )
    size = draft.value.size or 0
    why = obstacle(case, wanted, size)
    if why:
        raise WouldNotReserve(
            f"{format_size(size)}@{format_size(wanted)}: {why}",
            hint="without an address, --offset lets grubkd choose a place",
        )
    return draft.because(f"@{format_size(wanted)} as given", "--offset", draft.value._replace(offset=wanted))


def _searched(case: Case, draft: PlanDraft, size: int, asked: bool) -> PlanDraft:
    """The draft at the first free place; the refused places before it are kept with the reason.

    If there is no place for the size, a smaller size is taken, down to the estimate.
    """
    least = min(estimate(case.release, case.machine, case.parts).total, size)
    for smaller in range(size, least - 1, -STEP):
        offset, draft = _place(case, draft, smaller)
        if offset is None:
            continue
        need = "wanted by --offset" if asked else f"{case.reader} reserves nothing without one"
        said = f"@{format_size(offset)}, the first free address from 16M on: {need}"
        if smaller < size:
            why = f"there is no place for {format_size(size)}: grubkd takes {format_size(smaller)}"
            draft = draft.warned(Notice("reduced", why, LESS)).because(why, case.reader)
        return draft.because(said, _GUIDE, draft.value._replace(size=smaller, offset=offset))
    raise WouldNotReserve(
        f"there is no place for {format_size(least)} from 16M on", hint="the machine is too small for a capture kernel"
    )


def _place(case: Case, draft: PlanDraft, size: int) -> tuple[int | None, PlanDraft]:
    """The first address with that much room, None if there is none. The kernel counts as large as it may be."""
    refused = list(draft.refused)
    for offset in _addresses(case, size):
        why = obstacle(case, offset, size, margin=True)
        if not why:
            return offset, draft._replace(refused=tuple(refused[:_MOST_REFUSED]))
        refused.append(RefusedRegion((offset, offset + size), why))
    return None, draft


def _addresses(case: Case, size: int) -> Iterator[int]:
    """Aligned addresses from 16M on that may be free, ascending."""
    step = alignment(case.machine)
    memory = case.memory_map()
    if memory is None:
        yield from range(_FIRST, _I386_CEILING, step)
        return
    for start, end in memory.ram:
        yield from range(round_up(max(start, _FIRST), step), max(end - size, 0) + 1, step)


def obstacle(case: Case, offset: int, size: int, *, margin: bool = False) -> str:
    """What is in the way there: the kernel, the initrd, firmware or a hole; "" if nothing is known to be.

    margin: a kernel whose size is only typical counts as large as it may be.
    """
    region = (offset, offset + size)
    if case.machine is Architecture.I386 and region[1] > _I386_CEILING:
        return "i386 kernels reserve nothing above 512M"
    memory = case.memory_map()
    if memory is not None:
        if not any(start <= region[0] and region[1] <= end for start, end in memory.ram):
            return "it is not all RAM"
        initrd = case.initrd or memory.initrd
        if initrd is not None and _overlap(region, initrd):
            return "the initrd is there"
        if any(_overlap(region, held) for held in memory.held):
            return "firmware or the kernel has reserved memory there"
    # Xen moves itself to the top of memory.
    kernel = case.kernel_extent(memory.ram[0][0] if memory else 0, margin=margin)
    if case.hypervisor is None and _overlap(region, kernel):
        return f"the running kernel is at {format_size(kernel[0])}"
    return ""


def _overlap(one: Extent, other: Extent) -> bool:
    return one[0] < other[1] and other[0] < one[1]
