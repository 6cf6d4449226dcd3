"""One kernel on one machine, for which a value is sought; and the value while it is being worked out."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from grubkd.memory.architecture import Architecture
from grubkd.memory.behaviours import PARSER_RULES, Era
from grubkd.memory.kernel_image import typical_image
from grubkd.memory.memory_map import typical
from grubkd.memory.release import AUTOMATIC_SINCE
from grubkd.memory.size import MIB, round_up

if TYPE_CHECKING:
    from grubkd.memory.memory_map import Extent, MemoryMap
    from grubkd.memory.release import Release
    from grubkd.memory.vendors import Distribution
    from grubkd.memory.xen import Hypervisor


_typical = cache(typical)

ROUNDING = 128 * MIB
"""Firmware keeps some of the RAM for itself: people's "2G" is the amount rounded up to this."""

_RANGES_SINCE = (2, 6, 31)


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


UNKNOWN_PARTS = Parts()


@dataclass(frozen=True, slots=True)
class Needs:
    """What changes the amount.

    AMD's memory encryption, an arm64 SMMU, a Mellanox card, the number of CPUs that the capture kernel is configured to
    start (0: nothing tells), and whether the kernel dumps by POWER's firmware (`fadump=on`).
    """

    encrypted: bool = False
    smmu: bool = False
    mlx5: bool = False
    capture_cpus: int = 0
    fadump: bool = False


NOTHING_SPECIAL = Needs()


@dataclass(frozen=True, slots=True)
class Case:
    """Amounts and addresses in bytes; None where nothing tells.

    `memory`: the machine's own map; without one a typical map of that much `ram` is taken. `physical_start`: where an
    x86 kernel is linked to run, by its configuration file. `hypervisor`: Xen, where it reads the value. `present`: the
    values that the entry holds now. `cmdline`: its other arguments, for those that change what is free. `initrd`: where
    the boot loader puts it; `initrd_size`: how large it is, 0 for none. `kaslr`, `efi`, `borders`: as for
    placement.place.
    """

    release: Release
    machine: Architecture
    distribution: Distribution
    ram: int | None = None
    memory: MemoryMap | None = None
    pages_64k: bool = False
    physical_start: int | None = None
    hypervisor: Hypervisor | None = None
    parts: Parts = UNKNOWN_PARTS
    needs: Needs = NOTHING_SPECIAL
    present: tuple[str, ...] = ()
    cmdline: str = ""
    initrd: Extent | None = None
    initrd_size: int | None = None
    kaslr: bool | None = None
    efi: bool | None = None
    borders: tuple[int, ...] = ()

    @property
    def reader(self) -> str:
        """Who reads the value, for people."""
        if self.hypervisor is not None:
            return f"Xen {self.hypervisor.version[0]}.{self.hypervisor.version[1]}"
        return f"Linux {self.release}"

    @property
    def rounded_ram(self) -> int | None:
        """The RAM as people call it, for tables that people wrote."""
        return round_up(self.ram, ROUNDING) if self.ram else None

    @property
    def needs_offset(self) -> bool:
        """Whether nothing is reserved without an `@offset`: x86 before 2.6.27, Xen before 3.4."""
        if self.hypervisor is not None:
            return not self.hypervisor.automatic
        return self.machine.is_x86 and self.release.version < AUTOMATIC_SINCE

    @property
    def reads_ranges(self) -> bool:
        """Whether a list of ranges is safe: kernels before 2.6.31 may read past its end; Xen reads it from 4.0 on."""
        if self.hypervisor is not None:
            return self.hypervisor.ranges
        return self.release.version >= _RANGES_SINCE

    @property
    def knows_high(self) -> bool:
        """Whether the kernel knows `,high` and `,low`: x86 from 3.9 on, arm64 from 6.1, riscv64 and loongarch64 6.7."""
        if self.hypervisor is not None or self.machine is Architecture.S390X or self.machine.is_powerpc:
            return False
        era = self.release.era
        if self.machine.is_x86:
            return bool(PARSER_RULES[era].suffixes)
        return era.since(Era.V6_1 if self.machine is Architecture.ARM64 else Era.V6_8)

    def memory_map(self) -> MemoryMap | None:
        """The map to place on, None where not even the amount of RAM is known."""
        if self.memory is not None:
            return self.memory
        return _typical(self.ram, self.machine) if self.ram else None

    def kernel_extent(self, start_of_ram: int = 0, *, margin: bool = False) -> Extent:
        """Where the running kernel lies, unless KASLR moves it: by its configuration file, else as is typical.

        With `margin` a size that is only typical is taken as large as it may be.
        """
        image = typical_image(self.release, self.machine, start_of_ram)
        start, end = image.extent
        size = self.parts.kernel or end - start + (image.more if margin else 0)
        if self.physical_start is not None and self.machine.is_x86:
            start = self.physical_start
        return start, start + size
