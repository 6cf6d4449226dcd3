"""Will the dump be saved? The capture kernel in place, its service, what it is built for, and the target."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grubkd.advice.finding import Finding, Status, not_asked, ok

if TYPE_CHECKING:
    from collections.abc import Iterator

    from grubkd.boot.model import BootConfig
    from grubkd.machine.distribution import Distribution
    from grubkd.machine.kdump import Kdump
    from grubkd.machine.machine import Machine
    from grubkd.machine.running import Running
    from grubkd.machine.service import Service

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
