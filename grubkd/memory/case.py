"""One kernel on one machine: every fact that its reservation depends on; and the plan: the values to write, and why."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

from grubkd.memory.architecture import Architecture
from grubkd.memory.behaviours import Era
from grubkd.memory.memory_map import typical, typical_maps
from grubkd.memory.release import AUTOMATIC_SINCE, typical_image
from grubkd.memory.size import MIB, in_megabytes, round_up

if TYPE_CHECKING:
    from collections.abc import Iterator

    from grubkd.errors import Notice
    from grubkd.memory.memory_map import Extent, MemoryMap
    from grubkd.memory.release import Release
    from grubkd.memory.value import CrashkernelValue
    from grubkd.memory.vendors import Distribution
    from grubkd.memory.xen import Hypervisor


# Firmware keeps some of the RAM: a machine sold with 2G has a little less.
_SOLD_IN = 128 * MIB

_RANGES_SINCE = (2, 6, 31)


class Parts(NamedTuple):
    """The measured parts of what a capture kernel needs, in bytes; None if unknown.

    kernel: the running image, code to bss. modules: those loaded now. initramfs: the image file. unpacked: its files,
    of the initrd that the capture kernel really gets. keyslots: the most that unlocking a LUKS2 volume needs (argon2),
    0 for none.
    """

    kernel: int | None = None
    modules: int | None = None
    initramfs: int | None = None
    keyslots: int = 0
    unpacked: int | None = None


UNKNOWN_PARTS = Parts()


class Needs(NamedTuple):
    """What raises the amount.

    encrypted: AMD's memory encryption is on. smmu: an arm64 SMMU. mlx5: a Mellanox network card. capture_cpus: the CPUs
    that the capture kernel starts, 0 if unknown. fadump: POWER's firmware saves the dump (`fadump=on`).
    """

    encrypted: bool = False
    smmu: bool = False
    mlx5: bool = False
    capture_cpus: int = 0
    fadump: bool = False


NOTHING_SPECIAL = Needs()


class Observed(NamedTuple):
    """The values that a kernel was booted with, and the bytes and regions that it reserved for them."""

    values: tuple[str, ...]
    size: int
    regions: tuple[Extent, ...] = ()


class MeasuredNeed(NamedTuple):
    """What the capture kernel of this machine needs, as one said itself. `size`: bytes.

    `log`, `time`: the log beside the dump, and its last write, in seconds since 1970. `what`: what the log shows.
    `failed`: the bytes that it ran out of, 0 if it did not.
    """

    size: int
    log: str
    time: int
    what: str
    failed: int = 0

    @property
    def advised(self) -> int:
        """With a tenth to spare."""
        return self.size * 11 // 10

    def __str__(self) -> str:
        day = datetime.fromtimestamp(min(max(self.time, 0), 253402300799), UTC).strftime("%Y-%m-%d")
        megabytes = in_megabytes(self.failed or self.size)
        said = f'"{self.what}" with {megabytes}' if self.failed else f"it needs {megabytes}, by {self.what}"
        return f"the capture kernel of {day} said in {self.log}: {said}"


class Case(NamedTuple):
    """Amounts and addresses are in bytes; None if unknown.

    `memory`: the machine's own map; without it a typical map of that much `ram` is used. `physical_start`: where an x86
    kernel is linked to run, by its configuration file. `hypervisor`: Xen, if it reads the value. `present`: the values
    that the entry has now. `cmdline`: its other arguments, because some change what is free. `initrd`: where the boot
    loader puts it; `initrd_size`: its size, 0 for none. `kaslr`, `efi`, `borders`, `dma_limit`, `kexec`: as in
    placement.place.possible_boots. `loader`: what loads the initrd, as in UnknownInitrd. `observed`: what the running
    kernel did with its values; it decides about the same values. `assumed`: the release is not known, and this is one
    of today. `measured`: what a capture kernel of this machine said that it needs.
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
    dma_limit: int | None = None
    loader: str = ""
    observed: Observed | None = None
    assumed: bool = False
    kexec: bool | None = None
    measured: MeasuredNeed | None = None

    @property
    def kernel(self) -> str:
        """The name of the kernel, for messages."""
        return "of unknown release" if self.assumed else self.release.text

    @property
    def reader(self) -> str:
        """The name of what reads the value, for messages."""
        if self.hypervisor is not None:
            return f"Xen {self.hypervisor.version[0]}.{self.hypervisor.version[1]}"
        return f"Linux {self.kernel}"

    @property
    def rounded_ram(self) -> int | None:
        """The RAM as it was sold, for tables of vendors."""
        return round_up(self.ram, _SOLD_IN) if self.ram else None

    @property
    def kaslr_moves(self) -> bool:
        """Whether KASLR moves the kernel in physical memory, which it does on x86 only."""
        return self.machine.is_x86 and (self.release.moves(self.cmdline) if self.kaslr is None else self.kaslr)

    @property
    def needs_offset(self) -> bool:
        """Whether it reserves nothing without an `@offset`: x86 before 2.6.27, Xen before 3.4."""
        if self.hypervisor is not None:
            return not self.hypervisor.automatic
        return self.machine.is_x86 and self.release.version < AUTOMATIC_SINCE

    @property
    def reads_ranges(self) -> bool:
        """Whether it reads a list of ranges correctly: kernels before 2.6.31 may read past its end; Xen from 4.0 on."""
        if self.hypervisor is not None:
            return self.hypervisor.ranges
        return self.release.version >= _RANGES_SINCE

    @property
    def knows_high(self) -> bool:
        """Whether the kernel knows `,high` and `,low`: x86 since 3.9, arm64 6.1, riscv64 and loongarch64 6.7."""
        if self.hypervisor is not None or self.machine is Architecture.S390X or self.machine.is_powerpc:
            return False
        if self.machine.is_x86:
            return bool(self.release.rules.suffixes)
        if self.machine is Architecture.ARM64:
            return self.release.behaviours[0].arm_high
        return self.release.era.since(Era.V6_8)

    def memory_map(self) -> MemoryMap | None:
        """The memory map, by default a typical one; None if the amount of RAM is unknown."""
        if self.memory is not None:
            return self.memory
        return typical(self.ram, self.machine) if self.ram else None

    def memory_maps(self) -> Iterator[MemoryMap]:
        """The possible memory maps, the likeliest first: the machine's own, or typical ones; none for unknown RAM."""
        if self.memory is not None:
            yield self.memory
        elif self.ram and self.efi is None:
            yield from typical_maps(self.ram, self.machine)
        elif self.ram:
            maps = list(typical_maps(self.ram, self.machine))
            yield from [each for each in maps if each.efi is self.efi] or maps

    def kernel_extent(self, start_of_ram: int = 0, *, margin: bool = False) -> Extent:
        """The extent of the running kernel without KASLR, by its configuration file or a typical image.

        `margin`: take the largest size that a typical image may have.
        """
        image = typical_image(self.release, self.machine, start_of_ram)
        start, end = image.extent
        size = self.parts.kernel or end - start + (image.more if margin else 0)
        if self.physical_start is not None and self.machine.is_x86:
            start = self.physical_start
        return start, start + size


