"""Which vendor's row holds for a system: by distribution and version, by what it is made from, else kdump-utils'."""

from collections.abc import Sequence
from dataclasses import dataclass

from grubkd.errors import Notice
from grubkd.memory.architecture import Architecture
from grubkd.memory.release import Release
from grubkd.memory.rows import ROWS, Row

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


def choose(system: System, release: Release, machine: Architecture, *, pages_64k: bool) -> Choice:
    """The row for a kernel of the system. Its own family's nearest version; without one the row of what it is like.

    A derivative's numbers are its own, so it gets its family's row for the kernel's age, or the newest; a system that
    is like nothing known gets kdump-utils' row. Both with a warning.
    """
    family = _FAMILIES.get(system.id)
    if family:
        found = _row(family, system.version or _of_kernel(release, family), release, machine, pages_64k)
        return _chosen(found, system, release, machine, pages_64k, like="")
    name = system.name or system.id or "this system"
    for like in system.like:
        family = _FAMILIES.get(like)
        if family:
            found = _row(family, _of_kernel(release, family), release, machine, pages_64k)
            return _chosen(found, system, release, machine, pages_64k, like=f"{name} is like {like}: its row is taken")
    family = _family_of_kernel(release)
    if family and not system.id:
        found = _row(family, _of_kernel(release, family), release, machine, pages_64k)
        return _chosen(found, system, release, machine, pages_64k, like=f"the kernel is one of {family}'s")
    return _chosen(None, system, release, machine, pages_64k, like="")


def _chosen(  # noqa: PLR0913 - the facts of one choice
    found: Row | None, system: System, release: Release, machine: Architecture, pages_64k: bool, *, like: str
) -> Choice:
    name = system.name or system.id or "a system without release file"
    if found is not None:
        reason = f"{name}, {machine}: {like or 'the nearest row of its vendor'}"
        warnings = (_unknown(name, found.source),) if like else ()
        return Choice(found, reason, warnings)
    # What kdump-utils does not name (riscv64, loongarch64) is nearest to arm64: no firmware map, regions at 2M.
    named = {row.architectures for row in ROWS if row.family == FALLBACK}
    stand_in = machine if any(machine in known for known in named) else Architecture.ARM64
    fallback = next(
        row
        for row in ROWS
        if row.family == FALLBACK and stand_in in row.architectures and row.pages_64k in (None, pages_64k)
    )
    return Choice(fallback, f"{name}, {machine}: no vendor's row", (_unknown(name, fallback.source),))


def _unknown(name: str, source: str) -> Notice:
    return Notice(
        "unknown-distribution",
        f"{name}: no row of its own is known; taken from {source}",
        hint="compare with what your distribution documents; a VALUE can be given in place of --auto",
    )


def _row(family: str, version: Sequence[int], release: Release, machine: Architecture, pages_64k: bool) -> Row | None:
    """The row of the nearest version; of two as near the older one; of no version the newest."""
    rows = [
        row
        for row in ROWS
        if row.family == family
        and machine in row.architectures
        and row.pages_64k in (None, pages_64k)
        and (row.before is None or release.version < row.before)
    ]
    if not rows:
        return None
    if any(row.before for row in rows):
        # A row for old kernels alone was made for them.
        rows = [row for row in rows if row.before]
    if not version:
        return max(rows, key=lambda row: row.version)
    return min(rows, key=lambda row: (abs(_scalar(row.version) - _scalar(version)), row.version))


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
