"""The known behaviours of kernels, and which one a release has.

Each era is one behaviour of crashkernel=, named after the kernel whose sources were read or that was booted. What a
vendor changed in some builds is a row of VENDOR_CHANGES, with its source.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple

from grubkd.memory.size import MIB

if TYPE_CHECKING:
    from collections.abc import Sequence

Version = tuple[int, int, int]


class Era(StrEnum):
    """A known behaviour, in order of time; the value is the kernel that it was read from."""

    V2_6_29 = "2.6.29"
    V2_6_32 = "2.6.32"
    RHEL6 = "2.6.32 of RHEL 6"
    V3_0 = "3.0"
    RHEL7 = "3.10 of RHEL 7"
    V4_4 = "4.4"
    V4_18 = "4.18"
    RHEL8 = "4.18 of RHEL 8"
    V5_10 = "5.10"
    V6_1 = "6.1"
    V6_8 = "6.8"
    V6_12 = "6.12"
    V7_2 = "7.2"

    @property
    def order(self) -> int:
        """The place in time, from 0."""
        return _ORDER[self]

    def since(self, other: Era) -> bool:
        """Whether this era is the other one or a later one."""
        return _ORDER[self] >= _ORDER[other]

    @property
    def knows_auto(self) -> bool:
        """Whether kernels know the value `auto`: only Red Hat's of RHEL 6, 7 and 8."""
        return self in (Era.RHEL6, Era.RHEL7, Era.RHEL8)


_ORDER = {era: index for index, era in enumerate(Era)}


class ParserRules(NamedTuple):
    """How the kernels of an era parse a value, where eras differ.

    suffixes: the comma suffixes it knows; a token that ends in one is never the plain token.
    letters: the size suffixes that memparse knows.
    saturates: values beyond 2^64 become 2^64-1 and a suffix letter needs digits; else they wrap and a bare letter is 0.
    checks_end: a simple value must be followed by `@`, a space or the end.
    rounds_ram: the RAM that selects a range is rounded up to 128 MiB.
    missing: the error number for "no such token".
    plain_decides: `,high` is only looked for without a plain token; else also after an invalid or zero plain token.
    rejects_all_of_ram: a size that is not below the RAM is an error.
    """

    suffixes: tuple[str, ...]
    letters: str
    saturates: bool
    checks_end: bool
    rounds_ram: bool
    missing: int
    plain_decides: bool
    rejects_all_of_ram: bool


EINVAL = -22
ENOENT = -2

_BEFORE_SUFFIXES = ParserRules((), "KMG", False, False, False, EINVAL, False, False)
_HIGH_AND_LOW = ParserRules((",high", ",low"), "KMGTPE", False, True, False, EINVAL, False, False)
_GENERIC = _HIGH_AND_LOW._replace(rounds_ram=True, missing=ENOENT, plain_decides=True)

PARSER_RULES: dict[Era, ParserRules] = {
    Era.V2_6_29: _BEFORE_SUFFIXES,
    Era.V2_6_32: _BEFORE_SUFFIXES,
    Era.RHEL6: _BEFORE_SUFFIXES,
    Era.V3_0: _BEFORE_SUFFIXES,
    Era.RHEL7: _HIGH_AND_LOW,
    Era.V4_4: _HIGH_AND_LOW,
    Era.V4_18: _HIGH_AND_LOW,
    Era.RHEL8: _HIGH_AND_LOW._replace(rounds_ram=True),
    Era.V5_10: _HIGH_AND_LOW,
    Era.V6_1: _HIGH_AND_LOW._replace(rounds_ram=True, missing=ENOENT),
    Era.V6_8: _GENERIC,
    Era.V6_12: _GENERIC._replace(rejects_all_of_ram=True),
    Era.V7_2: _GENERIC._replace(rejects_all_of_ram=True, suffixes=(",high", ",low", ",cma"), saturates=True),
}

