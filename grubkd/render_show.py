"""The answer of `show`: how the tree boots, as JSON values and as a table."""

from __future__ import annotations

from grubkd import octets, render
from grubkd.boot import cmdline
from grubkd.boot.build import main_boot
from grubkd.boot.model import Line, Role
from grubkd.memory.size import format_size
from grubkd.render_colour import BAD, GOOD, PLACE, mark

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

    from grubkd.advice import Plan
    from grubkd.boot.model import Boot, BootConfig, Entry
    from grubkd.errors import Notice
    from grubkd.machine.running import Running

# What a bootloader adds to the line it was given; it is no part of the configuration.
_ADDED = ("BOOT_IMAGE", "initrd")


def _person(text: str | None) -> str:
    return octets.to_person(text or "")


def _nullable(text: str | None) -> str | None:
    return None if text is None else octets.to_person(text)


def arguments(boot: Boot) -> list[str]:
    """The arguments that an image receives from the configuration, verbatim."""
    words = [piece.word.text for piece in boot.line.pieces()]
    return [word for word in words if cmdline.name_of(word) not in _ADDED]


def values(words: Sequence[str]) -> list[str]:
    """The crashkernel values among arguments, without the name, verbatim."""
    return [word.partition("=")[2] for word in words if cmdline.is_crashkernel(word)]


def entry(found: Entry) -> dict[str, Any]:
    """One entry as a JSON value; for Xen the hypervisor's image and line, with the Linux module beside it."""
    boot = main_boot(found.boots)
    words = arguments(boot) if boot else []
    # Further kernels of an entry are alternatives; they are shown beside the first, which it is known by.
    modules = [each for each in found.boots if each is not boot and each.role in (Role.MODULE, Role.KERNEL)]
    return {
        "index": found.index,
        "id": _nullable(found.id),
        "title": _person(found.title),
        "kernel": _person(boot.path) if boot else None,
        "version": _nullable(found.version),
        "initrd": [_person(path) for path in found.initrds],
        "cmdline": _person(" ".join(words)),
        "args": [_person(word) for word in words],
        "crashkernel": [_person(value) for value in values(words)],
        "modules": [{"path": _person(each.path), "args": list(map(_person, arguments(each)))} for each in modules],
        "default": found.default,
        "rescue": found.rescue,
        "linux": found.linux,
        "foreign": found.foreign,
        "source": {"file": _person(found.source.file), "line": found.source.line},
    }


def futures(config: BootConfig) -> list[dict[str, Any]]:
    """The places that kernels installed later take their arguments from, each variable once.

    A variable stands at the file of its last assignment, with the values that this one leaves in it.
    """
    rows: dict[tuple[str, str], list[str]] = {}
    for future in config.futures:
        line = future.line
        for variable in dict.fromkeys(slot.variable for slot in line.slots if future.seed is None):
            slots = tuple(slot for slot in line.slots if slot.variable == variable)
            pieces = Line(slots, slots[-1], line.references).pieces()
            name = future.variable if future.copied else variable
            rows.setdefault((slots[-1].file, name), values([piece.word.text for piece in pieces]))
    return [
        {"file": _person(file), "variable": variable, "crashkernel": list(map(_person, found))}
        for (file, variable), found in rows.items()
    ]


def answer(
    config: BootConfig,
    selected: Sequence[Entry],
    running: Running | None,
    recommended: Plan | None,
    warnings: Sequence[Notice],
) -> dict[str, Any]:
    """The JSON object of `show`."""
    return {
        "bootloaders": [
            {"format": each.format, "files": [_person(file) for file in each.files]} for each in config.bootloaders
        ],
        "entries": [entry(each) for each in selected],
        "future": futures(config),
        "running": _running(running) if running else None,
        "recommended": {"values": list(recommended.values), "source": recommended.source} if recommended else None,
        "warnings": [render.notice(each) for each in warnings],
        "errors": [render.notice(each) for each in config.errors],
    }


def _running(found: Running) -> dict[str, Any]:
    return {
        "release": found.release,
        "cmdline": _person(found.cmdline),
        "crashkernel": list(map(_person, values(cmdline.tokens(found.cmdline)))),
        "reserved_bytes": found.reserved,
    }


def table(
    config: BootConfig, selected: Sequence[Entry], running: Running | None, recommended: Plan | None
) -> Iterator[str]:
    """The same for a terminal: bootloaders, one row an entry, what new kernels will get, what runs, what is best."""
    for each in config.bootloaders:
        yield f"{mark(each.format, PLACE)}: {_person(', '.join(each.files))}"
    if not config.bootloaders:
        yield "no boot configuration found"
    if selected:
        yield ""
        rows = [_row(each) for each in selected]
        yield render.table(("", "#", "kernel", "crashkernel", "title"), rows)
    found = futures(config)
    if found:
        yield ""
        rows = [(" ".join(row["crashkernel"]) or "-", row["variable"], row["file"]) for row in found]
        yield render.table(("new kernels", "from", "in"), rows)
    if running or recommended:
        yield ""
    if running:
        amount = "unknown" if running.reserved is None else mark("none", BAD)
        if running.reserved:
            amount = mark(format_size(running.reserved), GOOD)
        yield f"running kernel {running.release}: reserved {amount}"
    if recommended:
        yield f"recommended: {mark(' '.join(recommended.values), GOOD)} ({recommended.source})"


def _row(found: Entry) -> tuple[str, ...]:
    boot = main_boot(found.boots)
    held = values(arguments(boot)) if boot and found.linux else []
    notes = [note for note, true in (("rescue", found.rescue), ("other system", found.foreign)) if true]
    if not found.linux:
        notes.append("no Linux")
    title = _person(found.title) + (f" ({', '.join(notes)})" if notes else "")
    value = mark(_person(" ".join(held)), GOOD) if held else mark("-", BAD) if found.linux else ""
    return ("*" if found.default else "", str(found.index), _person(found.version) or "", value, title)
