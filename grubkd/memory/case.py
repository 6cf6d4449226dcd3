"""One kernel on one machine, for which a value is sought; and the value while it is being worked out."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from grubkd.errors import Notice
from grubkd.memory.architecture import Architecture
from grubkd.memory.crashkernel import Value
from grubkd.memory.estimate import UNKNOWN, Parts
from grubkd.memory.kernelimage import typical_image
from grubkd.memory.memorymap import MemoryMap, typical
from grubkd.memory.physical import Extent
from grubkd.memory.placement import Placement, counted_ram, place
from grubkd.memory.policy import System
from grubkd.memory.reading import Request, read
from grubkd.memory.release import AUTOMATIC_SINCE, Release
from grubkd.memory.size import MIB, round_up
from grubkd.memory.xen import Hypervisor

ROUNDING = 128 * MIB
"""Firmware keeps some of the RAM for itself: people's "2G" is the amount rounded up to this."""

_RANGES_SINCE = (2, 6, 31)


@dataclass(frozen=True, slots=True)
class Case:
    """Amounts and addresses in bytes; None where nothing tells.

    `memory`: the machine's own map; without one a typical map of that much `ram` is taken. `physical_start`: where an
    x86 kernel is linked to run, by its configuration file. `hypervisor`: Xen, where it reads the value. `cmdline`: the
    other arguments, for those that change what is free. `initrd`: where the boot loader puts it.
    """

    release: Release
    machine: Architecture
    system: System
    ram: int | None = None
    memory: MemoryMap | None = None
    pages_64k: bool = False
    physical_start: int | None = None
    hypervisor: Hypervisor | None = None
    parts: Parts = UNKNOWN
    cmdline: str = ""
    initrd: Extent | None = None

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

    def memory_map(self) -> MemoryMap | None:
        """The map to place on, None where not even the amount of RAM is known."""
        if self.memory is not None:
            return self.memory
        return typical(self.ram, self.machine) if self.ram else None

    def kernel_extent(self, start_of_ram: int = 0) -> Extent:
        """Where the running kernel lies, unless KASLR moves it: by its configuration file, else as is typical."""
        start, end = typical_image(self.release, self.machine, start_of_ram).extent
        size = self.parts.kernel or end - start
        if self.physical_start is not None and self.machine.is_x86:
            start = self.physical_start
        return start, start + size

    def request(self, values: Sequence[str]) -> Request | None:
        """What the kernel reads in the values on this machine's RAM; None where that is unknown, or Xen reads them."""
        memory = self.memory_map()
        if memory is None or self.hypervisor is not None:
            return None
        ram = counted_ram(self.release, self.machine, memory)
        words = "".join(f"crashkernel={text} " for text in values)
        return read(f"{self.cmdline} {words}".lstrip(), self.release, self.machine, ram)

    def placement(self, request: Request) -> Placement | None:
        """Where the kernel puts it; None where the RAM is unknown."""
        memory = self.memory_map()
        if memory is None:
            return None
        return place(
            request,
            self.release,
            self.machine,
            memory,
            kernel_image=memory.kernel,
            initrd=self.initrd or memory.initrd,
            cmdline=self.cmdline,
        )

    def problem(self, values: Sequence[str]) -> str:
        """Why the kernel would not reserve the values on this machine, "" where it would, may, or nothing tells."""
        request = self.request(values)
        if request is None:
            return ""
        if request.status != "ok":
            return request.reason
        found = self.placement(request)
        return found.reason if found and found.status in ("failed", "hang") else ""


@dataclass(frozen=True, slots=True)
class Reason:
    """One step of a decision, and whose rule or fact it rests on."""

    text: str
    source: str


@dataclass(frozen=True, slots=True)
class Draft:
    """A value on its way: `text` is the vendor's own wording as long as nothing had to be changed."""

    text: str
    value: Value
    reasons: tuple[Reason, ...] = ()
    warnings: tuple[Notice, ...] = ()

    def because(self, text: str, source: str, value: Value | None = None) -> "Draft":
        """The draft with one more reason and, where a value is given, with that value."""
        reasons = (*self.reasons, Reason(text, source))
        if value is None:
            return replace(self, reasons=reasons)
        return replace(self, reasons=reasons, value=value, text=str(value))

    def warned(self, notice: Notice) -> "Draft":
        """The draft with one more warning."""
        return replace(self, warnings=(*self.warnings, notice))
