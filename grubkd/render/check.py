"""The answers of `check` (every finding, and whether a crash leaves a dump) and of `dumps` (the saved dumps)."""

from __future__ import annotations

from datetime import UTC, datetime
from shlex import join
from typing import TYPE_CHECKING

from grubkd.advice import reservation
from grubkd.advice.finding import Status
from grubkd.advice.saving import readable, tested
from grubkd.render import fix
from grubkd.render.output import complain, members, message
from grubkd.render.tables import BAD, DOUBT, GOOD, mark, solid, table_rows
from grubkd.text import to_line

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

    from grubkd.advice.check import Report
    from grubkd.advice.finding import Finding
    from grubkd.boot.model import BootConfig
    from grubkd.errors import Notice
    from grubkd.machine.crash_test import CrashTestResult
    from grubkd.machine.debuginfo import Openable
    from grubkd.machine.kdump import Kdump
    from grubkd.machine.machine import Machine

_INDENT = " " * 11
_COLOURS = {Status.OK: GOOD, Status.WARNING: DOUBT, Status.PROBLEM: BAD}


def answer(
    report: Report, config: BootConfig, machine: Machine, kdump: Kdump, warnings: Sequence[Notice]
) -> dict[str, Any]:
    """The JSON object of `check`; sizes in bytes. A warning is a finding too, unless another says the same."""
    running = machine.running
    return {
        "will_dump": {"now": report.now, "next": report.next},
        "checks": [finding(each) for each in report.findings],
        "running": {
            "release": running.release,
            "crashkernel": reservation.held(running.cmdline),
            "reserved_bytes": running.reserved,
            "loaded": running.loaded,
        }
        if running
        else None,
        "service": {
            "name": kdump.service.name or None,
            "enabled": kdump.service.enabled and not kdump.service.masked and not kdump.service.off,
        },
        "target": target(kdump),
        "warnings": warnings,
        "errors": config.errors,
    }


def target(kdump: Kdump) -> dict[str, Any]:
    """The dump target; null for what is not known or does not apply."""
    found = kdump.target
    return {
        **members(found, "kind", "directory"),
        "where": found.where or None,
        "path": found.path or None,
        "free_bytes": kdump.room.free,
    }


def finding(found: Finding) -> dict[str, Any]:
    """The JSON object of a finding."""
    place = found.place
    said, commands = fix.of(found)
    return {
        **members(found, "check", "status", "code", "message"),
        "why": found.why or None,
        "fix": said or None,
        "fix_commands": commands,
        "file": place.file if place else None,
        "line": (place.line or None) if place else None,
    }


def lines(report: Report) -> Iterator[str]:
    """The same for a terminal: a line for each finding; under each failure, why it matters and how to fix it."""
    for found in report.findings:
        word = "?" if found.status is Status.NOT_ASKED else found.status.value
        colour = _COLOURS.get(found.status)
        blanks = " " * (len(_INDENT) - len(word))
        yield f"{mark(word, colour) if colour else word}{blanks}{to_line(_sentence(found))}"
        if found.why:
            yield to_line(f"{_INDENT}{found.why}")
        if found.fix:
            yield f"{_INDENT}{solid('-> ')}{fix.shown(found)}"
    yield ""
    yield f"a crash now: {_verdict(report.now)}"
    yield f"a crash after the next boot: {_verdict(report.next)}"


def log(report: Report) -> None:
    """Write what is wrong to stderr as warnings and errors, for the journal."""
    for found in report.findings:
        if found.status in (Status.WARNING, Status.PROBLEM):
            notice = found._replace(message=f"{found.check}: {found.message}").notice
            complain(notice, "error" if found.status is Status.PROBLEM else "warning")
    message(f"a crash now: {_VERDICTS[report.now]}; after the next boot: {_VERDICTS[report.next]}")


def metrics(report: Report, machine: Machine, now: float) -> Iterator[str]:
    """Lines in the text format of Prometheus, for the textfile collector of its node exporter.

    What is not known is left out. `now`: seconds since 1970.
    """
    samples = [
        (f'grubkd_will_dump{{when="{when}"}}', int(found))
        for when, found in (("now", report.now), ("next", report.next))
        if found is not None
    ]
    yield from _metric("grubkd_will_dump", "Whether a crash now, or after the next boot, saves a dump.", samples)
    wrong = [each for each in report.findings if each.status in (Status.WARNING, Status.PROBLEM)]
    labels = {f'check="{each.check}",code="{each.code}",status="{each.status}"': 1 for each in wrong}
    samples = [(f"grubkd_finding{{{each}}}", 1) for each in labels]
    yield from _metric("grubkd_finding", "A warning or problem that grubkd check found.", samples)
    reserved = machine.running.reserved if machine.running else None
    samples = [] if reserved is None else [("grubkd_reserved_bytes", reserved)]
    yield from _metric("grubkd_reserved_bytes", "Memory that is reserved for the capture kernel.", samples)
    samples = [("grubkd_check_timestamp_seconds", int(now))]
    yield from _metric("grubkd_check_timestamp_seconds", "When grubkd check ran.", samples)


