"""`check`: whether this machine saves a dump when it crashes, now and after the next boot, with all findings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from grubkd.advice import reservation, saving
from grubkd.advice.case import parse_release
from grubkd.advice.finding import Finding, Status, not_asked
from grubkd.advice.lint import lint
from grubkd.advice.reservation import line_of, next_entries
from grubkd.boot.model import ManagedBy

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from grubkd.boot.model import BootConfig
    from grubkd.errors import Notice, Place
    from grubkd.machine.kdump import Kdump
    from grubkd.machine.machine import Machine
    from grubkd.memory.release import Release

_NOW = frozenset({"booted", "reserved", "loaded"})
_NEXT = frozenset({"configured", "service"})
_ALWAYS = frozenset({"kernel", "target", "room"})
# Without these the result is unknown. It may be known without the others: a remote target cannot be checked.
_TELLING_NOW = frozenset({"reserved", "loaded"})
_TELLING_NEXT = frozenset({"configured", "service"})
_LIVE_ONLY = "can be checked on the running system only"
_WHYS = {
    "kernel-missing": "that entry does not boot",
    "values-disagree": "whether memory is reserved then depends on which kernel boots",
    "stray-quote": "the kernel reads the rest of the line as one argument",
    "reserves-nothing": "a crash of that kernel leaves no dump",
    "would-not-boot": "the kernel stops without a message while it looks for the memory",
    "permission-denied": "its content is not part of this answer",
    "interrupted": "files may have a part of the changes only",
}


@dataclass(frozen=True, slots=True)
class Report:
    """`now`: a crash of the running kernel saves a dump; `next`: a crash after the next boot does. None if unknown."""

    findings: tuple[Finding, ...]
    now: bool | None
    next: bool | None


def report(config: BootConfig, machine: Machine, kdump: Kdump, notices: Sequence[Notice] = ()) -> Report:
    """All findings, in the order of events: boot, reservation, loading, dump."""
    found = [reservation.configured(config, machine)]
    running = machine.running
    if running is None:
        found += [not_asked(check, f"what is {check} {_LIVE_ONLY}") for check in ("booted", "reserved", "loaded")]
    else:
        found.append(reservation.booted(config, running))
        found += reservation.reserved(running, machine)
        found.append(saving.loaded(running, kdump))
    image = config.managed_by in (ManagedBy.OSTREE, ManagedBy.BOOTC)
    found.append(saving.service(kdump, machine, image=image))
    found += saving.kernels(machine, kdump, _releases(config, machine))
    found += saving.target_findings(kdump)
    found.append(saving.room_finding(kdump, machine))
    found += _odd_values(config, machine)
    found += _resets(config, kdump)
    known = {(each.code, each.place) for each in found}
    found += [_noticed(each) for each in notices if (each.code, each.place) not in known]
    return Report(tuple(found), _verdict(found, _NOW, _TELLING_NOW), _verdict(found, _NEXT, _TELLING_NEXT))


def _verdict(found: Sequence[Finding], own: frozenset[str], telling: frozenset[str]) -> bool | None:
    mine = [each for each in found if each.check in own or each.check in _ALWAYS]
    if any(each.status is Status.PROBLEM for each in mine):
        return False
    if any(each.status is Status.NOT_ASKED and each.check in telling for each in mine):
        return None
    return True


def _releases(config: BootConfig, machine: Machine) -> dict[str, str]:
    """The running kernel and those that may boot next: release -> role."""
    found: dict[str, str] = {}
    if machine.running:
        found[machine.running.release] = "the running kernel"
    for entry in next_entries(config):
        if entry.version and entry.own_linux:
            found.setdefault(entry.version, "kernel")
    return found


def _odd_values(config: BootConfig, machine: Machine) -> Iterator[Finding]:
    """What is odd about the lines, once for the first line that has it."""
    seen = set()
    lines: list[tuple[str, Release | None, Place | None]] = [
        (line_of(entry), parse_release(entry.version or ""), entry.source)
        for entry in config.entries
        if entry.own_linux
    ]
    if machine.running:
        lines.append((machine.running.cmdline, parse_release(machine.running.release), None))
    for line, release, place in lines:
        for each in lint(line, release, place):
            if each.message not in seen:
                seen.add(each.message)
                yield each


def _resets(config: BootConfig, kdump: Kdump) -> Iterator[Finding]:
    """kdump-utils resets the value when it, or a kernel, is installed."""
    holds = any(reservation.held(line_of(entry)) for entry in config.entries if entry.own_linux)
    if kdump.resets is None or not holds:
        return
    yield Finding(
        "value",
        Status.WARNING,
        "kdump-utils resets crashkernel= to its own default",
        "auto-reset",
        "an update of kdump-utils, or of a kernel, may overwrite the value that is configured here",
        f"add this line to {kdump.resets.file}: auto_reset_crashkernel no",
        kdump.resets,
    )


def _noticed(notice: Notice) -> Finding:
    why = _WHYS.get(notice.code, "")
    return Finding("configuration", Status.WARNING, notice.message, notice.code, why, notice.hint, notice.place)
