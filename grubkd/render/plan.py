"""The answer of `plan`: the values, the reasons, what the kernels do with them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from grubkd.advice import Plan, Verdict
from grubkd.boot.model import Entry
from grubkd.render.colour import BAD, DOUBT, GOOD, mark
from grubkd.render.tables import size, table
from grubkd.text import to_display

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import Any

    from grubkd.errors import GrubkdError, Notice
    from grubkd.machine.machine import Machine

Row = tuple[Entry, Plan, Verdict]
_WORDS: Mapping[str, str] = {
    "none": "-",
    "failed": mark("nothing", BAD),
    "hang": mark("does not boot", BAD),
    "unknown": mark("unknown", DOUBT),
}


@dataclass(frozen=True, slots=True)
class Answer:
    """What `plan` found. rows: the plan of each entry and what its kernel does with it; new: that of new kernels."""

    machine: Machine
    rows: Sequence[Row]
    new: Plan | None
    errors: Sequence[GrubkdError]

    @property
    def warnings(self) -> tuple[Notice, ...]:
        """The warnings of all plans, each once."""
        plans = [plan for _, plan, _ in self.rows] + ([self.new] if self.new else [])
        return tuple(dict.fromkeys(notice for plan in plans for notice in plan.warnings))


def answer(found: Answer) -> dict[str, Any]:
    """The JSON object of `plan`."""
    return {
        "machine": facts(found.machine),
        "entries": [
            {
                "index": entry.index,
                "title": entry.title,
                "version": entry.version,
                **_plan(plan),
                "prediction": prediction(verdict),
            }
            for entry, plan, verdict in found.rows
        ],
        "future": None if found.new is None else _plan(found.new),
        "warnings": found.warnings,
        "errors": found.errors,
    }


def facts(machine: Machine) -> dict[str, Any]:
    """The facts about the machine; sizes in bytes, null if not known."""
    return {
        "architecture": machine.architecture,
        "ram_bytes": machine.ram,
        "ram_estimated": machine.ram_estimated,
        "ram_source": machine.ram_source or None,
        "distribution": machine.distribution.name or None,
    }


def _plan(plan: Plan) -> dict[str, Any]:
    return {
        "values": plan.values,
        "source": plan.source,
        "reasons": [{"text": each.text, "source": each.source} for each in plan.reasons],
    }


def prediction(verdict: Verdict) -> dict[str, Any]:
    """What the kernel will do, as JSON; regions are [start, end exclusive] in bytes."""
    return {
        "status": verdict.status,
        "size": verdict.request.size if verdict.request else None,
        "regions": verdict.regions,
        "alternatives": verdict.alternatives,
        "reason": verdict.reason,
    }


def lines(found: Answer, *, explain: bool) -> Iterator[str]:
    """The same for a terminal: the machine, a row for each entry, with `explain` the reasons of each plan."""
    yield _machine(found.machine)
    yield ""
    rows = [
        (str(entry.index), to_display(entry.version or "-"), " ".join(plan.values), outcome(verdict))
        for entry, plan, verdict in found.rows
    ]
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
    parts = [to_display(machine.distribution.name), machine.architecture or "architecture unknown", ram]
    return ", ".join(part for part in parts if part)


def _explanations(rows: Sequence[Row], new: Plan | None) -> Iterator[str]:
    """Each plan's reasons once, under the entries that it is for."""
    groups: dict[tuple[object, ...], list[str]] = {}
    plans: dict[tuple[object, ...], Plan] = {}
    named: list[tuple[str, Plan]] = [(f"entry {entry.index}", plan) for entry, plan, _ in rows]
    if new is not None:
        named.append(("new kernels", new))
    for name, plan in named:
        key: tuple[object, ...] = (plan.values, plan.reasons)
        groups.setdefault(key, []).append(name)
        plans[key] = plan
    for key, names in groups.items():
        yield ""
        yield f"{' '.join(plans[key].values)} ({', '.join(names)})"
        for reason in plans[key].reasons:
            yield f"  - {to_display(reason.text)} [{reason.source}]"


def outcome(verdict: Verdict) -> str:
    """A verdict in a few words: `256M at 0x6f000000`."""
    if verdict.status in ("reserved", "uncertain") and verdict.regions:
        where = ", ".join(f"{size(end - start)} at {start:#x}" for start, end in verdict.regions)
        return mark(where, GOOD) if verdict.status == "reserved" else mark(f"probably {where}", DOUBT)
    return _WORDS.get(verdict.status, verdict.status)
