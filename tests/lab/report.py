"""The report of a machine of the lab: sections on its console, each after a line `@@@ NAME`."""

import re
from dataclasses import dataclass

from grubkd.machine.hardware import initrd_in_device_tree
from grubkd.memory.map_parsers import from_e820_log, from_iomem
from grubkd.memory.memory_map import Extent, MemoryMap

_PART = re.compile(r"^@@@ (\w+)\n", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Report:
    """One boot: the texts as the guest read them. `size`: kexec_crash_size, bytes; None without kexec.

    `chosen`: where the initrd starts and ends by the device tree, a line of bytes in hexadecimal each.
    """

    release: str
    cmdline: str
    iomem: str
    size: int | None
    messages: str
    chosen: str = ""

    @property
    def reserved(self) -> tuple[Extent, ...]:
        """The crash kernel regions of /proc/iomem, ascending, ends exclusive."""
        return from_iomem(self.iomem).crash

    @property
    def image(self) -> Extent | None:
        """The extent of the kernel, from its code to the end of its bss."""
        return from_iomem(self.iomem).kernel

    @property
    def initrd(self) -> Extent | None:
        """The place of the initial RAM disk, if the kernel printed it."""
        ends = [bytes.fromhex(line) for line in self.chosen.splitlines()]
        return self.map.initrd or (initrd_in_device_tree(*ends) if len(ends) == 2 else None)

    @property
    def efi(self) -> bool:
        """Whether EFI firmware booted it."""
        return "efi: EFI v" in self.messages

    @property
    def map(self) -> MemoryMap:
        """The firmware's map if boot messages show it (x86), otherwise that of /proc/iomem."""
        if "BIOS-e820" in self.messages:
            return from_e820_log(self.messages)
        return from_iomem(self.iomem)


def parts(text: str) -> list[tuple[str, str]]:
    """(name, text) of every part on a console, in order."""
    pieces = _PART.split(text)
    return list(zip(pieces[1::2], pieces[2::2], strict=True))


def part(text: str, name: str) -> str:
    """The text of the last part of that name, "" if there is none."""
    return next((found for each, found in reversed(parts(text)) if each == name), "")


def reports(text: str) -> list[Report]:
    """Every complete report on a console, one for each boot."""
    found: list[Report] = []
    held: dict[str, str] = {}
    for name, printed in parts(text):
        if name == "release":
            held = {}
        held[name] = printed
        if name == "messages":
            size = held["size"].strip()
            found.append(
                Report(
                    held["release"].strip(),
                    held["cmdline"].rstrip("\n"),
                    held["iomem"],
                    int(size) if size.isdigit() else None,
                    printed,
                    held.get("initrd", ""),
                )
            )
    return found
