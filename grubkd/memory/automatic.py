"""`crashkernel=auto`, which only Red Hat's kernels of RHEL 6, 7 and 8 know."""

from __future__ import annotations

from grubkd.memory.architecture import Architecture
from grubkd.memory.eras import Era
from grubkd.memory.size import GIB, MIB, round_up

_ERAS = (Era.RHEL6, Era.RHEL7, Era.RHEL8)
_POWERPC_RANGES = "2G-4G:384M,4G-16G:512M,16G-64G:1G,64G-128G:2G,128G-:4G"
_RANGES = {
    Architecture.X86_64: "1G-4G:160M,4G-64G:192M,64G-1T:256M,1T-:512M",
    Architecture.S390X: "1G-4G:160M,4G-64G:192M,64G-1T:256M,1T-:512M",
    Architecture.ARM64: "2G-:448M",
    Architecture.PPC64: _POWERPC_RANGES,
    Architecture.PPC64LE: _POWERPC_RANGES,
}
_BASE = {Era.RHEL6: 128 * MIB, Era.RHEL7: 160 * MIB}
_LARGEST_X86_64 = 896 * MIB


def knows_auto(era: Era) -> bool:
    """Whether kernels of the era know the word `auto`."""
    return era in _ERAS


def automatic_ranges(era: Era, machine: Architecture) -> str:
    """The list that the kernel reads in place of `auto` (RHEL 8.3 everywhere, RHEL 7.9 on POWER), or ""."""
    if era is Era.RHEL8:
        return _RANGES.get(machine, _RANGES[Architecture.X86_64])
    if era is Era.RHEL7 and machine.is_powerpc:
        return _POWERPC_RANGES
    return ""


def automatic_size(era: Era, machine: Architecture, ram: int) -> int:
    """Bytes that RHEL 6 and 7 reserve for `auto` on that much RAM; 0 below the threshold.

    Two bits for each page of 4K, in whole megabytes, on top of a base of 128M (RHEL 6) or 160M (RHEL 7.9); nothing
    where the RAM, rounded up to 128M, is below 2G (s390x 4G). RHEL 6 caps it at 896M on x86_64.
    """
    threshold = 4 * GIB if machine is Architecture.S390X else 2 * GIB
    if round_up(ram, 128 * MIB) < threshold:
        return 0
    base = _BASE[era]
    size = base + round_up((ram - base) // (1 << 14), MIB)
    if era is Era.RHEL6 and machine is Architecture.X86_64:
        return min(size, _LARGEST_X86_64)
    return size
