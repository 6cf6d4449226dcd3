"""How the Xen hypervisor reads crashkernel=: it has its own parser."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

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


_WORD = re.compile(r"(?:^|\s)crashkernel=(\S*)")
_SIZE = r"(0[xX][0-9a-fA-F]+|[0-9]+)([bBkKmMgGtT]?)"
_RANGE = re.compile(rf"{_SIZE}-(?:{_SIZE})?:{_SIZE},?")
_ONE = re.compile(_SIZE)
_REST = re.compile(rf"(@|\\?<|,below=){_SIZE}")
# A number without a letter counts kilobytes.
_UNITS = {"": 10, "b": 0, "k": 10, "m": 20, "g": 30, "t": 40}


def read_xen(cmdline: str, ram: int) -> XenRequest:
    r"""What Xen reads in its own command line on that many bytes of RAM: the last value.

    parse_crashkernel() of xen/common/kexec.c, 4.17: SIZE or a list of START-[END]:SIZE, then @ADDRESS, <ADDRESS or
    ,below=ADDRESS. GRUB needs \< for <. It knows neither `,high` nor `,low`.
    """
    values = _WORD.findall(cmdline)
    return _value(values[-1], ram) if values else XenRequest(0, reason="no crashkernel= on the command line of Xen")


def _value(text: str, ram: int) -> XenRequest:
    size, at = 0, 0
    if ":" in text:
        while found := _RANGE.match(text, at):
            start, stop = _bytes(found[1], found[2]), _bytes(found[3], found[4]) if found[3] else None
            if not size and start <= ram and (stop is None or ram < stop):
                size = _bytes(found[5], found[6])
            at = found.end() - (found[0].endswith(",") and text.startswith("below=", found.end()))
    elif found := _ONE.match(text):
        size, at = _bytes(found[1], found[2]), found.end()
    rest = _REST.fullmatch(text, at)
    if at == 0 or (rest is None and at < len(text)):
        return XenRequest(0, reason=f"Xen does not understand '{text[at:] or text}'")
    address = _bytes(rest[2], rest[3]) if rest else 0
    if rest and rest[1] != "@":
        return XenRequest(size, 0, address)
    return XenRequest(size, address, reason="" if size else "no range of the list holds the RAM")


def _bytes(number: str, unit: str) -> int:
    return int(number, 0 if number[:2].lower() == "0x" else 10) << _UNITS[unit.lower()]


def for_xen(values: Sequence[CrashkernelValue]) -> str | None:
    """The values of a Linux kernel as Xen reads them: without `,high` and `,low`; None if there is no such value.

    Xen places it as high as it can by itself, and its capture kernel is Linux, so the high part is what is meant.
    """
    main = next((value for value in values if value.suffix in ("", "high")), None)
    return None if main is None or main.is_auto else str(replace(main, suffix=""))


_NAMED = re.compile(r"xen(?:\.gz)?[-_]v?(\d{1,2})\.(\d{1,3})(?!\d*\.\d+-\d)")
# RHEL 5 has Xen 3.1 and names the file after the kernel.
_OF_LINUX_2_6_18 = (3, 1)


def hypervisor_of_image(name: str, release: Release | None) -> Hypervisor:
    """The hypervisor by its file name (`xen-4.17-amd64.gz`), else by the release of the kernel that it starts."""
    if release is not None and release.version < (2, 6, 27):
        return Hypervisor(_OF_LINUX_2_6_18)
    found = _NAMED.match(name)
    if found and int(found[1]) >= 3:
        return Hypervisor((int(found[1]), int(found[2])))
    return Hypervisor((4, 0))
