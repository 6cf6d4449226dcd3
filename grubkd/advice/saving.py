"""The findings about saving the dump: the capture kernel, its service, the target, and room for the dump."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from grubkd.advice.finding import Finding, Status, not_asked, ok
from grubkd.boot.image import Images
from grubkd.boot.model import Role
from grubkd.machine.dump_target import KDUMP_CONF, KDUMP_TOOLS, SYSCONFIG, TargetKind
from grubkd.machine.packages import Fix, by, install_kdump
from grubkd.memory.size import GIB, in_megabytes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from grubkd.boot.model import BootConfig, Entry
    from grubkd.errors import Place
    from grubkd.machine.crash_test import CrashTestResult
    from grubkd.machine.dump_target import Target
    from grubkd.machine.kdump import Kdump, Service
    from grubkd.machine.machine import Machine, Running
    from grubkd.tree.root import Root


def _problem(  # noqa: PLR0913 - the fields of a finding
    check: str, *, message: str, code: str, why: str, fix: str | Fix, place: Place | None = None
) -> Finding:
    fix = Fix(fix) if isinstance(fix, str) else fix
    return Finding(check, Status.PROBLEM, message, code, why, fix.text, place, fix.commands)


_LOAD_BARRED = "kexec_load_disabled is set; it stays set until the next boot"
_REMOVE_SYSCTL = "remove it from the sysctl settings (grep -r kexec_load /etc/sysctl*), then reboot"
_NO_BOOT = "the boot loader stops, or the kernel does not find its root file system"


def loaded(running: Running, kdump: Kdump) -> Finding:
    """Whether a crash now starts a capture kernel, or the firmware's dump."""
    code, why = "not-loaded", "after a crash the machine reboots or hangs, without a dump"
    said, fix = "no capture kernel is loaded", _load(kdump.service)
    if kdump.firmware is not None:
        if kdump.firmware:
            return ok("loaded", "the firmware is ready to save a dump (fadump)")
        said, why = "fadump is not registered", "the firmware saves a dump of registered systems only"
    elif running.loaded:
        return ok("loaded", "a capture kernel is loaded")
    elif kdump.barred:
        code, why, fix = "load-barred", _LOAD_BARRED, Fix(_REMOVE_SYSCTL)
        said += ", and none can be loaded"
    elif not running.reserved:
        fix = Fix("first memory must be reserved: see the findings above")
    return _problem("loaded", message=said, code=code, why=why, fix=fix)


def failed(kdump: Kdump) -> Finding:
    """The service failed in this boot."""
    unit = f"{kdump.service.name}.service"
    said, why = f"{unit} failed: {kdump.failure}", "it did not load a capture kernel, and may fail again"
    fix = by(("journalctl", "--boot", f"--unit={unit}"))
    return Finding("service", Status.WARNING, said, "failed", why, f"see: {fix.text}", commands=fix.commands)


def _load(service: Service) -> Fix:
    if not service.name:
        return Fix("kexec --load-panic")
    command = ("systemctl", "restart", service.name) if service.systemd else ("service", service.name, "restart")
    return by(command)


def boot_findings(config: BootConfig, kdump: Kdump, tree: Root) -> Iterator[Finding]:
    """What keeps the default entry from booting, or its kernel from getting an initrd; nothing if all is there."""
    for place in kdump.unmounted:
        said, fix = "the boot partition of fstab is not mounted", by(("mount", "-a"))
        why = "the boot loader reads other files than those that are checked and changed here"
        yield _problem("boot", message=said, code="boot-not-mounted", why=why, fix=fix, place=place)
    for entry in config.entries:
        if entry.default and entry.own_linux:
            yield from _missing(entry, tree)
            yield from _unmade(entry, kdump)


