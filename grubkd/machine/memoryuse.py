"""What the memory of a running machine is used for, as far as a dump can leave it out."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from grubkd.machine.ram import text
from grubkd.memory.size import KIB

if TYPE_CHECKING:
    from grubkd.tree.root import Root

_LINE = re.compile(r"^(\w+)(?:\(\w+\))?:\s+(\d{1,15})(?: kB)?$", 8)  # 8: re.MULTILINE


@dataclass(frozen=True, slots=True)
class MemoryUse:
    """Bytes. `total`: what the kernel manages. `cache`: of files. `user`: of programs, huge pages among it."""

    total: int
    free: int
    cache: int
    user: int


def read(host: Root) -> MemoryUse | None:
    """From /proc/meminfo; None where that is not there, or of a kernel that does not tell AnonPages (before 2.6.18)."""
    said = {name: int(number) * KIB for name, number in _LINE.findall(text(host, "/proc/meminfo") or "")}
    if not {"MemTotal", "MemFree", "AnonPages"} <= said.keys():
        return None
    huge = said.get("HugePages_Total", 0) // KIB * said.get("Hugepagesize", 0)
    return MemoryUse(
        total=said["MemTotal"],
        free=said["MemFree"],
        cache=sum(said.get(name, 0) for name in ("Buffers", "Cached", "SwapCached")),
        user=said["AnonPages"] + huge,
    )
