"""The results of the long run as JSON lines, one file a table; `python -m lab` prints them."""

import json
import time
from typing import Any

from lab.packages import CACHE, locked

RESULTS = CACHE / "results"


def record(table: str, key: str, **facts: Any) -> None:
    """Write a row of the table; it replaces an earlier one with the same key."""
    with locked("results"):
        RESULTS.mkdir(exist_ok=True)
        kept = [row for row in rows(table) if row["key"] != key]
        kept.append({"key": key, "date": time.strftime("%Y-%m-%d"), **facts})
        partial = RESULTS / f"{table}.partial"
        partial.write_text("".join(f"{json.dumps(row)}\n" for row in kept))
        partial.rename(RESULTS / f"{table}.jsonl")


def rows(table: str) -> list[dict[str, Any]]:
    """The rows of a table, in the order in which they were found."""
    file = RESULTS / f"{table}.jsonl"
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []
