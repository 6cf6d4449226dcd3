"""The answer of `show`: how the tree boots, as JSON values and as a table."""

from __future__ import annotations

from logging import INFO
from typing import TYPE_CHECKING

from grubkd.boot import cmdline
from grubkd.boot.entry import main_boot
from grubkd.boot.model import Line, Role
from grubkd.log import logger
from grubkd.memory.size import format_size
from grubkd.render.output import members
from grubkd.render.tables import BAD, GOOD, PLACE, mark, table, width
from grubkd.text import to_line

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence
    from typing import Any

    from grubkd.advice import Plan
    from grubkd.boot.model import BootConfig, Entry
    from grubkd.errors import Notice
    from grubkd.machine.machine import Running

# A boot loader adds these to the line; they are not part of the configuration.
_ADDED = ("BOOT_IMAGE", "initrd")


def values(words: Sequence[str]) -> list[str]:
    """The crashkernel values among arguments, without the name, verbatim."""
    return list(cmdline.crashkernel_values(words))


def held(entry: Entry) -> list[str]:
    """The crashkernel values of an entry."""
    boot = main_boot(entry.boots)
    return values(boot.arguments) if boot else []


def arguments(words: Sequence[str]) -> list[str]:
    """The words of a line that come from the configuration, verbatim."""
    return [word for word in words if cmdline.name_of(word) not in _ADDED]


def answer(
    config: BootConfig,
    selected: Sequence[Entry],
    running: Running | None,
    recommended: Plan | None,
    warnings: Sequence[Notice],
) -> dict[str, Any]:
    """The JSON object of `show`."""
    return {
        "bootloaders": [each._asdict() for each in config.bootloaders],
        "entries": [_entry(each) for each in selected],
        "future": new_kernels(config),
        "running": _running(running) if running else None,
        "recommended": members(recommended, "values", "source") if recommended else None,
        "warnings": warnings,
        "errors": config.errors,
    }


def _entry(found: Entry) -> dict[str, Any]:
    """One entry; for Xen the hypervisor's image and line, and the Linux module in `modules`."""
    boot = main_boot(found.boots)
    # Further kernels of an entry are alternatives to the first, by which the entry is known.
    modules = [each for each in found.boots if each is not boot and each.role in (Role.MODULE, Role.KERNEL)]
    words = arguments(boot.arguments if boot else ())
    return {
        **members(found, "index", "id", "title", "version", "default", "rescue", "linux", "foreign"),
        "kernel": boot.path if boot else None,
        "initrd": found.initrds,
        "cmdline": None if found.not_known else " ".join(words),
        "args": words,
        "crashkernel": values(words),
        "modules": [{"path": each.path, "args": arguments(each.arguments)} for each in modules],
        "source": members(found.source, "file", "line"),
    }


def new_kernels(config: BootConfig) -> list[dict[str, Any]]:
    """The places that new kernels take their arguments from, each variable once.

    A variable is listed with the file of its last assignment and the values that this assignment leaves in it.
    """
    rows: dict[tuple[str, str], list[str]] = {}
    for new in config.new_kernels:
        line = new.line
        for variable in dict.fromkeys(slot.variable for slot in line.slots if new.seed is None):
            slots = tuple(slot for slot in line.slots if slot.variable == variable)
            name = new.variable if new.copied else variable
            rows.setdefault((slots[-1].file, name), values(Line(slots, slots[-1], line.references).arguments()))
    return [{"file": file, "variable": variable, "crashkernel": found} for (file, variable), found in rows.items()]


def _running(found: Running) -> dict[str, Any]:
    return {
        **members(found, "release", "cmdline"),
        "crashkernel": values(cmdline.tokens(found.cmdline)),
        "reserved_bytes": found.reserved,
    }


def lines(
    config: BootConfig,
    selected: Sequence[Entry],
    running: Running | None,
    recommended: Plan | None,
    warnings: Sequence[Notice] = (),
) -> Iterator[str]:
    """The same for a terminal: boot loaders, a row for each entry, new kernels, what runs, what is recommended."""
    wrong = {each.place for each in warnings if each.code in ("reserves-nothing", "would-not-boot")}
    failing = {(each.version, tuple(held(each))) for each in selected if each.source in wrong}
    for each in config.bootloaders:
        yield f"{mark(each.format, PLACE)}: {to_line(', '.join(_summed(each.files) if width() else each.files))}"
    if not config.bootloaders:
        yield "no boot configuration found"
    if selected:
        yield ""
        head = ("", "#", "kernel", "crashkernel", "title")
        rows = [_row(each, failing) for each in selected]
        if logger.isEnabledFor(INFO):
            ids = [(to_line(each.id or "-"),) for each in selected]
            yield table((*head, "id"), [row + id for row, id in zip(rows, ids, strict=True)])
        else:
            yield table(head, rows)
    found = new_kernels(config)
    if found:
        yield ""
        rows = [(to_line(" ".join(row["crashkernel"])) or "-", row["variable"], to_line(row["file"])) for row in found]
        yield table(("new kernels", "from", "in"), rows)
    if running or recommended:
        yield ""
    if running:
        amount = "unknown" if running.reserved is None else mark("none", BAD)
        if running.reserved:
            amount = mark(format_size(running.reserved), GOOD)
        yield f"running kernel {running.release}: reserved {amount}"
    if recommended:
        yield f"recommended: {mark(' '.join(recommended.values), GOOD)} ({recommended.source})"


def _summed(files: Sequence[str]) -> Iterator[str]:
    """The files; of more than two in one directory only their number."""
    homes = [file.rpartition("/")[0] for file in files]
    for number, (file, home) in enumerate(zip(files, homes, strict=True)):
        count = homes.count(home)
        if count <= 2:
            yield file
        elif number == homes.index(home):
            held = [other for other, its in zip(files, homes, strict=True) if its == home]
            yield f"{count} {'snippets' if all(each.endswith('.conf') for each in held) else 'files'} in {home}"


def _row(found: Entry, failing: Collection[tuple[str | None, tuple[str, ...]]]) -> tuple[str, ...]:
    given = held(found) if found.linux else []
    notes = [note for note, true in (("rescue", found.rescue), ("other system", found.foreign)) if true]
    if not found.linux:
        notes.append("no Linux")
    elif cmdline.is_off(given):
        notes.append("no reservation, on purpose")
    elif found.not_known:
        notes.append("arguments not known")
    title = to_line(found.title) + (f" ({', '.join(notes)})" if notes else "")
    sign = "?" if found.not_known else "-"
    # A recovery entry needs no value, and that of another system is not ours.
    missing = (sign if found.rescue or found.foreign else mark(sign, BAD)) if found.linux else ""
    colour = BAD if (found.version, tuple(given)) in failing else GOOD
    value = mark(to_line(" ".join(given)), colour) if given else missing
    return ("*" if found.default else "", str(found.index), to_line(found.version or ""), value, title)
