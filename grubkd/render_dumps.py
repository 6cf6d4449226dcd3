"""The answer of `dumps`: what was saved, newest first."""

from __future__ import annotations

from datetime import UTC, datetime

from grubkd import octets, render
from grubkd.advice.dumproom import amount
from grubkd.render_check import target

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

    from grubkd.errors import Notice
    from grubkd.machine.dumps import Dump
    from grubkd.machine.kdump import Kdump


def answer(found: Sequence[Dump], kdump: Kdump, warnings: Sequence[Notice]) -> dict[str, Any]:
    """The JSON object; bytes, times in UTC."""
    return {
        "target": target(kdump),
        "dumps": [
            {
                "path": octets.to_person(each.path),
                "files": list(map(octets.to_person, each.files)),
                "size": each.size,
                "time": _time(each.time),
                "complete": each.complete,
                "fault": octets.to_person(each.fault) or None,
                "format": each.form or None,
                "release": None if each.release is None else octets.to_person(each.release),
                "panic": None if each.panic is None else octets.to_person(each.panic),
            }
            for each in found
        ],
        "warnings": [render.notice(each) for each in warnings],
    }


def lines(found: Sequence[Dump], kdump: Kdump) -> Iterator[str]:
    """The same for a terminal: a row for each dump, below it why the kernel stopped, and what is missing."""
    if not found:
        yield octets.to_person(f"no dumps ({kdump.target})")
        return
    rows = [
        (
            _time(each.time).replace("T", " ").replace("Z", " UTC"),
            amount(each.size),
            {True: "complete", False: "incomplete", None: "packed"}[each.complete],
            octets.to_person(each.release or "-"),
            octets.to_person(each.path),
        )
        for each in found
    ]
    table = render.table(("time", "size", "state", "kernel", "directory"), rows).split("\n")
    yield table[0]
    for row, each in zip(table[1:], found, strict=True):
        yield row
        if each.panic:
            yield octets.to_person(f"  {each.panic}")
        if each.fault:
            yield octets.to_person(f"  {each.fault}")


def _time(seconds: int) -> str:
    return datetime.fromtimestamp(min(seconds, 253402300799), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
