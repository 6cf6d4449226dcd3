"""Numbers as the kernel's memparse() reads them at a place in a text."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from grubkd.memory.size import LIMIT, SUFFIXES

if TYPE_CHECKING:
    from grubkd.memory.eras import Reading

_NUMBER = re.compile(r"0[xX]([0-9a-fA-F]+)|0([0-7]*)|([1-9][0-9]*)")
_SHIFTS = {letter: shift for key, shift in SUFFIXES.items() for letter in (key, key.lower())}
_LETTERS = {letters: frozenset(letters + letters.lower()) for letters in ("KMG", "KMGTPE")}
# Python refuses decimal texts of more than 4300 digits; what is cut off here only matters modulo 2^64.
_DIGITS_AT_ONCE = 4000


def memparse(text: str, at: int, reading: Reading) -> tuple[int, int]:
    """The value of the number at `at`, and the offset behind it; the same offset where no number stands.

    C base 0: `0x` with a hex digit is hex, another leading 0 is octal and ends at the first digit that is not; then
    one suffix letter. Up to 6.12 values wrap modulo 2^64 and a suffix letter alone is 0; in 7.2 they saturate at
    2^64-1 and a letter alone is no number.
    """
    found = _NUMBER.match(text, at)
    if found is None:
        if reading.saturates or text[at : at + 1] not in _LETTERS[reading.letters] or at == len(text):
            return 0, at
        return 0, at + 1
    end = found.end()
    which = found.lastindex
    if which == 3:
        value = int(found[3]) if end - at < _DIGITS_AT_ONCE else _long(found[3])
    elif which == 1:
        value = int(found[1], 16)
    else:
        value = int(found[2] or "0", 8)
    if end < len(text) and text[end] in _LETTERS[reading.letters]:
        value <<= _SHIFTS[text[end]]
        end += 1
    if value >= LIMIT:
        value = LIMIT - 1 if reading.saturates else value % LIMIT
    return value, end


def _long(digits: str) -> int:
    value = 0
    for start in range(0, len(digits), _DIGITS_AT_ONCE):
        chunk = digits[start : start + _DIGITS_AT_ONCE]
        value = value * 10 ** len(chunk) + int(chunk)
    return value
