"""One token's value as the kernel reads it: `size[@offset]`, a list of RAM ranges, `size,suffix`.

parse_crashkernel_simple(), _mem() and _suffix() of kernel/kexec.c, later kernel/crash_core.c and crash_reserve.c.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from grubkd.memory.eras import EINVAL, Era
from grubkd.memory.number import memparse
from grubkd.memory.size import LIMIT, MIB

if TYPE_CHECKING:
    from grubkd.memory.eras import Reading

NAME = "crashkernel="
ROUNDING = 128 * MIB


class Parsed(NamedTuple):
    """What one token gave: the return value, bytes, address (0: automatic), and the kernel's message."""

    ret: int
    size: int
    base: int
    reason: str


class _Entry(NamedTuple):
    """An entry of a list: size for RAM from start to below stop; `after` is the offset behind it."""

    start: int
    stop: int
    size: int
    after: int


_AT_OR_SPACE = re.compile("[@ ]")


def simple(cmdline: str, at: int, reading: Reading) -> Parsed:
    """`size[@offset]` at the offset `at`."""
    size, end = memparse(cmdline, at, reading)
    if end == at:
        return _error("memory value expected")
    following = cmdline[end : end + 1]
    if following == "@":
        # What follows the `@` is not checked: without a number the base is 0, placed automatically.
        return Parsed(0, size, memparse(cmdline, end + 1, reading)[0], "")
    if reading.checks_end and following not in {"", " "}:
        return _error(f"unrecognized char: {following}")
    return Parsed(0, size, 0, "")


class _Malformed(Exception):
    """What the kernel says of a list it gives up."""


def extended(cmdline: str, at: int, era: Era, reading: Reading, ram: int) -> Parsed:
    """`range:size[,range:size...][@offset]` at the offset `at`, on that many bytes of RAM."""
    total = (ram + ROUNDING - 1) % LIMIT // ROUNDING * ROUNDING if reading.rounds_ram else ram
    try:
        size, after = _match(cmdline, at, reading, total)
        if size == 0:
            return Parsed(0, 0, 0, "crashkernel size resulted in zero bytes")
        return _offset(cmdline, after, size, era, reading)
    except _Malformed as problem:
        return _error(str(problem))


def _match(cmdline: str, at: int, reading: Reading, total: int) -> tuple[int, int]:
    """The size of the first entry that the RAM falls into, 0 for none, and the offset behind the last entry visited."""
    while True:
        entry = _entry(cmdline, at, reading)
        # Every entry visited is checked, matching or not.
        if entry.size >= total:
            raise _Malformed("invalid size")
        if entry.start <= total < entry.stop:
            return entry.size, entry.after
        if cmdline[entry.after : entry.after + 1] != ",":
            return 0, entry.after
        at = entry.after + 1


def _entry(cmdline: str, at: int, reading: Reading) -> _Entry:
    start, at = _required(cmdline, at, reading)
    if cmdline[at : at + 1] != "-":
        raise _Malformed("'-' expected")
    at += 1
    stop = LIMIT - 1
    if cmdline[at : at + 1] != ":":
        stop, at = _required(cmdline, at, reading)
        if stop <= start:
            raise _Malformed("end <= start")
    if cmdline[at : at + 1] != ":":
        raise _Malformed("':' expected")
    size, at = _required(cmdline, at + 1, reading)
    return _Entry(start, stop, size, at)


def _required(cmdline: str, at: int, reading: Reading, where: str = "") -> tuple[int, int]:
    value, end = memparse(cmdline, at, reading)
    if end == at:
        raise _Malformed("Memory value expected" + where)
    return value, end


def _offset(cmdline: str, at: int, size: int, era: Era, reading: Reading) -> Parsed:
    """What follows the matching entry is skipped up to the first `@` or space, so `@` may belong to a later entry."""
    found = _AT_OR_SPACE.search(cmdline, at)
    if found is None:
        # What stands behind the end there is zeros as a rule, and a space or an `@` some time.
        reason = "2.6.29 reads past the end of a list that ends the line" if era is Era.V2_6_29 else ""
        return Parsed(0, size, 0, reason)
    if found[0] == " ":
        return Parsed(0, size, 0, "")
    base, _ = _required(cmdline, found.end(), reading, " after '@'")
    return Parsed(0, size, base, "")


def suffixed(cmdline: str, at: int, suffix: str, reading: Reading) -> Parsed:
    """The `size,suffix` token that begins at `at`; the size is what was read even where the rest is malformed.

    `at` is that of the token's name, -1 where there is no such token.
    """
    if at < 0:
        return Parsed(reading.missing, 0, 0, f"no crashkernel= value with {suffix}")
    at += len(NAME)
    size, end = memparse(cmdline, at, reading)
    if end == at:
        return _error("memory value expected")
    if cmdline.startswith(suffix, end):
        end += len(suffix)
        if cmdline[end : end + 1] in {"", " "}:
            return Parsed(0, size, 0, "")
    return _error(f"unrecognized char: {cmdline[end : end + 1]}")._replace(size=size)


def _error(message: str) -> Parsed:
    return Parsed(EINVAL, 0, 0, f"crashkernel: {message}")
