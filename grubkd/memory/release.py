"""Kernel releases: what `uname -r` says, and which known behaviour the kernel of that release has."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING

from grubkd.errors import Usage
from grubkd.memory import architecture
from grubkd.memory.behaviours import PARSER_RULES, Era

if TYPE_CHECKING:
    from grubkd.memory.architecture import Architecture
    from grubkd.memory.behaviours import ParserRules

Version = tuple[int, int, int]

_VERSION = re.compile(r"(\d{1,3})\.(\d{1,4})(?:\.(\d{1,5}))?")
_RHEL = re.compile(r"\.el(\d+)(?!\d)")
# What a distribution counts its builds of one version with: `-427.13.1` of `5.14.0-427.13.1.el9_4.x86_64`.
_BUILD = re.compile(r"\A([0-9.]+-)([0-9]+(?:\.[0-9]+)*)(?![0-9])")
_ALIKE = re.compile(r"([0-9.]+-)([0-9]+(?:\.[0-9]+)*)((?:[-._+].*)?)\Z", re.DOTALL)
# Numbers that tell more than others: builds whose sources were read, and names of i386.
_TELLING = frozenset({"240", "642", "1160", "486", "586", "686"})

# The first version of each era, and those whose sources were read. Where the change came between two kernels that
# were read, the boundary is the release that the change went into.
_FIRST: tuple[tuple[Version, Era], ...] = (
    ((6, 17, 0), Era.V7_2),  # ,cma
    ((6, 11, 0), Era.V6_12),  # a size of all RAM is refused, the endless loop of ,high is gone
    ((6, 7, 0), Era.V6_8),  # one parser and one search for x86, arm64, riscv
    ((5, 19, 0), Era.V6_1),  # a missing token is told from an invalid one; RAM is rounded up to 128M
    ((5, 2, 0), Era.V5_10),  # automatic placement below 4G instead of 896M, then above
    ((4, 18, 0), Era.V4_18),
    ((3, 9, 0), Era.V4_4),  # ,high and ,low
    ((2, 6, 37), Era.V3_0),  # memblock: from the top down
    ((2, 6, 31), Era.V2_6_32),  # the kernel itself starts at 16M
    ((0, 0, 0), Era.V2_6_29),
)
_READ: frozenset[tuple[int, ...]] = frozenset(
    {(2, 6, 29), (2, 6, 32), (4, 4), (4, 15), (4, 18), (5, 4), (5, 10), (5, 15), (6, 1), (6, 8), (6, 12), (7, 2)}
)
# Red Hat's kernels carry the behaviour of their distribution: major of RHEL, version, era, the build that was read.
_COUNTING_SPAN = frozenset({Era.V2_6_29, Era.V2_6_32, Era.RHEL6})
_RHEL_ERAS: dict[tuple[str, tuple[int, int]], tuple[Era, str]] = {
    ("6", (2, 6)): (Era.RHEL6, "-642."),
    ("7", (3, 10)): (Era.RHEL7, "-1160."),
    ("8", (4, 18)): (Era.RHEL8, "-240."),
}
AUTOMATIC_SINCE: Version = (2, 6, 27)
"""x86 kernels before this one reserve only with an `@offset`."""

KASLR_SINCE: Version = (4, 12, 0)
"""From here on a distribution's x86 kernel places itself at random unless told `nokaslr`."""


@dataclass(frozen=True, slots=True)
class Release:
    """A kernel release and the behaviour that grubkd takes it to have.

    `exact` says whether the sources of that very version were read; else `note` tells whose behaviour is taken.
    `vendor` is "rhel5" .. "rhel10" for Red Hat's builds and their kin, else "". `architecture` is None where the
    release names none.
    """

    text: str
    version: Version
    vendor: str
    era: Era
    reading: ParserRules
    exact: bool
    note: str
    architecture: Architecture | None
    pages_64k: bool
    pae: bool

    @staticmethod
    def sample_of(text: str) -> Release:
        """parse(text).sample, worked out once for all builds that differ in nothing else. Raises Usage."""
        return _sample_of(text)

    @staticmethod
    def parse(text: str) -> Release:
        """The release of a text like `6.1.0-50-686-pae` or `4.18.0-240.el8.x86_64`. Raises Usage."""
        return _parse(text)

    @property
    def counts_span(self) -> bool:
        """Whether its x86 kernels take the address span up to the end of RAM, holes included, for the RAM."""
        return self.era in _COUNTING_SPAN

    @property
    def sample(self) -> Release:
        """One build for all those that differ in the number of the build only, and so in `text` and `note` only."""
        return _sample(self)

    @property
    def kaslr_by_default(self) -> bool:
        """Whether a distribution's kernel of this release randomises its own place unless told not to."""
        return self.version >= KASLR_SINCE

    def __str__(self) -> str:
        return self.text

    def __hash__(self) -> int:
        """Of the text alone, which tells releases apart as a rule: a configuration may have thousands."""
        return hash(self.text)


@lru_cache(maxsize=4096)
def _parse(text: str) -> Release:
    numbers = _VERSION.match(text)
    if numbers is None:
        raise Usage(f"'{text}' is no kernel release", hint="give what `uname -r` prints, like 6.1.0-50-amd64")
    version = (int(numbers[1]), int(numbers[2]), int(numbers[3] or 0))
    red_hat = _RHEL.search(text)
    vendor = f"rhel{red_hat[1]}" if red_hat else ""
    era, exact = _behaviour(text, version, red_hat[1] if red_hat else "")
    note = "" if exact else f"{text}: the behaviour is taken from the nearest known kernel, {era}"
    if version < AUTOMATIC_SINCE:
        note += "; before 2.6.27 x86 reserves only with an @offset"
    lower = text.lower()
    words = re.split(r"[-.+_]", lower) if any(mark in lower for mark in ("64k", "pae", "bigmem")) else ()
    return Release(
        text,
        version,
        vendor,
        era,
        PARSER_RULES[era],
        exact,
        note,
        architecture.implied(text),
        "64k" in words or "64kb" in words,
        "pae" in words or "bigmem" in words,
    )


@lru_cache(maxsize=4096)
def _sample(release: Release) -> Release:
    text = _BUILD.sub(lambda found: found[1] + re.sub("[0-9]+", "0", found[2]), release.text)
    made = replace(release, text=text, note=release.note.replace(release.text, text))
    # The same object for equal ones, so that comparing them is comparing identities.
    return _SAMPLES.setdefault(made, made)


_SAMPLES: dict[Release, Release] = {}


def _sample_of(text: str) -> Release:
    found = _ALIKE.match(text)
    if found is None or not _TELLING.isdisjoint(found[2].split(".")):
        return _sample(_parse(text))
    # That the number of the build plays no part in anything else that a release tells, a test makes sure of.
    alike = (found[1], found[2].count("."), found[3])
    known = _FAMILIES.get(alike)
    if known is None:
        known = _FAMILIES[alike] = _sample(_parse(text))
    return known


_FAMILIES: dict[tuple[str, int, str], Release] = {}


def _behaviour(text: str, version: Version, rhel: str) -> tuple[Era, bool]:
    known = _RHEL_ERAS.get((rhel, version[:2]))
    if known:
        return known[0], known[1] in text
    era = next(era for first, era in _FIRST if version >= first)
    numbers = version if version[0] == 2 else version[:2]
    # Red Hat's other kernels mix behaviours of several versions: only the nearest can be told.
    return era, numbers in _READ and not rhel
