"""The order in which boot loaders show Boot Loader Specification snippets: pure functions of stanzas.

A stanza's id is its file name without .conf, with a boot counter (`+3-1`) where it has one. Its keys are those of the
snippet.
"""

from __future__ import annotations

import re
from functools import cmp_to_key
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TypeVar

    from grubkd.boot.document import Stanza

    _Ordered = TypeVar("_Ordered", int, str)

RpmKey: TypeAlias = tuple[tuple[int, int, str], ...]

_COUNTER = r"\+(\d+)(?:-(\d+))?\Z"
_RPM_PART = r"[~+]|[0-9]+|[A-Za-z]+"
# What strverscmp_improved of systemd counts as part of a version; it skips everything else.
_NOT_IN_VERSION = r"[^0-9A-Za-z~^.-]*"
_DIGITS = r"[0-9]*"
_LETTERS = r"[A-Za-z]*"
_TEN = frozenset("0123456789")


class Counted(NamedTuple):
    """The parts of a snippet's name under boot counting: `left` and `done` tries, -1 without a counter."""

    name: str
    left: int
    done: int


def counted(name: str) -> Counted:
    """Splits a file name without .conf as systemd-boot does: `debian-6.1.0+3-1` has 3 tries left and 1 done."""
    found = re.search(_COUNTER, name)
    if not found:
        return Counted(name, -1, -1)
    return Counted(name[: found.start()], int(found[1]), int(found[2] or 0))


def grub_order(stanzas: Sequence[Stanza]) -> list[Stanza]:
    """The stanzas as Fedora's and RHEL's GRUB shows them (blscfg.c, bls_cmp): descending by file name.

    GRUB reads a name as that of an RPM package: the release is behind the last dash, the version behind the dash before
    it, the name is the rest. It compares name, version and release in this order (split_package_string: what is missing
    is missing from the end). The contents of the snippets do not count. Equal names keep their order.
    """
    return sorted(stanzas, key=grub_key, reverse=True)


def grub_key(stanza: Stanza) -> tuple[RpmKey, ...]:
    """A key by which GRUB compares a snippet: equal for names of which it shows only one."""
    parts = (stanza.id or "").rsplit("-", 2)
    return tuple(rpm_key(part) for part in (*parts, "", "")[:3])


def rpm_key(text: str) -> RpmKey:
    """A key that sorts as RPM compares, in the form of GRUB's blscfg.c (vercmp).

    Runs of digits and runs of letters are compared in turn. From old to new: `~`, the end of the text, `+`, letters,
    digits. All other characters only separate.
    """
    parts = []
    for part in re.findall(_RPM_PART, text):
        if part in "~+":
            parts.append((0 if part == "~" else 2, 0, ""))
        elif part[0] in _TEN:
            number = part.lstrip("0")
            parts.append((4, len(number), number))
        else:
            parts.append((3, 0, part))
    return (*parts, (1, 0, ""))


def systemd_boot_order(stanzas: Sequence[Stanza]) -> list[Stanza]:
    """The stanzas as systemd-boot shows them (boot.c, boot_entry_compare, systemd 250 to 258).

    Entries without tries left come last. Entries with a sort key come before those without one: by sort key, machine
    id and version, the newest first. Then by file name, descending as a version; then by tries left and tries done.
    """

    def compare(one: Stanza, other: Stanza) -> int:
        a, b = counted((one.id or "").lower()), counted((other.id or "").lower())
        result = _sign(a.left == 0, b.left == 0)
        key_a, key_b = one.keys.get("sort-key", ""), other.keys.get("sort-key", "")
        result = result or _sign(not key_a, not key_b)
        if key_a and key_b:
            result = result or _sign(key_a, key_b)
            result = result or _sign(one.keys.get("machine-id", ""), other.keys.get("machine-id", ""))
            result = result or -version_compare(one.keys.get("version", ""), other.keys.get("version", ""))
        result = result or -version_compare(f"{a.name}.conf", f"{b.name}.conf")
        if not result and a.left >= 0 and b.left >= 0:
            result = -_sign(a.left, b.left) or _sign(a.done, b.done)
        return result

    return sorted(stanzas, key=cmp_to_key(compare))


def zipl_order(stanzas: Sequence[Stanza]) -> list[Stanza]:
    """The stanzas as zipl adds them to its menu (s390-tools 2, scan_bls): descending by file name."""

    def compare(one: Stanza, other: Stanza) -> int:
        return -gnu_compare(f"{one.id}.conf", f"{other.id}.conf")

    return sorted(stanzas, key=cmp_to_key(compare))


def gnu_compare(one: str, other: str) -> int:
    """Compares as glibc's strverscmp does: returns 1 if `one` is newer, -1 if it is older, 0 for equal texts.

    Digits that begin with a zero are a fraction, other digits a number. All else is compared byte by byte.
    """
    at = next(
        (index for index, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other))
    )
    start = at
    while start and one[start - 1] in _TEN:
        start -= 1
    before, a, b = one[start:at], one[at : at + 1], other[at : at + 1]
    in_number, other_in_number = a in _TEN, b in _TEN
    if before and not before.strip("0"):
        # Only zeros so far: the longer fraction is the smaller one.
        return _sign(other_in_number, in_number) or _sign(a, b)
    if before.startswith("0") or (not before and "0" in (a, b)):
        return _sign(a, b)
    if before or (in_number and other_in_number):
        return _sign(len(_run(_DIGITS, one, at)), len(_run(_DIGITS, other, at))) or _sign(a, b)
    return _sign(a, b)


def version_compare(one: str, other: str) -> int:
    """Compares as the UAPI group's version format says and systemd does (strverscmp_improved): 1 newer, -1 older.

    From old to new: `123~rc1`, `123`, `123-1` (a release), `123^post1` (a patched release), `123.1` (a point release),
    `123a`.
    """
    a = b = 0
    while True:
        a, b = _end(_NOT_IN_VERSION, one, a), _end(_NOT_IN_VERSION, other, b)
        if one[a : a + 1] == "~" or other[b : b + 1] == "~":
            result = _sign(one[a : a + 1] != "~", other[b : b + 1] != "~")
            if result:
                return result
            a, b = a + 1, b + 1
        if a >= len(one) or b >= len(other):
            return _sign(a < len(one), b < len(other))
        for separator in "-^.":
            if one[a : a + 1] == separator or other[b : b + 1] == separator:
                result = _sign(one[a : a + 1] != separator, other[b : b + 1] != separator)
                if result:
                    return result
                a, b = a + 1, b + 1
        digits = one[a : a + 1] in _TEN or other[b : b + 1] in _TEN
        run = _DIGITS if digits else _LETTERS
        first, second = _run(run, one, a), _run(run, other, b)
        result = _sign(bool(first), bool(second)) if digits else 0
        result = result or _compare_runs(first, second, run)
        if result:
            return result
        a, b = a + len(first), b + len(second)


def _end(pattern: str, text: str, at: int) -> int:
    found = re.compile(pattern).match(text, at)
    return found.end() if found else at


def _run(pattern: str, text: str, at: int) -> str:
    return text[at : _end(pattern, text, at)]


def _compare_runs(first: str, second: str, run: str) -> int:
    if run is _DIGITS:
        first, second = first.lstrip("0"), second.lstrip("0")
        return _sign(len(first), len(second)) or _sign(first, second)
    return _sign(first, second)


def _sign(one: _Ordered, other: _Ordered) -> int:
    return (one > other) - (one < other)
