"""The answers of `plan` and `predict`: values, the reasons for them, and what the kernels do with them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from grubkd.advice import Plan, Verdict
from grubkd.advice.judgement import judge, notices, odds
from grubkd.boot.model import Entry
from grubkd.memory.placement.search import SLACK, UNKNOWN
from grubkd.memory.size import format_size
from grubkd.render.output import members
from grubkd.render.tables import BAD, DOUBT, GOOD, extent, mark, size, table
from grubkd.text import to_line

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import Any

    from grubkd.advice import Reason, Simulation
    from grubkd.errors import GrubkdError, Notice
    from grubkd.machine.machine import Machine
    from grubkd.memory.kernel_parser import KernelRequest
    from grubkd.memory.memory_map import Extent
    from grubkd.memory.placement.place import Placement

Row = tuple[Entry, Plan, Verdict]
Predicted = tuple[Entry, str, Verdict]
_WORDS: Mapping[str, str] = {
    "none": "-",
    "failed": mark("nothing", BAD),
    "hang": mark("does not boot", BAD),
    "unknown": mark("unknown", DOUBT),
}


class Answer(NamedTuple):
    """What `plan` found. rows: each entry, its plan, and what its kernel does with it; new: the plan of new kernels.

    left_out: the recovery entries that get no value.
    """

    machine: Machine
    rows: Sequence[Row]
    new: Plan | None
    errors: Sequence[GrubkdError]
    left_out: Sequence[Entry] = ()

    @property
    def warnings(self) -> tuple[Notice, ...]:
        """The warnings of all plans, each once."""
        plans = [plan for _, plan, _ in self.rows] + ([self.new] if self.new else [])
        found = [notice for plan in plans for notice in plan.warnings]
        return tuple(dict.fromkeys((*found, *notices((entry, verdict) for entry, _, verdict in self.rows))))


def answer(found: Answer) -> dict[str, Any]:
    """The JSON object of `plan`."""
    return {
        "machine": _facts(found.machine),
        "entries": [
            {**_entry(entry), **_plan(plan), "prediction": prediction(verdict)} for entry, plan, verdict in found.rows
        ],
        "future": None if found.new is None else _plan(found.new),
        "warnings": found.warnings,
        "errors": found.errors,
    }


def _facts(machine: Machine) -> dict[str, Any]:
    """The facts about the machine; sizes in bytes, null if not known."""
    return {
        "architecture": machine.architecture,
        "ram_bytes": machine.ram,
        "ram_estimated": machine.ram_estimated,
        "ram_source": machine.ram_source or None,
        "distribution": machine.distribution.name or None,
    }


def _entry(entry: Entry) -> dict[str, Any]:
    return members(entry, "index", "title", "version")


def _plan(plan: Plan) -> dict[str, Any]:
    return members(plan, "values", "source", "reasons")


def prediction(verdict: Verdict) -> dict[str, Any]:
    """What the kernel will do; regions are [start, end exclusive] in bytes."""
    size = verdict.request.size if verdict.request else None
    return {**placement(verdict), "reason": verdict.reason or None, "size_bytes": size}


def lines(found: Answer, *, explain: bool) -> Iterator[str]:
    """The same for a terminal: the machine, a row for each entry, with `explain` the reasons of each plan."""
    yield _machine(found.machine)
    yield ""
    rows = [
        (str(entry.index), to_line(entry.version or "-"), " ".join(plan.values), outcome(verdict))
        for entry, plan, verdict in found.rows
    ]
    rows += [(str(each.index), to_line(each.version or "-"), "-", "recovery: gets none") for each in found.left_out]
    rows.sort(key=lambda row: int(row[0]))
    if found.new is not None:
        rows.append(("", "new kernels", " ".join(found.new.values), ""))
    yield table(("#", "kernel", "crashkernel", "reserves"), rows)
    if explain:
        yield from _explanations(found.rows, found.new)


def _machine(machine: Machine) -> str:
    ram = "RAM unknown"
    if machine.ram:
        estimated = " (estimated)" if machine.ram_estimated else ""
        ram = f"{size(machine.ram)} of RAM{estimated}"
    parts = [to_line(machine.distribution.name), machine.architecture or "architecture unknown", ram]
    return ", ".join(part for part in parts if part)


def _explanations(rows: Sequence[Row], new: Plan | None) -> Iterator[str]:
    """Each plan's reasons once, under the entries that it is for."""
    named = [(f"entry {entry.index}", plan) for entry, plan, _ in rows] + ([("new kernels", new)] if new else [])
    groups: dict[tuple[tuple[str, ...], tuple[Reason, ...]], list[str]] = {}
    for name, plan in named:
        groups.setdefault((plan.values, plan.reasons), []).append(name)
    for (values, reasons), names in groups.items():
        yield ""
        yield f"{' '.join(values)} ({', '.join(names)})"
        for reason in reasons:
            yield f"  - {to_line(reason.text)} [{reason.source}]"


def outcome(verdict: Verdict) -> str:
    """A verdict in a few words: `256M at 0x6f000000`, `256M, place varies`, `probably 256M (96.4 %)`."""
    if verdict.status not in ("reserved", "uncertain") or not verdict.regions:
        return _WORDS.get(verdict.status, verdict.status)
    if verdict.status == "reserved":
        return mark(", ".join(f"{size(end - start)} at {start:#x}" for start, end in verdict.regions), GOOD)
    sizes = " and ".join(size(end - start) for start, end in verdict.regions)
    if verdict.chance_of_size >= 1 - SLACK:
        if UNKNOWN in verdict.chances:
            return mark(f"{sizes}, if built with kexec", DOUBT)
        return mark(f"{sizes}, place varies", GOOD)
    return mark(f"probably {sizes} ({odds(verdict.chance_of_size)})", DOUBT)


