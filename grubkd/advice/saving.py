"""Will the dump be saved? The capture kernel in place, its service, what it is built for, and the target.

MERGED: Is there a place for the dump, and room? How much a dump takes is estimated from what the memory holds now.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from grubkd.advice.finding import Finding, Status, not_asked, ok
from grubkd.machine.dump_target import KDUMP_CONF, KDUMP_TOOLS, SYSCONFIG, TargetKind
from grubkd.memory.size import GIB, MIB

if TYPE_CHECKING:
    from collections.abc import Iterator

    from grubkd.boot.model import BootConfig
    from grubkd.machine.dump_target import Target
    from grubkd.machine.kdump import Kdump, Service
    from grubkd.machine.machine import Machine, Running
    from grubkd.memory.vendors import Distribution


_STARTS = "after a boot nothing loads the capture kernel"


def loaded(running: Running, kdump: Kdump) -> Finding:
    """Whether a crash now would start a capture kernel, or the firmware."""
    if kdump.firmware is not None:
        if kdump.firmware:
            return ok("loaded", "the firmware is ready to save a dump (fadump)")
        why = "the firmware saves no dump of a system that did not register for one"
        return Finding("loaded", Status.PROBLEM, "fadump is not registered", "not-loaded", why, _load(kdump.service))
    if running.loaded:
        return ok("loaded", "a capture kernel is loaded")
    if kdump.barred:
        why = "kexec_load_disabled is set, which holds until the next boot"
        fix = f"remove it from sysctl's settings (grep -r kexec_load /etc/sysctl*), then {_load(kdump.service)}"
        return Finding("loaded", Status.PROBLEM, "no capture kernel is loaded, nor can one be", "load-barred", why, fix)
    why = "a crash then ends in a reboot, or in nothing, without a dump"
    if not running.reserved:
        fix = "first see to the reservation: grubkd set --auto, and a reboot"
    else:
        fix = _load(kdump.service)
    return Finding("loaded", Status.PROBLEM, "no capture kernel is loaded", "not-loaded", why, fix)


def _load(service: Service) -> str:
    if not service.name:
        return "kexec --load-panic"
    return f"systemctl restart {service.name}" if service.systemd else f"service {service.name} restart"


def service(kdump: Kdump, machine: Machine, *, image: bool = False) -> Finding:
    """Whether the capture kernel is loaded after each boot. `image`: the system is one of ostree or bootc."""
    found = kdump.service
    if not found.name:
        fix = _install(machine.distribution, image=image)
        return Finding("service", Status.PROBLEM, "no kdump service is installed", "no-service", _STARTS, fix)
    unit = f"{found.name}.service" if found.systemd else f"the init script {found.name}"
    if found.off:
        fix = f"sed -i 's/^USE_KDUMP=.*/USE_KDUMP=1/' {found.off.file}"
        return Finding(
            "service", Status.PROBLEM, f"{unit} does nothing: USE_KDUMP is 0", "off", _STARTS, fix, found.off
        )
    if found.masked:
        fix = f"systemctl unmask {unit} && systemctl enable {unit}"
        return Finding("service", Status.PROBLEM, f"{unit} is masked", "masked", _STARTS, fix)
    if not found.enabled:
        now = "--now " if machine.live else ""
        script = f"chkconfig {found.name} on || update-rc.d {found.name} enable"
        fix = f"systemctl enable {now}{unit}" if found.systemd else script
        return Finding("service", Status.PROBLEM, f"{unit} is not enabled", "disabled", _STARTS, fix)
    return ok("service", f"{unit} is enabled")


def _install(distribution: Distribution, *, image: bool) -> str:
    names = {distribution.id, *distribution.like}
    if "debian" in names or "ubuntu" in names:
        return "apt-get install kdump-tools"
    first = distribution.version[0] if distribution.version else 99
    if any(name.startswith(("suse", "sles", "opensuse")) for name in names):
        return f"zypper install kdump && {'chkconfig boot.kdump on' if first < 12 else 'systemctl enable kdump'}"
    if {"fedora", "rhel", "centos"} & names:
        fedora = distribution.id == "fedora"
        package = "kdump-utils" if first >= (41 if fedora else 10) else "kexec-tools"
        tool = "rpm-ostree" if image else "dnf" if first >= (22 if fedora else 8) else "yum"
        enable = "systemctl enable kdump" if first >= (15 if fedora else 7) else "chkconfig kdump on"
        return f"{tool} install {package}, reboot, {enable}" if image else f"{tool} install {package} && {enable}"
    return "install the package with the kdump service of the distribution, and enable it"


_NEEDED = (
    ("kexec", "CONFIG_KEXEC", "it cannot load a capture kernel"),
    ("crash_dump", "CONFIG_CRASH_DUMP", "it cannot be the capture kernel"),
    ("vmcore", "CONFIG_PROC_VMCORE", "as capture kernel it does not show the memory of the one that crashed"),
)


def kernels(config: BootConfig, machine: Machine, kdump: Kdump, releases: dict[str, str]) -> Iterator[Finding]:
    """Whether kernels are built for it: release -> what that kernel is for people."""
    if kdump.capture:
        releases = {**releases, kdump.capture: "the capture kernel"}
    for release, role in releases.items():
        kernel = machine.kernel(release)
        said = kernel.config if kernel else None
        if said is None or said.kexec is said.crash_dump is said.vmcore is None:
            yield not_asked("kernel", f"{role} {release}: neither /boot nor /lib/modules tells how it is built")
            continue
        missing = [(option, why) for name, option, why in _NEEDED if getattr(said, name) is False]
        for option, why in missing:
            message = f"{role} {release} is built without {option}"
            fix = "install a kernel of the distribution that has it"
            yield Finding("kernel", Status.PROBLEM, message, "no-capture-support", why, fix)
        if not missing:
            yield ok("kernel", f"{role} {release} is built to be loaded, and to capture")


_ZERO, _CACHE, _USER, _FREE = 1, 2 | 4, 8, 16
# What zlib, lzo or zstd leave of kernel memory is a quarter to a half.
_PACKED = 4


@dataclass(frozen=True, slots=True)
class Need:
    """Bytes that a dump of the machine as it is now takes: `most` without, `least` with compression."""

    most: int
    least: int
    told: str


def need(target: Target, kdump: Kdump, machine: Machine) -> Need | None:
    """The need by the dump level: the RAM less free memory, files' cache and programs' pages where these are left out.

    Pages of zeros are left out as well, but nothing tells how many there are. None where the use is not known.
    """
    use = kdump.use
    if use is None:
        return None
    held = machine.running.reserved or 0 if machine.running else 0
    ram = max((machine.ram or 0) - held, use.total)
    left_out = [
        (amount, name)
        for bits, amount, name in (
            (_FREE, use.free, "free"),
            (_CACHE, use.cache, "file cache"),
            (_USER, use.user, "programs"),
        )
        if target.level & bits
    ]
    most = max(ram - sum(amount for amount, _ in left_out), 0)
    told = f"RAM {readable(ram)}" + "".join(f" - {name} {readable(each)}" for each, name in left_out)
    told += f", at dump level {target.level}"
    if target.compressed:
        told += f"; compressed it may be {readable(most // _PACKED)}"
    return Need(most, most // _PACKED if target.compressed else most, told)


def readable(size: int) -> str:
    """A size for people, to a tenth of a GiB or to a MiB."""
    return f"{size / GIB:.1f}G" if size >= 10 * GIB else f"{-(-size // MIB)}M"


def target_findings(kdump: Kdump) -> Iterator[Finding]:
    """Whether the dump has a place to go to."""
    found = kdump.target
    if found.kind is TargetKind.NOTHING:
        why = "the capture kernel starts, and saves nothing"
        yield Finding("target", Status.PROBLEM, "no dump is to be saved", "no-dump", why, _edit(found), found.place)
        return
    for place in found.more:
        why = "kdumpctl takes one target only, and does not start"
        said = f"a second dump target, beside {found}"
        yield Finding(
            "target", Status.PROBLEM, said, "two-targets", why, f"remove one of them from {place.file}", place
        )
    if kdump.key is False:
        why = "the capture kernel cannot log in"
        fix = "kdumpctl propagate" if kdump.service.name != "kdump-tools" else "kdump-config propagate"
        yield Finding("target", Status.PROBLEM, f"{found.key} is not there", "no-key", why, fix, found.place)
        return
    yield _there(found, kdump)


def _edit(found: Target) -> str:
    return f"see {found.place.file}" if found.place else ""


def _there(found: Target, kdump: Kdump) -> Finding:
    there = kdump.room.there
    if found.kind is TargetKind.FILESYSTEM and found.directory is None:
        why = "kdumpctl takes a mounted file system only, and does not start"
        said = f"the dump target {found.where} is not mounted"
        return Finding("target", Status.PROBLEM, said, "not-mounted", why, f"mount {found.where}", found.place)
    if there is None:
        return not_asked("target", f"dumps go to {found}: whether it takes them is not to be seen from here")
    if there:
        return ok("target", f"dumps go to {found}", found.place)
    if found.kind is TargetKind.RAW:
        why = "the capture kernel finds nothing to write to"
        said = f"{found} is not there"
        return Finding("target", Status.PROBLEM, said, "no-device", why, _edit(found), found.place)
    if found.made:
        return ok("target", f"dumps go to {found}, which is made when the first is saved", found.place)
    why = "kdumpctl does not start without it"
    fix = f"mkdir -p {found.directory}"
    return Finding("target", Status.PROBLEM, f"{found.directory} is not there", "no-directory", why, fix, found.place)


def room_finding(kdump: Kdump, machine: Machine) -> Finding:
    """Whether the dump fits."""
    found, free = kdump.target, kdump.room.free
    if free is None:
        return not_asked("room", f"how much {found} takes is not to be seen from here")
    needed = need(found, kdump, machine)
    if needed is None:
        return not_asked("room", f"{readable(free)} is free; how much a dump takes is not known without /proc/meminfo")
    said = f"{readable(free)} is free, and a dump takes up to {readable(needed.most)} ({needed.told})"
    fix = f"make room there (grubkd dumps lists old ones), or name another target in {_file(kdump)}"
    why = "a dump that does not fit is cut off, and of little use"
    if free < needed.least:
        return Finding("room", Status.PROBLEM, said, "no-room", why, fix, found.place)
    if free < needed.most:
        return Finding("room", Status.WARNING, said, "little-room", why, fix, found.place)
    return ok("room", said, found.place)


def _file(kdump: Kdump) -> str:
    if kdump.target.place:
        return kdump.target.place.file
    return KDUMP_TOOLS if kdump.service.name == "kdump-tools" else KDUMP_CONF if kdump.service.name else SYSCONFIG