# The first version of each era. Where two kernels that were read differ, it is the release that has the change.
_FIRST: tuple[tuple[Version, Era], ...] = (
    ((6, 17, 0), Era.V7_2),  # ,cma
    ((6, 11, 0), Era.V6_12),  # refuses a size of all RAM; the endless loop of ,high is gone
    ((6, 7, 0), Era.V6_8),  # one parser and one search for x86, arm64, riscv
    ((5, 19, 0), Era.V6_1),  # a missing token is not an invalid one; RAM is rounded up to 128M
    ((5, 2, 0), Era.V5_10),  # automatic placement below 4G instead of 896M, then above
    ((4, 18, 0), Era.V4_18),
    ((3, 9, 0), Era.V4_4),  # ,high and ,low
    ((2, 6, 37), Era.V3_0),  # memblock: from the top down
    ((2, 6, 31), Era.V2_6_32),  # the kernel itself starts at 16M
    ((0, 0, 0), Era.V2_6_29),
)
# Versions whose sources were read.
_SOURCES_READ: frozenset[tuple[int, ...]] = frozenset(
    {(2, 6, 29), (2, 6, 32), (4, 4), (4, 15), (4, 18), (5, 4), (5, 10), (5, 15), (6, 1), (6, 8), (6, 12), (7, 2)}
)


class Behaviour(NamedTuple):
    """How a kernel reads and places crashkernel=.

    arm_high: its arm64 builds know `,high` and `,low`. auto: the ranges of `auto`, "" for the formula of the era or, if
    the era does not know it, for none. counts_span: for x86 builds the RAM is the end of the last one, holes included.
    arm_falls_back: its arm64 builds up to 6.6 go on above the DMA limit, with these bytes below it; 0 if they do not.
    """

    era: Era
    rules: ParserRules
    arm_high: bool
    auto: str = ""
    counts_span: bool = False
    arm_falls_back: int = 0


class VendorChange(NamedTuple):
    """What a vendor changed in some builds of an upstream version.

    tag: a pattern of the release. version: of upstream. first, last: build numbers. changes: fields of the behaviour or
    its parser rules that differ. certain: its sources, changelog or documents say so; else both are possible.
    """

    tag: str
    version: tuple[int, int]
    first: int
    last: int
    changes: dict[str, Any]
    certain: bool
    source: str


_ANY = 1 << 30
# DEFAULT_CRASH_KERNEL_LOW_SIZE of arm64; openEuler 5.10 takes what x86 takes.
_ARM_LOW, _OPENEULER_LOW = 128 * MIB, 256 * MIB
_EL7A, _EL8, _EL9 = r"\.el7a\b", r"\.el8(?:_\d+)?\b", r"\.el9(?:_\d+)?\b"
_EL8_PC, _EL8_ARM = r"\.el8(?:_\d+)?\.(?:x86_64|s390x)\b", r"\.el8(?:_\d+)?\.aarch64\b"
_UEK, _FEDORA = r"\.el\d+uek\b", r"\.fc3[3-5]\b"
_OPENEULER, _ANOLIS = r"\.oe\d", r"\.(?:an|al)(?:7|8|23)\b"
_ARK_AUTO = "1G-64G:128M,64G-1T:256M,1T-:512M"
_UEK_AUTO = "Oracle's UEK 4 and 5 know auto; their sizes were not read"
_UEK_LATER = "Oracle posted `kernel/crash_core: Add crashkernel=auto` in 2021; which UEK has it was not read"
_NOT_READ = "its sources were not read; a later kernel of this vendor has it"
_UEK_7 = "one version of UEK 7's kernel/crash_core.c was read, and does not; which builds are like it was not read"
_OPENEULER_5_10 = (
    "openEuler's kernel/crash_core.c of 5.10, reserve_crashkernel_high(): read at one commit; since which build was not"
)
_EL9_FIXUP = (
    "changelog of kernel-5.14.0-200.el9 has a fixup of arm64 crashkernel=X; whether it is that of 6.2 was not read"
)
_EL9_COMMON = "Red Hat's kernel/crash_reserve.c was read as of 6.9; in which build it came was not"
_EL8_DOCUMENTED = "RHEL 8 documentation, kdump memory requirements; 4.18.0-240 has less"

