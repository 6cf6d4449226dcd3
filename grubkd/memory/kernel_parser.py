"""What a kernel does with a command line: which `crashkernel=` it takes, and what it reads there.

The kernel looks for the text `crashkernel=` anywhere in the line, also inside another word or after ` -- `. Every
occurrence starts a token, which only a space ends. (kernel/kexec.c, later kernel/crash_core.c and crash_reserve.c)
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from grubkd.memory.architecture import Architecture, architecture
from grubkd.memory.behaviours import EINVAL
from grubkd.memory.kernel_value import (
    NAME,
    Parsed,
    automatic_ranges,
    automatic_size,
    parse_ranges,
    parse_simple,
    parse_suffixed,
)
from grubkd.memory.size import LIMIT, MIB, round_up

if TYPE_CHECKING:
    from typing import Literal

    from grubkd.memory.behaviours import Auto, ParserRules
    from grubkd.memory.release import Release

    Status = Literal["ok", "none", "invalid"]


HIGH, LOW, CMA = ",high", ",low", ",cma"


class KernelRequest(NamedTuple):
    """What the kernel reads. Sizes and addresses are in bytes.

    status: "ok": it wants `size` bytes; "none": nothing, without an error; "invalid": an error, nothing is reserved.
    base: the wanted address, 0 for automatic placement. low: with `high`, the amount wanted below 4G, else 0.
    low_beside: the amount reserved below 4G if the main region is above, with or without `,high`. ret: the kernel's
    return value (0, -22 EINVAL, -2 ENOENT). reason: its message, or grubkd's if it has none.
    """

    status: Status
    size: int
    base: int
    low: int
    high: bool
    cma: int
    reason: str
    ret: int
    low_beside: int


class _Tokens(NamedTuple):
    """The offset of the last token of each kind, -1 for none."""

    plain: int
    high: int
    low: int
    cma: int
    any: bool


def read(cmdline: str, release: Release, arch: str, ram: int) -> KernelRequest:
    """Return what a kernel of that release does with the line as it receives it. Raises ArchitectureUnknown.

    `ram`: in bytes, as placement.place.counted_ram. The line ends at its first NUL, as in C. No line raises an error.
    """
    rules = release.rules
    machine = architecture(arch)
    if "\0" in cmdline:
        cmdline = cmdline[: cmdline.index("\0")]
    tokens = _tokens(cmdline, rules)
    if not tokens.any:
        ret = EINVAL if rules.plain_decides else rules.missing
        return KernelRequest("none", 0, 0, 0, False, 0, "no crashkernel= on the command line", ret, 0)
    plain = _plain(cmdline, tokens, release, machine, ram)
    if _as_x86(release, machine) and rules.suffixes and not rules.plain_decides:
        request = _high_as_fallback(cmdline, tokens, release, machine, plain)
    elif _separate(release, machine) and tokens.plain < 0:
        request = _high_instead(cmdline, tokens, release, machine)
    else:
        request = _request(plain)
    request = _settle(request, rules, ram)
    if request.status == "ok" and rules.plain_decides:
        beside = request.low if request.high else default_low(cmdline, release, machine)
        # The amount of ,cma is the number at the start of the token, whatever follows.
        cma = parse_suffixed(cmdline, tokens.cma, CMA, rules).size if _separate(release, machine) else 0
        # Faster than _replace: predict --batch answers thousands of lines a second.
        return KernelRequest(
            "ok", request.size, request.base, request.low, request.high, cma, request.reason, 0, beside
        )
    return request


def _as_x86(release: Release, machine: Architecture) -> bool:
    """Whether this kernel looks for `,high` as x86 kernels do."""
    return machine.is_x86 or (machine is Architecture.ARM64 and release.behaviours[0].arm_as_x86)


def _separate(release: Release, machine: Architecture) -> bool:
    """Whether this kernel knows `,high` and looks for it only without a plain token."""
    if machine.is_powerpc or machine is Architecture.S390X:
        return False
    if machine is Architecture.ARM64:
        return release.behaviours[0].arm_high
    return release.rules.plain_decides


def _tokens(cmdline: str, rules: ParserRules) -> _Tokens:
    """Find the last token of each kind. The end of a token, up to the next space, decides its kind."""
    plain = high = low = cma = -1
    at = cmdline.find(NAME)
    any_found = at >= 0
    end = -1
    while at >= 0:
        if end < at:
            end = cmdline.find(" ", at)
            if end < 0:
                end = len(cmdline)
        if rules.suffixes and cmdline.endswith(rules.suffixes, at, end):
            if cmdline.endswith(HIGH, at, end):
                high = at
            elif cmdline.endswith(LOW, at, end):
                low = at
            else:
                cma = at
        else:
            plain = at
        at = cmdline.find(NAME, at + 1)
    return _Tokens(plain, high, low, cma, any_found)


def _plain(cmdline: str, tokens: _Tokens, release: Release, machine: Architecture, ram: int) -> Parsed:
    era = release.era
    rules = release.rules
    if tokens.plain < 0:
        return Parsed(rules.missing, 0, 0, "the command line has crashkernel= values with a suffix only")
    at = tokens.plain + len(NAME)
    auto = release.behaviours[0].auto
    if auto and cmdline.startswith("auto", at):
        return _auto(auto, release, machine, ram)
    # The kernel takes a value for a list of ranges if there is a ':' before the first space.
    end = cmdline.find(" ", at)
    if cmdline.find(":", at, end if end >= 0 else len(cmdline)) >= 0:
        return parse_ranges(cmdline, at, era, rules, ram)
    return parse_simple(cmdline, at, rules)


def _auto(auto: Auto, release: Release, machine: Architecture, ram: int) -> Parsed:
    """Read `auto`. The kernel compares a prefix: what follows is ignored."""
    era, rules = release.era, release.rules
    ranges = automatic_ranges(auto, machine)
    if ranges:
        return parse_ranges(ranges, 0, era, rules, ram)
    size = automatic_size(auto, machine, ram)
    if size == 0:
        return Parsed(EINVAL, 0, 0, "crashkernel=auto resulted in zero bytes of reserved memory.")
    return Parsed(0, size, 0, "")


def _high_as_fallback(
    cmdline: str, tokens: _Tokens, release: Release, machine: Architecture, plain: Parsed
) -> KernelRequest:
    """x86 from 3.9 to 6.6: `,high` is tried also after an invalid or zero plain token."""
    rules = release.rules
    low = parse_suffixed(cmdline, tokens.low, LOW, rules)
    amount = 0 if machine is Architecture.I386 else default_low(cmdline, release, machine) if low.ret else low.size
    if plain.ret == 0 and plain.size > 0:
        return _request(plain, beside=amount)
    high = parse_suffixed(cmdline, tokens.high, HIGH, rules)
    if high.ret or high.size == 0:
        reason = high.reason if tokens.high >= 0 else plain.reason
        return _request(Parsed(high.ret, 0, 0, reason or "size 0"))
    return _request(high, high=True, low=amount, beside=amount)


def _high_instead(cmdline: str, tokens: _Tokens, release: Release, machine: Architecture) -> KernelRequest:
    """Without a plain token: `,high` must be valid and not 0, and `,low` valid or missing."""
    rules = release.rules
    high = parse_suffixed(cmdline, tokens.high, HIGH, rules)
    if high.ret or high.size == 0:
        return _request(Parsed(EINVAL, 0, 0, high.reason or "size 0"))
    if tokens.low < 0:
        # arm64 before 6.2 has no default.
        defaults = rules.plain_decides or release.behaviours[0].arm_falls_back
        amount = default_low(cmdline, release, machine) if defaults else 0
    else:
        low = parse_suffixed(cmdline, tokens.low, LOW, rules)
        if low.ret:
            return _request(low._replace(size=0))
        amount = low.size
    return _request(high, high=True, low=amount, beside=amount)


def _request(parsed: Parsed, *, high: bool = False, low: int = 0, beside: int = 0) -> KernelRequest:
    """The request for what was parsed; size 0 without an error means nothing."""
    if parsed.ret:
        return KernelRequest("invalid", 0, 0, 0, False, 0, parsed.reason, parsed.ret, 0)
    if parsed.size == 0:
        return KernelRequest("none", 0, parsed.base, low, high, 0, parsed.reason or "size 0", 0, 0)
    return KernelRequest("ok", parsed.size, parsed.base, low, high, 0, parsed.reason, 0, beside)


def _settle(request: KernelRequest, rules: ParserRules, ram: int) -> KernelRequest:
    """Since 6.7 the common parser refuses size 0; since 6.11 also a size that is not below the RAM."""
    if not rules.plain_decides:
        return request
    if request.status == "none":
        return _request(Parsed(EINVAL, 0, 0, request.reason))
    if request.status == "invalid":
        return request._replace(ret=EINVAL)
    if rules.rejects_all_of_ram and request.size >= ram:
        return _request(Parsed(EINVAL, 0, 0, "the size is not below the RAM"))
    return request


_SWIOTLB = r"(?:^|\s)swiotlb=(\S*)"
_SWIOTLB_PARTS = r"(0[xX][0-9a-fA-F]+|[0-9]+)?,?(0[xX][0-9a-fA-F]+|[0-9]+)?"
_SLABS = 128
_SLAB_SIZE = 2048
_USUAL_SLABS = 64 * MIB // _SLAB_SIZE
_AREAS_SINCE = (6, 0, 0)


def default_low(cmdline: str, release: Release, machine: Architecture) -> int:
    """Bytes reserved below 4G beside a region above it, without `,low`: 256M on x86_64, mostly 128M elsewhere.

    On x86_64 at least the software I/O buffers and 8M.
    """
    if machine is Architecture.I386:
        return 0
    if not _as_x86(release, machine):
        return max(128 * MIB, release.behaviours[0].arm_falls_back)
    if "swiotlb=" not in cmdline:
        return 256 * MIB
    return max(_swiotlb_slabs(cmdline, release) * _SLAB_SIZE + 8 * MIB, 256 * MIB)


def _swiotlb_slabs(cmdline: str, release: Release) -> int:
    """The slabs of 2K that `swiotlb=[SLABS][,AREAS][,force]` sets, by default 64M of them.

    setup_io_tlb_npages() of kernel/dma/swiotlb.c: numbers are read in base 0; slabs are rounded up to 128 and, since
    6.0 with AREAS, to a power of two.
    """
    slabs = _USUAL_SLABS
    for value in re.findall(_SWIOTLB, cmdline):
        found = re.match(_SWIOTLB_PARTS, value)
        if found and found[1]:
            slabs = round_up(_base_0(found[1]), _SLABS)
        areas = _base_0(found[2]) if found and found[2] else 0
        if areas and release.version >= _AREAS_SINCE:
            slabs = 1 << (max(slabs, 1) - 1).bit_length()
    return slabs


def _base_0(text: str) -> int:
    """The number as simple_strtoul() reads it: 0x for hexadecimal, 0 for octal up to the first digit that is not."""
    if text[:2] in {"0x", "0X"}:
        return int(text, 16) % LIMIT
    if text.startswith("0"):
        octal = text[: len(text) - len(text.lstrip("01234567"))]
        return int(octal, 8) % LIMIT
    return int(text[:20]) % LIMIT
