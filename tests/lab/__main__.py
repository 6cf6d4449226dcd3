"""`python -m lab`: print the results of the last long run, as docs/lab.md."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import Any

from lab.matrix import COUNTS, cases
from lab.results import rows

HEAD = """# Results of the lab

Written by `./lab.sh`. It boots real kernels in QEMU's software emulation and compares each boot with grubkd's
prediction, which is made from the command line, the firmware's memory map and the place of the initial RAM disk.
"Exact": /proc/iomem shows the predicted regions. "Possible": the prediction has several outcomes, and this is one of
them.
"""


def table(head: Sequence[str], body: Iterable[Sequence[object]]) -> Iterator[str]:
    """A table of Markdown."""
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    for row in body:
        yield f"| {' | '.join(map(str, row))} |"


def _summary(found: list[dict[str, Any]]) -> Iterator[Sequence[object]]:
    for kernel, group in groupby(found, lambda row: row["kernel"]):
        boots = list(group)
        certain = [row for row in boots if row["status"] != "uncertain"]
        outcomes = Counter(row["outcome"] for row in boots)
        yield (
            kernel,
            boots[0]["release"],
            f"{len(boots)} of {COUNTS[kernel]}",
            len(certain),
            sum(row["outcome"] == "wrong" for row in certain),
            outcomes["exact"],
            outcomes["possible"],
            outcomes["wrong"],
            sum(row["faults"] for row in boots),
            f"{sum(row['seconds'] for row in boots) / len(boots):.1f} s",
            f"{min(row['date'] for row in boots)} to {max(row['date'] for row in boots)}",
        )


SUMMARY = (
    *("kernel", "release", "boots", "certain", "of these wrong", "exact", "possible", "wrong"),
    *("emulation faults", "time each", "dates"),
)


def _boots(found: list[dict[str, Any]]) -> Iterator[Sequence[object]]:
    for row in found:
        yield (
            row["kernel"],
            f"{row['memory']}M",
            (row["machine"] or "") + (", EFI" if row.get("efi") else ""),
            f"`{row['value']}`",
            "" if row["kaslr"] else "off",
            f"{row['ballast']}M" if row["ballast"] else "",
            row["predicted"],
            row["status"] + (f", {row['alternatives']} others" if row["alternatives"] else ""),
            "the same" if row["outcome"] == "exact" and row["reserved"] == row["predicted"] else row["reserved"],
            row["outcome"],
        )


BOOTS = (
    *("kernel", "RAM", "machine", "crashkernel=", "KASLR", "larger initrd", "predicted"),
    *("certainty", "reserved", "outcome"),
)


def document() -> Iterator[str]:
    """The lines of docs/lab.md."""
    yield from HEAD.splitlines()
    # Without the results of cases that no longer exist.
    places = {str(case): place for place, case in enumerate(case for kernel in COUNTS for case in cases(kernel))}
    found = sorted((row for row in rows("matrix") if row["key"] in places), key=lambda row: places[row["key"]])
    yield "\n## Predictions and boots\n"
    yield from table(SUMMARY, _summary(found))
    yield from _others()
    yield "\n## Every boot of the first table\n"
    yield from table(BOOTS, _boots(found))


SIZING = ("kernel", "release", "RAM", "captures", "does not", "boots", "`plan` recommends", "which is, here", "date")
POWER = (
    *("run", "cuts", "before a transaction", "inside one", "after it", "undone by the next `set`"),
    *("with unflushed writes lost at random", "such writes lost", "date"),
)
CUT = """
A real Debian 12 is killed while `grubkd set` runs in a loop, and boots again through its GRUB. Data that its kernel had
not written yet are lost. Every second time the disk also loses some of the writes that it received after its last
flush, and parts of others. Afterwards every file is the old or the new one, and so is the kernel's command line; `show`
exits 0 and the next `set` works. "Inside": the next boot found the journal of an unfinished transaction.
"""
HANG = ("case", "release", "predicted", "silent for", "a good value reports after", "date")


def _others() -> Iterator[str]:
    if sizes := rows("sizing"):
        yield "\n## The smallest reservation that captures\n"
        yield from table(
            SIZING,
            (
                (
                    *(row["key"], row["release"], f"{row['memory']}M", f"{row['captures']}M", f"{row['fails']}M"),
                    *(row["boots"], f"`{row['value']}`", f"{row['recommended']}M", row["date"]),
                )
                for row in sizes
            ),
        )
    if cuts := rows("power cuts"):
        yield "\n## Power cuts"
        yield from CUT.splitlines()
        yield ""
        counted = ("key", "cuts", "before", "inside", "after", "recovered", "lossy", "lost", "date")
        yield from table(POWER, ([row[name] for name in counted] for row in cuts))
    if hangs := rows("hang"):
        yield "\n## Values that do not boot\n"
        yield from table(
            HANG,
            (
                (row["key"], row["release"], row["reason"], f"{row['seconds']} s", f"{row['good']} s", row["date"])
                for row in hangs
            ),
        )


if __name__ == "__main__":
    print("\n".join(document()))
