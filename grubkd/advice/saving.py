"""The findings about saving the dump: the capture kernel, its service, the target, and room for the dump."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from grubkd.advice.finding import Finding, Status, not_asked, ok
from grubkd.machine.dump_target import KDUMP_CONF, KDUMP_TOOLS, SYSCONFIG, TargetKind
from grubkd.memory.size import GIB, MIB

if TYPE_CHECKING:
    from collections.abc import Iterator

    from grubkd.machine.dump_target import Target
    from grubkd.machine.kdump import Kdump, Service
    from grubkd.machine.machine import Machine, Running
    from grubkd.memory.vendors import Distribution


_STARTS = "nothing loads a capture kernel after a boot"


def loaded(running: Running, kdump: Kdump) -> Finding:
    """Whether a crash now starts a capture kernel, or the firmware's dump."""
    if kdump.firmware is not None:
        if kdump.firmware:
            return ok("loaded", "the firmware is ready to save a dump (fadump)")
        why = "the firmware saves a dump of registered systems only"
        return Finding("loaded", Status.PROBLEM, "fadump is not registered", "not-loaded", why, _load(kdump.service))
    if running.loaded:
        return ok("loaded", "a capture kernel is loaded")
    if kdump.barred:
        why = "kexec_load_disabled is set; it stays set until the next boot"
        fix = "remove it from the sysctl settings (grep -r kexec_load /etc/sysctl*), then reboot"
        return Finding(
            "loaded", Status.PROBLEM, "no capture kernel is loaded, and none can be loaded", "load-barred", why, fix
        )
    why = "after a crash the machine reboots or hangs, without a dump"
    fix = _load(kdump.service) if running.reserved else "first reserve memory: grubkd set --auto, then reboot"
    return Finding("loaded", Status.PROBLEM, "no capture kernel is loaded", "not-loaded", why, fix)


def _load(service: Service) -> str:
    if not service.name:
        return "kexec --load-panic"
    return f"systemctl restart {service.name}" if service.systemd else f"service {service.name} restart"


def service(kdump: Kdump, machine: Machine, *, image: bool = False) -> Finding:
    """Whether a capture kernel is loaded after each boot. `image`: an ostree or bootc system."""
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
    return "install the kdump package of the distribution, and enable its service"


_NEEDED = (
    ("kexec", "CONFIG_KEXEC", "it cannot load a capture kernel"),
    ("crash_dump", "CONFIG_CRASH_DUMP", "it cannot be the capture kernel"),
    ("vmcore", "CONFIG_PROC_VMCORE", "as capture kernel it has no /proc/vmcore"),
)


def kernels(machine: Machine, kdump: Kdump, releases: dict[str, str]) -> Iterator[Finding]:
    """Whether kernels are built to be loaded, and to capture. `releases`: release -> role."""
    if kdump.capture:
        releases = {**releases, kdump.capture: "the capture kernel"}
    for release, role in releases.items():
        kernel = machine.kernel(release)
        said = kernel.config if kernel else None
        if said is None or said.kexec is said.crash_dump is said.vmcore is None:
            yield not_asked("kernel", f"{role} {release}: no configuration file in /boot or /lib/modules")
            continue
        missing = [(option, why) for name, option, why in _NEEDED if getattr(said, name) is False]
        for option, why in missing:
            message = f"{role} {release} is built without {option}"
            fix = "install a kernel of the distribution that has it"
            yield Finding("kernel", Status.PROBLEM, message, "no-capture-support", why, fix)
        if not missing:
            yield ok("kernel", f"{role} {release} can load a capture kernel and be one")


_ZERO, _CACHE, _USER, _FREE = 1, 2 | 4, 8, 16
# zlib, lzo and zstd compress kernel memory to a quarter or a half.
_PACKED = 4


@dataclass(frozen=True, slots=True)
class Need:
    """Bytes that a dump of the machine in its present state takes: `most` without, `least` with compression."""

    most: int
    least: int
    sum: str


