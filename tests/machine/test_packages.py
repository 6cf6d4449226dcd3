"""How each distribution installs packages."""

from __future__ import annotations

import pytest

from grubkd.machine.packages import install_symbols, install_tool
from grubkd.memory.vendors import Distribution

RELEASE = "6.1.0-50-amd64"
DEBIAN, UBUNTU = Distribution("debian", (12,)), Distribution("ubuntu", (24, 4), ("debian",))
FEDORA, RHEL = Distribution("fedora", (44,)), Distribution("rhel", (9, 4), ("fedora",))
ORACLE, OLD = Distribution("ol", (9,), ("fedora",)), Distribution("centos", (7,), ("rhel", "fedora"))
LEAP, OTHER = Distribution("opensuse-leap", (15, 6), ("suse", "opensuse")), Distribution("arch")
EL9 = "5.14.0-503.el9.x86_64"


@pytest.mark.parametrize(
    ("distribution", "release", "expected"),
    [
        (DEBIAN, RELEASE, f"apt-get install linux-image-{RELEASE}-dbg"),
        (
            UBUNTU,
            "6.8.0-31-generic",
            "apt-get install linux-image-6.8.0-31-generic-dbgsym "
            "(from ddebs.ubuntu.com, whose key is in the package ubuntu-dbgsym-keyring)",
        ),
        (RHEL, EL9, f"dnf install '--enablerepo=*debug*' kernel-debuginfo-{EL9}"),
        (RHEL, f"{EL9}+rt", f"dnf install '--enablerepo=*debug*' kernel-rt-debuginfo-{EL9}"),
        (OLD, "3.10.0-1160.el7.x86_64", "yum install '--enablerepo=*debug*' kernel-debuginfo-3.10.0-1160.el7.x86_64"),
        (
            ORACLE,
            "5.15.0-100.el9uek.x86_64",
            "dnf install '--enablerepo=*debug*' kernel-uek-debuginfo-5.15.0-100.el9uek.x86_64",
        ),
        (
            LEAP,
            "6.4.0-150600.23.47-default",
            "zypper --plus-content debug install kernel-default-debuginfo (of version 6.4.0-150600.23.47)",
        ),
        (OTHER, "6.12.1-arch1-1", "install the debugging symbols of kernel 6.12.1-arch1-1"),
    ],
)
def test_how_symbols_are_installed(distribution: Distribution, release: str, expected: str) -> None:
    assert install_symbols(distribution, release).text == expected


@pytest.mark.parametrize(
    ("distribution", "tool", "expected"),
    [
        (DEBIAN, "crash", "apt-get install crash"),
        (DEBIAN, "drgn", "pip install drgn"),
        (Distribution("debian", (13,)), "drgn", "apt-get install python3-drgn"),
        (UBUNTU, "drgn", "apt-get install python3-drgn"),
        (RHEL, "makedumpfile", "dnf install kexec-tools"),
        (FEDORA, "makedumpfile", "dnf install makedumpfile"),
        (FEDORA, "drgn", "dnf install drgn"),
        (LEAP, "makedumpfile", "zypper install makedumpfile"),
        (OTHER, "crash", "install crash"),
    ],
)
def test_how_tools_are_installed(distribution: Distribution, tool: str, expected: str) -> None:
    assert install_tool(distribution, tool).text == expected
