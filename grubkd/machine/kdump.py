"""What is set up to save a dump: the kdump service and its state, the dump target, the capture kernel."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from grubkd.boot.entry import is_initrd, release_of
from grubkd.errors import Place
from grubkd.machine import dump_target, panic, ram
from grubkd.machine.dump_target import KDUMP_CONF, KDUMP_TOOLS, SYSCONFIG
from grubkd.machine.settings import integer, kdump_conf, text, variables

if TYPE_CHECKING:
    from grubkd.machine.dump_target import Room, Target
    from grubkd.machine.panic import Panic
    from grubkd.machine.ram import MemoryUse
    from grubkd.tree.root import Root


# Debian and its derivatives; Red Hat, Fedora and SUSE.
_NAMES = ("kdump-tools", "kdump")
_OWN = "/etc/systemd/system"
_UNITS = (_OWN, "/run/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system")
_SCRIPTS = ("/etc/init.d", "/etc/rc.d/init.d")
# The runlevels of servers; SUSE up to 11 starts its script in early boot.
_LEVELS = tuple(f"{top}/rc{level}.d" for top in ("/etc", "/etc/rc.d", "/etc/init.d") for level in (2, 3, 5))
_EARLY = "/etc/init.d/boot.d"
_START = re.compile(r"S\d\d(?:boot\.)?(kdump-tools|kdump)")


class Service(NamedTuple):
    """The service that loads the capture kernel at boot. `name` is "" if none is installed.

    `systemd`: a unit, else a script of System V init. `enabled`: started at boot. `masked`: cannot be started.
    `off`: the place of a setting that turns the service off although it is enabled.
    """

    name: str = ""
    systemd: bool = True
    enabled: bool = False
    masked: bool = False
    off: Place | None = None


NO_SERVICE = Service()
"""No kdump service is installed."""


def read_service(tree: Root) -> Service:
    """Find the service by the files of the tree: a systemd unit, a script of System V init, or NO_SERVICE."""
    for name in _NAMES:
        unit = f"{name}.service"
        if any(tree.exists(f"{directory}/{unit}") for directory in _UNITS[1:]) or _is_unit(tree, f"{_OWN}/{unit}"):
            return Service(name, True, _wanted(tree, unit), _masked(tree, unit), _off(tree, name))
    for name in _NAMES:
        if any(tree.exists(f"{directory}/{each}") for directory in _SCRIPTS for each in (name, f"boot.{name}")):
            return Service(name, False, name in _started(tree), False, _off(tree, name))
    return NO_SERVICE


def _is_unit(tree: Root, path: str) -> bool:
    """Whether the file is a unit, and not a dangling link or a mask."""
    status = tree.stat(path)
    return status is not None and status.st_size > 0


def _wanted(tree: Root, unit: str) -> bool:
    """Whether it is enabled: systemctl(1) makes a link in the .wants directory of another unit."""
    return any(
        unit in tree.list(f"{directory}/{other}") and tree.exists(f"{directory}/{other}/{unit}")
        for directory in _UNITS
        for other in tree.list(directory)
        if other.endswith((".wants", ".requires"))
    )


def _masked(tree: Root, unit: str) -> bool:
    """Whether the administrator's unit is empty or a link to /dev/null. Images have no /dev/null."""
    return any(unit in tree.list(each) and not _is_unit(tree, f"{each}/{unit}") for each in _UNITS[:2])


def _started(tree: Root) -> set[str]:
    links = (link for directory in (*_LEVELS, _EARLY) for link in tree.list(directory))
    return {found[1] for link in links if (found := _START.fullmatch(link))}


def _off(tree: Root, name: str) -> Place | None:
    """Debian's kdump-tools does nothing if USE_KDUMP is missing, empty or 0."""
    settings = text(tree, KDUMP_TOOLS) if name == "kdump-tools" else None
    if settings is None:
        return None
    found = variables(settings).get("USE_KDUMP")
    if found is None:
        return None if "USE_KDUMP=" in settings else Place(KDUMP_TOOLS)
    return Place(KDUMP_TOOLS, found.line) if found.value in ("", "0") else None


_TOOLS = ("/usr/bin/kdumpctl", "/usr/sbin/kdumpctl", "/bin/kdumpctl", "/sbin/kdumpctl")
_RESET = "auto_reset_crashkernel"
_FSTAB = "/etc/fstab"
_BOOT = ("/boot", "/efi")