def need(target: Target, kdump: Kdump, machine: Machine) -> Need | None:
    """The size of a dump: the RAM minus free memory, file cache and pages of programs that the dump level leaves out.

    Pages of zeros are left out too, but their number is unknown. None if the use of the memory is unknown.
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
    words = f"RAM {readable(ram)}" + "".join(f" - {name} {readable(each)}" for each, name in left_out)
    words += f", at dump level {target.level}"
    if target.compressed:
        words += f"; compressed it may be {readable(most // _PACKED)}"
    return Need(most, most // _PACKED if target.compressed else most, words)


def readable(size: int) -> str:
    """A size for messages, in tenths of a GiB or in MiB."""
    return f"{size / GIB:.1f}G" if size >= 10 * GIB else f"{-(-size // MIB)}M"


def target_findings(kdump: Kdump) -> Iterator[Finding]:
    """Whether the target exists."""
    found = kdump.target
    if found.kind is TargetKind.NOTHING:
        why = "the capture kernel starts, but saves nothing"
        yield Finding(
            "target", Status.PROBLEM, "the configuration saves no dump", "no-dump", why, _edit(found), found.place
        )
        return
    for place in found.more:
        why = "kdumpctl accepts one target only, and does not start"
        said = f"a second dump target, beside {found}"
        yield Finding(
            "target", Status.PROBLEM, said, "two-targets", why, f"remove one of them from {place.file}", place
        )
    if kdump.key is False:
        why = "the capture kernel cannot log in"
        fix = "kdumpctl propagate" if kdump.service.name != "kdump-tools" else "kdump-config propagate"
        yield Finding("target", Status.PROBLEM, f"{found.key} does not exist", "no-key", why, fix, found.place)
        return
    yield _there(found, kdump)


def _edit(found: Target) -> str:
    return f"see {found.place.file}" if found.place else ""


def _there(found: Target, kdump: Kdump) -> Finding:
    there = kdump.room.there
    if found.kind is TargetKind.FILESYSTEM and found.directory is None:
        why = "kdumpctl accepts a mounted file system only, and does not start"
        said = f"the dump target {found.where} is not mounted"
        return Finding("target", Status.PROBLEM, said, "not-mounted", why, f"mount {found.where}", found.place)
    if there is None:
        return not_asked("target", f"dumps go to {found}, which cannot be checked from here")
    if there:
        return ok("target", f"dumps go to {found}", found.place)
    if found.kind is TargetKind.RAW:
        why = "the capture kernel cannot write the dump"
        said = f"{found} does not exist"
        return Finding("target", Status.PROBLEM, said, "no-device", why, _edit(found), found.place)
    if found.made:
        return ok("target", f"dumps go to {found}, which is created with the first dump", found.place)
    why = "kdumpctl does not start without it"
    fix = f"mkdir -p {found.directory}"
    return Finding("target", Status.PROBLEM, f"{found.directory} does not exist", "no-directory", why, fix, found.place)


def room_finding(kdump: Kdump, machine: Machine) -> Finding:
    """Whether the dump fits."""
    found, free = kdump.target, kdump.room.free
    if free is None:
        return not_asked("room", f"the free space of {found} cannot be checked from here")
    needed = need(found, kdump, machine)
    if needed is None:
        return not_asked("room", f"{readable(free)} is free; the size of a dump is not known without /proc/meminfo")
    said = f"{readable(free)} is free, and a dump takes up to {readable(needed.most)} ({needed.sum})"
    fix = f"delete old dumps (grubkd dumps lists them), or set another target in {_file(kdump)}"
    why = "a dump that does not fit is incomplete, and of little use"
    if free < needed.least:
        return Finding("room", Status.PROBLEM, said, "no-room", why, fix, found.place)
    if free < needed.most:
        return Finding("room", Status.WARNING, said, "little-room", why, fix, found.place)
    return ok("room", said, found.place)


def _file(kdump: Kdump) -> str:
    if kdump.target.place:
        return kdump.target.place.file
    return KDUMP_TOOLS if kdump.service.name == "kdump-tools" else KDUMP_CONF if kdump.service.name else SYSCONFIG
