"""The answer of `report`: what is known of a crash."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grubkd.advice.saving import readable
from grubkd.render.check import utc, utc_text
from grubkd.render.output import members
from grubkd.text import to_line

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from grubkd.machine.crash_report import CrashReport
    from grubkd.machine.dumps import Dump


def answer(dump: Dump, report: CrashReport) -> dict[str, Any]:
    """The JSON object; null for what is not known."""
    facts = report.facts
    return {
        "dump": {
            **members(dump, "path", "files", "complete", "build_id"),
            "size_bytes": dump.size,
            "time": utc(dump.time),
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


def lines(dump: Dump, report: CrashReport) -> Iterator[str]:
    """The same as text, to be sent to somebody."""
    facts = report.facts
    taint = None if facts.taint is None else facts.taint or "not tainted"
    modules = None if facts.modules is None else " ".join(facts.modules)
    memory = facts.memory and f"{readable(facts.memory[0])}, {readable(facts.memory[1])} free"
    known = (
        ("dump", (" ".join(dump.paths) or dump.path) + (f" ({dump.fault})" if dump.fault else "")),
        ("time", utc_text(dump.time)),
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
    for name, found in ((f"stack, by {report.by or report.log_source}", facts.stack), (_log(report), facts.log)):
        if found:
            yield ""
            yield to_line(f"{name}:")
            yield from map(to_line, found)


def _log(report: CrashReport) -> str:
    return f"the last {len(report.facts.log or ())} messages, by {report.log_source}"
