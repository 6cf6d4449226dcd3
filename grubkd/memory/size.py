"""Amounts of memory: bytes as integers, and the text that users write for them."""

from __future__ import annotations

import re

from grubkd.errors import BadValue

KIB = 1 << 10
MIB = 1 << 20
GIB = 1 << 30
TIB = 1 << 40

SUFFIXES = {"K": 10, "M": 20, "G": 30, "T": 40, "P": 50, "E": 60}
"""The suffix letters of the kernel's memparse, each with its power of two."""

LIMIT = 1 << 64
"""Sizes and addresses are below 2^64: the kernel's `unsigned long long`."""


_STRICT = re.compile(r"(0[xX][0-9a-fA-F]*|[0-9]*)([KMGTPE]?)", re.IGNORECASE | re.ASCII)


def parse_size(text: str) -> int:
    """Parse a size: decimal digits without a leading zero, or 0x and hex digits, then perhaps a suffix KMGTPE.

    Without a suffix it is a number of bytes. Raises BadValue (column from 1) for anything else, and for what does not
    fit into 64 bits.
    """
    found = _STRICT.match(text)
    number, suffix = (found[1], found[2]) if found else ("", "")
    if number.lower() in {"", "0x"}:
        raise BadValue(
            f"'{text}' is not a size: the number is missing", hint="write sizes like 256M", column=len(number) + 1
        )
    end = len(number) + len(suffix)
    if end < len(text):
        raise BadValue(
            f"'{text[end]}' is not part of a size, in '{text}'", hint="write sizes like 256M", column=end + 1
        )
    hexadecimal = number[:2].lower() == "0x"
    if not hexadecimal and number.startswith("0") and number != "0":
        raise BadValue(
            f"'{text}' is octal: kernels read a number with a leading 0 in base eight",
            hint=f"write {number.lstrip('0') or '0'}{suffix} for the decimal number",
            column=1,
        )
    # Python refuses decimal texts of thousands of digits; 2^64 has twenty.
    value = LIMIT if len(number) > 20 else int(number, 16 if hexadecimal else 10)
    if suffix:
        value <<= SUFFIXES[suffix.upper()]
    if value >= LIMIT:
        raise BadValue(f"'{text}' does not fit into 64 bits", hint="write sizes like 256M", column=1)
    return value


def format_size(size: int) -> str:
    """The shortest exact text, with the largest suffix that divides the size."""
    for letter in reversed(SUFFIXES):
        shift = SUFFIXES[letter]
        if size and size % (1 << shift) == 0:
            return f"{size >> shift}{letter}"
    return str(size)


def in_megabytes(size: int) -> str:
    """The size in whole megabytes, rounded up."""
    return f"{-(-size // MIB)}M"


def round_up(value: int, unit: int) -> int:
    """The smallest multiple of unit that is not below value."""
    return -(-value // unit) * unit


def round_down(value: int, unit: int) -> int:
    """The largest multiple of unit that is not above value."""
    return value // unit * unit
