"""Kernel releases, as `uname -r` prints them: version, vendor, architecture, behaviour, and the typical image."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from grubkd.errors import Usage
from grubkd.memory.architecture import Architecture, implied
from grubkd.memory.behaviours import Behaviour, Version, doubt_of
from grubkd.memory.size import KIB, MIB
from grubkd.memory.vendor_kernels import behaviours_of

if TYPE_CHECKING:
    from grubkd.memory.behaviours import Era, ParserRules
    from grubkd.memory.memory_map import Extent

_VERSION = re.compile(r"(\d{1,3})\.(\d{1,4})(?:\.(\d{1,5}))?")
# Red Hat's builds, and those of Virtuozzo from them (`.vz7`); ELRepo builds upstream's sources.
_RHEL = re.compile(r"\.(?:el|vz)(\d+)(?!\d)(?!\.elrepo)")
# The number of a distribution's build: `-427.13.1` of `5.14.0-427.13.1.el9_4.x86_64`.
_BUILD = r"\A([0-9.]+-)([0-9]+(?:\.[0-9]+)*)(?![0-9])"
_REALTIME = re.compile(r"[-.+]rt(?![a-z])")
_DEBIAN_KEXEC = r"[0-9.]+(?:-\d+|\+deb[0-9.]+)-(?:rt-|cloud-)?(arm64|arm64-16k|armmp(?:-lpae)?|riscv64|s390x)"
_DIGITS = "[0-9]+"
_SEPARATORS = re.compile("[-.+_]")

AUTOMATIC_SINCE: Version = (2, 6, 27)
"""x86 kernels before this version reserve only with an `@offset`."""

KASLR_SINCE: Version = (4, 12, 0)
"""Since this version distributions' x86 kernels move themselves at random, unless booted with `nokaslr`."""


