"""The known behaviours of kernels, and the first version of each.

Each era is one behaviour of crashkernel=, named after the kernel whose sources were read or that was booted.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

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
    RHEL8_0 = "4.18 of RHEL 8.0"
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


class Auto(StrEnum):
    """The known sizes of the value `auto`, by architecture and RAM; the value says where they are from."""

    RHEL6 = "2.6.32 of RHEL 6"
    RHEL7 = "3.10 of RHEL 7"
    RHEL7_ALT = "4.14 of RHEL 7"
    RHEL8_0 = "4.18 of RHEL 8.0"
    RHEL8_3 = "4.18 of RHEL 8.3"
    RHEL8_DOCUMENTED = "documentation of RHEL 8"
    POSTED = "kernel/crash_core: Add crashkernel=auto, 2021"


# Upstream's kernels do not know `auto`.
AUTO: dict[Era, Auto] = {
    Era.RHEL6: Auto.RHEL6,
    Era.RHEL7: Auto.RHEL7,
    Era.RHEL8_0: Auto.RHEL8_0,
    Era.RHEL8: Auto.RHEL8_3,
}
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
    Era.RHEL8_0: _HIGH_AND_LOW._replace(rounds_ram=True),
    Era.RHEL8: _HIGH_AND_LOW._replace(rounds_ram=True),
    Era.V5_10: _HIGH_AND_LOW,
    Era.V6_1: _HIGH_AND_LOW._replace(rounds_ram=True, missing=ENOENT),
    Era.V6_8: _GENERIC,
    Era.V6_12: _GENERIC._replace(rejects_all_of_ram=True),
    Era.V7_2: _GENERIC._replace(rejects_all_of_ram=True, suffixes=(",high", ",low", ",cma"), saturates=True),
}

# The first version of each era. Where two kernels that were read differ, it is the release that has the change.
FIRST_VERSIONS: tuple[tuple[Version, Era], ...] = (
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
SOURCES_READ: frozenset[tuple[int, ...]] = frozenset(
    {(2, 6, 29), (2, 6, 32), (4, 4), (4, 15), (4, 18), (5, 4), (5, 10), (5, 15), (6, 1), (6, 8), (6, 12), (7, 2)}
)


class Behaviour(NamedTuple):
    """How a kernel reads and places crashkernel=.

    auto: the sizes of `auto`, None if it does not know it.
    counts_span: for x86 builds the RAM is the end of the last one, holes included.
    aligned_base: for x86 builds an offset must be a multiple of 16M, not only of 1M.
    arm_high: its arm64 builds know `,high` and `,low`.
    arm_falls_back: its arm64 builds up to 6.6 go on above the DMA limit, with these bytes below it; 0 if they do not.
    arm_as_x86: its arm64 builds read and place as x86 builds of 5.2 to 6.6 do, with arm64's limits. These are the
    patches `support reserving crashkernel above 4G on arm64 kdump` that upstream did not take.
    arm_top_first: such builds hold a region at the top of all RAM while they search one below the DMA limit.
    arm_from_bottom: its arm64 builds place a plain size as low as possible, anywhere.
    """

    era: Era
    rules: ParserRules
    arm_high: bool
    auto: Auto | None = None
    counts_span: bool = False
    arm_falls_back: int = 0
    aligned_base: bool = False
    arm_as_x86: bool = False
    arm_top_first: bool = False
    arm_from_bottom: bool = False

    def placing(self, *, arm: bool) -> tuple[object, ...]:
        """What placement depends on beside the era, on arm64 or elsewhere."""
        if not arm:
            return (self.aligned_base,)
        return (self.arm_falls_back, self.arm_as_x86, self.arm_top_first, self.arm_from_bottom)


def doubt_of(behaviours: Sequence[Behaviour]) -> str:
    """Why it is not known which of the behaviours a release has, "" if there is only one."""
    if len(behaviours) == 1:
        return ""
    if len({each._replace(counts_span=False) for each in behaviours}) == 1:
        return "before 3.11 it may count the holes between RAM as RAM"
    return "this vendor may have changed it"
