"""What the running kernel says of itself."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from grubkd.errors import ArchitectureUnknown
from grubkd.machine.ram import crash_size, integer, text
from grubkd.memory.architecture import architecture

if TYPE_CHECKING:
    from grubkd.memory.architecture import Architecture
    from grubkd.tree.root import Root


@dataclass(frozen=True, slots=True)
class Running:
    """`cmdline`: what it was booted with. `reserved`: bytes held for a capture kernel, None where it cannot load one.

    `loaded`: whether a capture kernel is in place.
    """

    release: str
    cmdline: str
    reserved: int | None
    loaded: bool


def read(host: Root) -> Running:
    """The facts of /proc and /sys; uname tells the release where /proc is not there."""
    release = (text(host, "/proc/sys/kernel/osrelease") or "").strip()
    return Running(
        release=release or os.uname().release,
        cmdline=(text(host, "/proc/cmdline") or "").strip("\n\0 "),
        reserved=crash_size(host),
        loaded=integer(host, "/sys/kernel/kexec_crash_loaded") == 1,
    )


def own_architecture(host: Root) -> Architecture | None:
    """The architecture of the running kernel: /proc/sys/kernel/arch (since 6.1), else uname's machine."""
    name = (text(host, "/proc/sys/kernel/arch") or "").strip() or os.uname().machine
    try:
        return architecture(name)
    except ArchitectureUnknown:
        return None
