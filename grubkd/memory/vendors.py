"""What vendors publish: how much to reserve, by distribution, version and architecture; and which row applies.

A row's text is the vendor's own, as a kernel reads it. A table in words is turned into ranges. If the vendor writes
offsets, each step has its own value.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from grubkd.errors import Notice, WouldNotReserve
from grubkd.memory.architecture import Architecture
from grubkd.memory.size import GIB, TIB, format_size

if TYPE_CHECKING:
    from collections.abc import Sequence

    from grubkd.memory.behaviours import Version
    from grubkd.memory.case import Case
    from grubkd.memory.release import Release


X86 = frozenset({Architecture.I386, Architecture.X86_64})
PC_AND_Z = X86 | {Architecture.S390X}
ARM = frozenset({Architecture.ARM64})
POWER = frozenset({Architecture.PPC64, Architecture.PPC64LE})
EVERY = frozenset(Architecture)


class VendorRow(NamedTuple):
    """A vendor's rule for some architectures of one version.

    `text`: a crashkernel value, "" if there are `steps`: (bytes of RAM up to which the step applies, its value),
    ascending; the last one applies above too. `pages_64k`: whether it is for kernels with pages of 64K; None for both.
    `before`: only for kernels before that version. `fadump`: for POWER's firmware-assisted dump.
    """

    family: str
    version: tuple[int, ...]
    architectures: frozenset[Architecture]
    text: str
    source: str
    steps: tuple[tuple[int, str], ...] = ()
    pages_64k: bool | None = None
    before: Version | None = None
    fadump: bool = False


_POWER_RANGES = "2G-4G:384M,4G-16G:512M,16G-64G:1G,64G-128G:2G,128G-:4G"
_FADUMP_RANGES = (
    "4G-16G:768M,16G-64G:1G,64G-128G:2G,128G-1T:4G,1T-2T:6G,2T-4T:12G,4T-8T:20G,8T-16T:36G,16T-32T:64G,32T-64T:128G,"
    "64T-:180G"
)
_PC_RANGES = "1G-4G:192M,4G-64G:256M,64G-:512M"

_RHEL5 = "Red Hat Enterprise Linux 5, kdump memory table"
_RHEL6 = "Red Hat Enterprise Linux 6.0 and 6.1, kdump memory table"
_RHEL7 = "Red Hat Enterprise Linux 8 documentation, kdump memory requirements; 7 documents only `auto`, which is less"
_RHEL8 = "Red Hat Enterprise Linux 8 documentation, kdump memory requirements"
_RHEL9 = "Red Hat Enterprise Linux 9 documentation, kdump memory requirements"
_KDUMP_UTILS = "kdump-utils of Fedora and Red Hat Enterprise Linux 10, default crashkernel value (2026)"
_FEDORA_2009 = "Fedora's kdump page of 2009"

RHEL = (
    VendorRow(
        "rhel",
        (5,),
        X86,
        "",
        _RHEL5,
        steps=((2 * GIB, "128M@16M"), (6 * GIB, "256M@24M"), (8 * GIB, "512M@16M"), (24 * GIB, "768M@32M")),
    ),
    VendorRow("rhel", (6,), PC_AND_Z, "0-2G:128M,2G-6G:256M,6G-8G:512M,8G-:768M", _RHEL6),
    VendorRow("rhel", (7,), PC_AND_Z, _PC_RANGES, _RHEL7),
    VendorRow("rhel", (7,), ARM, "2G-:480M", _RHEL7),
    VendorRow("rhel", (7,), POWER, _POWER_RANGES, _RHEL7),
    VendorRow("rhel", (8,), PC_AND_Z, _PC_RANGES, _RHEL8),
    VendorRow("rhel", (8,), ARM, "2G-:480M", _RHEL8),
    VendorRow("rhel", (8,), POWER, _POWER_RANGES, _RHEL8),
    VendorRow("rhel", (9,), PC_AND_Z, _PC_RANGES, _RHEL9),
    VendorRow("rhel", (9,), ARM, "1G-4G:256M,4G-64G:320M,64G-:576M", _RHEL9, pages_64k=False),
    VendorRow("rhel", (9,), ARM, "1G-4G:356M,4G-64G:420M,64G-:676M", _RHEL9, pages_64k=True),
    VendorRow("rhel", (9,), POWER, _POWER_RANGES, _RHEL9),
)

KDUMP_UTILS = tuple(
    row
    for family, version in (("rhel", (10,)), ("fedora", (44,)), ("kdump-utils", ()))
    for row in (
        VendorRow(family, version, PC_AND_Z, "2G-64G:256M,64G-:512M", _KDUMP_UTILS),
        VendorRow(family, version, ARM, "2G-4G:256M,4G-64G:320M,64G-:576M", _KDUMP_UTILS, pages_64k=False),
        VendorRow(family, version, ARM, "2G-4G:356M,4G-64G:420M,64G-:676M", _KDUMP_UTILS, pages_64k=True),
        VendorRow(family, version, POWER, _POWER_RANGES, _KDUMP_UTILS),
        VendorRow(family, version, POWER, _FADUMP_RANGES, _KDUMP_UTILS, fadump=True),
    )
)

# The page is older than 2.6.31. Since that version the running kernel itself is at 16M.
FEDORA = (VendorRow("fedora", (11,), X86, "64M@16M", _FEDORA_2009, before=(2, 6, 31)),)

DEBIAN = (
    VendorRow("debian", (12,), EVERY, "384M-:128M", "kdump-tools of Debian 12 (bookworm)"),
    VendorRow("debian", (13,), EVERY, "512M-:192M", "kdump-tools of Debian 13 (trixie)"),
)

_NOBLE = "2G-4G:320M,4G-32G:512M,32G-64G:1024M,64G-128G:2048M,128G-:4096M"

UBUNTU = (
    VendorRow("ubuntu", (20, 4), EVERY, "512M-:192M", "kdump-tools of Ubuntu 20.04 (focal)"),
    VendorRow("ubuntu", (22, 4), EVERY, "512M-:192M", "kdump-tools of Ubuntu 22.04 (jammy)"),
    VendorRow("ubuntu", (24, 4), EVERY, _NOBLE, "kdump-tools of Ubuntu 24.04 (noble)"),
)

_SUSE = "SUSE's kdump, the value where it cannot calculate one"

SUSE = (
    VendorRow("suse", (), EVERY - POWER, "192M", _SUSE),
    VendorRow("suse", (), POWER, "384M", _SUSE),
)

_ORACLE = "Oracle Linux images, default kernel command line; Oracle Linux 8 documentation, kdumpctl estimate: 448M"
_OPENEULER = "openEuler documentation, how to enable kdump manually"
_AZURE = "Azure Linux, 51_kexec_tools.cfg of kexec-tools 2.0.27"
_AMAZON = "Bottlerocket, Amazon's default kernel command line (2025); Amazon Linux publishes no value"
_ALINUX_2 = "Alibaba Cloud Linux 2 documentation, kernel parameters"
_ALINUX_3 = "Alibaba Cloud Linux 3 images, default kernel command line of 5.10.134-19.1.al8"
_TENCENT = "OpenCloudOS documentation, how to set up kdump; TencentOS has the same default kernel command line"
_CLOUD = frozenset({Architecture.X86_64}) | ARM

OTHERS = (
    *(VendorRow("oracle", (major,), X86, "1G-64G:448M,64G-:512M", _ORACLE) for major in (8, 9, 10)),
    VendorRow("openeuler", (), _CLOUD, "512M,high", _OPENEULER),
    VendorRow("azurelinux", (), _CLOUD, "512M-32G:256M,32G-:512M", _AZURE),
    VendorRow("amazon", (), _CLOUD, "2G-:256M", _AMAZON),
    VendorRow("alinux", (2,), _CLOUD, "2G-8G:192M,8G-:256M", _ALINUX_2),
    VendorRow("alinux", (3,), _CLOUD, "2G-8G:192M,8G-128G:256M,128G-376G:384M,376G-:448M", _ALINUX_3),
    VendorRow("tencentos", (), _CLOUD, "1800M-64G:256M,64G-128G:512M,128G-:768M", _TENCENT),
)

ROWS: tuple[VendorRow, ...] = (*RHEL, *KDUMP_UTILS, *FEDORA, *DEBIAN, *UBUNTU, *SUSE, *OTHERS)


FALLBACK = "kdump-utils"

# Distributions that use the version numbers of a family.
_FAMILIES = {
    **dict.fromkeys(
        ("rhel", "centos", "rocky", "almalinux", "scientific", "eurolinux", "circle", "springdale"),
        "rhel",
    ),
    "fedora": "fedora",
    **dict.fromkeys(("debian", "raspbian"), "debian"),
    "ubuntu": "ubuntu",
    **dict.fromkeys(("ol", "oracle"), "oracle"),
    "openeuler": "openeuler",
    **dict.fromkeys(("azurelinux", "mariner"), "azurelinux"),
    **dict.fromkeys(("amzn", "bottlerocket"), "amazon"),
    "alinux": "alinux",
    **dict.fromkeys(("tencentos", "opencloudos"), "tencentos"),
    **dict.fromkeys(("suse", "sles", "sled", "sles_sap", "sle_hpc", "sle-micro", "sl-micro"), "suse"),
    **dict.fromkeys(("opensuse", "opensuse-leap", "opensuse-tumbleweed", "opensuse-microos"), "suse"),
}

# Those of them that are built from their family's sources, and have no rows of their own.
_REBUILDS = {"centos", "rocky", "almalinux", "scientific", "eurolinux", "circle", "springdale", "raspbian"}

# A family whose rows hold where a distribution has none of its own, and the first version that has one.
_PARENTS = {"oracle": ("rhel", 8)}


class Distribution(NamedTuple):
    """A distribution by os-release(5): ID, the numbers of VERSION_ID, ID_LIKE, and PRETTY_NAME for messages."""

    id: str = ""
    version: tuple[int, ...] = ()
    like: tuple[str, ...] = ()
    name: str = ""


class Choice(NamedTuple):
    """The chosen row, the reason, and warnings about it."""

    row: VendorRow
    reason: str
    warnings: tuple[Notice, ...] = ()


def choose(case: Case) -> Choice:
    """Choose the row for the kernel and distribution of a case: of its own family, the nearest version.

    A derivative (ID_LIKE) has version numbers of its own, so it gets its parent's row for the kernel's version, or the
    newest. Any other distribution gets the row of kdump-utils. Both have a warning. Raises WouldNotReserve if there is
    no row for the architecture.
    """
    distribution, release = case.distribution, case.release
    name = distribution.name or distribution.id or "a system without release file"
    own = _FAMILIES.get(distribution.id.lower())
    parent, since = _PARENTS.get(own or "", ("", 0))
    version = distribution.version or _of_kernel(release, parent or own or "")
    if parent and (not version or version[0] < since or not _row(own or "", version, case)):
        found = _row(parent, version, case)
        if found:
            return _choice(case, found, f"{name}, {case.machine}: it has no row of its own, that of {parent} holds")
    if own and (found := _row(own, distribution.version or _of_kernel(release, own), case)):
        whose = f"{own}, from which it is built" if distribution.id.lower() in _REBUILDS else "its vendor"
        return _choice(case, found, f"{name}, {case.machine}: the nearest row of {whose}")
    parents = (
        () if own else ((like, f"{name} is like {like}: its row for {case.machine}") for like in distribution.like)
    )
    of_kernel = "" if distribution.id else _family_of_kernel(release)
    for parent, why in (*parents, (of_kernel, f"the kernel is one of {of_kernel}'s: its row")):
        family = _FAMILIES.get(parent)
        if family and (found := _row(family, _of_kernel(release, family), case)):
            return _choice(case, found, why, (_unknown(name, found.source),))
    # The rows of kdump-utils. It has none for riscv64 and loongarch64: they get that of arm64.
    found = _row(FALLBACK, (), case) or _row(FALLBACK, (), case._replace(machine=Architecture.ARM64))
    if found is None:
        raise WouldNotReserve(f"no row is known for {case.machine}")
    said = f"{name}, {case.machine}: its vendor has no row"
    return _choice(case, found, said, (_unknown(name, found.source),))


def _choice(case: Case, row: VendorRow, reason: str, warnings: tuple[Notice, ...] = ()) -> Choice:
    """The choice, for RAM beyond what the row's vendor writes about: more for SUSE, the last amount for others."""
    ram = case.rounded_ram or 0
    if row.family == "suse" and ram > TIB:
        # SUSE Linux Enterprise, System Analysis and Tuning Guide, Calculating crashkernel allocation size.
        count = -(-ram // TIB)
        row = row._replace(text=f"{int(row.text.removesuffix('M')) * count}M")
        reason += (
            f"; times {count} terabytes, as SUSE documents, which also adds half a megabyte for each path to a LUN"
        )
    elif ram > (row.steps[-1][0] if row.steps else TIB) and "T-" not in row.text:
        reason += f"; extrapolated: its vendor does not mention {format_size(ram)}"
    return Choice(row, reason, warnings)


def _unknown(name: str, source: str) -> Notice:
    return Notice(
        "unknown-distribution",
        f"{name} has no row of its own: the value is from {source}",
        hint="compare it with the documentation of your distribution, or give a VALUE instead of --auto",
    )


def _row(family: str, version: Sequence[int], case: Case) -> VendorRow | None:
    """The row of the nearest version, the older of two equally near; the newest without a version."""
    rows = [
        row
        for row in ROWS
        if row.family == family
        and case.machine in row.architectures
        and row.fadump == case.needs.fadump
        and row.pages_64k in (None, case.pages_64k)
        and (row.before is None or case.release.version < row.before)
    ]
    # Rows for old kernels only come first.
    rows = [row for row in rows if row.before] or rows
    if not version:
        return max(rows, key=lambda row: row.version, default=None)
    return min(rows, key=lambda row: (abs(_scalar(row.version) - _scalar(version)), row.version), default=None)


def _scalar(version: Sequence[int]) -> float:
    """A version as one number: 24.04 is 24.04. A minor number like that of 2.1903 is a date, and does not count."""
    major, minor = (*version, 0, 0)[:2]
    return major + (minor / 100 if minor < 100 else 0)


def _of_kernel(release: Release, family: str) -> tuple[int, ...]:
    """The version in the kernel's release (`.el9`), () if it has none of that family."""
    return (int(release.vendor.removeprefix("rhel")),) if family == "rhel" and release.vendor else ()


def _family_of_kernel(release: Release) -> str:
    return "rhel" if release.vendor else "fedora" if ".fc" in release.text else ""