class Release(NamedTuple):
    """A kernel release and the behaviour that grubkd assumes for it.

    `behaviours`: the possible ones, the likeliest first. `exact`: the sources of that very version were read; else
    `note` says whose behaviour is assumed. `vendor`: "rhel5" to "rhel10" for Red Hat's builds and their derivatives,
    else "". `architecture`: None if the release names none.
    """

    text: str
    version: Version
    vendor: str
    behaviours: tuple[Behaviour, ...]
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
        behaviours, exact = behaviours_of(text, version, red_hat[1] if red_hat else "")
        era = behaviours[0].era
        note = "" if exact else f"{text}: the behaviour is that of the nearest known kernel, {era}"
        doubt = doubt_of(behaviours)
        if doubt:
            note += f"; {doubt}"
        if version < AUTOMATIC_SINCE:
            note += "; before 2.6.27 x86 reserves only with an @offset"
        words = _SEPARATORS.split(text.lower())
        return Release(
            text=text,
            version=version,
            vendor=f"rhel{red_hat[1]}" if red_hat else "",
            behaviours=behaviours,
            exact=exact,
            note=note,
            architecture=implied(text),
            pages_64k="64k" in words or "64kb" in words,
            pae="pae" in words or "bigmem" in words,
        )

    @property
    def era(self) -> Era:
        """The era of the likeliest behaviour."""
        return self.behaviours[0].era

    @property
    def rules(self) -> ParserRules:
        """The parser rules of the likeliest behaviour."""
        return self.behaviours[0].rules

    @property
    def possible(self) -> tuple[Release, ...]:
        """The release with each possible behaviour alone, the likeliest first."""
        if len(self.behaviours) == 1:
            return (self,)
        return tuple(self._replace(behaviours=(behaviour,)) for behaviour in self.behaviours)

    @property
    def counts_span(self) -> bool:
        """Whether its x86 kernels take the end of the last RAM, holes included, for the amount of RAM."""
        return self.behaviours[0].counts_span

    @property
    def doubt(self) -> str:
        """Why it is not known which of the possible behaviours it has, "" if there is only one."""
        return doubt_of(self.behaviours)

    @property
    def sample(self) -> Release:
        """The release with a build number of zeros: one for all builds that behave alike."""
        text = re.sub(_BUILD, lambda found: found[1] + re.sub(_DIGITS, "0", found[2]), self.text)
        return self._replace(text=text, note=self.note.replace(self.text, text))

    @property
    def page_size(self) -> int:
        """Bytes of a page on arm64, by the name of the flavour, and by the distribution.

        RHEL 7 and 8 have 64K. Oracle's UEK has 4K: config-aarch64 of oracle/linux-uek, CONFIG_ARM64_4K_PAGES.
        """
        if self.pages_64k or (self.vendor in {"rhel7", "rhel8"} and "uek" not in self.text):
            return 64 * KIB
        return 16 * KIB if "16k" in _SEPARATORS.split(self.text.lower()) else 4 * KIB

    @property
    def power_page_sizes(self) -> tuple[int, ...]:
        """The possible bytes of a page on POWER: Debian's default flavour has 4K since 6.10, others mostly have 64K."""
        if self.pages_64k or self.vendor:
            return (64 * KIB,)
        if "powerpc64le" in self.text or "powerpc64" in self.text:
            return (4 * KIB,) if self.version >= (6, 10) else (64 * KIB, 4 * KIB)
        return (64 * KIB, 4 * KIB)

    @property
    def realtime(self) -> bool:
        """Whether the release names a real-time kernel (`-rt-amd64`, `.rt7.72.el8`)."""
        return bool(_REALTIME.search(self.text))

    @property
    def has_kexec(self) -> bool | None:
        """Whether it is built so that it can reserve memory, by its vendor; None if that is not known.

        Debian's linux-config-6.1 and 6.12: arm64, armhf and riscv64 have CONFIG_KEXEC and CONFIG_CRASH_DUMP; s390x 6.1
        has no CONFIG_CRASH_DUMP, which reserve_crashkernel() of arch/s390/kernel/setup.c needs. Red Hat supports kdump
        on all its architectures.
        """
        found = re.fullmatch(_DEBIAN_KEXEC, self.text)
        if found and found[1] == "s390x":
            return False if self.version[:2] == (6, 1) else None
        return True if self.vendor or (found and self.version[:2] in ((6, 1), (6, 12))) else None

    def moves(self, cmdline: str) -> bool:
        """Whether KASLR moves the kernel: distributions' x86 kernels since 4.12, unless booted with `nokaslr`."""
        return self.version >= KASLR_SINCE and "nokaslr" not in cmdline.split()

    def __str__(self) -> str:
        return self.text


BRK = 128 * KIB
"""Bytes that x86 reserves behind the image for its early page tables."""


class TypicalImage(NamedTuple):
    """The extent, and how many bytes less or more other builds of about that version take at its end."""

    extent: Extent
    less: int
    more: int


# From the start of "Kernel code" to the end of "Kernel bss", without KASLR: Debian's builds, by their ELF files.
# The end is rounded up to 2M by the linker on x86_64, and so the same for all builds of a version and flavour.
_DEBIAN: dict[tuple[tuple[int, int], str], Extent] = {
    ((5, 10), "-amd64"): (0x1000000, 0x4000000),
    ((5, 10), "-cloud-amd64"): (0x1000000, 0x3200000),
    ((5, 10), "-686-pae"): (0x1000000, 0x1D48000),
    ((6, 1), "-amd64"): (0x1000000, 0x4400000),
    ((6, 1), "-cloud-amd64"): (0x1000000, 0x3800000),
    ((6, 1), "-686-pae"): (0x1000000, 0x1F0B000),
    ((6, 12), "-amd64"): (0x1000000, 0x3C00000),
    ((6, 12), "-cloud-amd64"): (0x1000000, 0x3C00000),
    ((7, 2), "-amd64"): (0x1000000, 0x4200000),
    ((7, 2), "-cloud-amd64"): (0x1000000, 0x4200000),
}
_DEBIAN_NAME = re.compile(r"\d+\.\d+\.[0-9.]+(?:-\d+|\+deb[0-9.]+|-\d+\.deb[0-9.]+)(-(?:cloud-)?amd64|-686-pae)")

