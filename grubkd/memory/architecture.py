"""Machine architectures: one name each, however the user, `uname -m`, dpkg or RPM spells it."""

from __future__ import annotations

import re
from enum import StrEnum

from grubkd.errors import ArchitectureUnknown


class Architecture(StrEnum):
    """The architectures that grubkd models; the value is the name in messages."""

    I386 = "i386"
    X86_64 = "x86_64"
    ARM = "arm"
    ARM64 = "arm64"
    PPC64 = "ppc64"
    PPC64LE = "ppc64le"
    S390X = "s390x"
    RISCV64 = "riscv64"
    LOONGARCH64 = "loongarch64"

    @property
    def is_x86(self) -> bool:
        """32-bit or 64-bit x86."""
        return self is _I386 or self is _X86_64

    @property
    def rust_name(self) -> str:
        """Rust's std::env::consts::ARCH, which has one name for both byte orders of POWER."""
        return _RUST_NAMES.get(self.value, self.value)

    @property
    def is_powerpc(self) -> bool:
        """64-bit POWER, either byte order."""
        return self is _PPC64LE or self is _PPC64


# Faster than a set of members, whose hash is computed in Python: predict --batch answers thousands of lines a second.
_I386, _X86_64 = Architecture.I386, Architecture.X86_64
_PPC64, _PPC64LE = Architecture.PPC64, Architecture.PPC64LE

_RUST_NAMES = {"i386": "x86", "arm64": "aarch64", "ppc64": "powerpc64", "ppc64le": "powerpc64"}

_NAMES = {
    **{architecture.value: architecture for architecture in Architecture},
    **dict.fromkeys(("i486", "i586", "i686", "x86", "686", "586", "486", "ia32"), Architecture.I386),
    **dict.fromkeys(("amd64", "x86-64", "x64"), Architecture.X86_64),
    **dict.fromkeys(("armhf", "armel", "armv6l", "armv7l", "armv7hl", "armv8l", "armmp"), Architecture.ARM),
    **dict.fromkeys(("aarch64", "armv8"), Architecture.ARM64),
    "ppc64el": Architecture.PPC64LE,
    "powerpc64le": Architecture.PPC64LE,
    "powerpc64": Architecture.PPC64,
    "s390": Architecture.S390X,
    "riscv": Architecture.RISCV64,
    "loong64": Architecture.LOONGARCH64,
    "loongarch": Architecture.LOONGARCH64,
}

_WORDS = re.compile(r"x86_64|[0-9A-Za-z]+")


def architecture(name: str) -> Architecture:
    """The architecture of a name, as uname, dpkg, RPM or the user writes it. Raises ArchitectureUnknown."""
    if isinstance(name, Architecture):
        return name
    found = _NAMES.get(name.strip().lower())
    if found is None:
        raise ArchitectureUnknown(f"unknown architecture '{name}'", hint="known: " + ", ".join(Architecture))
    return found


def implied(release: str) -> Architecture | None:
    """The architecture in a kernel release (`-686-pae`, `-amd64`, `.el8.x86_64`), None if it has none."""
    words = _WORDS.findall(release.lower())
    for word in reversed(words[1:]):
        if word in _NAMES:
            return _NAMES[word]
    return None
