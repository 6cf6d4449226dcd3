"""The findings about the reservation: what is configured, booted, reserved and predicted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grubkd.advice.case import ADDED, parse_release
from grubkd.advice.finding import Finding, Status, not_asked, ok
from grubkd.advice.judgement import LOST, judge
from grubkd.advice.recommend import TOO_SMALL, near_need, shortage
from grubkd.advice.setting import setting
from grubkd.advice.verdict import Verdicts, simulate
from grubkd.boot import cmdline
from grubkd.boot.entry import main_line, next_entries
from grubkd.errors import GrubkdError
from grubkd.machine.packages import Fix, by
from grubkd.memory.size import format_size

if TYPE_CHECKING:
    from collections.abc import Iterator

    from grubkd.advice.verdict import Verdict
    from grubkd.boot.model import BootConfig, Entry
    from grubkd.errors import Place
    from grubkd.machine.machine import Machine, Running


_NO_MEMORY = "a capture kernel can only be loaded into memory that is reserved at boot"
_WHYS = {
    "would-not-boot": "the kernel stops without a message while it looks for the memory",
    "reserves-nothing": _NO_MEMORY,
    "lacks-high-low": "it reads the number only, and chooses the place itself",
    "may-reserve-nothing": _NO_MEMORY,
    "more-than-half": "the system has less than half of the memory left",
    "smaller-than-kernel": "no capture kernel can be loaded into it",
}
_REPORT = "please report this with the output of: grubkd predict"
_REBOOT = ("systemctl", "reboot")
_EXPLAIN = by(("grubkd", "plan", "--explain"))
_WORST_FIRST = (Status.PROBLEM, Status.WARNING, Status.NOT_ASKED, Status.OK)
# Another value does not fix these, or it is not known whether something is wrong.
_NOT_BY_SETTING = ("configured", "default-foreign", "may-reserve-nothing")


def held(line: str) -> list[str]:
    """The crashkernel values of a line, without the name."""
    return list(cmdline.crashkernel_values(cmdline.tokens(line)))


def configured(config: BootConfig, machine: Machine) -> Finding:
    """What the kernel that boots next will do with its value. If several may boot, the worst result."""
    entries = next_entries(config)
    if not entries:
        return not_asked("configured", "no boot entry found: the values of the next boot are not known")
    verdicts = Verdicts(machine)
    found = [(_configured(entry, verdicts, config, machine), entry) for entry in entries]
    worst, entry = min(found, key=lambda each: _WORST_FIRST.index(each[0].status))
    if worst.status is Status.OK or worst.code in _NOT_BY_SETTING:
        return worst
    fix = setting(config, machine, entry)
    return worst._replace(fix=fix.text, commands=fix.commands)


def _configured(entry: Entry, verdicts: Verdicts, config: BootConfig, machine: Machine) -> Finding:
    """The finding about one entry, without the fix if that is to set another value."""
    name = f"entry {entry.index} ({entry.title})"
    line = main_line(entry)
    values = " ".join(held(line))
    if not entry.linux or entry.foreign:
        why = "the value of this system then has no effect"
        return _warning("default-foreign", f"{name}, which boots by default, starts another system", why, entry)
    found = verdicts.verdict(line, entry)
    if found.status == "unknown":
        return not_asked("configured", f"{name} has {values}; its effect is not known: {found.reason}")
    if cmdline.is_off(held(line)):
        return off("configured", f"{name} has crashkernel={values}", Fix(""), entry.source)
    if found.status == "none" and not values:
        said = f"{name} has no crashkernel= value"
        return Finding("configured", Status.PROBLEM, said, "no-value", _NO_MEMORY, place=entry.source)
    for each in judge(found):
        status = Status.PROBLEM if each.code in LOST else Status.WARNING
        fix = _EXPLAIN if each.code == "may-reserve-nothing" else Fix("")
        said, why = f"{name} {each.said}", _WHYS[each.code]
        return Finding("configured", status, said, each.code, why, fix.text, entry.source, fix.commands)
    return _enough(entry, line, found, config, machine)


def _enough(entry: Entry, line: str, found: Verdict, config: BootConfig, machine: Machine) -> Finding:
    """Whether the value is at least the one that grubkd would choose."""
    name = f"entry {entry.index} ({entry.title})"
    if short := shortage(entry, line, found, config, machine):
        return _warning(short.code, f"{name} {short.said}", TOO_SMALL, entry)
    return ok("configured", f"{name} has {' '.join(held(line))}: {format_size(found.size)}", entry.source)


def off(check: str, what: str, fix: Fix, place: Place | None = None) -> Finding:
    """The finding for a value that asks for no reservation: neither a problem nor a dump."""
    why = "a crash is not dumped, as configured"
    said = f"{what}: no reservation, on purpose"
    return Finding(check, Status.NOT_ASKED, said, "off", why, fix.text, place, fix.commands)


def _warning(code: str, message: str, why: str, entry: Entry) -> Finding:
    return Finding("configured", Status.WARNING, message, code, why, place=entry.source)


def running_entry(config: BootConfig, running: Running) -> Entry | None:
    """The entry that the running kernel was booted from, by its release and arguments; None if unknown."""
    alike = [entry for entry in config.entries if entry.linux and entry.version == running.release]
    booted = _plain(running.cmdline)
    exact = [entry for entry in alike if _plain(main_line(entry)) == booted]
    ordinary = [entry for entry in alike if not entry.rescue and not entry.foreign]
    return next(iter((*exact, *ordinary, *alike)), None)


def _plain(line: str) -> list[str]:
    return [word for word in cmdline.tokens(line) if cmdline.name_of(word) not in ADDED]


def booted(config: BootConfig, running: Running, machine: Machine) -> Finding:
    """Whether the kernel was booted with a value, and with the one that its entry has now."""
    values = " ".join(held(running.cmdline))
    entry = running_entry(config, running)
    wanted = " ".join(held(main_line(entry))) if entry else ""
    status, place = Status.WARNING, entry.source if entry else None
    if "crashkernel=" not in running.cmdline:
        said, code, why = "the running kernel was booted without crashkernel=", "booted-without", _NO_MEMORY
        status, place, fix = Status.PROBLEM, None, _to_reserve(config, machine)
    elif entry is None:
        said = f"no entry starts the running kernel {running.release}, which was booted with {values}"
        why = "its entry was removed, or it was booted from another disk: the next boot may differ"
        code, fix = "no-entry", by(("grubkd", "show"))
    elif wanted != values:
        said = f"booted with {values or 'no crashkernel= argument'}, but the entry now has {wanted or 'none'}"
        code, why, fix = "booted-differs", "the configured value takes effect at the next boot", by(_REBOOT)
    else:
        return ok("booted", f"the running kernel {running.release} was booted with {values}", place)
    return Finding("booted", status, said, code, why, fix.text, place, fix.commands)


def _to_reserve(config: BootConfig, machine: Machine) -> Fix:
    """How to get a reservation. If the next boot has a value, a reboot is enough."""
    lines = [held(main_line(entry)) for entry in next_entries(config)]
    if lines and all(lines):
        return by(_REBOOT)
    return _set_and_reboot(config, machine)


def _set_and_reboot(config: BootConfig, machine: Machine) -> Fix:
    fix = setting(config, machine)
    return by(*fix.commands, _REBOOT) if fix.commands else Fix(f"{fix.text}; then reboot")


def reserved(config: BootConfig, running: Running, machine: Machine) -> Iterator[Finding]:
    """What the running kernel reserves, and whether that is what grubkd predicts."""
    if running.reserved:
        regions = machine.memory_map.crash if machine.memory_map else ()
        where = ", ".join(f"{start:#x}-{end - 1:#x}" for start, end in regions)
        size = sum(end - start for start, end in regions) or running.reserved
        if near := near_need(size, running.cmdline, machine):
            said, larger = f"the running kernel {near}", _set_and_reboot(config, machine)
            why, commands = TOO_SMALL, larger.commands
            yield Finding("reserved", Status.WARNING, said, "near-need", why, larger.text, commands=commands)
        yield ok("reserved", f"{format_size(running.reserved)} reserved{f' at {where}' if where else ''}")
        yield from _foreseen(running.reserved, running, machine)
        return
    if running.reserved == 0 and cmdline.is_off(held(running.cmdline)):
        said = f"the running kernel has crashkernel={held(running.cmdline)[0]}"
        yield off("reserved", said, setting(config, machine))
        return
    said, code, why = "the running kernel has reserved nothing", "nothing-reserved", _NO_MEMORY
    fix = _EXPLAIN if "crashkernel=" in running.cmdline else _to_reserve(config, machine)
    if running.reserved is None:
        said = f"the running kernel {running.release} cannot load a capture kernel (no /sys/kernel/kexec_crash_size)"
        code, why = "no-kexec", "it is built without CONFIG_KEXEC, or this is a container"
        fix = Fix("boot a kernel of the distribution")
    yield Finding("reserved", Status.PROBLEM, said, code, why, fix.text, commands=fix.commands)
    if running.reserved is not None and held(running.cmdline):
        yield from (each for each in _foreseen(0, running, machine) if each.code == "not-foreseen")


def _foreseen(size: int, running: Running, machine: Machine) -> Iterator[Finding]:
    """Whether the amount is the one that grubkd predicts for the command line of this boot."""
    release = parse_release(running.release)
    if release is None or machine.hardware.pv_guest:
        return
    try:
        found = simulate(running.cmdline, release, machine, initrd_size=None).verdict
        unknown = found.reason if found.status == "unknown" else ""
    except GrubkdError as problem:
        unknown = problem.message
    if unknown:
        yield not_asked("predicted", f"no prediction: {unknown}")
        return
    wanted = found.request.size if found.request and found.request.status == "ok" else 0
    if not size:
        if found.status in ("reserved", "uncertain") and () not in (found.regions, *found.alternatives):
            said = f"nothing is reserved, but {format_size(wanted)} was predicted"
            why = "the running kernel decides; it may also have been released since boot (kexec_crash_size)"
            yield Finding("predicted", Status.WARNING, said, "not-foreseen", why, _REPORT)
        return
    regions = [region for each in (found.regions, *found.alternatives) for region in each]
    if size == wanted or size in {end - start for start, end in regions}:
        yield ok("predicted", "the size is the predicted one for the command line of this boot")
        return
    said = f"{format_size(size)} is reserved, but "
    if size < wanted and found.status not in ("failed", "hang"):
        said, code, fix = f"{said}{format_size(wanted)} was requested", "shrunk", by(_REBOOT)
        why = (
            "memory was released since boot (kexec_crash_size, KDUMP_AUTO_RESIZE): a larger capture kernel may not fit"
        )
    else:
        said = f"{said}{format_size(wanted) if size > wanted > 0 else 'nothing'} was predicted"
        code, why, fix = "not-foreseen", "the prediction for the next boot may be wrong too", Fix(_REPORT)
    yield Finding("predicted", Status.WARNING, said, code, why, fix.text, commands=fix.commands)
