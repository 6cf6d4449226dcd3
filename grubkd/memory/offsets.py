"""SIZE@OFFSET: which place to ask for, where the kernel does not find one by itself or a person wants one."""

from dataclasses import replace

from grubkd.errors import WouldNotReserve
from grubkd.memory.architecture import Architecture
from grubkd.memory.case import Case, Draft
from grubkd.memory.physical import Extent
from grubkd.memory.size import GIB, MIB, format_size, round_up

_ALIGNMENT = {
    Architecture.ARM64: 2 * MIB,
    Architecture.RISCV64: 2 * MIB,
    Architecture.LOONGARCH64: 2 * MIB,
    Architecture.S390X: MIB,
}
_X86_ALIGNMENT = 16 * MIB
_I386_CEILING = 512 * MIB
_SOURCE = "kernel documentation of kdump: the capture kernel runs where it was linked, generally 16M"


def alignment(machine: Architecture) -> int:
    """Bytes that an address has to be a multiple of: 16M on x86 and POWER, 2M on arm64, riscv64 and loongarch64."""
    return _ALIGNMENT.get(machine, _X86_ALIGNMENT)


def settle(case: Case, draft: Draft, *, wanted: int | None, asked: bool) -> Draft:
    """The draft with an offset where one is needed or asked for, and without a vendor's that collides.

    `wanted` is a person's own address: it is only checked. Raises WouldNotReserve where there is no room for it.
    """
    offset = draft.value.offset
    if wanted is not None:
        return _given(case, draft, wanted)
    if offset is None and not case.needs_offset and not asked:
        return draft
    step = alignment(case.machine)
    if offset is not None and offset % step:
        offset = round_up(offset, step)
        value = replace(draft.value, offset=offset)
        text = f"the offset is raised to {format_size(offset)}, a multiple of {format_size(step)}"
        draft = draft.because(text, f"alignment of {case.machine} kernels", value)
    if offset is not None and _clear(case, offset, draft.value.size or 0):
        return draft
    if offset is not None and not case.needs_offset and not asked:
        start, _ = case.kernel_extent()
        return draft.because(
            f"no offset: the running kernel itself lies at {format_size(start)}; it finds a place by itself",
            f"Linux {case.release}",
            replace(draft.value, offset=None),
        )
    found = _search(case, draft.value.size or 0)
    why = "asked for" if asked else "this hypervisor" if case.hypervisor else "x86 before 2.6.27"
    return draft.because(
        f"@{format_size(found)}: the first address from 16M on that is clear of the kernel and has room; {why}",
        _SOURCE,
        replace(draft.value, offset=found),
    )


def _given(case: Case, draft: Draft, wanted: int) -> Draft:
    step = alignment(case.machine)
    if wanted % step:
        raise WouldNotReserve(
            f"@{format_size(wanted)} is no multiple of {format_size(step)}",
            hint=f"the next one is {format_size(round_up(wanted, step))}",
        )
    size = draft.value.size or 0
    if not _clear(case, wanted, size):
        raise WouldNotReserve(
            f"{format_size(size)}@{format_size(wanted)} is not free there",
            hint="--offset alone lets grubkd choose a place",
        )
    return draft.because(f"@{format_size(wanted)} as asked for", "--offset", replace(draft.value, offset=wanted))


def _search(case: Case, size: int) -> int:
    """The first aligned address from 16M on with `size` free bytes. Raises WouldNotReserve."""
    step = alignment(case.machine)
    memory = case.memory_map()
    if memory is None:
        start, end = case.kernel_extent()
        first = 16 * MIB
        return first if _apart((first, first + size), (start, end)) else max(first, round_up(end, step))
    for start, end in memory.ram:
        at = round_up(max(start, 16 * MIB), step)
        while at + size <= end:
            if _clear(case, at, size):
                return at
            at += step
    raise WouldNotReserve(
        f"no {format_size(size)} are free from 16M on", hint="the machine is too small for a capture kernel"
    )


def _clear(case: Case, offset: int, size: int) -> bool:
    """Whether nothing that is known lies there: the kernel, the initrd, firmware, a hole; and i386 reaches it."""
    region = (offset, offset + size)
    memory = case.memory_map()
    if case.machine is Architecture.I386 and region[1] > _I386_CEILING and offset < 4 * GIB:
        return False
    if memory is not None:
        if not any(start <= region[0] and region[1] <= end for start, end in memory.ram):
            return False
        initrd = case.initrd or memory.initrd
        if initrd is not None and not _apart(region, initrd):
            return False
        if not all(_apart(region, held) for held in memory.held):
            return False
    # Xen moves itself out of the way, to the top of memory.
    return case.hypervisor is not None or _apart(region, case.kernel_extent(memory.ram[0][0] if memory else 0))


def _apart(one: Extent, other: Extent) -> bool:
    return one[1] <= other[0] or other[1] <= one[0]
