"""Which vendor's row holds for a system: by distribution and version, by what it is made from, else kdump-utils'."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from grubkd.errors import Notice, WouldNotReserve
from grubkd.memory.architecture import Architecture
from grubkd.memory.rows import ROWS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from grubkd.memory.release import Release
    from grubkd.memory.rows import Row

FALLBACK = "kdump-utils"

# Distributions that carry a family's numbers: those are compared with the rows'.
_FAMILIES = {
    **dict.fromkeys(
        ("rhel", "centos", "rocky", "almalinux", "ol", "oracle", "scientific", "eurolinux", "circle", "springdale"),
        "rhel",
    ),
    "fedora": "fedora",
    **dict.fromkeys(("debian", "raspbian"), "debian"),
    "ubuntu": "ubuntu",
    **dict.fromkeys(("suse", "sles", "sled", "sles_sap", "sle_hpc", "sle-micro", "sl-micro"), "suse"),
    **dict.fromkeys(("opensuse", "opensuse-leap", "opensuse-tumbleweed", "opensuse-microos"), "suse"),
}


@dataclass(frozen=True, slots=True)
class System:
    """A distribution as os-release(5) tells it: ID, the numbers of VERSION_ID, ID_LIKE; the name is for people."""

    id: str = ""
    version: tuple[int, ...] = ()
    like: tuple[str, ...] = ()
    name: str = ""


@dataclass(frozen=True, slots=True)
class Choice:
    """The row chosen, why, and what the reader should know about it."""

    row: Row
    reason: str
    warnings: tuple[Notice, ...] = ()


class Reader(NamedTuple):
    """The kernel that is to read the value, as far as rows differ by it. `fadump`: it dumps by POWER's firmware."""

    release: Release
    machine: Architecture
    pages_64k: bool = False
    fadump: bool = False


def choose(system: System, reader: Reader) -> Choice:
    """The row for a kernel of the system: its own family's nearest version; without one the row of what it is like.

    A derivative's numbers are its own, so it gets its family's row for the kernel's age, or the newest; a system that
    is like nothing known gets kdump-utils' row. Both with a warning.
    """
    name = system.name or system.id or "a system without release file"
    family = _FAMILIES.get(system.id)
    if family:
        found = _row(family, system.version or _of_kernel(reader.release, family), reader)
        return _own(name, reader, found) if found else _fallback(name, reader)
    for like in system.like:
        family = _FAMILIES.get(like)
        if family and (found := _row(family, _of_kernel(reader.release, family), reader)):
            return Choice(
                found, f"{name} is like {like}: its row for {reader.machine}", (_unknown(name, found.source),)
            )
    family = None if system.id else _family_of_kernel(reader.release)
    if family and (found := _row(family, _of_kernel(reader.release, family), reader)):
        return Choice(found, f"the kernel is one of {family}'s: its row", (_unknown(name, found.source),))
    return _fallback(name, reader)


def _own(name: str, reader: Reader, found: Row) -> Choice:
    return Choice(found, f"{name}, {reader.machine}: the nearest row of its vendor")


def _fallback(name: str, reader: Reader) -> Choice:
    """The row of kdump-utils, which knows most kernels; what it does not name (riscv64, loongarch64) is as arm64."""
    found = _row(FALLBACK, (), reader) or _row(FALLBACK, (), reader._replace(machine=Architecture.ARM64))
    if found is None:
        raise WouldNotReserve(f"no row is known for {reader.machine}")
    return Choice(found, f"{name}, {reader.machine}: no row of its vendor's", (_unknown(name, found.source),))


def _unknown(name: str, source: str) -> Notice:
    return Notice(
        "unknown-distribution",
        f"{name}: no row of its own is known; taken from {source}",
        hint="compare with what your distribution documents; a VALUE can be given in place of --auto",
    )


def _row(family: str, version: Sequence[int], reader: Reader) -> Row | None:
    """The row of the nearest version; of two as near the older one; of no version the newest."""
    rows = [
        row
        for row in ROWS
        if row.family == family
        and reader.machine in row.architectures
        and row.fadump == reader.fadump
        and row.pages_64k in (None, reader.pages_64k)
        and (row.before is None or reader.release.version < row.before)
    ]
    # A row for old kernels alone was made for them.
    rows = [row for row in rows if row.before] or rows
    if not version:
        return max(rows, key=lambda row: row.version, default=None)
    return min(rows, key=lambda row: (abs(_scalar(row.version) - _scalar(version)), row.version), default=None)


def _scalar(version: Sequence[int]) -> float:
    """A version as one number: 24.04 is 24.04."""
    major, minor = (*version, 0, 0)[:2]
    return major + min(minor, 99) / 100


def _of_kernel(release: Release, family: str) -> tuple[int, ...]:
    """The version that the kernel's own release tells (`.el9`), () where it tells none of that family."""
    return (int(release.vendor.removeprefix("rhel")),) if family == "rhel" and release.vendor else ()


def _family_of_kernel(release: Release) -> str | None:
    if release.vendor:
        return "rhel"
    return "fedora" if ".fc" in release.text else None
