"""How much RAM the running machine has, where it is, and what uses it.

psutil reads the system that grubkd runs on. A recorded machine (a tree with saved files of /proc and /sys) is read from
those files.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from grubkd.machine.settings import integer, text
from grubkd.memory.memory_map import BadMemoryMap
from grubkd.memory.size import KIB, MIB, round_up

if TYPE_CHECKING:
    from collections.abc import Mapping

    from grubkd.memory.memory_map import MemoryMap
    from grubkd.tree.root import Root

_FIRMWARE = "/sys/firmware/memmap"
_MEMINFO = r"(?m)^(\w+)(?:\(\w+\))?:\s+(\d{1,15})(?: kB)?$"


class Ram(NamedTuple):
    """The amount of RAM. `bytes`: None if unknown. `estimated`: computed from the memory that the kernel manages.

    `source`: the file it comes from. `map`: the addresses, if known.
    """

    bytes: int | None
    estimated: bool
    source: str
    map: MemoryMap | None = None


class MemoryUse(NamedTuple):
    """What uses the memory, in bytes. `total`: managed by the kernel. `cache`: of files. `user`: with huge pages."""

    total: int
    free: int
    cache: int
    user: int


def read(host: Root) -> Ram:
    """The RAM of the machine whose /proc and /sys these are.

    The sum of the top-level "System RAM" of /proc/iomem, where only root sees real addresses; else of the firmware's
    map; else the total memory and what is reserved for a capture kernel, rounded up to 128 MiB, because the kernel's
    image and page tables are not part of that total.
    """
    iomem = _iomem(host)
    if iomem:
        return Ram(iomem.ram_total, False, "/proc/iomem", iomem)
    firmware = _firmware(host)
    if firmware:
        return Ram(firmware.ram_total, False, _FIRMWARE, firmware)
    total = _meminfo(host).get("MemTotal")
    if total:
        return Ram(round_up(total + (crash_size(host) or 0), 128 * MIB), True, "/proc/meminfo, rounded up to 128M")
    return Ram(None, False, "")


def read_use(host: Root) -> MemoryUse | None:
    """The use of the memory; None without /proc/meminfo, or if it has no AnonPages (kernels before 2.6.18)."""
    found = _meminfo(host)
    if not {"MemTotal", "MemFree", "AnonPages"} <= found.keys():
        return None
    # HugePages_Total is a number of pages.
    huge = found.get("HugePages_Total", 0) // KIB * found.get("Hugepagesize", 0)
    return MemoryUse(
        total=found["MemTotal"],
        free=found["MemFree"],
        cache=sum(found.get(name, 0) for name in ("Buffers", "Cached", "SwapCached")),
        user=found["AnonPages"] + huge,
    )


def is_this_system(host: Root) -> bool:
    """Whether that tree is this system, whose /proc psutil always reads."""
    return host.path == "/"


def crash_size(host: Root) -> int | None:
    """Bytes that the running kernel reserves for a capture kernel; None if it cannot load one."""
    return integer(host, "/sys/kernel/kexec_crash_size")


def _meminfo(host: Root) -> Mapping[str, int]:
    """The fields of /proc/meminfo, in bytes; {} without the file."""
    fields = {name: int(number) * KIB for name, number in re.findall(_MEMINFO, text(host, "/proc/meminfo") or "")}
    if not fields or not is_this_system(host):
        return fields
    import psutil

    memory = psutil.virtual_memory()
    # psutil counts reclaimable slabs as cache. A dump always holds them.
    cached = memory.cached - fields.get("SReclaimable", 0)
    return {**fields, "MemTotal": memory.total, "MemFree": memory.free, "Buffers": memory.buffers, "Cached": cached}


def _iomem(host: Root) -> MemoryMap | None:
    from grubkd.memory.map_parsers import from_iomem

    content = text(host, "/proc/iomem")
    try:
        return from_iomem(content) if content else None
    except BadMemoryMap:
        return None


def _firmware(host: Root) -> MemoryMap | None:
    from grubkd.memory.map_parsers import from_firmware_memmap_files

    files = {
        name: {file: text(host, f"{_FIRMWARE}/{name}/{file}") or "" for file in ("start", "end", "type")}
        for name in host.list(_FIRMWARE)
    }
    try:
        return from_firmware_memmap_files(files)._replace(source="firmware") if files else None
    except BadMemoryMap:
        return None