def _metric(name: str, meaning: str, samples: Sequence[tuple[str, int]]) -> Iterator[str]:
    yield f"# HELP {name} {meaning}"
    yield f"# TYPE {name} gauge"
    yield from (f"{sample} {value}" for sample, value in samples)


def _sentence(found: Finding) -> str:
    where = f"{found.place}: " if found.place and found.status in (Status.WARNING, Status.PROBLEM) else ""
    return f"{found.check}: {where}{found.message}"


_VERDICTS = {True: "nothing prevents a dump", False: "no dump will be saved", None: "cannot be checked from here"}


def _verdict(found: bool | None) -> str:
    said = _VERDICTS[found]
    return said if found is None else mark(said, GOOD if found else BAD)


def dumps_answer(
    found: Sequence[Openable], kdump: Kdump, warnings: Sequence[Notice], test: CrashTestResult | None
) -> dict[str, Any]:
    """The JSON object of `dumps`; sizes in bytes, times in UTC."""
    return {
        "target": target(kdump),
        "dumps": [
            {
                **members(each.dump, "path", "files", "complete"),
                "size_bytes": each.dump.size,
                "release": each.dump.release or None,
                "build_id": each.dump.build_id or None,
                "panic": each.dump.panic or None,
                "time": utc(each.dump.time),
                "fault": each.dump.fault or None,
                "format": each.dump.form or None,
                "symbols": _symbols(each),
            }
            for each in found
        ],
        "test": {
            "time": utc(test.test.time),
            **members(test.test, "release", "target"),
            "passed": test.passed,
            "path": test.path or None,
            "seconds": test.seconds,
            "reasons": test.reasons,
        }
        if test
        else None,
        "warnings": warnings,
    }


def _symbols(found: Openable) -> dict[str, Any]:
    """What opens a dump."""
    return {
        "vmlinux": found.symbols.files[-1] if found.symbols.files else None,
        "matched_by": found.symbols.matched or None,
        "other_build": found.symbols.other or None,
        "crash": found.command or None,
        "fix": found.missing.text or None,
        "fix_commands": found.missing.commands,
    }


def _opening(found: Openable) -> str:
    """The command that opens a dump, or what is missing for that."""
    if found.command:
        return f"-> {join(found.command)}"
    other = f"{found.symbols.other} is of another build of that kernel; " if found.symbols.other else ""
    return f"-> {other}{found.missing.text}" if found.missing.text else ""


def dumps_lines(found: Sequence[Openable], kdump: Kdump, test: CrashTestResult | None = None) -> Iterator[str]:
    """The same for a terminal: a row for each dump; under it why the kernel crashed, what is missing, what opens it."""
    yield from _table(found) if found else [to_line(f"no dumps ({kdump.target})")]
    if test:
        finding = tested(test)
        yield ""
        yield to_line(f"{finding.message} ({utc_text(test.test.time)})")
        yield from (to_line(f"  {each}") for each in test.reasons)


def _table(found: Sequence[Openable]) -> Iterator[str]:
    rows = [
        (
            utc_text(each.dump.time),
            readable(each.dump.size),
            {True: "complete", False: "incomplete", None: "packed"}[each.dump.complete],
            to_line(each.dump.release or "-"),
            to_line(each.dump.path),
        )
        for each in found
    ]
    head, *listed = table_rows(("time", "size", "state", "kernel", "directory"), rows)
    yield head
    for row, each in zip(listed, found, strict=True):
        yield row
        yield from (to_line(f"  {note}") for note in (each.dump.panic, each.dump.fault, _opening(each)) if note)


def utc_text(seconds: int) -> str:
    """A time for people."""
    return utc(seconds).replace("T", " ").replace("Z", " UTC")


def utc(seconds: int) -> str:
    """A time as ISO 8601 has it."""
    return datetime.fromtimestamp(min(seconds, 253402300799), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
