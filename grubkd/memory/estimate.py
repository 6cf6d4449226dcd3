"""How much a capture kernel needs at the least: what `kdumpctl estimate` of kdump-utils adds up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from grubkd.memory.architecture import Architecture
from grubkd.memory.kernelimage import typical_image
from grubkd.memory.size import MIB, round_up

if TYPE_CHECKING:
    from grubkd.memory.release import Release

STEP = 32 * MIB
"""Estimates are rounded up to multiples of this, so that small changes of their parts do not change the value."""

_RUNTIME = 16 * MIB
_USERLAND = 20 * MIB
_USERLAND_ARM64 = 50 * MIB


@dataclass(frozen=True, slots=True)
class Parts:
    """What is known of the parts; bytes, None where nothing tells.

    kernel: the running image, code to bss. modules: those loaded now. initramfs: the image file. keyslots: the largest
    amount that unlocking a LUKS2 volume asks for (argon2), 0 for none.
    """

    kernel: int | None = None
    modules: int | None = None
    initramfs: int | None = None
    keyslots: int = 0


UNKNOWN = Parts()


@dataclass(frozen=True, slots=True)
class Estimate:
    """`exact` bytes, `total` rounded up to STEP; `measured`: every part is known. `sum`: the addition, for people."""

    exact: int
    total: int
    measured: bool
    sum: str


def estimate(release: Release, machine: Architecture, parts: Parts) -> Estimate:
    """The sum of what the capture kernel holds, as kdump-utils adds it up.

    Kernel image, loaded modules, three times the initramfs, 16M, the memory for LUKS2 keyslots, and 20M for programs
    (50M on arm64). A part that is not known is taken from typical kernels.
    """
    start, end = typical_image(release, machine, 0).extent
    kernel = end - start if parts.kernel is None else parts.kernel
    modern = release.version >= (3, 0, 0)
    modules = (16 if modern else 4) * MIB if parts.modules is None else parts.modules
    initramfs = (24 if modern else 4) * MIB if parts.initramfs is None else parts.initramfs
    userland = _USERLAND_ARM64 if machine is Architecture.ARM64 else _USERLAND
    total = kernel + modules + 3 * initramfs + _RUNTIME + parts.keyslots + userland
    words = [
        f"kernel {_megabytes(kernel)}",
        f"modules {_megabytes(modules)}",
        f"3 x initramfs {_megabytes(initramfs)}",
        f"{_RUNTIME // MIB}M",
        f"programs {userland // MIB}M",
    ]
    if parts.keyslots:
        words.insert(3, f"LUKS2 keyslots {_megabytes(parts.keyslots)}")
    measured = None not in (parts.kernel, parts.modules, parts.initramfs)
    return Estimate(total, round_up(total, STEP), measured, " + ".join(words) + f" = {_megabytes(total)}")


def _megabytes(size: int) -> str:
    return f"{-(-size // MIB)}M"
