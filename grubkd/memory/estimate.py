"""How much to reserve: the vendor's amount, raised by what this machine needs.

The estimate is the least that a capture kernel needs, as `kdumpctl estimate` of kdump-utils adds it up.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from grubkd.errors import BadValue, Notice, WouldNotReserve
from grubkd.memory.architecture import Architecture
from grubkd.memory.behaviours import Era
from grubkd.memory.forecast import problem, request
from grubkd.memory.release import typical_image
from grubkd.memory.size import GIB, MIB, format_size, in_megabytes, round_down, round_up
from grubkd.memory.value import CrashkernelValue, RamRange, parse_value

if TYPE_CHECKING:
    from collections.abc import Callable

    from grubkd.memory.case import Case, Parts, PlanDraft
    from grubkd.memory.release import Release
    from grubkd.memory.vendors import VendorRow


STEP = 32 * MIB
"""Estimates are rounded up to multiples of this, so small changes of their parts do not change the value."""

_RUNTIME = 16 * MIB
_USERLAND = 20 * MIB
_USERLAND_ARM64 = 50 * MIB
# Files of the initrd take whole pages, an inode and a name.
_SHARE_OF_INODES = 16


class Estimate(NamedTuple):
    """`exact`: bytes. `total`: rounded up to STEP. `measured`: every part is known. `sum`: the sum in words.

    `unpacking`: it is what unpacking the initrd takes, because that is more than kdump-utils' sum.
    """

    exact: int
    total: int
    measured: bool
    sum: str
    unpacking: bool = False


def estimate(release: Release, machine: Architecture, parts: Parts) -> Estimate:
    """Add up what the capture kernel needs, as kdump-utils does.

    The kernel image, loaded modules, three times the initramfs, 16M, the memory for LUKS2 keyslots, and 20M for
    programs (50M on arm64). Unknown parts are those of typical kernels.
    """
    start, end = typical_image(release, machine, 0).extent
    kernel = end - start if parts.kernel is None else parts.kernel
    modern = release.version >= (3, 0, 0)
    modules = (16 if modern else 4) * MIB if parts.modules is None else parts.modules
    initramfs = (24 if modern else 4) * MIB if parts.initramfs is None else parts.initramfs
    userland = _USERLAND_ARM64 if machine is Architecture.ARM64 else _USERLAND
    total = kernel + modules + 3 * initramfs + _RUNTIME + parts.keyslots + userland
    words = [
        f"kernel {in_megabytes(kernel)}",
        f"modules {in_megabytes(modules)}",
        f"3 x initramfs {in_megabytes(initramfs)}",
        f"{_RUNTIME // MIB}M",
        f"programs {userland // MIB}M",
    ]
    if parts.keyslots:
        words.insert(3, f"LUKS2 keyslots {in_megabytes(parts.keyslots)}")
    measured = None not in (parts.kernel, parts.modules, parts.initramfs)
    # The size in a kernel's header is that of decompressing it, which is over before.
    unpacking = _unpacking(min(kernel, end - start), userland, parts)
    if unpacking and unpacking.exact > total:
        return unpacking._replace(measured=measured)
    return Estimate(total, round_up(total, STEP), measured, " + ".join(words) + f" = {in_megabytes(total)}")


def _unpacking(kernel: int, userland: int, parts: Parts) -> Estimate | None:
    """What is used at the end of unpacking the initrd: the packed copy is freed afterwards (init/initramfs.c).

    Debian 12's 6.1 with MODULES=most, 29M packed and 123M unpacked: 240M ends in "System is deadlocked on memory", with
    14M of slab; 256M saves the dump. Its cloud kernel, 13M and 48M: 128M fails, 144M saves.
    """
    if parts.initramfs is None or parts.unpacked is None:
        return None
    packed, unpacked = parts.initramfs, parts.unpacked
    files = unpacked + unpacked // _SHARE_OF_INODES
    total = kernel + packed + files + _RUNTIME + userland
    words = (
        f"kernel {in_megabytes(kernel)} + initrd {in_megabytes(packed)} packed and {in_megabytes(unpacked)} unpacked "
        f"({in_megabytes(files)} in memory)"
    )
    words += f" + {_RUNTIME // MIB}M + programs {userland // MIB}M = {in_megabytes(total)}"
    return Estimate(total, round_up(total, STEP), False, words, unpacking=True)


_KDUMP_UTILS = "kdump-utils"
_SUSE = "SUSE's kdump, kdumptool calibrate"
_LOW = "72M,low"
_KDUMPCTL = "kdumpctl estimate"


def scaled(value: CrashkernelValue, change: Callable[[int], int]) -> CrashkernelValue:
    """The value with `change` applied to every size."""
    if value.size is not None:
        return value._replace(size=change(value.size))
    return value._replace(spans=tuple(span._replace(size=change(span.size)) for span in value.spans))


def size_asked(case: Case, draft: PlanDraft) -> int:
    """Bytes that the kernel reserves for the draft on this RAM, 0 for none; its one size if the RAM is unknown."""
    found = request(case, draft.values)
    if found is not None:
        return found.size if found.status == "ok" else 0
    return draft.value.size_for(case.ram) if case.ram else draft.value.size or 0


def estimate_for(case: Case) -> Estimate:
    """The least that a capture kernel needs on this machine."""
    return estimate(case.release, case.machine, case.parts)


def surcharges(case: Case, row: VendorRow, draft: PlanDraft) -> PlanDraft:
    """The draft with what kdump-utils adds for the machine's hardware."""
    for amount, why in _surcharges(case, row):
        value = scaled(draft.value, amount.__add__)
        draft = draft.because(f"{format_size(amount)} more: {why}", _KDUMP_UTILS, value)
    return draft


