"""The order in which boot loaders show Boot Loader Specification snippets: pure functions of stanzas.

A stanza's id is its file name without .conf, a boot counter (`+3-1`) included; its keys are those of the snippet.
"""

from __future__ import annotations

import re
from functools import cmp_to_key
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TypeVar

    from grubkd.boot.model import Stanza

    _Ordered = TypeVar("_Ordered", int, str)


_COUNTER = re.compile(r"\+(\d+)(?:-(\d+))?\Z")
# What strverscmp_improved of systemd counts as part of a version; everything else separates, and counts for nothing.
_NOT_IN_VERSION = re.compile(r"[^0-9A-Za-z~^.-]*")
_RUNS = re.compile(r"[0-9]+|[A-Za-z]+")
_DIGITS = re.compile(r"[0-9]*")
_LETTERS = re.compile(r"[A-Za-z]*")
_TEN = frozenset("0123456789")


class Counted(NamedTuple):
    """A snippet's name under boot counting: `left` and `done` tries, -1 without a counter."""

    name: str
    left: int
    done: int


def counted(name: str) -> Counted:
    """A file name without .conf, taken apart as systemd-boot does: `debian-6.1.0+3-1` has 3 tries left and 1 done."""
    found = _COUNTER.search(name)
    if not found:
        return Counted(name, -1, -1)
    return Counted(name[: found.start()], int(found[1]), int(found[2] or 0))


def grub_order(stanzas: Sequence[Stanza]) -> list[Stanza]:
    """The stanzas as Fedora's and RHEL's GRUB shows them (blscfg.c, bls_cmp): descending by file name.

    A name is taken for an RPM package: what stands behind the last dash is the release, behind the one before it the
    version, the rest the name; the three are compared in the order name, version, release. The contents of the
    snippets play no part. Names that compare as equal keep their order; GRUB shows the one it reads first.
    """

    def compare(one: tuple[str, str, str], other: tuple[str, str, str]) -> int:
        for a, b in zip(one, other, strict=True):
            result = rpm_compare(a, b) if a != b else 0
            if result:
                return -result
        return 0

    packages = [_package(stanza.id or "") for stanza in stanzas]
    if {"~", "+"} & set("".join([stanza.id or "" for stanza in stanzas])):
        ranks = [*map(cmp_to_key(compare), packages)]
        return [stanzas[index] for index in sorted(range(len(stanzas)), key=ranks.__getitem__)]
    # Each name by itself, not each pair of them; most of thousands differ in the release alone.
    runs = {part: _runs(part) for part in {part for package in packages for part in package}}
    keys = [(runs[name], runs[version], runs[release]) for name, version, release in packages]
    return [stanzas[index] for index in sorted(range(len(stanzas)), key=keys.__getitem__, reverse=True)]


def _runs(text: str) -> tuple[tuple[int, int, str], ...]:
    """The runs of a text without `~` and `+`, which compare as rpm_compare does."""
    return tuple(
        [(1, len(run.lstrip("0")), run.lstrip("0")) if run[0] in _TEN else (0, 0, run) for run in _RUNS.findall(text)]
    )


def systemd_boot_order(stanzas: Sequence[Stanza]) -> list[Stanza]:
    """The stanzas as systemd-boot shows them (boot.c, boot_entry_compare, systemd 250 to 258).

    Entries without tries left come last. Those with a sort key come before those without: by sort key, machine id,
    and version, the newest first. Then by file name, descending as a version; then by tries left and done.
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
    """The stanzas as zipl adds them to its menu (s390-tools 2, scan_bls): descending by file name as a version."""

    def compare(one: Stanza, other: Stanza) -> int:
        return -gnu_compare(f"{one.id}.conf", f"{other.id}.conf")

    return sorted(stanzas, key=cmp_to_key(compare))


def gnu_compare(one: str, other: str) -> int:
    """Compare as glibc's strverscmp: 1 newer, -1 older, 0 for equal texts.

    Digits that begin with a zero are a fraction, others a number; all else is compared byte by byte.
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
    if before:
        return _sign(len(_run(_DIGITS, one, at)), len(_run(_DIGITS, other, at))) or _sign(a, b)
    if in_number and other_in_number:
        return _sign(len(_run(_DIGITS, one, at)), len(_run(_DIGITS, other, at))) or _sign(a, b)
    return _sign(a, b)


def rpm_compare(one: str, other: str) -> int:
    """Compare as RPM does, in the form of GRUB's blscfg.c (vercmp): 1 where `one` is newer, -1 where it is older.

    Runs of digits and runs of letters are compared in turn; digits are newer than letters, `~` is older than anything,
    `+` newer than the end and older than anything else.
    """
    if one == other:
        return 0
    a = b = 0
    while a < len(one) or b < len(other):
        a, b = _skip_separators(one, a), _skip_separators(other, b)
        ahead, behind = one[a : a + 1], other[b : b + 1]
        if "~" in (ahead, behind):
            if ahead != behind:
                return -1 if ahead == "~" else 1
            a, b = a + 1, b + 1
            continue
        if "+" in (ahead, behind):
            if ahead != behind:
                # Behind the end `+` is newer; before anything else it is older.
                return _sign(bool(ahead), bool(behind)) or (-1 if ahead == "+" else 1)
            a, b = a + 1, b + 1
            continue
        if not ahead or not behind:
            break
        run = _DIGITS if ahead.isdigit() else _LETTERS
        first, second = _run(run, one, a), _run(run, other, b)
        if not second:
            return 1 if run is _DIGITS else -1
        result = _compare_runs(first, second, run)
        if result:
            return result
        a, b = a + len(first), b + len(second)
    return _sign(a < len(one), b < len(other))


def version_compare(one: str, other: str) -> int:
    """Compare as the UAPI group's version format says and systemd does (strverscmp_improved): 1 newer, -1 older.

    As RPM does, but `-` (before a release), `^` (a patched release) and `.` (a point release) rank: `123~rc1` is older
    than `123`, which is older than `123-1`, `123^post1`, `123.1`, and these than `123a`.
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


def _package(name: str) -> tuple[str, str, str]:
    """Name, version and release of a file name; what is missing is missing from the end (split_package_string)."""
    parts = name.rsplit("-", 2)
    return (parts[0], parts[1] if len(parts) > 1 else "", parts[2] if len(parts) > 2 else "")


def _skip_separators(text: str, at: int) -> int:
    while at < len(text) and not (text[at].isascii() and text[at].isalnum()) and text[at] not in "~+":
        at += 1
    return at


def _end(pattern: re.Pattern[str], text: str, at: int) -> int:
    found = pattern.match(text, at)
    return found.end() if found else at


def _run(pattern: re.Pattern[str], text: str, at: int) -> str:
    return text[at : _end(pattern, text, at)]


def _compare_runs(first: str, second: str, run: re.Pattern[str]) -> int:
    if run is _DIGITS:
        first, second = first.lstrip("0"), second.lstrip("0")
        return _sign(len(first), len(second)) or _sign(first, second)
    return _sign(first, second)


def _sign(one: _Ordered, other: _Ordered) -> int:
    return (one > other) - (one < other)
