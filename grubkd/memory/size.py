"""Amounts of memory: bytes as integers, and the text people and kernels write for them."""

from grubkd.errors import BadValue

KIB = 1 << 10
MIB = 1 << 20
GIB = 1 << 30
TIB = 1 << 40

SUFFIXES = {"K": 10, "M": 20, "G": 30, "T": 40, "P": 50, "E": 60}
"""The suffix letters of the kernel's memparse, each with the power of two it stands for."""

LIMIT = 1 << 64
"""Sizes and addresses are below 2^64: the kernel's `unsigned long long`."""


def parse_size(text: str) -> int:
    """Bytes of a strict size: decimal digits without a leading zero, or 0x and hex digits, then a suffix KMGTPE.

    The suffix may be left out only for a plain number of bytes. Raises BadValue (column from 1) for anything else,
    and for what does not fit into 64 bits.
    """
    digits = text[:-1] if text[-1:].upper() in SUFFIXES and text[-1:].isalpha() and not _is_hex(text) else text
    shift = SUFFIXES[text[-1].upper()] if digits != text else 0
    for index, character in enumerate(digits if not _is_hex(digits) else ""):
        if character not in "0123456789":
            raise BadValue(f"'{character}' in '{text}' is no digit", hint="write sizes like 256M", column=index + 1)
    if not digits or digits.lower() == "0x":
        raise BadValue(f"'{text}' holds no number", hint="write sizes like 256M", column=1)
    if _is_hex(digits):
        value = _hexadecimal(text, digits)
    elif digits != "0" and digits.startswith("0"):
        raise BadValue(
            f"'{text}' would be octal: kernels read a leading 0 as base eight",
            hint=f"write {text.lstrip('0') or '0'} for the decimal number",
            column=1,
        )
    else:
        value = int(digits)
    value <<= shift
    if value >= LIMIT:
        raise BadValue(f"'{text}' does not fit into 64 bits", hint="write sizes like 256M", column=1)
    return value


def _is_hex(text: str) -> bool:
    return text[:2] in {"0x", "0X"}


def _hexadecimal(text: str, digits: str) -> int:
    for index, character in enumerate(digits[2:], 3):
        if character not in "0123456789abcdefABCDEF":
            raise BadValue(f"'{character}' in '{text}' is no hex digit", hint="write 0x10000000 or 256M", column=index)
    return int(digits, 16)


def format_size(size: int) -> str:
    """The shortest exact text: the largest suffix that divides the size; 0 is `0`."""
    for letter in reversed(SUFFIXES):
        shift = SUFFIXES[letter]
        if size and size % (1 << shift) == 0:
            return f"{size >> shift}{letter}"
    return str(size)


def round_up(value: int, unit: int) -> int:
    """The smallest multiple of unit that is not below value."""
    return -(-value // unit) * unit


def round_down(value: int, unit: int) -> int:
    """The largest multiple of unit that is not above value."""
    return value // unit * unit