def _surcharges(case: Case, row: VendorRow) -> list[tuple[int, str]]:
    found = []
    arm = case.machine is Architecture.ARM64
    if arm and case.pages_64k:
        # Red Hat's rows are for one page size: that of RHEL 8 is for its only kernel, which has 64K.
        if row.pages_64k is None and row.family != "rhel":
            found.append((100 * MIB, "pages of 64K"))
        if case.needs.smmu:
            found.append((384 * MIB, "an SMMU, with pages of 64K"))
    if arm and case.needs.mlx5:
        found.append((200 * MIB if case.pages_64k else 150 * MIB, "a network card of the mlx5 driver"))
    if case.machine.is_powerpc and case.needs.capture_cpus and not case.needs.fadump:
        found.append((case.needs.capture_cpus * MIB, f"a megabyte for each of {case.needs.capture_cpus} capture CPUs"))
    # RHEL 7 and 8 add the bounce buffers themselves.
    if case.needs.encrypted and case.release.era not in (Era.RHEL7, Era.RHEL8):
        found.append((64 * MIB, "bounce buffers, because AMD SME or SEV encrypts the memory"))
    return found


def enough(case: Case, row: VendorRow, draft: PlanDraft) -> PlanDraft:
    """The draft with at least the estimate, if every part of the estimate is measured on this machine.

    A present value stays if it covers the estimate and is not much larger: parts of the estimate vary from day to day,
    and another run must not change the value.
    """
    found = estimate_for(case)
    if not case.ram or not (found.measured or case.parts.keyslots) or not size_asked(case, draft):
        return draft
    if row.family == "suse" and found.measured:
        return _calculated(case, draft, found)
    vendor = size_asked(case, draft)
    wanted = round_up(found.exact + STEP // 2, STEP)
    kept = _present(case, draft, max(vendor, found.exact), max(vendor, wanted))
    if kept is not None and found.exact > vendor - STEP:
        return kept.because(f"{kept.text} is present and covers the estimate ({found.sum})", _KDUMPCTL)
    if found.exact <= vendor:
        return draft.because(f"the estimate is less: {found.sum}", _KDUMPCTL)
    value = raised(case, draft.value, wanted, found.sum)
    return draft.because(f"{format_size(wanted)}, for the estimate is {found.sum}", _KDUMPCTL, value)


def for_initrd(case: Case, row: VendorRow, draft: PlanDraft) -> PlanDraft:
    """The draft with at least what unpacking the initrd takes, with a warning, if the vendor's amount is less.

    It also judges a tree, whose RAM and loaded modules are not known. With unknown RAM, machines with less than twice
    that amount get nothing.
    """
    found = estimate_for(case)
    vendor = least_asked(case, draft)
    if not found.unpacking or not 0 < vendor < found.exact:
        return draft
    wanted = found.total
    value = raised(case, draft.value, wanted, found.sum)
    said = f"{format_size(vendor)} of {row.source} is less than the capture kernel takes while it unpacks the initrd"
    notice = Notice("large-initrd", f"{said}: {found.sum}", "an initrd for the capture kernel alone is smaller")
    larger = draft.because(f"{format_size(wanted)}, for {found.sum}", "the size of the unpacked initrd", value)
    kept = _present(case, larger, found.exact, wanted) if case.ram else None
    return (kept._replace(reasons=larger.reasons) if kept else larger).warned(notice)


def least_asked(case: Case, draft: PlanDraft) -> int:
    """Bytes on this RAM; if that is unknown, the smallest amount on any machine. 0 for none."""
    if case.ram:
        return size_asked(case, draft)
    return draft.value.size or min((span.size for span in draft.value.spans), default=0)


def _calculated(case: Case, draft: PlanDraft, found: Estimate) -> PlanDraft:
    """SUSE's rule: the estimate, 30 % and 64M more; above 4G, with a small region below, if there is such memory."""
    least = max(size_asked(case, draft), found.exact * 13 // 10 + 64 * MIB)
    wanted = round_up(least + STEP // 2, STEP)
    _check_share(case, wanted, found.sum)
    memory = case.memory_map()
    high = case.knows_high and memory is not None and memory.span > 4 * GIB
    value = CrashkernelValue(size=wanted, suffix="high" if high else "")
    said = f"{format_size(wanted)}: the estimate ({found.sum}), 30 % and 64M more"
    result = draft.because(said, _SUSE, value)._replace(beside=(_LOW,) if high else ())
    kept = _present(case, result, least, wanted)
    if kept is None:
        return result
    return kept._replace(reasons=draft.reasons).because(f"{kept.text} is present and covers it ({said})", _SUSE)


def _present(case: Case, draft: PlanDraft, least: int, most: int) -> PlanDraft | None:
    """The present values as a draft, if they have its form and reserve at least `least` and little more than `most`."""
    present = case.present
    if len(present) != len(draft.values) or present[1:] != draft.beside:
        return None
    try:
        value = parse_value(present[0])
    except BadValue:
        return None
    alike = (bool(value.spans), value.suffix) == (bool(draft.value.spans), draft.value.suffix)
    if value.is_auto or not alike or value.offset is not None:
        return None
    kept = draft._replace(text=present[0], value=value)
    return kept if least <= size_asked(case, kept) <= most + 2 * STEP and not problem(case, kept.values) else None


def raised(case: Case, value: CrashkernelValue, least: int, why: str) -> CrashkernelValue:
    """The value with at least that much on machines with this much RAM and more.

    With unknown RAM it is for machines with twice that amount, and others get nothing. `why`: in words. Raises
    WouldNotReserve if it is more than half of the RAM.
    """
    _check_share(case, least, why)
    if value.size is not None:
        return value._replace(size=max(value.size, least))
    ram = round_up(case.ram, STEP) if case.ram else 2 * least
    spans = (
        span._replace(size=max(span.size, least)) if span.stop is None or span.stop > ram else span
        for span in value.spans
        if case.ram or span.stop is None or span.stop > ram
    )
    if not case.ram:
        spans = (span._replace(start=max(span.start, ram)) for span in spans)
    return value._replace(spans=tuple(spans))


def applying(case: Case, draft: PlanDraft) -> PlanDraft:
    """The draft with one more range, if the vendor's ranges reserve nothing on the known RAM.

    The range has the estimate. Raises WouldNotReserve if that is more than half of the RAM.
    """
    if not case.ram or not draft.value.spans or size_asked(case, draft):
        return draft
    found = estimate_for(case)
    _check_share(case, found.total, found.sum)
    first = draft.value.spans[0]
    ram = format_size(round_up(case.ram, MIB))
    draft = draft.because(f"on {ram} it reserves nothing", f"its first range begins at {format_size(first.start)}")
    start = round_down(case.ram, 256 * MIB)
    if first.start > case.ram:
        spans = (RamRange(start, first.start, found.total), *draft.value.spans)
    else:
        spans = (RamRange(start, None, found.total),)
    notice = Notice(
        "vendor-reserves-nothing",
        f"{draft.text} reserves nothing on {ram} of RAM: grubkd takes the estimate, {format_size(found.total)}",
        hint="test it: a capture kernel that runs out of memory saves nothing",
    )
    said = f"{format_size(found.total)}, the least that the estimate supports: {found.sum}"
    return draft.warned(notice).because(said, _KDUMPCTL, draft.value._replace(spans=spans))


def _check_share(case: Case, amount: int, why: str) -> None:
    """Raise WouldNotReserve for more than half of the RAM: such a system is of little use."""
    if case.ram and amount > case.ram // 2:
        raise WouldNotReserve(
            f"a capture kernel needs about {format_size(amount)} ({why}), "
            f"which is more than half of {format_size(round_up(case.ram, MIB))}",
            hint="give the machine more memory, or give a VALUE instead of --auto",
        )
