"""How each distribution installs the packages that save a dump, and the program that opens it."""

from __future__ import annotations

from shlex import join
from typing import TYPE_CHECKING

from grubkd.advice.finding import Fix, by

if TYPE_CHECKING:
    from collections.abc import Iterable

    from grubkd.memory.vendors import Distribution


def install(distribution: Distribution, *packages: str) -> Fix:
    """How to install packages with the distribution's own tool; no commands where that is not known."""
    names = {distribution.id, *distribution.like}
    first = _release(distribution)
    if "debian" in names or "ubuntu" in names:
        # The lists of packages may be old, or absent, as on images for clouds.
        return by(("apt-get", "update"), ("apt-get", "install", "-y", *packages))
    if _is_suse(names):
        return by(("zypper", "--non-interactive", "install", *packages))
    if {"fedora", "rhel", "centos"} & names:
        tool = "dnf" if first >= (22 if distribution.id == "fedora" else 8) else "yum"
        return by((tool, "install", "-y", *packages))
    return Fix(f"install {' '.join(packages)} with the tool of the distribution")


def install_kdump(distribution: Distribution, *, image: bool) -> Fix:
    """How to install the service, and to enable it where the package does not."""
    names = {distribution.id, *distribution.like}
    first = _release(distribution)
    if "debian" in names or "ubuntu" in names:
        return install(distribution, "kdump-tools", "makedumpfile")
    systemd, init = ("systemctl", "enable", "kdump"), ("chkconfig", "kdump", "on")
    if _is_suse(names):
        enable = ("chkconfig", "boot.kdump", "on") if first < 12 else systemd
        return by(*install(distribution, "kdump").commands, enable)
    if {"fedora", "rhel", "centos"} & names:
        fedora = distribution.id == "fedora"
        package = "kdump-utils" if first >= (41 if fedora else 10) else "kexec-tools"
        if image:
            return Fix(f"rpm-ostree install {package}, reboot, {join(systemd)}")
        return by(*install(distribution, package).commands, systemd if first >= (15 if fedora else 7) else init)
    return Fix("install the kdump package of the distribution, and enable its service")


def _release(distribution: Distribution) -> int:
    """The first number of the version; the newest if it is not known."""
    return distribution.version[0] if distribution.version else 99


def _is_suse(names: Iterable[str]) -> bool:
    return any(name.startswith(("suse", "sles", "opensuse")) for name in names)
