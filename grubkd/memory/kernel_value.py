"""How a kernel reads one value: numbers, `size[@offset]`, lists of RAM ranges, `size,suffix`, `auto`.

memparse() of lib/cmdline.c; parse_crashkernel_simple(), _mem() and _suffix() of kernel/kexec.c, later
kernel/crash_core.c and crash_reserve.c. `auto` is known to Red Hat's kernels of RHEL 6, 7 and 8, and to some builds of
Oracle and Fedora.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from grubkd.memory.architecture import Architecture
from grubkd.memory.behaviours import EINVAL, Auto, Era
from grubkd.memory.size import GIB, LIMIT, MIB, SUFFIXES, round_up

if TYPE_CHECKING:
    from grubkd.memory.behaviours import ParserRules


_NUMBER = re.compile(r"0[xX]([0-9a-fA-F]+)|0([0-7]*)|([1-9][0-9]*)")
_SHIFTS = {letter: shift for key, shift in SUFFIXES.items() for letter in (key, key.lower())}
_LETTERS = {letters: frozenset(letters + letters.lower()) for letters in ("KMG", "KMGTPE")}
# Python refuses decimal texts of more than 4300 digits.
_DIGITS_AT_ONCE = 4000


def memparse(text: str, at: int, rules: ParserRules) -> tuple[int, int]:
    """Return the number at the offset `at` and the offset behind it, which is `at` again if there is no number.

    C base 0: `0x` with a hex digit is hex; another leading 0 is octal, up to the first digit that is not octal. One
    suffix letter may follow. Up to 6.12 values wrap modulo 2^64 and a suffix letter alone is 0; in 7.2 they saturate
    at 2^64-1 and a letter alone is not a number.
    """
    found = _NUMBER.match(text, at)
    if found is None:
        if rules.saturates or text[at : at + 1] not in _LETTERS[rules.letters] or at == len(text):
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
    if end < len(text) and text[end] in _LETTERS[rules.letters]:
        value <<= _SHIFTS[text[end]]
        end += 1
    if value >= LIMIT:
        value = LIMIT - 1 if rules.saturates else value % LIMIT
    return value, end


def _long(digits: str) -> int:
    value = 0
    for start in range(0, len(digits), _DIGITS_AT_ONCE):
        chunk = digits[start : start + _DIGITS_AT_ONCE]
        value = value * 10 ** len(chunk) + int(chunk)
    return value


NAME = "crashkernel="
_ROUNDING = 128 * MIB


class Parsed(NamedTuple):
    """What the kernel reads in a token: its return value, bytes, the address (0: automatic), and its message."""

    ret: int
    size: int
    base: int
    reason: str


class _RangeEntry(NamedTuple):
    """An entry of a list: `size` for RAM from start to below stop. `after`: the offset behind it."""

    start: int
    stop: int
    size: int
    after: int


_AT_OR_SPACE = "[@ ]"


def parse_simple(cmdline: str, at: int, rules: ParserRules) -> Parsed:
    """Read `size[@offset]` at the offset `at`."""
    size, end = memparse(cmdline, at, rules)
    if end == at:
        return _error("memory value expected")
    following = cmdline[end : end + 1]
    if following == "@":
        # What follows the `@` is not checked: without a number the base is 0, which means automatic placement.
        return Parsed(0, size, memparse(cmdline, end + 1, rules)[0], "")
    if rules.checks_end and following not in {"", " "}:
        return _error(f"unrecognized char: {following}")
    return Parsed(0, size, 0, "")


class _Malformed(Exception):
    """The message of the kernel about a list that it rejects."""


def parse_ranges(cmdline: str, at: int, era: Era, rules: ParserRules, ram: int) -> Parsed:
    """Read `range:size[,range:size...][@offset]` at the offset `at`, on `ram` bytes of RAM."""
    total = (ram + _ROUNDING - 1) % LIMIT // _ROUNDING * _ROUNDING if rules.rounds_ram else ram
    try:
        size, after = _match(cmdline, at, rules, total)
        if size == 0:
            return Parsed(0, 0, 0, "crashkernel size resulted in zero bytes")
        return _offset(cmdline, after, size, era, rules)
    except _Malformed as problem:
        return _error(str(problem))


def _match(cmdline: str, at: int, rules: ParserRules, total: int) -> tuple[int, int]:
    """The size of the first entry that holds the RAM, 0 for none, and the offset behind the last entry read."""
    while True:
        entry = _entry(cmdline, at, rules)
        # The kernel checks every entry that it reads, matching or not.
        if entry.size >= total:
            raise _Malformed("invalid size")
        if entry.start <= total < entry.stop:
            return entry.size, entry.after
        if cmdline[entry.after : entry.after + 1] != ",":
            return 0, entry.after
        at = entry.after + 1


def _entry(cmdline: str, at: int, rules: ParserRules) -> _RangeEntry:
    start, at = _required(cmdline, at, rules)
    if cmdline[at : at + 1] != "-":
        raise _Malformed("'-' expected")
    at += 1
    stop = LIMIT - 1
    if cmdline[at : at + 1] != ":":
        stop, at = _required(cmdline, at, rules)
        if stop <= start:
            raise _Malformed("end <= start")
    if cmdline[at : at + 1] != ":":
        raise _Malformed("':' expected")
    size, at = _required(cmdline, at + 1, rules)
    return _RangeEntry(start, stop, size, at)


def _required(cmdline: str, at: int, rules: ParserRules, where: str = "") -> tuple[int, int]:
    value, end = memparse(cmdline, at, rules)
    if end == at:
        raise _Malformed("Memory value expected" + where)
    return value, end


def _offset(cmdline: str, at: int, size: int, era: Era, rules: ParserRules) -> Parsed:
    """Read the offset. The kernel skips to the first `@` or space, so the `@` may follow a later entry."""
    found = re.compile(_AT_OR_SPACE).search(cmdline, at)
    if found is None:
        # Usually there are zeros behind the end, sometimes a space or an `@`.
        reason = "2.6.29 reads past the end of a list that ends the line" if era is Era.V2_6_29 else ""
        return Parsed(0, size, 0, reason)
    if found[0] == " ":
        return Parsed(0, size, 0, "")
    base, _ = _required(cmdline, found.end(), rules, " after '@'")
    return Parsed(0, size, base, "")


def parse_suffixed(cmdline: str, at: int, suffix: str, rules: ParserRules) -> Parsed:
    """Read a `size,suffix` token. The size is the one that was read even if the rest is malformed.

    `at`: the offset of the token's name, -1 if there is no such token.
    """
    if at < 0:
        return Parsed(rules.missing, 0, 0, f"no crashkernel= value with {suffix}")
    at += len(NAME)
    size, end = memparse(cmdline, at, rules)
    if end == at:
        return _error("memory value expected")
    if cmdline.startswith(suffix, end):
        end += len(suffix)
        if cmdline[end : end + 1] in {"", " "}:
            return Parsed(0, size, 0, "")
    return _error(f"unrecognized char: {cmdline[end : end + 1]}")._replace(size=size)


def _error(message: str) -> Parsed:
    return Parsed(EINVAL, 0, 0, f"crashkernel: {message}")


_POWERPC_RANGES = "2G-4G:384M,4G-16G:512M,16G-64G:1G,64G-128G:2G,128G-:4G"
# For x86_64, s390x and arm64.
_RANGES = {
    Auto.RHEL7_ALT: ("2G-:160M", "4G-:160M", "2G-:512M"),
    Auto.RHEL8_0: ("1G-64G:160M,64G-1T:256M,1T-:512M", "4G-64G:160M,64G-1T:256M,1T-:512M", "2G-:512M"),
    Auto.RHEL8_3: ("1G-4G:160M,4G-64G:192M,64G-1T:256M,1T-:512M",) * 2 + ("2G-:448M",),
    Auto.RHEL8_DOCUMENTED: ("1G-4G:192M,4G-64G:256M,64G-:512M",) * 2 + ("2G-:480M",),
    Auto.POSTED: ("1G-64G:128M,64G-1T:256M,1T-:512M",) * 3,
}
_BASE = {Auto.RHEL6: 128 * MIB, Auto.RHEL7: 160 * MIB}
_LARGEST_X86_64 = 896 * MIB


def automatic_ranges(auto: Auto, machine: Architecture) -> str:
    """The list that the kernel uses for `auto` (RHEL 8 everywhere, RHEL 7.9 on POWER), or ""."""
    if machine.is_powerpc:
        return _POWERPC_RANGES if auto in (Auto.RHEL7, *_RANGES) else ""
    if auto not in _RANGES:
        return ""
    pc, s390x, arm = _RANGES[auto]
    return arm if machine is Architecture.ARM64 else s390x if machine is Architecture.S390X else pc


def automatic_size(auto: Auto, machine: Architecture, ram: int) -> int:
    """Bytes that RHEL 6 and 7 reserve for `auto` on that much RAM; 0 below the threshold.

    A base of 128M (RHEL 6) or 160M (RHEL 7.9) and two bits for each page of 4K, in whole megabytes; nothing if the
    RAM, rounded up to 128M, is below 2G (s390x 4G). RHEL 6 limits it to 896M on x86_64.
    """
    threshold = 4 * GIB if machine is Architecture.S390X else 2 * GIB
    if round_up(ram, 128 * MIB) < threshold:
        return 0
    base = _BASE[auto]
    size = base + round_up((ram - base) // (1 << 14), MIB)
    if auto is Auto.RHEL6 and machine is Architecture.X86_64:
        return min(size, _LARGEST_X86_64)
    return size