def _missing(entry: Entry, tree: Root) -> Iterator[Finding]:
    images = Images(tree)
    kernels = [boot.path for boot in entry.boots if boot.role is not Role.OTHER]
    for code, paths in (("kernel-missing", kernels), ("initrd-missing", entry.initrds)):
        for path in dict.fromkeys(paths):
            if "$" in path or images.find(path, entry.source.file):
                continue
            said = f"entry {entry.index} ({entry.title}), which boots by default, loads {path}, which does not exist"
            if tree.denied:
                yield not_asked("boot", f"whether {path} exists cannot be checked without the rights of root")
            else:
                fix = "is /boot mounted? else install the kernel again, or choose another default entry"
                yield _problem("boot", message=said, code=code, why=_NO_BOOT, fix=fix, place=entry.source)


def _unmade(entry: Entry, kdump: Kdump) -> Iterator[Finding]:
    """kdump-tools loads the capture kernel with an initrd that it made for one release."""
    release = kdump.capture or entry.version
    if not release or not kdump.made_for or release in kdump.made_for or kdump.service.name != "kdump-tools":
        return
    said = f"the initrd of kdump-tools is for {', '.join(kdump.made_for)}, and the default entry boots {release}"
    why, fix = "the capture kernel finds no modules for itself", by(("/etc/kernel/postinst.d/kdump-tools", release))
    yield _problem("boot", message=said, code="other-initrd", why=why, fix=fix, place=entry.source)


def service(kdump: Kdump, machine: Machine, *, image: bool = False) -> Finding:
    """Whether a capture kernel is loaded after each boot. `image`: an ostree or bootc system."""
    found = kdump.service
    unit = f"{found.name}.service" if found.systemd else f"the init script {found.name}"
    fix: Fix | str
    if not found.name:
        said, code = "no kdump service is installed", "no-service"
        fix = install_kdump(machine.distribution, image=image)
    elif found.off:
        said, code = f"{unit} does nothing: USE_KDUMP is {'0' if found.off.line else 'not set'}", "off"
        fix = Fix(f"add this line to {found.off.file}: USE_KDUMP=1")
        if found.off.line:
            fix = by(("sed", "-i", "s/^USE_KDUMP=.*/USE_KDUMP=1/", found.off.file))
    elif found.masked:
        said, code, fix = (
            f"{unit} is masked",
            "masked",
            by(("systemctl", "unmask", unit), ("systemctl", "enable", unit)),
        )
    elif found.enabled:
        return ok("service", f"{unit} is enabled")
    else:
        said, code = f"{unit} is not enabled", "disabled"
        fix = f"chkconfig {found.name} on || update-rc.d {found.name} enable"
        if found.systemd:
            # Without reserved memory the service fails to start.
            now = machine.running is not None and machine.running.reserved
            fix = by(("systemctl", "enable", *(("--now",) if now else ()), unit))
    why = "nothing loads a capture kernel after a boot"
    return _problem("service", message=said, code=code, why=why, fix=fix, place=found.off)


_NEEDED = (
    ("kexec", "CONFIG_KEXEC", "it cannot load a capture kernel"),
    ("crash_dump", "CONFIG_CRASH_DUMP", "it cannot be the capture kernel"),
    ("vmcore", "CONFIG_PROC_VMCORE", "as capture kernel it has no /proc/vmcore"),
)


_OTHER_KERNEL = "install a kernel of the distribution that has it"


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
            message, fix = f"{role} {release} is built without {option}", _OTHER_KERNEL
            yield _problem("kernel", message=message, code="no-capture-support", why=why, fix=fix)
        if not missing:
            yield ok("kernel", f"{role} {release} can load a capture kernel and be one")


_ZERO, _CACHE, _USER, _FREE = 1, 2 | 4, 8, 16
# zlib, lzo and zstd compress kernel memory to a quarter or a half.
_PACKED = 4