VENDOR_CHANGES: tuple[VendorChange, ...] = (
    VendorChange(_EL9, (5, 14), 122, _ANY, {"arm_high": True}, True, "changelog of kernel-5.14.0-122.el9: arm64 ,high"),
    VendorChange(_EL9, (5, 14), 133, _ANY, {"rounds_ram": True}, True, "changelog of kernel-5.14.0-133.el9: 128M"),
    VendorChange(_EL9, (5, 14), 200, _ANY, {"arm_falls_back": _ARM_LOW}, False, _EL9_FIXUP),
    VendorChange(_EL9, (5, 14), 400, _ANY, {"era": Era.V6_8}, False, _EL9_COMMON),
    VendorChange(_EL8, (4, 18), 0, 239, {"era": Era.RHEL7, "rounds_ram": False}, False, _NOT_READ),
    VendorChange(_EL8_PC, (4, 18), 241, _ANY, {"auto": "1G-4G:192M,4G-64G:256M,64G-:512M"}, False, _EL8_DOCUMENTED),
    VendorChange(_EL8_ARM, (4, 18), 241, _ANY, {"auto": "2G-:480M"}, False, _EL8_DOCUMENTED),
    VendorChange(_EL8, (4, 18), 348, _ANY, {"arm_high": True}, False, _NOT_READ),
    VendorChange(_EL7A, (4, 14), 0, _ANY, {"era": Era.RHEL7}, False, _NOT_READ),
    VendorChange(_UEK, (4, 1), 0, _ANY, {"era": Era.RHEL7}, False, _UEK_AUTO),
    VendorChange(_UEK, (4, 14), 0, _ANY, {"era": Era.RHEL7}, False, _UEK_AUTO),
    VendorChange(_UEK, (5, 4), 0, _ANY, {"rounds_ram": True}, False, _NOT_READ),
    VendorChange(_UEK, (5, 4), 0, _ANY, {"auto": _ARK_AUTO}, False, _UEK_LATER),
    VendorChange(_UEK, (5, 15), 0, _ANY, {"rounds_ram": True, "arm_high": True}, False, _UEK_7),
    VendorChange(_UEK, (5, 15), 0, _ANY, {"auto": _ARK_AUTO}, False, _UEK_7),
    *(
        VendorChange(_FEDORA, (5, minor), 0, _ANY, {"auto": _ARK_AUTO}, False, "kernel-ark: Add crashkernel=auto")
        for minor in range(8, 15)
    ),
    VendorChange(_OPENEULER, (5, 10), 0, _ANY, {"arm_high": True}, True, "openEuler: Installation, kdump: X,high"),
    VendorChange(_OPENEULER, (5, 10), 0, _ANY, {"arm_falls_back": _OPENEULER_LOW}, False, _OPENEULER_5_10),
    VendorChange(_OPENEULER, (4, 19), 0, _ANY, {"arm_high": True}, False, "openEuler: Installation, kdump: X,high"),
    VendorChange(_ANOLIS, (4, 19), 0, _ANY, {"arm_high": True}, False, _NOT_READ),
    VendorChange(_ANOLIS, (5, 10), 0, _ANY, {"arm_high": True}, False, _NOT_READ),
)

# Releases whose vendors take crashkernel= as upstream has it: upstream's own builds, Debian and its derivatives,
# Ubuntu's kernels for bare metal, Fedora (but for the rows above).
_UPSTREAM = (
    r"[0-9.]+(?:-rc\d+)?(?:[-+][0-9.]*)?"
    r"|[0-9.]+(?:-rc\d+)?[-+][-+.~0-9a-z]*-(?:amd64|[4-6]86(?:-pae|-bigmem)?|arm64(?:-16k)?|armmp(?:-lpae)?|riscv64"
    r"|powerpc64(?:le)?(?:-64k)?|s390x|loong64)"
    r"|[0-9.]+-[0-9.]+-(?:generic|server|virtual|lowlatency)(?:-(?:64k|pae|lpae))?"
    r"|[-+._~0-9a-zA-Z]*\.fc\d+(?:\.[+._0-9a-zA-Z]+)?"
)
# What the kernel of another vendor may have taken from the next versions, by the era of its upstream version.
_LATER: dict[Era, tuple[dict[str, Any], ...]] = {
    Era.V3_0: ({"era": Era.V4_4},),
    Era.V4_4: ({"era": Era.V5_10}, {"era": Era.V5_10, "arm_high": True}),
    Era.V4_18: ({"era": Era.V5_10}, {"era": Era.V5_10, "arm_high": True}),
    Era.V5_10: (
        {"era": Era.V6_1, "arm_high": True},
        {"era": Era.V6_1, "arm_high": True, "arm_falls_back": _ARM_LOW},
    ),
    Era.V6_1: ({"arm_falls_back": _ARM_LOW}, {"era": Era.V6_8}),
    Era.V6_8: ({"era": Era.V6_12},),
    Era.V6_12: ({"era": Era.V7_2},),
}