def _verdict(found: Verdict) -> dict[str, Any]:
    """`request` and `placement` are null if too little is known."""
    status = "failed" if found.status == "none" else found.status
    return {
        "request": _request(found.request) if found.request else None,
        "placement": None
        if status == "unknown"
        else {**placement(found), "status": status, "reason": found.reason or None},
        "assumption": found.assumption or None,
        "note": found.note or None,
        "reason": found.reason or None,
    }


def _request(found: KernelRequest) -> dict[str, Any]:
    sizes = {"size_bytes": found.size, "low_bytes": found.low, "cma_bytes": found.cma}
    return {**members(found, "status", "base", "high"), **sizes, "reason": found.reason or None}


def request(found: KernelRequest) -> dict[str, Any]:
    """What the kernel reads, in the short names of `predict --batch`; sizes in bytes."""
    return members(found, "status", "size", "base", "low", "high", "cma", "reason")


def placement(found: Placement | Verdict) -> dict[str, Any]:
    """Where the kernel puts the reservation, as JSON; regions are [start, end exclusive] in bytes."""
    others = [None if each == UNKNOWN else round(each, 6) for each in found.chances]
    chances = {"chance": round(found.chance, 6), "chances": others}
    return {**members(found, "status", "regions", "alternatives"), **chances, "reason": found.reason}


def line_answer(found: Simulation) -> dict[str, Any]:
    """The JSON object of `predict` for a given command line."""
    case = found.case
    return {
        "release": case.release.text,
        "arch": case.machine,
        "ram_bytes": found.ram,
        "cmdline": case.cmdline,
        **_verdict(found.verdict),
        "warnings": line_warnings(found),
    }


def entries_answer(rows: Sequence[Predicted], errors: Sequence[GrubkdError]) -> dict[str, Any]:
    """The JSON object of `predict` for the entries of a tree."""
    listed = [{**_entry(entry), "cmdline": line, **_verdict(found)} for entry, line, found in rows]
    return {"entries": listed, "warnings": entries_warnings(rows), "errors": errors}


def entries_warnings(rows: Sequence[Predicted]) -> tuple[Notice, ...]:
    """The faults of the predicted lines."""
    return tuple(notices((entry, verdict) for entry, _, verdict in rows))


def line_warnings(found: Simulation) -> tuple[Notice, ...]:
    """The faults of the predicted line."""
    return tuple(each.notice(f"kernel {found.case.release.text}") for each in judge(found.verdict))


def _reading(found: KernelRequest | None) -> str:
    """A request in a few words: `256M`, `64M at 16M`, `256M high, 72M low`."""
    if found is None:
        return mark("unknown", DOUBT)
    if found.status != "ok":
        return mark("nothing", BAD)
    words = format_size(found.size)
    if found.base:
        words += f" at {format_size(found.base)}"
    if found.high:
        words += f" high, {format_size(found.low)} low" if found.low else " high"
    return f"{words}, {format_size(found.cma)} CMA" if found.cma else words


def line_lines(found: Simulation) -> Iterator[str]:
    """The same as line_answer, for a terminal."""
    case = found.case
    ram = f", {size(found.ram)} of RAM" if found.ram else ""
    yield to_line(f"kernel {case.release}, {case.machine}{ram}")
    yield from _verdict_lines(found.verdict)


def _verdict_lines(found: Verdict) -> Iterator[str]:
    yield f"reads     {_reading(found.request)}"
    words = outcome(found)
    where = "; ".join(extent(region) for region in found.regions)
    if where and found.status == "uncertain":
        where = f"likeliest {where}: {odds(found.chance)}"
    yield f"reserves  {words}{f' ({where})' if where else ''}"
    if found.reason and found.status != "reserved":
        yield f"because   {to_line(found.reason)}"
    if found.status == "uncertain":
        yield from _alternatives(found.alternatives, found.chance_of_nothing)
    if found.assumption:
        yield f"assuming  {found.assumption}"
    if found.note:
        yield f"note      {to_line(found.note)}"


def _alternatives(found: Sequence[Sequence[Extent]], chance_of_nothing: float) -> Iterator[str]:
    """The other possible results; if there are many, only their number and range."""
    places = [regions for regions in found if regions]
    if len(places) < len(found):
        how_likely = odds(chance_of_nothing) if chance_of_nothing else "how likely is not known"
        yield f"or        {mark('nothing', BAD)} ({how_likely})"
    if len(places) > 3:
        low = min(region[0] for regions in places for region in regions)
        high = max(region[1] for regions in places for region in regions)
        yield f"or        one of {len(places)} other places in {extent((low, high))}"
        return
    for regions in places:
        yield f"or        {', '.join(map(extent, regions))}"


def entries_lines(rows: Sequence[Predicted]) -> Iterator[str]:
    """The same as entries_answer, for a terminal."""
    if not rows:
        yield "no entry starts Linux"
        return
    lines = [
        (str(entry.index), to_line(entry.version or "-"), _reading(found.request), outcome(found))
        for entry, _, found in rows
    ]
    yield table(("#", "kernel", "reads", "reserves"), lines)
    reasons: dict[str, list[str]] = {}
    for entry, _, found in rows:
        if found.reason and found.status not in ("reserved", "none"):
            reasons.setdefault(to_line(found.reason), []).append(str(entry.index))
    if reasons:
        yield ""
    for reason, indexes in reasons.items():
        yield f"{', '.join(indexes)}: {reason}"
    for assumption in dict.fromkeys(found.assumption for *_, found in rows if found.assumption):
        yield f"assuming {assumption}"
    for note in dict.fromkeys(found.note for *_, found in rows if found.note):
        yield f"note: {to_line(note)}"