class Kdump(NamedTuple):
    """What saves a dump. `use`: of the running machine's memory. `key`: the SSH key exists; None if none is needed.

    `resets`: kdump-utils resets crashkernel= to its default; the place of the setting, or the file that lacks it.
    `capture`: the release of the capture kernel, if a setting names one. `firmware`: whether the firmware is ready to
    save the dump (fadump); None without fadump. `barred`: kexec_load_disabled is set: no kernel can be loaded before
    the next boot. `made_for`: the kernels that kdump-tools has an initrd for, () if it has made none. `unmounted`: boot
    partitions of fstab(5) that are not mounted. `panic`: what the running kernel panics on.
    `failure`: why the service failed in this boot, by the journal, which `read` does not ask.
    """

    service: Service
    target: Target
    room: Room
    use: MemoryUse | None = None
    key: bool | None = None
    resets: Place | None = None
    capture: str | None = None
    firmware: bool | None = None
    barred: bool = False
    made_for: tuple[str, ...] = ()
    unmounted: tuple[Place, ...] = ()
    panic: Panic = panic.NOT_KNOWN
    failure: str = ""


def read(tree: Root) -> Kdump:
    """Read the settings of the tree, and /proc and /sys of a live tree."""
    target = dump_target.read(tree)
    return Kdump(
        service=read_service(tree),
        target=target,
        room=dump_target.read_room(tree, target),
        use=ram.read_use(tree) if tree.live else None,
        key=tree.exists(target.key) if target.key else None,
        resets=_resets(tree),
        capture=_capture(tree),
        firmware=_firmware(tree) if tree.live else None,
        barred=tree.live and integer(tree, "/proc/sys/kernel/kexec_load_disabled") == 1,
        made_for=_made_for(tree),
        unmounted=_unmounted(tree) if tree.live else (),
        panic=panic.read(tree),
    )


def kdumpctl(tree: Root) -> str | None:
    """The text of kdumpctl, a script (RHEL 7, Fedora 17 and later); None without it."""
    return next((found for path in _TOOLS if (found := text(tree, path)) is not None), None)


def _resets(tree: Root) -> Place | None:
    """kexec-tools 2.0.23 (Fedora 36, RHEL 9) and later, and kdump-utils, reset the value unless the setting is `no`."""
    settings, tool = text(tree, KDUMP_CONF), kdumpctl(tree)
    if settings is None or tool is None:
        return None
    found = [each for each in kdump_conf(settings) if each.name == _RESET]
    if found:
        return Place(KDUMP_CONF, found[-1].line) if found[-1].value != "no" else None
    return Place(KDUMP_CONF) if _RESET in tool else None


def _capture(tree: Root) -> str | None:
    """The release in KDUMP_KERNELVER, or of the image in KDUMP_KERNEL."""
    named, image = _value(tree, SYSCONFIG, "KDUMP_KERNELVER"), _value(tree, KDUMP_TOOLS, "KDUMP_KERNEL")
    return named or (release_of(tree.resolve(image) or image) if image.startswith("/") else None)


def _value(tree: Root, path: str, name: str) -> str:
    """The value of a variable in a file of shell assignments; "" if it is not set."""
    found = variables(text(tree, path) or "").get(name)
    return found.value if found else ""


_INITRDS = "/var/lib/kdump"


def _made_for(tree: Root) -> tuple[str, ...]:
    """The release of KDUMP_INITRD, else those of kdump-tools' own initrds."""
    named = _value(tree, KDUMP_TOOLS, "KDUMP_INITRD")
    if named.startswith("/"):
        found = [release_of(tree.resolve(named) or named)]
    else:
        paths = (f"{_INITRDS}/{name}" for name in tree.list(_INITRDS) if "-" in name and is_initrd(name))
        found = [release_of(path) for path in paths if tree.exists(path)]
    return tuple(release for release in found if release)


def _unmounted(tree: Root) -> tuple[Place, ...]:
    """The lines of fstab(5) that mount a boot partition at boot, if it is not mounted now."""
    mounted = {mount.directory for mount in dump_target.read_mounts(tree)}
    found = []
    for number, line in enumerate((text(tree, _FSTAB) or "").split("\n"), 1):
        fields = line.partition("#")[0].split()
        options = fields[3].split(",") if len(fields) > 3 else []
        if len(fields) > 1 and fields[1] in _BOOT and fields[1] not in mounted and "noauto" not in options:
            found.append(Place(_FSTAB, number))
    return tuple(found)


def _firmware(host: Root) -> bool | None:
    """Firmware-assisted dump of POWER, by /sys/kernel/fadump_*; since 5.10 /sys/kernel/fadump/."""
    for prefix in ("/sys/kernel/fadump/", "/sys/kernel/fadump_"):
        if integer(host, f"{prefix}enabled") == 1:
            return integer(host, f"{prefix}registered") == 1
    return None