# Red Hat's kernels behave like their distribution: major of RHEL, version -> era, the build that was read.
_RHEL: dict[tuple[str, tuple[int, int]], tuple[Era, str]] = {
    ("6", (2, 6)): (Era.RHEL6, "-642."),
    ("7", (3, 10)): (Era.RHEL7, "-1160."),
    ("8", (4, 18)): (Era.RHEL8, "-240."),
}
_BUILD = r"-(\d+)"
# x86: the sum of all RAM, memblock_phys_mem_size(), instead of the end of the last one, max_pfn.
_COUNTS_SUM_SINCE: Version = (3, 11, 0)
# a149cf00b158 and a9ae89df7377: `arm64: kdump: Support crashkernel=X fall back to reserve region above DMA zones`.
_FALLS_BACK_SINCE: Version = (6, 2, 0)


def behaviours_of(text: str, version: Version, rhel: str) -> tuple[tuple[Behaviour, ...], bool]:
    """The possible behaviours of a release, the likeliest first; and whether the sources of that version were read.

    `rhel`: the major version of RHEL that the release names, "" for none.
    """
    known = _RHEL.get((rhel, version[:2]))
    if known:
        era, exact = known[0], known[1] in text
    else:
        era = next(era for first, era in _FIRST if version >= first)
        numbers = version if version[0] == 2 else version[:2]
        # Red Hat's other kernels mix behaviours of several versions: the era is only the nearest one.
        exact = numbers in _SOURCES_READ and not rhel
    first = Behaviour(
        era,
        PARSER_RULES[era],
        era.since(Era.V6_1),
        counts_span=era is not Era.RHEL7 and version < _COUNTS_SUM_SINCE,
        arm_falls_back=_ARM_LOW if version >= _FALLS_BACK_SINCE else 0,
    )
    found = re.search(_BUILD, text)
    build = int(found[1][:9]) if found else 0
    rows = [row for row in VENDOR_CHANGES if row.version == version[:2] and re.search(row.tag, text)]
    others = [] if known or rows or re.fullmatch(_UPSTREAM, text) else list(_LATER.get(era, ()))
    for row in rows:
        if row.first <= build <= row.last:
            exact = exact and row.certain
            if row.certain:
                first = _changed(first, row.changes)
            else:
                others.append(row.changes)
    possible = [first, *(_changed(first, changes) for changes in others)]
    if first.counts_span and era.since(Era.V3_0):
        # Which version between 2.6.36 and 3.11 counts the sum first was not read.
        possible += [each._replace(counts_span=False) for each in possible]
    return tuple(dict.fromkeys(possible)), exact and len(possible) == 1


def _changed(behaviour: Behaviour, changes: dict[str, Any]) -> Behaviour:
    era = changes.get("era", behaviour.era)
    rules = behaviour.rules if era is behaviour.era else PARSER_RULES[era]
    rules = rules._replace(**{name: value for name, value in changes.items() if name in ParserRules._fields})
    own = {name: value for name, value in changes.items() if name in Behaviour._fields}
    return behaviour._replace(**own, rules=rules)


def doubt_of(behaviours: Sequence[Behaviour]) -> str:
    """Why it is not known which of the behaviours a release has, "" if there is only one."""
    if len(behaviours) == 1:
        return ""
    if len({each._replace(counts_span=False) for each in behaviours}) == 1:
        return "before 3.11 it may count the holes between RAM as RAM"
    return "this vendor may have changed it"
