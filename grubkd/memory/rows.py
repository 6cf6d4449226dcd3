"""What vendors publish: how much to reserve, by distribution, version and architecture. Data only.

A row's text is the vendor's own, as a kernel would read it. Where a vendor's table is given in words, the words are
turned into ranges; where it asks for offsets, each step has its own value.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from grubkd.memory.architecture import Architecture
from grubkd.memory.size import GIB

if TYPE_CHECKING:
    from grubkd.memory.release import Version

X86 = frozenset({Architecture.I386, Architecture.X86_64})
PC_AND_Z = X86 | {Architecture.S390X}
ARM = frozenset({Architecture.ARM64})
POWER = frozenset({Architecture.PPC64, Architecture.PPC64LE})
EVERY = frozenset(Architecture)


@dataclass(frozen=True, slots=True)
class Row:
    """A vendor's rule for some architectures of one version.

    `text` is a crashkernel value, "" where `steps` stand in its place: (bytes of RAM up to and including which the
    step holds, its value), ascending; the last one holds for all above it too. `pages_64k`: for kernels with pages of
    64K only; a row for both has None. `before`: only for kernels before that version. `fadump`: for POWER's own way of
    dumping, in which firmware keeps the memory and reboots.
    """

    family: str
    version: tuple[int, ...]
    architectures: frozenset[Architecture]
    text: str
    source: str
    steps: tuple[tuple[int, str], ...] = ()
    pages_64k: bool | None = None
    before: Version | None = None
    fadump: bool = False


_POWER_RANGES = "2G-4G:384M,4G-16G:512M,16G-64G:1G,64G-128G:2G,128G-:4G"
_FADUMP_RANGES = (
    "4G-16G:768M,16G-64G:1G,64G-128G:2G,128G-1T:4G,1T-2T:6G,2T-4T:12G,4T-8T:20G,8T-16T:36G,16T-32T:64G,32T-64T:128G,"
    "64T-:180G"
)
_PC_RANGES = "1G-4G:192M,4G-64G:256M,64G-:512M"

_RHEL5 = "Red Hat Enterprise Linux 5, kdump memory table"
_RHEL6 = "Red Hat Enterprise Linux 6.0 and 6.1, kdump memory table"
_RHEL7 = "Red Hat Enterprise Linux 8 documentation, kdump memory requirements; 7 documents only `auto`, which is less"
_RHEL8 = "Red Hat Enterprise Linux 8 documentation, kdump memory requirements"
_RHEL9 = "Red Hat Enterprise Linux 9 documentation, kdump memory requirements"
_KDUMP_UTILS = "kdump-utils of Fedora and Red Hat Enterprise Linux 10, default crashkernel value (2026)"
_FEDORA_2009 = "Fedora's kdump page of 2009"

RHEL = (
    Row(
        "rhel",
        (5,),
        X86,
        "",
        _RHEL5,
        steps=((2 * GIB, "128M@16M"), (6 * GIB, "256M@24M"), (8 * GIB, "512M@16M"), (24 * GIB, "768M@32M")),
    ),
    Row("rhel", (6,), PC_AND_Z, "0-2G:128M,2G-6G:256M,6G-8G:512M,8G-:768M", _RHEL6),
    Row("rhel", (7,), PC_AND_Z, _PC_RANGES, _RHEL7),
    Row("rhel", (7,), ARM, "2G-:480M", _RHEL7),
    Row("rhel", (7,), POWER, _POWER_RANGES, _RHEL7),
    Row("rhel", (8,), PC_AND_Z, _PC_RANGES, _RHEL8),
    Row("rhel", (8,), ARM, "2G-:480M", _RHEL8),
    Row("rhel", (8,), POWER, _POWER_RANGES, _RHEL8),
    Row("rhel", (9,), PC_AND_Z, _PC_RANGES, _RHEL9),
    Row("rhel", (9,), ARM, "1G-4G:256M,4G-64G:320M,64G-:576M", _RHEL9, pages_64k=False),
    Row("rhel", (9,), ARM, "1G-4G:356M,4G-64G:420M,64G-:676M", _RHEL9, pages_64k=True),
    Row("rhel", (9,), POWER, _POWER_RANGES, _RHEL9),
)

KDUMP_UTILS = tuple(
    row
    for family, version in (("rhel", (10,)), ("fedora", (44,)), ("kdump-utils", ()))
    for row in (
        Row(family, version, PC_AND_Z, "2G-64G:256M,64G-:512M", _KDUMP_UTILS),
        Row(family, version, ARM, "2G-4G:256M,4G-64G:320M,64G-:576M", _KDUMP_UTILS, pages_64k=False),
        Row(family, version, ARM, "2G-4G:356M,4G-64G:420M,64G-:676M", _KDUMP_UTILS, pages_64k=True),
        Row(family, version, POWER, _POWER_RANGES, _KDUMP_UTILS),
        Row(family, version, POWER, _FADUMP_RANGES, _KDUMP_UTILS, fadump=True),
    )
)

# The page is older than 2.6.31, from which on the running kernel itself lies at 16M.
FEDORA = (Row("fedora", (11,), X86, "64M@16M", _FEDORA_2009, before=(2, 6, 31)),)

DEBIAN = (
    Row("debian", (12,), EVERY, "384M-:128M", "kdump-tools of Debian 12 (bookworm)"),
    Row("debian", (13,), EVERY, "512M-:192M", "kdump-tools of Debian 13 (trixie)"),
)

_NOBLE = "2G-4G:320M,4G-32G:512M,32G-64G:1024M,64G-128G:2048M,128G-:4096M"

UBUNTU = (
    Row("ubuntu", (20, 4), EVERY, "512M-:192M", "kdump-tools of Ubuntu 20.04 (focal)"),
    Row("ubuntu", (22, 4), EVERY, "512M-:192M", "kdump-tools of Ubuntu 22.04 (jammy)"),
    Row("ubuntu", (24, 4), EVERY, _NOBLE, "kdump-tools of Ubuntu 24.04 (noble)"),
)

_SUSE = "SUSE's kdump, the value where it cannot calculate one"

SUSE = (
    Row("suse", (), EVERY - POWER, "192M", _SUSE),
    Row("suse", (), POWER, "384M", _SUSE),
)

ROWS: tuple[Row, ...] = (*RHEL, *KDUMP_UTILS, *FEDORA, *DEBIAN, *UBUNTU, *SUSE)
