"""The eras of kernels: each is one known behaviour of the crashkernel= parameter, named after a kernel that has it."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class Era(StrEnum):
    """A known behaviour; the value is the kernel it was established on. Declared in the order of time."""

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
        """Whether this era is the other one or comes after it."""
        return _ORDER[self] >= _ORDER[other]


_ORDER = {era: index for index, era in enumerate(Era)}


class ParserRules(NamedTuple):
    """How the kernels of an era read a value, as far as it differs from era to era.

    suffixes: the comma suffixes it knows; a token that ends in one is never the plain token.
    letters: the size suffixes that memparse knows.
    saturates: values beyond 2^64 become 2^64-1 and a suffix letter needs digits; else they wrap and a bare letter is 0.
    checks_end: what follows a simple value must be `@`, a space or the end.
    rounds_ram: the RAM that selects a range is rounded up to 128 MiB.
    missing: the error number for "no such token".
    plain_decides: `,high` is looked for only where no plain token stands; else also after an invalid or zero one.
    rejects_all_of_ram: a size that is not below the RAM is an error of the value.
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