class Reason(NamedTuple):
    """One step of a decision, and the source of its rule or fact."""

    text: str
    source: str


class RefusedRegion(NamedTuple):
    """A region that was tried and not taken, (start, end exclusive) in bytes, and why."""

    region: Extent
    why: str


class Plan(NamedTuple):
    """The values to write, without `crashkernel=`: two for a high and a low region.

    `source`: whose rule the amount is. `size`: bytes reserved on the machine's RAM, 0 if that is unknown and the value
    depends on it. `cases`: the kernels that read the values. `refused`: places that were tried and not taken.
    """

    values: tuple[str, ...]
    source: str
    reasons: tuple[Reason, ...] = ()
    warnings: tuple[Notice, ...] = ()
    size: int = 0
    cases: tuple[Case, ...] = ()
    refused: tuple[RefusedRegion, ...] = ()


class PlanDraft(NamedTuple):
    """A value that is being worked out. `text` is the vendor's own as long as nothing is changed.

    `beside`: a second value that belongs to it (`72M,low`).
    """

    text: str
    value: CrashkernelValue
    reasons: tuple[Reason, ...] = ()
    warnings: tuple[Notice, ...] = ()
    refused: tuple[RefusedRegion, ...] = ()
    beside: tuple[str, ...] = ()

    @property
    def values(self) -> tuple[str, ...]:
        """All values to write."""
        return (self.text, *self.beside)

    def because(self, text: str, source: str, value: CrashkernelValue | None = None) -> PlanDraft:
        """The draft with one more reason and, if given, another value."""
        reasons = (*self.reasons, Reason(text, source))
        if value is None:
            return self._replace(reasons=reasons)
        return self._replace(reasons=reasons, value=value, text=str(value))

    def warned(self, notice: Notice) -> PlanDraft:
        """The draft with one more warning."""
        return self._replace(warnings=(*self.warnings, notice))

    def without(self, region: Extent, why: str) -> PlanDraft:
        """The draft with one more region that was not taken."""
        return self._replace(refused=(*self.refused, RefusedRegion(region, why)))