class Need(NamedTuple):
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
    known = ((_FREE, use.free, "free"), (_CACHE, use.cache, "file cache"), (_USER, use.user, "programs"))
    left_out = [(amount, name) for bits, amount, name in known if target.level & bits]
    most = max(ram - sum(amount for amount, _ in left_out), 0)
    words = f"RAM {readable(ram)}" + "".join(f" - {name} {readable(each)}" for each, name in left_out)
    words += f", at dump level {target.level}"
    if target.compressed:
        words += f"; compressed it may be {readable(most // _PACKED)}"
    return Need(most, most // _PACKED if target.compressed else most, words)


def readable(size: int) -> str:
    """A size for messages, in tenths of a GiB or in MiB."""
    return f"{size / GIB:.1f}G" if size >= 10 * GIB else in_megabytes(size)


def target_findings(kdump: Kdump) -> Iterator[Finding]:
    """Whether the target exists."""
    found = kdump.target
    if found.kind is TargetKind.NOTHING:
        said, why = "the configuration saves no dump", "the capture kernel starts, but saves nothing"
        yield _target("no-dump", said, why, _edit(found), found.place)
        return
    for place in found.more:
        why = "kdumpctl accepts one target only, and does not start"
        fix = f"remove one of them from {place.file}"
        yield _target("two-targets", f"a second dump target, beside {found}", why, fix, place)
    if kdump.key is False:
        copy = by(("kdump-config" if kdump.service.name == "kdump-tools" else "kdumpctl", "propagate"))
        yield _target("no-key", f"{found.key} does not exist", "the capture kernel cannot log in", copy, found.place)
        return
    yield _there(found, kdump.room.there)


def _target(code: str, message: str, why: str, fix: str | Fix, place: Place | None) -> Finding:
    return _problem("target", message=message, code=code, why=why, fix=fix, place=place)


def _edit(found: Target) -> str:
    return f"see {found.place.file}" if found.place else ""


def _there(found: Target, there: bool | None) -> Finding:
    if found.kind is TargetKind.FILESYSTEM and found.directory is None:
        said, why = f"the dump target {found.where} is not mounted", "kdumpctl accepts a mounted file system only"
        why += ", and does not start"
        return _target("not-mounted", said, why, by(("mount", found.where)), found.place)
    if there is None:
        return not_asked("target", f"dumps go to {found}, which cannot be checked from here")
    if there:
        return ok("target", f"dumps go to {found}", found.place)
    if found.kind is TargetKind.RAW:
        why = "the capture kernel cannot write the dump"
        return _target("no-device", f"{found} does not exist", why, _edit(found), found.place)
    if found.made:
        return ok("target", f"dumps go to {found}, which is created with the first dump", found.place)
    said, why = f"{found.directory} does not exist", "kdumpctl does not start without it"
    return _target("no-directory", said, why, by(("mkdir", "-p", found.directory or "")), found.place)


def room_finding(kdump: Kdump, machine: Machine) -> Finding:
    """Whether the dump fits."""
    found, free = kdump.target, kdump.room.free
    if free is None:
        return not_asked("room", f"the free space of {found} cannot be checked from here")
    needed = need(found, kdump, machine)
    if needed is None:
        return not_asked("room", f"{readable(free)} is free; the size of a dump is not known without /proc/meminfo")
    said = f"{readable(free)} is free, and a dump takes up to {readable(needed.most)} ({needed.sum})"
    if free >= needed.most:
        return ok("room", said, found.place)
    status, code = (Status.PROBLEM, "no-room") if free < needed.least else (Status.WARNING, "little-room")
    why = "a dump that does not fit is incomplete, and of little use"
    fix = f"delete old dumps (grubkd dumps lists them), or set another target in {_file(kdump)}"
    return Finding("room", status, said, code, why, fix, found.place)


def _file(kdump: Kdump) -> str:
    if kdump.target.place:
        return kdump.target.place.file
    return KDUMP_TOOLS if kdump.service.name == "kdump-tools" else KDUMP_CONF if kdump.service.name else SYSCONFIG


def tested(result: CrashTestResult) -> Finding:
    """Whether the last test crash left a dump."""
    if result.passed:
        took = "" if result.seconds is None else f", {result.seconds} s after the crash"
        return ok("test", f"the last test crash left a whole dump: {result.path}{took}")
    why = "; ".join(result.reasons)
    fix = "mend what is named here, then test again: grubkd crash"
    return Finding("test", Status.WARNING, "the last test crash left no whole dump", "test-failed", why, fix)
