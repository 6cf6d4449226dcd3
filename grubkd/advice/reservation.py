"""Is the memory there? What is configured, what the kernel was booted with, what it reserved, what was foreseen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grubkd.advice.casing import parsed
from grubkd.advice.finding import Finding, Status, not_asked, ok
from grubkd.advice.planning import plan_entry
from grubkd.advice.simulation import simulate
from grubkd.advice.verdict import verdict
from grubkd.boot import cmdline
from grubkd.boot.build import main_boot
from grubkd.errors import GrubkdError
from grubkd.memory.size import format_size

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from grubkd.advice.verdict import Verdict
    from grubkd.boot.model import BootConfig, Entry
    from grubkd.machine.machine import Machine
    from grubkd.machine.running import Running

_NO_MEMORY = "without memory set aside at boot no capture kernel can be loaded"
_AUTO = "grubkd set --auto"
_REBOOT = "systemctl reboot"
_ADDED = ("BOOT_IMAGE", "initrd")


def held(line: str) -> list[str]:
    """The crashkernel values of a line, without the name."""
    return list(cmdline.crashkernel_values(cmdline.tokens(line)))


def line_of(entry: Entry) -> str:
    """What the image that reserves the memory, a kernel or Xen, receives."""
    boot = main_boot(entry.boots)
    return boot.line.text() if boot else ""


def next_entries(config: BootConfig) -> Sequence[Entry]:
    """The entry that boots next; where nothing tells which, every one of this system but rescue ones."""
    chosen = [entry for entry in config.entries if entry.default]
    own = [entry for entry in config.entries if entry.own_linux]
    return chosen or [entry for entry in own if not entry.rescue] or own


def configured(config: BootConfig, machine: Machine) -> Finding:
    """What the kernel that boots next will do with its value; of several that may, the worst is told."""
    entries = next_entries(config)
    if not entries:
        return not_asked("configured", "no boot entry was found: what the next boot gets is not known")
    found = [_configured(entry, config, machine) for entry in entries]
    for status in (Status.PROBLEM, Status.WARNING, Status.NOT_ASKED):
        for each in found:
            if each.status is status:
                return each
    return found[0]


def _configured(entry: Entry, config: BootConfig, machine: Machine) -> Finding:
    name = f"entry {entry.index} ({entry.title})"
    values = " ".join(held(line_of(entry)))
    if not entry.linux or entry.foreign:
        why = "then this system's value does not count"
        return _finding("default-foreign", f"{name}, which boots by default, starts another system", why, "", entry)
    found = verdict(line_of(entry), entry, machine)
    if found.status == "unknown":
        return not_asked("configured", f"{name} holds {values}; what comes of it is not known: {found.reason}")
    fix = _mend(entry, config, machine)
    failure = _failure(entry, name, values, found, fix)
    if failure:
        return failure
    if found.lacks_high_low:
        why = "it reads the number alone, and places it where it likes"
        said = f"the kernel of {name} does not know ,high and ,low ({values})"
        return _finding("lacks-high-low", said, why, fix, entry)
    if () in found.alternatives:
        said = f"{name} may reserve nothing: {found.reason}"
        return _finding("may-reserve-nothing", said, _NO_MEMORY, "grubkd plan --explain", entry)
    return _enough(entry, values, found, config, machine)


def _failure(entry: Entry, name: str, values: str, found: Verdict, fix: str) -> Finding | None:
    """The finding for a line that reserves nothing, or stops the machine; None for any other."""
    if found.status == "none" and not values:
        return _problem("no-value", f"{name} holds no crashkernel= value", _NO_MEMORY, fix, entry)
    if found.status in ("none", "failed"):
        return _problem("reserves-nothing", f"{name} reserves nothing: {found.reason}", _NO_MEMORY, fix, entry)
    if found.status == "hang" or found.may_hang:
        how = "would not" if found.status == "hang" else "might not"
        why = "the kernel stops while it looks for the memory, without a word"
        return _problem("would-not-boot", f"{name} {how} boot: {found.reason}", why, fix, entry)
    return None


def _mend(entry: Entry, config: BootConfig, machine: Machine) -> str:
    """The command that gives the entry a value: of an entry that only another tool can change, that tool's."""
    if not entry.managed_by:
        return _AUTO
    from grubkd.boot.selector import Selection
    from grubkd.change import managed
    from grubkd.change.request import reservation

    try:
        wishes = (reservation(plan_entry(entry, config, machine).values),)
        architecture = machine.architecture.value if machine.architecture else None
        managed.editable(config, Selection((entry,), False), lambda _: wishes, architecture)
    except GrubkdError as problem:
        return problem.hint
    return _AUTO


def _enough(entry: Entry, values: str, found: Verdict, config: BootConfig, machine: Machine) -> Finding:
    """Whether the value is at least what would be chosen here."""
    size = found.request.size if found.request else 0
    try:
        wanted = plan_entry(entry, config, machine)
    except GrubkdError:
        wanted = None
    if wanted and size < wanted.size:
        said = f"entry {entry.index} ({entry.title}) reserves {format_size(size)}, less than the "
        said += f"{format_size(wanted.size)} of {wanted.source}"
        why = "a capture kernel that runs out of memory saves nothing"
        return _finding("small", said, why, _mend(entry, config, machine), entry)
    return ok("configured", f"entry {entry.index} ({entry.title}) holds {values}: {format_size(size)}", entry.source)


