"""SIZE@OFFSET: which place to ask for, where the kernel does not find one by itself or a person wants one."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from grubkd.errors import Notice, WouldNotReserve
from grubkd.memory.architecture import Architecture
from grubkd.memory.estimate import STEP, estimate
from grubkd.memory.placement.place import kaslr_assumed
from grubkd.memory.plan import RefusedRegion
from grubkd.memory.size import MIB, format_size, round_up

if TYPE_CHECKING:
    from collections.abc import Iterator

    from grubkd.memory.case import Case
    from grubkd.memory.memory_map import Extent
    from grubkd.memory.plan import PlanDraft

_ALIGNMENT = {
    Architecture.ARM64: 2 * MIB,
    Architecture.RISCV64: 2 * MIB,
    Architecture.LOONGARCH64: 2 * MIB,
    Architecture.S390X: MIB,
}
_X86_ALIGNMENT = 16 * MIB
_FIRST = 16 * MIB
LESS = "it is still what the estimate asks for: see grubkd plan --explain"
_I386_CEILING = 512 * MIB
_MOST_REFUSED = 4
_GUIDE = "kdump documentation of the kernel: the capture kernel runs where it is loaded, generally at 16M"


def alignment(machine: Architecture) -> int:
    """Bytes that an address has to be a multiple of: 16M on x86 and POWER, 2M on arm64, riscv64 and loongarch64."""
    return _ALIGNMENT.get(machine, _X86_ALIGNMENT)


def settle(case: Case, draft: PlanDraft, *, wanted: int | None, asked: bool) -> PlanDraft:
    """The draft with an offset where one is needed or asked for, and without a vendor's that is taken.

    `wanted` is a person's own address: it is only checked. Raises WouldNotReserve where there is no room for it.
    """
    if (asked or wanted is not None) and _moves(case):
        draft = draft.warned(
            Notice(
                "kaslr-may-collide",
                f"{case.reader} puts itself at a random address at each boot, now and then where the region is to be",
                hint="boot it with nokaslr, or leave the place to the kernel: without --offset",
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
            value = replace(draft.value, offset=None)
            return draft.because(f"no offset, for {why}; this kernel finds a place by itself", case.reader, value)
    return _searched(case, draft, size, asked)


def _aligned(case: Case, draft: PlanDraft, offset: int) -> tuple[PlanDraft, int]:
    """The draft with its offset raised to the next multiple that kernels of the architecture need."""
    step = alignment(case.machine)
    if offset % step == 0:
        return draft, offset
    raised = round_up(offset, step)
    said = f"@{format_size(offset)} is raised to @{format_size(raised)}, a multiple of {format_size(step)}"
    return draft.because(said, f"alignment on {case.machine}", replace(draft.value, offset=raised)), raised


def _given(case: Case, draft: PlanDraft, wanted: int) -> PlanDraft:
    step = alignment(case.machine)
    if wanted % step:
        raise WouldNotReserve(
            f"@{format_size(wanted)} is no multiple of {format_size(step)}, which {case.machine} kernels need",
            hint=f"the next one is {format_size(round_up(wanted, step))}",
        )
    size = draft.value.size or 0
    why = obstacle(case, wanted, size)
    if why:
        raise WouldNotReserve(
            f"{format_size(size)}@{format_size(wanted)}: {why}", hint="--offset alone lets grubkd choose a place"
        )
    return draft.because(f"@{format_size(wanted)} as asked for", "--offset", replace(draft.value, offset=wanted))


def _searched(case: Case, draft: PlanDraft, size: int, asked: bool) -> PlanDraft:
    """The draft at the first place that is free; the places before it are remembered with what takes them.

    Where there is none for the whole size, a smaller one, down to what the estimate supports.
    """
    least = min(estimate(case.release, case.machine, case.parts).total, size)
    for smaller in range(size, least - 1, -STEP):
        offset, draft = _place(case, draft, smaller)
        if offset is None:
            continue
        need = "asked for by --offset" if asked else f"{case.reader} reserves nothing without one"
        said = f"@{format_size(offset)}, the first address from 16M on with room: {need}"
        if smaller < size:
            why = f"there is no place for {format_size(size)}: {format_size(smaller)} is taken"
            draft = draft.warned(Notice("reduced", why, LESS)).because(why, case.reader)
        return draft.because(said, _GUIDE, replace(draft.value, size=smaller, offset=offset))
    raise WouldNotReserve(
        f"there is no place for {format_size(least)} from 16M on", hint="the machine is too small for a capture kernel"
    )


def _place(case: Case, draft: PlanDraft, size: int) -> tuple[int | None, PlanDraft]:
    """The first address with that much room, even if the kernel is as large as its kind may be; None for none."""
    refused = list(draft.refused)
    for offset in _addresses(case, size):
        why = obstacle(case, offset, size, margin=True)
        if not why:
            return offset, replace(draft, refused=tuple(refused[:_MOST_REFUSED]))
        refused.append(RefusedRegion((offset, offset + size), why))
    return None, draft


def _addresses(case: Case, size: int) -> Iterator[int]:
    """Aligned addresses from 16M on that may have room, ascending."""
    step = alignment(case.machine)
    memory = case.memory_map()
    if memory is None:
        yield from range(_FIRST, _I386_CEILING, step)
        return
    for start, end in memory.ram:
        yield from range(round_up(max(start, _FIRST), step), max(end - size, 0) + 1, step)


def obstacle(case: Case, offset: int, size: int, *, margin: bool = False) -> str:
    """What is known to be in the way there, "" for nothing: the kernel, the initrd, firmware, a hole.

    With `margin` a kernel whose size is only typical counts as large as its kind may be.
    """
    region = (offset, offset + size)
    if case.machine is Architecture.I386 and region[1] > _I386_CEILING:
        return "i386 kernels reach no further than 512M"
    memory = case.memory_map()
    if memory is not None:
        if not any(start <= region[0] and region[1] <= end for start, end in memory.ram):
            return "it is not all RAM"
        initrd = case.initrd or memory.initrd
        if initrd is not None and _meet(region, initrd):
            return "the initrd lies there"
        if any(_meet(region, held) for held in memory.held):
            return "firmware or the kernel has reserved memory there"
    # Xen moves itself out of the way, to the top of memory.
    kernel = case.kernel_extent(memory.ram[0][0] if memory else 0, margin=margin)
    if case.hypervisor is None and _meet(region, kernel):
        return f"the running kernel itself lies at {format_size(kernel[0])}"
    return ""


def _moves(case: Case) -> bool:
    """Whether KASLR moves the kernel in physical memory, as it does on x86."""
    return case.machine.is_x86 and (kaslr_assumed(case.cmdline, case.release) if case.kaslr is None else case.kaslr)


def _meet(one: Extent, other: Extent) -> bool:
    return one[0] < other[1] and other[0] < one[1]
