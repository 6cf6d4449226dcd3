"""How much RAM a running machine has, and where: from its /proc and /sys."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from grubkd.errors import GrubkdError
from grubkd.memory import memorymap
from grubkd.memory.size import MIB, round_up
from grubkd.text import from_bytes

if TYPE_CHECKING:
    from grubkd.memory.memorymap import MemoryMap
    from grubkd.tree.root import Root

_FIRMWARE = "/sys/firmware/memmap"


@dataclass(frozen=True, slots=True)
class Ram:
    """`bytes` is None where nothing tells; `estimated`: from what is left after the kernel took its share.

    `source` names what told it. `map`: the addresses, where they are known.
    """

    bytes: int | None
    estimated: bool
    source: str
    map: MemoryMap | None = None


def read(host: Root) -> Ram:
    """The RAM of the machine whose /proc and /sys these are.

    The sum of the top-level "System RAM" of /proc/iomem, which other users than root see as zeros; else the firmware's
    map; else the total of /proc/meminfo with what is reserved for a capture kernel, rounded up to 128 MiB, since
    neither the kernel's image nor its page tables are in that total.
    """
    iomem = _iomem(host)
    if iomem:
        return Ram(iomem.ram_total, False, "/proc/iomem", iomem)
    firmware = _firmware(host)
    if firmware:
        return Ram(firmware.ram_total, False, _FIRMWARE, firmware)
    total = _meminfo(host)
    if total:
        return Ram(round_up(total + (crash_size(host) or 0), 128 * MIB), True, "/proc/meminfo, rounded up to 128M")
    return Ram(None, False, "")


def crash_size(host: Root) -> int | None:
    """Bytes that the running kernel has reserved for a capture kernel; None where it cannot load one."""
    return integer(host, "/sys/kernel/kexec_crash_size")


def integer(host: Root, path: str) -> int | None:
    """The decimal number in a file of /proc or /sys, None where there is none."""
    said = text(host, path)
    return int(said) if said is not None and said.strip().isdecimal() else None


def text(host: Root, path: str) -> str | None:
    """The text of a file of /proc or /sys, None where it is missing or may not be read."""
    try:
        return from_bytes(host.read(path)) if host.exists(path) else None
    except GrubkdError:
        return None


def _iomem(host: Root) -> MemoryMap | None:
    said = text(host, "/proc/iomem")
    try:
        return memorymap.from_iomem(said) if said else None
    except memorymap.BadMemoryMap:
        return None


def _firmware(host: Root) -> MemoryMap | None:
    names = host.list(_FIRMWARE)
    files = {
        name: {file: text(host, f"{_FIRMWARE}/{name}/{file}") or "" for file in ("start", "end", "type")}
        for name in names
    }
    try:
        return replace(memorymap.from_firmware_memmap_files(files), source="firmware") if files else None
    except memorymap.BadMemoryMap:
        return None


def _meminfo(host: Root) -> int | None:
    """MemTotal in bytes, as psutil tells it."""
    if not host.exists("/proc/meminfo"):
        return None
    import psutil

    before = getattr(psutil, "PROCFS_PATH", "/proc")
    psutil.PROCFS_PATH = f"{host.path.rstrip('/')}/proc"
    try:
        return int(psutil.virtual_memory().total)
    except (OSError, KeyError, ValueError):
        return None
    finally:
        psutil.PROCFS_PATH = before
