"""The answers about what is in the dump target: `dumps`, `report` and `measure`."""

from __future__ import annotations

from datetime import UTC, datetime
from shlex import join
from typing import TYPE_CHECKING

from grubkd.advice.saving import readable, tested
from grubkd.memory.size import in_megabytes
from grubkd.render.output import members
from grubkd.render.tables import BAD, mark, table, table_rows
from grubkd.text import to_line

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

    from grubkd.errors import Notice
    from grubkd.machine.capture_log import CaptureLog
    from grubkd.machine.crash_report import CrashReport
    from grubkd.machine.crash_test import CrashTestResult
    from grubkd.machine.debuginfo import Openable
    from grubkd.machine.dumps import Dump
    from grubkd.machine.kdump import Kdump
    from grubkd.memory.case import MeasuredNeed


def target(kdump: Kdump) -> dict[str, Any]:
    """The dump target; null for what is not known or does not apply."""
    found = kdump.target
    return {
        **members(found, "kind", "directory"),
        "where": found.where or None,
        "path": found.path or None,
        "free_bytes": kdump.room.free,
    }


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
                **members(each.dump, "release", "build_id", "panic"),
                "time": _utc(each.dump.time),
                "fault": each.dump.fault or None,
                "format": each.dump.form or None,
                "symbols": _symbols(each),
            }
            for each in found
        ],
        "test": {
            "time": _utc(test.test.time),
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


def dumps_lines(found: Sequence[Openable], kdump: Kdump, test: CrashTestResult | None) -> Iterator[str]:
    """The same for a terminal: a row for each dump; under it why the kernel crashed, what is missing, what opens it."""
    yield from _table(found) if found else [to_line(f"no dumps ({kdump.target})")]
    if test:
        finding = tested(test)
        yield ""
        yield to_line(f"{finding.message} ({_utc_text(test.test.time)})")
        yield from (to_line(f"  {each}") for each in test.reasons)


def _table(found: Sequence[Openable]) -> Iterator[str]:
    rows = [
        (
            _utc_text(each.dump.time),
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


def report_answer(dump: Dump, report: CrashReport) -> dict[str, Any]:
    """The JSON object of `report`; null for what is not known."""
    facts = report.facts
    return {
        "dump": {
            **members(dump, "path", "files", "complete", "build_id"),
            "size_bytes": dump.size,
            "time": _utc(dump.time),
            "fault": dump.fault or None,
        },
        "by": report.by or None,
        **members(facts, "release", "taint", "panic", "task", "stack"),
        "uptime_seconds": facts.uptime,
        "log": {"source": report.log_source, "lines": facts.log} if facts.log else None,
        "modules": facts.modules,
        "memory": {"total_bytes": facts.memory[0], "free_bytes": facts.memory[1]} if facts.memory else None,
        "warnings": report.notices,
    }


def report_lines(dump: Dump, report: CrashReport) -> Iterator[str]:
    """The same as text, to be sent to somebody."""
    facts = report.facts
    taint = None if facts.taint is None else facts.taint or "not tainted"
    modules = None if facts.modules is None else " ".join(facts.modules)
    memory = facts.memory and f"{readable(facts.memory[0])}, {readable(facts.memory[1])} free"
    known = (
        ("dump", (" ".join(dump.paths) or dump.path) + (f" ({dump.fault})" if dump.fault else "")),
        ("time", _utc_text(dump.time)),
        ("kernel", facts.release),
        ("build-id", dump.build_id),
        ("uptime", None if facts.uptime is None else f"{facts.uptime} s"),
        ("taint", taint),
        ("panic", facts.panic),
        ("task", facts.task),
        ("memory", memory),
        ("modules", modules),
    )
    yield from (to_line(f"{name + ':':<10}{'not known' if value is None else value}") for name, value in known)
    # A call trace in the messages has no numbers.
    stack = f"stack, by {report.by or report.log_source}"
    log = f"the last {len(facts.log or ())} messages, by {report.log_source}"
    for name, found in ((stack, facts.stack), (log, facts.log)):
        if found:
            yield ""
            yield to_line(f"{name}:")
            yield from map(to_line, found)


def measure_answer(
    logs: Sequence[CaptureLog], need: MeasuredNeed | None, kdump: Kdump, warnings: Sequence[Notice]
) -> dict[str, Any]:
    """The JSON object of `measure`; sizes in bytes, times in UTC, null for what no log shows."""
    return {
        "target": target(kdump),
        "need": {
            "size_bytes": need.size,
            "advised_bytes": need.advised,
            "ran_out_with_bytes": need.failed or None,
            "log": need.log,
            "time": _utc(need.time),
            "by": need.what,
        }
        if need
        else None,
        "captures": [
            {
                "log": log.path,
                "time": _utc(log.time),
                "memory_bytes": boot.total,
                "reserved_bytes": boot.reserved,
                "lowest_available_bytes": boot.lowest,
                "used_bytes": boot.used or None,
                "ran_out": boot.ran_out or None,
            }
            for log in logs
            for boot in log.boots
        ],
        "warnings": warnings,
    }


def measure_lines(logs: Sequence[CaptureLog], need: MeasuredNeed | None, kdump: Kdump) -> Iterator[str]:
    """The same for a terminal: a row for each boot of a capture kernel, and the need."""
    if not logs:
        yield to_line(f"no logs of capture kernels ({kdump.target})")
        return
    rows = [
        (
            _utc_text(log.time),
            _size(boot.total),
            _size(boot.reserved),
            _size(boot.lowest),
            mark("more", BAD) if boot.ran_out else _size(boot.used or None),
            to_line(log.path),
        )
        for log in logs
        for boot in log.boots
    ]
    yield table(("time", "memory", "at start", "least free", "needed", "log"), rows)
    yield ""
    yield to_line(f"{need}; with a tenth to spare: {_size(need.advised)}") if need else "no log shows what was needed"


def _size(size: int | None) -> str:
    return "-" if size is None else in_megabytes(size)


def _utc_text(seconds: int) -> str:
    """A time for people."""
    return _utc(seconds).replace("T", " ").replace("Z", " UTC")


def _utc(seconds: int) -> str:
    """A time in the form of ISO 8601."""
    return datetime.fromtimestamp(min(seconds, 253402300799), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
