"""The answer of `measure`: what each boot of a capture kernel said about its memory, and the need that follows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grubkd.memory.size import in_megabytes
from grubkd.render.check import target, utc, utc_text
from grubkd.render.tables import BAD, mark, table
from grubkd.text import to_line

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

    from grubkd.errors import Notice
    from grubkd.machine.capture_log import CaptureLog
    from grubkd.machine.kdump import Kdump
    from grubkd.memory.case import MeasuredNeed


def answer(
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
            "time": utc(need.time),
            "by": need.what,
        }
        if need
        else None,
        "captures": [
            {
                "log": log.path,
                "time": utc(log.time),
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


def lines(logs: Sequence[CaptureLog], need: MeasuredNeed | None, kdump: Kdump) -> Iterator[str]:
    """The same for a terminal: a row for each boot of a capture kernel, and the need."""
    if not logs:
        yield to_line(f"no logs of capture kernels ({kdump.target})")
        return
    rows = [
        (
            utc_text(log.time),
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
