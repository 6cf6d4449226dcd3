"""How the Xen hypervisor reads crashkernel=: it has its own parser."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from grubkd.memory.kernel_parser import KernelRequest
from grubkd.memory.placement.place import Placement
from grubkd.memory.size import MIB, round_down, round_up

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Literal

    from grubkd.memory.memory_map import MemoryMap
    from grubkd.memory.release import Release
    from grubkd.memory.value import CrashkernelValue


class Hypervisor(NamedTuple):
    """A version of Xen."""

    version: tuple[int, int]

    @property
    def ranges(self) -> bool:
        """Whether it reads a list of ranges of RAM: since 4.0."""
        return self.version >= (4, 0)

    @property
    def automatic(self) -> bool:
        """Whether it finds a place by itself: since 3.4."""
        return self.version >= (3, 4)


class XenRequest(NamedTuple):
    """What Xen reads: bytes, the address (0: automatic) and the address below which it looks (None: anywhere)."""

    size: int
    base: int = 0
    below: int | None = None
    reason: str = ""


class _Span(NamedTuple):
    """START-[END]:SIZE, in bytes."""

    start: int
    stop: int | None
    size: int

    def holds(self, ram: int) -> bool:
        return self.size < ram and self.start <= ram and (self.stop is None or ram < self.stop)


_WORD = r"(?:^|\s)crashkernel=(\S*)"
_SIZE = r"(0[xX][0-9a-fA-F]+|0[0-7]*|[1-9][0-9]*)([bBkKmMgGtT]?)"
_RANGE = rf"{_SIZE}-(?:{_SIZE})?:{_SIZE}"
_REST = rf"(@|\\?<|,below=){_SIZE}"
_LIMITED = rf"{_SIZE}(?:\\?<|,below=){_SIZE}|{_RANGE}(?:,{_RANGE})*\\?<{_SIZE}"
_STEP = 2 * MIB
_MOVED = "Xen puts itself and the modules of dom0 at the top first"
# What is known of the place: at the top, or a little below.
_ODDS = 0.5
# A number without a letter counts kilobytes.
_UNITS = {"": 10, "b": 0, "k": 10, "m": 20, "g": 30, "t": 40}


def read_xen(cmdline: str, ram: int) -> XenRequest:
    r"""What Xen reads in its own command line on that many bytes of RAM, which is less than the machine has.

    parse_crashkernel() and set_kexec_crash_area_size() of xen/common/kexec.c, 4.17, and boots of it: SIZE or a list of
    START-[END]:SIZE, then @ADDRESS or <ADDRESS; after a SIZE also ,below=ADDRESS. GRUB needs \< for <. What follows is
    ignored with a warning: `,high` and `,low` are. The last SIZE counts, and only without one the last list. An address
    counts for every value.
    """
    size, base, below = 0, 0, None
    spans: list[_Span] = []
    values = re.findall(_WORD, cmdline)
    for text in values:
        rest = None
        if ":" in text:
            spans, end = _spans(text)
            rest = re.compile(_REST).match(text, end) if spans and not text.startswith(",", end) else None
        elif found := re.compile(_SIZE).match(text):
            size = _bytes(found[1], found[2])
            rest = re.compile(_REST).match(text, found.end())
        if rest and rest[1] == "@":
            base = _bytes(rest[2], rest[3])
        elif rest:
            below = _bytes(rest[2], rest[3])
    size = size or next((span.size for span in spans if span.holds(ram)), 0)
    if size:
        return XenRequest(size, base, below)
    if spans:
        return XenRequest(0, base, below, "no range of the list holds the RAM")
    return XenRequest(0, reason=f"Xen does not understand '{values[-1]}'" if values else _NONE)


_NONE = "no crashkernel= on the command line of Xen"


def _spans(text: str) -> tuple[list[_Span], int]:
    """The ranges of a list up to the first that is malformed, and where they end."""
    spans: list[_Span] = []
    at = 0
    while found := re.compile(_RANGE).match(text, at + bool(spans)):
        start, stop = _bytes(found[1], found[2]), _bytes(found[3], found[4]) if found[3] else None
        if stop is not None and stop <= start:
            break
        spans.append(_Span(start, stop, _bytes(found[5], found[6])))
        at = found.end()
        if not text.startswith(",", at):
            break
    return spans, at


def _bytes(number: str, unit: str) -> int:
    base = 16 if number[:2].lower() == "0x" else 8 if number[0] == "0" else 10
    return int(number, base) << _UNITS[unit.lower()]


def request_of(cmdline: str, ram: int) -> KernelRequest:
    """What Xen reads, as the request of a kernel."""
    found = read_xen(cmdline, ram)
    status: Literal["ok", "none"] = "ok" if found.size else "none"
    return KernelRequest(status, found.size, found.base, 0, high=False, cma=0, reason=found.reason, ret=0, low_beside=0)


def place_xen(cmdline: str, ram: int, memory: MemoryMap, hypervisor: Hypervisor) -> Placement:
    """Where Xen reserves the memory.

    __start_xen() of xen/arch/x86/setup.c, 4.17: at the given address, if all of it is RAM; else as high as there is
    room below the limit. Xen and the modules of dom0 are moved to the top first, so the exact place is not known.
    """
    found = read_xen(cmdline, ram)
    if not found.size:
        return Placement("failed", (), (), found.reason)
    if found.base:
        region = (found.base, found.base + found.size)
        if any(start <= region[0] and region[1] <= end for start, end in memory.ram):
            return Placement("reserved", (region,), (), "")
        return Placement("failed", (), (), "Xen finds no RAM at that address")
    if not hypervisor.automatic:
        return Placement("failed", (), (), "Xen before 3.4 reserves nothing without an address")
    for start, stop in reversed(memory.ram):
        end = min(round_down(stop, _STEP), stop if found.below is None else found.below)
        if end - round_up(start, _STEP) >= found.size:
            return Placement("uncertain", ((end - found.size, end),), (), _MOVED, chance=_ODDS)
    return Placement("failed", (), (), "Xen finds no room for it")


def is_xen_value(text: str) -> bool:
    """Whether Xen, and no Linux kernel, understands the value: with `<` or `,below=`."""
    text = text.removeprefix("crashkernel=")
    return re.compile(_LIMITED).fullmatch(text) is not None


def for_xen(values: Sequence[CrashkernelValue]) -> str | None:
    """The values of a Linux kernel as Xen reads them: without `,high` and `,low`; None if there is no such value.

    Xen places it as high as it can by itself, and its capture kernel is Linux, so the high part is what is meant.
    """
    main = next((value for value in values if value.suffix in ("", "high")), None)
    return None if main is None or main.is_auto else str(main._replace(suffix=""))


_NAMED = r"xen(?:\.gz)?[-_]v?(\d{1,2})\.(\d{1,3})(?!\d*\.\d+-\d)"
# RHEL 5 has Xen 3.1 and names the file after the kernel.
_OF_LINUX_2_6_18 = (3, 1)


def hypervisor_of_image(name: str, release: Release | None) -> Hypervisor:
    """The hypervisor by its file name (`xen-4.17-amd64.gz`), else by the release of the kernel that it starts."""
    if release is not None and release.version < (2, 6, 27):
        return Hypervisor(_OF_LINUX_2_6_18)
    found = re.match(_NAMED, name)
    if found and int(found[1]) >= 3:
        return Hypervisor((int(found[1]), int(found[2])))
    return Hypervisor((4, 0))
