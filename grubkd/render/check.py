"""The answer of `check`: every finding, and whether a crash leaves a dump."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grubkd.advice import reservation
from grubkd.advice.finding import Status
from grubkd.render.colour import BAD, DOUBT, GOOD, mark
from grubkd.text import to_display

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from grubkd.advice.check import Report
    from grubkd.advice.finding import Finding
    from grubkd.boot.model import BootConfig
    from grubkd.machine.kdump import Kdump
    from grubkd.machine.machine import Machine

_INDENT = " " * 11
_COLOURS = {Status.OK: GOOD, Status.WARNING: DOUBT, Status.PROBLEM: BAD}


def answer(report: Report, config: BootConfig, machine: Machine, kdump: Kdump) -> dict[str, Any]:
    """The JSON object of `check`; sizes in bytes."""
    running = machine.running
    return {
        "will_dump": {"now": report.now, "next": report.next},
        "checks": [_finding(each) for each in report.findings],
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
        "errors": config.errors,
    }


def target(kdump: Kdump) -> dict[str, Any]:
    """The dump target; null for what is not known or does not apply."""
    found = kdump.target
    return {
        "kind": found.kind,
        "where": found.where or None,
        "path": found.path or None,
        "directory": found.directory,
        "free_bytes": kdump.room.free,
    }


def _finding(found: Finding) -> dict[str, Any]:
    place = found.place
    return {
        "check": found.check,
        "status": found.status,
        "code": found.code,
        "message": found.message,
        "why": found.why or None,
        "fix": found.fix or None,
        "file": place.file if place else None,
        "line": (place.line or None) if place else None,
    }


def lines(report: Report) -> Iterator[str]:
    """The same for a terminal: a line for each finding; under each failure, why it matters and how to fix it."""
    for found in report.findings:
        word = "?" if found.status is Status.NOT_ASKED else found.status.value
        colour = _COLOURS.get(found.status)
        blanks = " " * (len(_INDENT) - len(word))
        yield f"{mark(word, colour) if colour else word}{blanks}{to_display(_sentence(found))}"
        if found.why:
            yield to_display(f"{_INDENT}{found.why}")
        if found.fix:
            yield to_display(f"{_INDENT}-> {found.fix}")
    yield ""
    yield f"a crash now: {_verdict(report.now)}"
    yield f"a crash after the next boot: {_verdict(report.next)}"


def _sentence(found: Finding) -> str:
    where = f"{found.place}: " if found.place and found.status in (Status.WARNING, Status.PROBLEM) else ""
    return f"{found.check}: {where}{found.message}"


def _verdict(found: bool | None) -> str:
    return {
        True: mark("nothing prevents a dump", GOOD),
        False: mark("no dump will be saved", BAD),
        None: "cannot be checked from here",
    }[found]
