"""The answer of `check`: every finding, and whether a crash leaves a dump."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grubkd.advice import reservation
from grubkd.advice.finding import Status
from grubkd.render import fix
from grubkd.render.dumps import target
from grubkd.render.output import complain, fix_and_place, members, message
from grubkd.render.tables import BAD, DOUBT, GOOD, mark, solid
from grubkd.text import to_line

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

    from grubkd.advice.check import Report
    from grubkd.advice.finding import Finding
    from grubkd.boot.model import BootConfig
    from grubkd.errors import Notice
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


def finding(found: Finding) -> dict[str, Any]:
    """The JSON object of a finding."""
    said = members(found, "check", "status", "code", "message")
    return {**said, "why": found.why or None, **fix_and_place(found)}


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