# Other builds, by the first version of each row. Distributions' kernels before 2.6.31 run at 1M (i386) or 2M (x86_64),
# later ones at 16M (CONFIG_PHYSICAL_START).
_X86_64: tuple[tuple[Version, TypicalImage], ...] = (
    ((6, 2, 0), TypicalImage((0x1000000, 0x4200000), 16 * MIB, 24 * MIB)),
    ((6, 0, 0), TypicalImage((0x1000000, 0x4400000), 16 * MIB, 24 * MIB)),
    ((5, 0, 0), TypicalImage((0x1000000, 0x4000000), 16 * MIB, 16 * MIB)),
    ((4, 0, 0), TypicalImage((0x1000000, 0x2C00000), 8 * MIB, 16 * MIB)),
    ((2, 6, 31), TypicalImage((0x1000000, 0x2100000), 6 * MIB, 10 * MIB)),
    ((0, 0, 0), TypicalImage((0x200000, 0xC00000), 4 * MIB, 3 * MIB)),
)
_I386: tuple[tuple[Version, TypicalImage], ...] = (
    ((4, 0, 0), TypicalImage((0x1000000, 0x1F0B000), 4 * MIB, 8 * MIB)),
    ((2, 6, 31), TypicalImage((0x1000000, 0x1A00000), 4 * MIB, 5 * MIB)),
    ((0, 0, 0), TypicalImage((0x100000, 0xA00000), 4 * MIB, 5 * MIB)),
)
# Offsets from the start of RAM, measured on Debian's kernels booted without EFI.
_ARM64: dict[tuple[int, int], TypicalImage] = {
    (6, 1): TypicalImage((0x200000, 0x220B000), 0, 0),
    (6, 12): TypicalImage((0x200000, 0x2D20000), 0, 0),
    (7, 2): TypicalImage((0x200000, 0x3100000), 0, 0),
}
_OTHERS: dict[Architecture, TypicalImage] = {
    # Offsets from the start of RAM.
    Architecture.ARM64: TypicalImage((0x200000, 0x2A00000), 16 * MIB, 32 * MIB),
    Architecture.RISCV64: TypicalImage((0x200000, 0x2600000), 16 * MIB, 32 * MIB),
    Architecture.LOONGARCH64: TypicalImage((0x200000, 0x2A00000), 16 * MIB, 32 * MIB),
    Architecture.ARM: TypicalImage((0x8000, 0x1A00000), 8 * MIB, 16 * MIB),
    Architecture.PPC64: TypicalImage((0, 0x2C00000), 12 * MIB, 32 * MIB),
    Architecture.PPC64LE: TypicalImage((0, 0x2C00000), 12 * MIB, 32 * MIB),
    Architecture.S390X: TypicalImage((0x100000, 0x1C00000), 8 * MIB, 16 * MIB),
}


def typical_image(release: Release, machine: Architecture, start_of_ram: int) -> TypicalImage:
    """The typical extent, from code to bss, of the kernel of that release without KASLR.

    Except on x86 it depends on `start_of_ram`.
    """
    if machine.is_x86:
        debian = _DEBIAN_NAME.fullmatch(release.text)
        known = _DEBIAN.get((release.version[:2], debian[1])) if debian else None
        if known:
            return TypicalImage(known, 0, 0)
        table = _I386 if machine is Architecture.I386 else _X86_64
        return next(image for first, image in table if release.version >= first)
    image = _ARM64.get(release.version[:2], _OTHERS[machine]) if machine is Architecture.ARM64 else _OTHERS[machine]
    start, end = image.extent
    return image._replace(extent=(start_of_ram + start, start_of_ram + end))


def possible_images(
    release: Release, machine: Architecture, start_of_ram: int, known: Extent | None
) -> tuple[Extent, ...]:
    """The known extent alone; without one the typical one first, then the shortest and the longest beside it."""
    if known:
        return (known,)
    image = typical_image(release, machine, start_of_ram)
    start, end = image.extent
    return tuple(dict.fromkeys(((start, end), (start, end - image.less), (start, end + image.more))))
