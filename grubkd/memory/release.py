"""Kernel releases, as `uname -r` prints them: version, vendor, architecture and behaviour."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from grubkd.errors import Usage
from grubkd.memory import architecture
from grubkd.memory.behaviours import PARSER_RULES, Version, behaviour_of

if TYPE_CHECKING:
    from grubkd.memory.architecture import Architecture
    from grubkd.memory.behaviours import Era, ParserRules

_VERSION = re.compile(r"(\d{1,3})\.(\d{1,4})(?:\.(\d{1,5}))?")
_RHEL = re.compile(r"\.el(\d+)(?!\d)")
# The number of a distribution's build: `-427.13.1` of `5.14.0-427.13.1.el9_4.x86_64`.
_BUILD = re.compile(r"\A([0-9.]+-)([0-9]+(?:\.[0-9]+)*)(?![0-9])")
_DIGITS = re.compile("[0-9]+")
_SEPARATORS = re.compile("[-.+_]")

AUTOMATIC_SINCE: Version = (2, 6, 27)
"""x86 kernels before this version reserve only with an `@offset`."""

KASLR_SINCE: Version = (4, 12, 0)
"""Since this version distributions' x86 kernels move themselves at random, unless booted with `nokaslr`."""


@dataclass(frozen=True, slots=True)
class Release:
    """A kernel release and the behaviour that grubkd assumes for it.

    `exact`: the sources of that very version were read; else `note` says whose behaviour is assumed. `vendor`: "rhel5"
    to "rhel10" for Red Hat's builds and their derivatives, else "". `architecture`: None if the release names none.
    """

    text: str
    version: Version
    vendor: str
    era: Era
    rules: ParserRules
    exact: bool
    note: str
    architecture: Architecture | None
    pages_64k: bool
    pae: bool

    @staticmethod
    def parse(text: str) -> Release:
        """Parse a text like `6.1.0-50-686-pae` or `4.18.0-240.el8.x86_64`. Raises Usage."""
        numbers = _VERSION.match(text)
        if numbers is None:
            raise Usage(f"'{text}' is not a kernel release", hint="give what `uname -r` prints, like 6.1.0-50-amd64")
        version = (int(numbers[1]), int(numbers[2]), int(numbers[3] or 0))
        red_hat = _RHEL.search(text)
        era, exact = behaviour_of(text, version, red_hat[1] if red_hat else "")
        note = "" if exact else f"{text}: the behaviour is that of the nearest known kernel, {era}"
        if version < AUTOMATIC_SINCE:
            note += "; before 2.6.27 x86 reserves only with an @offset"
        words = _SEPARATORS.split(text.lower())
        return Release(
            text=text,
            version=version,
            vendor=f"rhel{red_hat[1]}" if red_hat else "",
            era=era,
            rules=PARSER_RULES[era],
            exact=exact,
            note=note,
            architecture=architecture.implied(text),
            pages_64k="64k" in words or "64kb" in words,
            pae="pae" in words or "bigmem" in words,
        )

    @property
    def counts_span(self) -> bool:
        """Whether its x86 kernels take the end of the last RAM, holes included, for the amount of RAM."""
        return self.era.counts_span

    @property
    def sample(self) -> Release:
        """The release with a build number of zeros: one for all builds that behave alike."""
        text = _BUILD.sub(lambda found: found[1] + _DIGITS.sub("0", found[2]), self.text)
        return replace(self, text=text, note=self.note.replace(self.text, text))

    @property
    def kaslr_by_default(self) -> bool:
        """Whether a distribution's kernel of this release moves itself at random, unless booted with `nokaslr`."""
        return self.version >= KASLR_SINCE

    def __str__(self) -> str:
        return self.text
