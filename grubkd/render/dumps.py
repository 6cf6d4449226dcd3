"""The answer of `dumps`: the saved dumps, newest first."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from grubkd.advice.saving import readable
from grubkd.render.check import target
from grubkd.render.tables import table
from grubkd.text import to_display

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

    from grubkd.errors import Notice
    from grubkd.machine.dumps import Dump
    from grubkd.machine.kdump import Kdump


def answer(found: Sequence[Dump], kdump: Kdump, warnings: Sequence[Notice]) -> dict[str, Any]:
    """The JSON object of `dumps`; sizes in bytes, times in UTC."""
    return {
        "target": target(kdump),
        "dumps": [
            {
                "path": each.path,
                "files": each.files,
                "size": each.size,
                "time": _time(each.time),
                "complete": each.complete,
                "fault": each.fault or None,
                "format": each.form or None,
                "release": each.release,
                "panic": each.panic,
            }
            for each in found
        ],
        "warnings": warnings,
    }


def lines(found: Sequence[Dump], kdump: Kdump) -> Iterator[str]:
    """The same for a terminal: a row for each dump; under it why the kernel crashed, and what is missing."""
    if not found:
        yield to_display(f"no dumps ({kdump.target})")
        return
    rows = [
        (
            _time(each.time).replace("T", " ").replace("Z", " UTC"),
            readable(each.size),
            {True: "complete", False: "incomplete", None: "packed"}[each.complete],
            to_display(each.release or "-"),
            to_display(each.path),
        )
        for each in found
    ]
    head, *listed = table(("time", "size", "state", "kernel", "directory"), rows).split("\n")
    yield head
    for row, each in zip(listed, found, strict=True):
        yield row
        if each.panic:
            yield to_display(f"  {each.panic}")
        if each.fault:
            yield to_display(f"  {each.fault}")


def _time(seconds: int) -> str:
    return datetime.fromtimestamp(min(seconds, 253402300799), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
