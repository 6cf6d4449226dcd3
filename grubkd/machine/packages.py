"""How each distribution installs what saves a dump, and what opens it."""

from __future__ import annotations

from shlex import join
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from grubkd.memory.vendors import Distribution


class Fix(NamedTuple):
    """How to fix something: as text and, where commands do it, as argument lists, run in order."""

    text: str
    commands: tuple[tuple[str, ...], ...] = ()


def by(*commands: tuple[str, ...], note: str = "") -> Fix:
    """The fix by commands; its text can be pasted, but for the note."""
    return Fix(" && ".join(map(join, commands)) + (f" ({note})" if note else ""), commands)


def install(distribution: Distribution, *packages: str) -> Fix:
    """How to install packages with the distribution's own tool; no commands where that is not known."""
    match _family(distribution):
        case "ubuntu" | "debian":
            # The lists of packages may be old, or absent, as on images for clouds.
            return by(("apt-get", "update"), ("apt-get", "install", "-y", *packages))
        case "suse":
            return by(("zypper", "--non-interactive", "install", *packages))
        case "red-hat":
            return by((_dnf(distribution), "install", "-y", *packages))
    return Fix(f"install {' '.join(packages)} with the tool of the distribution")


def install_kdump(distribution: Distribution, *, image: bool) -> Fix:
    """How to install the service, and to enable it where the package does not."""
    systemd, init = ("systemctl", "enable", "kdump"), ("chkconfig", "kdump", "on")
    first = _release(distribution)
    match _family(distribution):
        case "ubuntu" | "debian":
            return install(distribution, "kdump-tools", "makedumpfile")
        case "suse":
            enable = ("chkconfig", "boot.kdump", "on") if first < 12 else systemd
            return by(*install(distribution, "kdump").commands, enable)
        case "red-hat":
            fedora = distribution.id == "fedora"
            package = "kdump-utils" if first >= (41 if fedora else 10) else "kexec-tools"
            if image:
                return Fix(f"rpm-ostree install {package}, reboot, {join(systemd)}")
            return by(*install(distribution, package).commands, systemd if first >= (15 if fedora else 7) else init)
    return Fix("install the kdump package of the distribution, and enable its service")


def install_symbols(distribution: Distribution, release: str) -> Fix:
    """How to install the debugging symbols of a kernel."""
    match _family(distribution):
        case "ubuntu":
            note = "from ddebs.ubuntu.com, whose key is in the package ubuntu-dbgsym-keyring"
            return by(("apt-get", "install", f"linux-image-{release}-dbgsym"), note=note)
        case "debian":
            return by(("apt-get", "install", f"linux-image-{release}-dbg"))
        case "suse":
            version, _, flavour = release.rpartition("-")
            package = f"kernel-{flavour}-debuginfo"
            return by(("zypper", "--plus-content", "debug", "install", package), note=f"of version {version}")
        case "red-hat":
            # The flavour behind `+` is a part of the package's name; Oracle's UEK has a name of its own.
            version, _, flavour = release.partition("+")
            name = f"kernel-{flavour}" if flavour else "kernel-uek" if "uek" in version else "kernel"
            return by((_dnf(distribution), "install", "--enablerepo=*debug*", f"{name}-debuginfo-{version}"))
    return Fix(f"install the debugging symbols of kernel {release}")


def install_tool(distribution: Distribution, tool: str) -> Fix:
    """How to install crash, drgn or makedumpfile."""
    first = _release(distribution)
    if tool == "drgn" and first < {"debian": 13, "ubuntu": 24}.get(distribution.id, 0):
        return by(("pip", "install", "drgn"))
    apart = "python3-drgn" if tool == "drgn" else tool
    match _family(distribution):
        case "ubuntu" | "debian":
            return by(("apt-get", "install", apart))
        case "suse":
            return by(("zypper", "install", apart))
        case "red-hat":
            alone = 41 if distribution.id == "fedora" else 10  # kexec-tools held makedumpfile before
            package = "kexec-tools" if tool == "makedumpfile" and first < alone else tool
            return by((_dnf(distribution), "install", package))
    return Fix(f"install {tool}")


def _family(distribution: Distribution) -> str:
    """Whose package tools it has; "" if that is not known."""
    names = {distribution.id, *distribution.like}
    if "ubuntu" in names or "debian" in names:
        return "ubuntu" if "ubuntu" in names else "debian"
    if any(name.startswith(("suse", "sle", "opensuse")) for name in names):
        return "suse"
    return "red-hat" if {"fedora", "rhel", "centos"} & names else ""


def _dnf(distribution: Distribution) -> str:
    return "dnf" if _release(distribution) >= (22 if distribution.id == "fedora" else 8) else "yum"


def _release(distribution: Distribution) -> int:
    """The first number of the version; the newest if it is not known."""
    return distribution.version[0] if distribution.version else 99
