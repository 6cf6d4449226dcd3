"""Where a boot loader puts the initrd, for when it is not known where it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from grubkd.memory.architecture import Architecture
from grubkd.memory.size import GIB, KIB, LIMIT, MIB, round_down, round_up

if TYPE_CHECKING:
    from collections.abc import Iterator

    from grubkd.memory.memory_map import Extent, MemoryMap

LOADERS = ("grub", "syslinux", "efistub", "qemu")
"""What may load a kernel: GRUB, SYSLINUX, the kernel's EFI stub, and QEMU with -kernel."""


class UnknownInitrd(NamedTuple):
    """An initrd at an unknown place: its size (None: unknown, perhaps 0) and what loads it, one of LOADERS."""

    size: int | None = None
    loader: str = ""


_PAGE = 4 * KIB
# GRUB_LINUX_INITRD_MAX_ADDRESS of GRUB's i386/linux.c, without the last 64K, which old kernels do not handle.
_LAST = 64 * KIB
_OVMF_KERNEL = 14 * MIB
_GRUB_END = 0x37FFFFFF - _LAST
_GRUB_KERNEL = (12 * MIB, 15 * MIB, 7 * MIB)
# initrd_addr_max of the kernel's header, which SYSLINUX respects.
_HEADER_END = 0x7FFFFFFF
# A region moves in steps of 16M; the initrd's size in such steps decides. Most have less than 100M: each size with its
# share, the usual one first.
_STEP = 16 * MIB
_SIZES_X86 = {
    **{32 * MIB: 8, 48 * MIB: 6, 64 * MIB: 6, 16 * MIB: 6, 80 * MIB: 4, 96 * MIB: 3, MIB: 3},
    **dict.fromkeys(range(7 * _STEP, 17 * _STEP, _STEP), 1),
}
_SIZES = dict.fromkeys((32 * MIB, 64 * MIB, MIB, 16 * MIB, 128 * MIB), 1)
# A small piece of RAM above firmware's tables has no room for an initrd.
_LEAST_ROOM = 64 * MIB
_QEMU_DISTANCE = 128 * MIB


def possible_initrds(
    initrd: Extent | UnknownInitrd | None,
    machine: Architecture,
    memory: MemoryMap,
    limit: int = LIMIT,
    *,
    efi: bool = False,
) -> dict[Extent | None, int]:
    """The possible places of the initrd, the usual one first, with the share of each; None: there is none.

    `limit`: what `mem=` of the command line says, which GRUB respects. `efi`: booted by EFI firmware.
    """
    if not isinstance(initrd, UnknownInitrd):
        return {initrd: 1}
    sizes = (_SIZES_X86 if machine.is_x86 else _SIZES) if initrd.size is None else {initrd.size: 1}
    found: dict[Extent | None, int] = {}
    if initrd.loader == "efistub" and not machine.is_x86:
        # Measured: it is rarely where the region would be.
        found[None] = sum(sizes.values())
    for size, share in sizes.items():
        for end in _ends(machine, memory, size, initrd.loader, min(limit - _LAST, _GRUB_END)):
            start = round_down(end - size, _PAGE)
            if start > 0:
                place = (start, start + round_up(size, _PAGE))
                found[place] = found.get(place, 0) + share
        if efi and machine.is_x86 and initrd.loader in {"", "grub"} and memory.ram[-1][1] > GIB:
            # grub_cmd_initrd() of distributions' i386/efi/linux.c asks the firmware for pages below 1G.
            found.setdefault((GIB - round_up(size, _PAGE), GIB), max(share // 2, 1))
    if initrd.size is None or not found:
        found.setdefault(None, 1)
    return found


def _ends(machine: Architecture, memory: MemoryMap, size: int, loader: str, grub: int) -> Iterator[int]:
    """Where an initrd of that size may end. `grub`: the end of what GRUB uses on a PC."""
    ranges = [(start, min(end, 4 * GIB)) for start, end in memory.ram if start < 4 * GIB] or list(memory.ram[:1])
    top = max((end for start, end in ranges if end - start >= max(_LEAST_ROOM, size)), default=ranges[-1][1])
    if not machine.is_x86:
        if loader in {"", "qemu"}:
            # hw/arm/boot.c and hw/riscv/boot.c of QEMU: behind the kernel by half of the RAM, at most 128M.
            start = memory.ram[0][0] + min(_QEMU_DISTANCE, round_down(memory.ram_total // 2, MIB))
            yield start + (2 * MIB if machine is Architecture.RISCV64 else 0) + size
        if loader != "qemu":
            yield top
        return
    if loader in {"", "qemu"} and memory.efi:
        # Below the kernel that QEMU hands to OVMF, and two copies of the initrd: measured with OVMF 2022.11.
        yield max(top - _OVMF_KERNEL - 2 * size, size)
    if loader in {"", "qemu", "efistub"}:
        yield top
    if loader in {"", "grub"}:
        if top < grub and not memory.efi:
            # Below the copy of the kernel's file that GRUB has at the end of RAM, of 6M to 14M: measured on 2.06.
            yield from (max(top - below, size) for below in _GRUB_KERNEL)
        # grub_cmd_initrd() takes the size off before it asks the relocator, which takes it off again: measured on 2.06.
        yield min(top, max(grub - size, size))
        yield min(top, grub)
    # GRUB of EFI systems may leave it to the EFI stub.
    if loader == "grub" and memory.efi:
        yield top
    if loader in {"", "syslinux"}:
        yield min(top, _HEADER_END)
