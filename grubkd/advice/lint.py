"""Values that a kernel does not read as they look: each is valid, and hardly ever what was meant."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from grubkd.advice.finding import Finding, Status
from grubkd.boot import cmdline
from grubkd.memory.size import KIB, MIB, SUFFIXES, format_size

if TYPE_CHECKING:
    from collections.abc import Iterator
    from re import Match

    from grubkd.errors import Place
    from grubkd.memory.release import Release

_NAME = "crashkernel="
_NUMBER = re.compile(r"(?<![\w.])(0[xX][0-9a-fA-F]+|\d{1,20})([KMGTPEkmgtpe]?)(?![\w.])")
_SUFFIXED = (",high", ",low", ",cma")


def lint(line: str, release: Release | None, place: Place | None = None) -> Iterator[Finding]:
    """What is odd about the values of a line. `release`: of the kernel that reads it, None if unknown."""
    words = cmdline.tokens(line)
    end = words.index("--") if "--" in words else len(words)
    plain = []
    for index, word in enumerate(words):
        if _NAME not in word:
            continue
        if not cmdline.is_crashkernel(word):
            why = "the kernel looks for crashkernel= anywhere in the line and takes the last one"
            said = f"{word} is not a crashkernel= argument, but the kernel reads a value in it"
            yield _odd("hidden-value", said, why, f"grubkd set --remove-arg '{word}'", place)
            continue
        value = word.partition("=")[2]
        if index > end:
            why = "the kernel reads it, but other tools take it for an argument of init"
            yield _odd("after-double-dash", f"{word} is after --", why, f"grubkd set {_meant(value)}", place)
        if not value.endswith(_SUFFIXED):
            plain.append(value)
        yield from _value(value, release, place)
    if len(plain) > 1:
        said = f"the line has {len(plain)} values: {' '.join(plain)}"
        why = f"the kernel takes the last one, {plain[-1]}"
        yield _odd("two-values", said, why, f"grubkd set {_meant(plain[-1])}", place)


def _value(value: str, release: Release | None, place: Place | None) -> Iterator[Finding]:
    if value.startswith("auto"):
        if release is not None and not release.era.knows_auto:
            said = f"kernel {release} does not know crashkernel=auto"
            why = "only kernels of RHEL 6, 7 and 8 know it: this one reserves nothing"
            yield _odd("auto-unknown", said, why, "grubkd set --auto", place)
        return
    fix = f"grubkd set {_meant(value)}"
    for match in _NUMBER.finditer(value):
        number, suffix = match[1], match[2]
        if _is_octal(number):
            said = f"{number}{suffix} in crashkernel={value} is octal: the kernel reads {_readable(number, suffix)}"
            yield _odd("octal", said, "the kernel reads a number that starts with 0 in base eight", fix, place)
        elif _is_bytes(number, suffix):
            said = f"{number} in crashkernel={value} is a number of bytes"
            yield _odd("no-suffix", said, "without K, M or G the kernel counts bytes", fix, place)


def _is_octal(number: str) -> bool:
    return number[0] == "0" and number.isdigit() and number.strip("0") != ""


def _is_bytes(number: str, suffix: str) -> bool:
    """Whether the amount is too small to be meant."""
    return not suffix and 0 < int(number, 16 if number[:2] in ("0x", "0X") else 10) < MIB


def _meant(value: str) -> str:
    """The value with its numbers as they were probably meant: decimal, and in megabytes."""

    def better(match: Match[str]) -> str:
        number, suffix = match[1], match[2]
        if _is_octal(number):
            return f"{number.lstrip('0')}{suffix or 'M'}"
        return f"{number}M" if _is_bytes(number, suffix) else match[0]

    return _NUMBER.sub(better, value)


def _readable(number: str, suffix: str) -> str:
    """What a kernel reads in a number with a leading 0: octal, up to the first digit that is not."""
    digits = number[: len(number) - len(number.lstrip("01234567"))]
    size = int(digits, 8) << (SUFFIXES[suffix.upper()] if suffix and digits == number else 0)
    return format_size(size) if size and size % KIB == 0 else f"{size} bytes"


def _odd(code: str, message: str, why: str, fix: str, place: Place | None) -> Finding:
    return Finding("value", Status.WARNING, message, code, why, fix, place)
