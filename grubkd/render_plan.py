"""The answer of `plan`: the values, the reasons, what the kernels will do with them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grubkd import render
from grubkd.advice import Plan, Verdict
from grubkd.boot.model import Entry
from grubkd.memory.size import GIB, MIB, format_size
from grubkd.render_colour import BAD, DOUBT, GOOD, mark
from grubkd.text import to_display

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import Any

    from grubkd.errors import GrubkdError, Notice
    from grubkd.machine.machine import Machine
    from grubkd.memory.memory_map import Extent

Row = tuple[Entry, Plan, Verdict]
_WORDS: Mapping[str, str] = {
    "none": "-",
    "failed": mark("nothing", BAD),
    "hang": mark("does not boot", BAD),
    "unknown": mark("unknown", DOUBT),
}


def answer(
    machine: Machine,
    rows: Sequence[Row],
    future: Plan | None,
    warnings: Sequence[Notice],
    errors: Sequence[GrubkdError],
) -> dict[str, Any]:
    """The JSON object of `plan`."""
    return {
        "machine": facts(machine),
        "entries": [
            {
                "index": entry.index,
                "title": to_display(entry.title),
                "version": None if entry.version is None else to_display(entry.version),
                **_plan(plan),
                "prediction": prediction(verdict),
            }
            for entry, plan, verdict in rows
        ],
        "future": None if future is None else _plan(future),
        "warnings": [render.notice(each) for each in warnings],
        "errors": [render.notice(each) for each in errors],
    }


def facts(machine: Machine) -> dict[str, Any]:
    """What the answer rests on; amounts in bytes, null where nothing tells."""
    return {
        "architecture": machine.architecture.value if machine.architecture else None,
        "ram_bytes": machine.ram,
        "ram_estimated": machine.ram_estimated,
        "ram_source": machine.ram_source or None,
        "distribution": to_display(machine.distribution.name) or None,
    }


def _plan(plan: Plan) -> dict[str, Any]:
    return {
        "values": list(plan.values),
        "source": plan.source,
        "reasons": [{"text": to_display(each.text), "source": each.source} for each in plan.reasons],
    }


def prediction(verdict: Verdict) -> dict[str, Any]:
    """What the kernel will do, as JSON; regions are [start, end exclusive] in bytes."""
    return {
        "status": verdict.status,
        "size": verdict.request.size if verdict.request else None,
        "regions": [list(region) for region in verdict.regions],
        "alternatives": [[list(region) for region in regions] for regions in verdict.alternatives],
        "reason": to_display(verdict.reason),
    }


def table(machine: Machine, rows: Sequence[Row], future: Plan | None, *, explain: bool) -> Iterator[str]:
    """The same for a terminal: the machine, a row for each entry, with `explain` the reasons of each plan."""
    yield _machine(machine)
    yield ""
    lines = [
        (str(entry.index), to_display(entry.version or "-"), " ".join(plan.values), outcome(verdict))
        for entry, plan, verdict in rows
    ]
    if future is not None:
        lines.append(("", "new kernels", " ".join(future.values), ""))
    yield render.table(("#", "kernel", "crashkernel", "reserves"), lines)
    if explain:
        yield from _explanations(rows, future)


def _machine(machine: Machine) -> str:
    ram = "RAM unknown"
    if machine.ram:
        estimated = " (estimated)" if machine.ram_estimated else ""
        ram = f"{size(machine.ram)} of RAM{estimated}"
    parts = [to_display(machine.distribution.name), machine.architecture or "architecture unknown", ram]
    return ", ".join(part for part in parts if part)


def _explanations(rows: Sequence[Row], future: Plan | None) -> Iterator[str]:
    """Each plan's reasons once, under the entries that it is for."""
    groups: dict[tuple[object, ...], list[str]] = {}
    plans: dict[tuple[object, ...], Plan] = {}
    named: list[tuple[str, Plan]] = [(f"entry {entry.index}", plan) for entry, plan, _ in rows]
    if future is not None:
        named.append(("new kernels", future))
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


def size(amount: int) -> str:
    """An amount for people: exact where it is whole megabytes, else rounded."""
    if amount % MIB == 0 or amount < MIB:
        return format_size(amount)
    if amount < 10 * GIB:
        return f"{amount / MIB:.0f}M"
    return f"{amount / GIB:.1f}".removesuffix(".0") + "G"


def extent(region: Extent) -> str:
    """Addresses as the kernel prints them: the end inclusive."""
    return f"{region[0]:#x}-{region[1] - 1:#x}"
