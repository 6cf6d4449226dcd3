"""The answer of `predict`: what the kernel reads in a command line, and where it puts the reservation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grubkd.advice import Verdict
from grubkd.boot.model import Entry
from grubkd.memory.size import format_size
from grubkd.render.colour import BAD, DOUBT, mark
from grubkd.render.plan import outcome
from grubkd.render.tables import extent, size, table
from grubkd.text import to_display

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

    from grubkd.advice import Simulation
    from grubkd.errors import GrubkdError
    from grubkd.memory.kernel_parser import KernelRequest
    from grubkd.memory.memory_map import Extent

Row = tuple[Entry, str, Verdict]


def verdict(found: Verdict) -> dict[str, Any]:
    """`request` and `placement` as in predict --batch; null if too little is known."""
    unknown = found.status == "unknown"
    return {
        "request": request(found.request) if found.request else None,
        "placement": None
        if unknown
        else {
            "status": "failed" if found.status == "none" else found.status,
            "regions": found.regions,
            "alternatives": found.alternatives,
            "chance": round(found.chance, 6),
            "chances": [round(chance, 6) for chance in found.chances],
            "reason": found.reason,
        },
        "assumption": found.assumption or None,
        "note": found.note or None,
        "reason": found.reason,
    }


def request(found: KernelRequest) -> dict[str, Any]:
    """What the kernel reads, as JSON; sizes in bytes."""
    return {
        "status": found.status,
        "size": found.size,
        "base": found.base,
        "low": found.low,
        "high": found.high,
        "cma": found.cma,
        "reason": found.reason,
    }


def one(found: Simulation) -> dict[str, Any]:
    """The JSON object for a given command line."""
    case = found.case
    return {
        "release": case.release.text,
        "arch": case.machine,
        "ram": found.ram,
        "cmdline": case.cmdline,
        **verdict(found.verdict),
    }


def entries(rows: Sequence[Row], errors: Sequence[GrubkdError]) -> dict[str, Any]:
    """The JSON object for the entries of a tree."""
    return {
        "entries": [
            {
                "index": entry.index,
                "title": entry.title,
                "version": entry.version,
                "cmdline": line,
                **verdict(found),
            }
            for entry, line, found in rows
        ],
        "errors": errors,
    }


def reading(found: KernelRequest | None) -> str:
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


def one_for_people(found: Simulation) -> Iterator[str]:
    """The same as `one`, for a terminal."""
    case = found.case
    ram = f", {size(found.ram)} of RAM" if found.ram else ""
    yield to_display(f"kernel {case.release}, {case.machine}{ram}")
    yield from _verdict(found.verdict)


def _verdict(found: Verdict) -> Iterator[str]:
    yield f"reads     {reading(found.request)}"
    words = outcome(found)
    where = "; ".join(extent(region) for region in found.regions)
    yield f"reserves  {words}{f' ({where})' if where else ''}"
    if found.reason and found.status != "reserved":
        yield f"because   {to_display(found.reason)}"
    if found.status == "uncertain":
        yield from _alternatives(found.alternatives)
    if found.assumption:
        yield f"assuming  {found.assumption}"
    if found.note:
        yield f"note      {to_display(found.note)}"


def _alternatives(found: Sequence[Sequence[Extent]]) -> Iterator[str]:
    """The other possible results; of many only their number and range."""
    places = [regions for regions in found if regions]
    if len(places) < len(found):
        yield f"or        {mark('nothing', BAD)}"
    if len(places) > 3:
        low = min(region[0] for regions in places for region in regions)
        high = max(region[1] for regions in places for region in regions)
        yield f"or        one of {len(places)} other places in {extent((low, high))}"
        return
    for regions in places:
        yield f"or        {', '.join(map(extent, regions))}"


def entries_for_people(rows: Sequence[Row]) -> Iterator[str]:
    """The same as `entries`, for a terminal."""
    if not rows:
        yield "no entry starts Linux"
        return
    lines = [
        (str(entry.index), to_display(entry.version or "-"), reading(found.request), outcome(found))
        for entry, _, found in rows
    ]
    yield table(("#", "kernel", "reads", "reserves"), lines)
    reasons: dict[str, list[str]] = {}
    for entry, _, found in rows:
        if found.reason and found.status not in ("reserved", "none"):
            reasons.setdefault(to_display(found.reason), []).append(str(entry.index))
    if reasons:
        yield ""
    for reason, indexes in reasons.items():
        yield f"{', '.join(indexes)}: {reason}"
    for assumption in dict.fromkeys(found.assumption for *_, found in rows if found.assumption):
        yield f"assuming {assumption}"
    for note in dict.fromkeys(found.note for *_, found in rows if found.note):
        yield f"note: {to_display(note)}"