def _problem(code: str, message: str, why: str, fix: str, entry: Entry) -> Finding:
    return Finding("configured", Status.PROBLEM, message, code, why, fix, entry.source)


def _finding(code: str, message: str, why: str, fix: str, entry: Entry) -> Finding:
    return Finding("configured", Status.WARNING, message, code, why, fix, entry.source)


def running_entry(config: BootConfig, running: Running) -> Entry | None:
    """The entry that the running kernel was started from, as far as its release and arguments tell."""
    alike = [entry for entry in config.entries if entry.linux and entry.version == running.release]
    booted = _plain(running.cmdline)
    exact = [entry for entry in alike if _plain(line_of(entry)) == booted]
    ordinary = [entry for entry in alike if not entry.rescue and not entry.foreign]
    return next(iter((*exact, *ordinary, *alike)), None)


def _plain(line: str) -> list[str]:
    return [word for word in cmdline.tokens(line) if cmdline.name_of(word) not in _ADDED]


def booted(config: BootConfig, running: Running) -> Finding:
    """Whether the kernel was booted with a value, and with the one that its entry holds now."""
    values = " ".join(held(running.cmdline))
    entry = running_entry(config, running)
    wanted = " ".join(held(line_of(entry))) if entry else ""
    if "crashkernel=" not in running.cmdline:
        said = "the running kernel was booted without crashkernel="
        fix = _REBOOT if wanted else f"{_AUTO} && {_REBOOT}"
        return Finding("booted", Status.PROBLEM, said, "booted-without", _NO_MEMORY, fix)
    if entry is None:
        said = f"no entry starts the running kernel {running.release}, which was booted with {values}"
        why = "it was removed, or booted from another disk: the next boot may differ"
        return Finding("booted", Status.WARNING, said, "no-entry", why, "grubkd show")
    if wanted != values:
        said = f"booted with {values or 'no argument of that name'}, while the entry now holds {wanted or 'none'}"
        why = "what is configured is in force from the next boot on"
        return Finding("booted", Status.WARNING, said, "booted-differs", why, _REBOOT, entry.source)
    return ok("booted", f"the running kernel {running.release} was booted with {values}", entry.source)


def reserved(running: Running, machine: Machine) -> Iterator[Finding]:
    """What the running kernel holds, and whether that is what was foreseen."""
    size = running.reserved
    if size is None:
        said = f"the running kernel {running.release} cannot load a capture kernel (no /sys/kernel/kexec_crash_size)"
        why = "it is built without CONFIG_KEXEC, or this is no machine of its own"
        yield Finding("reserved", Status.PROBLEM, said, "no-kexec", why, "boot a kernel of the distribution")
        return
    if size == 0:
        said = "the running kernel has reserved nothing"
        fix = "grubkd plan --explain" if "crashkernel=" in running.cmdline else f"{_AUTO} && {_REBOOT}"
        yield Finding("reserved", Status.PROBLEM, said, "nothing-reserved", _NO_MEMORY, fix)
        return
    regions = machine.memory_map.crash if machine.memory_map else ()
    where = ", ".join(f"{start:#x}-{end - 1:#x}" for start, end in regions)
    yield ok("reserved", f"{format_size(size)} reserved{f' at {where}' if where else ''}")
    yield from _foreseen(size, running, machine)


def _foreseen(size: int, running: Running, machine: Machine) -> Iterator[Finding]:
    """Whether the amount is the one that the same rules foresee for the line that was booted."""
    release = parsed(running.release)
    if release is None or machine.hardware.pv_guest:
        return
    try:
        found = simulate(running.cmdline, release, machine, initrd_size=None).verdict
    except GrubkdError as problem:
        yield not_asked("predicted", f"nothing can be foreseen: {problem.message}")
        return
    if found.status == "unknown":
        yield not_asked("predicted", f"nothing can be foreseen: {found.reason}")
        return
    wanted = found.request.size if found.request and found.request.status == "ok" else 0
    regions = [region for each in (found.regions, *found.alternatives) for region in each]
    if size == wanted or size in {end - start for start, end in regions}:
        yield ok("predicted", "as much as was foreseen for what it was booted with")
    elif size < wanted:
        said = f"{format_size(size)} is reserved, though {format_size(wanted)} was asked for"
        why = "it was given back since (kexec_crash_size, KDUMP_AUTO_RESIZE): a larger capture kernel finds no room"
        yield Finding("predicted", Status.WARNING, said, "shrunk", why, _REBOOT)
    else:
        said = f"{format_size(size)} is reserved, though {format_size(wanted) if wanted else 'nothing'} was foreseen"
        why = "what is foreseen for the next boot may be as wrong"
        yield Finding("predicted", Status.WARNING, said, "not-foreseen", why, "grubkd predict, and report what it says")
