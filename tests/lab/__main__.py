"""`python -m lab`: print the results of the last long run as the tables of docs/lab.md.

`python -m lab boots`: print its boots with changed RAM as tests/data/boots3.jsonl holds them.
"""

import json
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any

from lab.results import rows


def table(name: str, head: Sequence[str], body: Iterable[Sequence[object]]) -> Iterator[str]:
    """A table of Markdown below its heading; nothing without rows."""
    if lines := [f"| {' | '.join(map(str, row))} |" for row in body]:
        yield from (f"## {name}", "", f"| {' | '.join(head)} |", f"|{'---|' * len(head)}", *lines, "")


def _machine(row: dict[str, Any]) -> tuple[str, str, str]:
    return row["kernel"], row["release"], (row["machine"] or "") + (", EFI" if row["efi"] else "")


def _summary() -> Iterator[Sequence[object]]:
    for machine, group in groupby(sorted(rows("matrix"), key=_machine), key=_machine):
        boots = list(group)
        wrong = sum("wrong" in (row["outcome"], row["typical_outcome"], row["unplaced_outcome"]) for row in boots)
        counts = Counter((row["status"] == "uncertain", row["outcome"]) for row in boots)
        yield (
            *machine,
            len(boots),
            sum(row["loader"] == "grub" for row in boots),
            counts[False, "exact"],
            counts[True, "exact"],
            counts[True, "possible"],
            wrong,
            f"{min(row['date'] for row in boots)} to {max(row['date'] for row in boots)}",
        )


SUMMARY = (
    *("kernel", "release", "machine", "boots", "through GRUB", "certain and right"),
    *("uncertain, the likeliest is right", "uncertain, another is right", "wrong", "dates"),
)
XEN = ("Xen", "boots", "wrong", "date")
SIZING = ("kernel", "release", "RAM", "captures", "does not", "boots", "recommended", "date")
POWER = (
    *("run", "cuts", "before a transaction", "inside one", "after it", "undone by the next `set`"),
    *("with unflushed writes lost at random", "such writes lost", "date"),
)
HANG = ("case", "release", "predicted", "silent for", "a good value reports after", "date")


def tables() -> Iterator[str]:
    """The lines of all tables."""
    yield from table("Predictions and boots", SUMMARY, _summary())
    by_image = itemgetter("release")
    xen = (list(group) for _, group in groupby(sorted(rows("xen"), key=by_image), key=by_image))
    yield from table(
        "Xen",
        XEN,
        ((group[0]["release"], len(group), sum(r["wrong"] for r in group), group[0]["date"]) for group in xen),
    )
    yield from table(
        "The smallest reservation that captures",
        SIZING,
        (
            (
                *(row["key"], row["release"], f"{row['memory']}M", f"{row['captures']}M", f"{row['fails']}M"),
                *(row["boots"], f"`{row['value']}`, {row['recommended']}M", row["date"]),
            )
            for row in rows("sizing")
        ),
    )
    counted = ("key", "cuts", "before", "inside", "after", "recovered", "lossy", "lost", "date")
    yield from table("Power cuts", POWER, ([row[name] for name in counted] for row in rows("power cuts")))
    yield from table(
        "Values that do not boot",
        HANG,
        (
            (row["key"], row["release"], row["reason"], f"{row['seconds']} s", f"{row['good']} s", row["date"])
            for row in rows("hang")
        ),
    )


def boots() -> Iterator[str]:
    """A line of JSON for each boot with changed RAM that ended with a report."""
    for row in rows("matrix"):
        if row["changed"] and row["size"] is not None:
            facts = {"id": row["key"], "machine": row["machine"], "memory": row["memory"], "request": row["request"]}
            yield json.dumps({**facts, "reserved": row["regions"], "kexec_crash_size": row["size"]})


if __name__ == "__main__":
    print("\n".join(boots() if sys.argv[1:] == ["boots"] else tables()))
