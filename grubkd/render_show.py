"""The answer of `show`: how the tree boots, as JSON values and as a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grubkd import render
from grubkd.boot import cmdline
from grubkd.boot.build import main_boot
from grubkd.boot.model import Line, Role
from grubkd.memory.size import format_size
from grubkd.render_colour import BAD, GOOD, PLACE, mark
from grubkd.text import to_display

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from typing import Any

    from grubkd.advice import Plan
    from grubkd.boot.model import BootConfig, Entry
    from grubkd.errors import Notice
    from grubkd.machine.machine import Running

# What a bootloader adds to the line it was given; it is no part of the configuration.
_ADDED = ("BOOT_IMAGE", "initrd")
_JSON = ("false", "true")


def _person(text: str | None) -> str:
    return to_display(text or "")


def values(words: Sequence[str]) -> list[str]:
    """The crashkernel values among arguments, without the name, verbatim."""
    return list(cmdline.crashkernel_values(words))


def arguments(words: Sequence[str]) -> list[str]:
    """Of the words of a line those that come from the configuration, verbatim."""
    return [word for word in words if cmdline.name_of(word) not in _ADDED]


class _Rows:
    """The rows of the answer as JSON text. What most entries have in common, their arguments, is written once."""

    def __init__(self) -> None:
        from json.encoder import encode_basestring_ascii

        self._escaped = encode_basestring_ascii
        self._lines: dict[tuple[str, ...], tuple[str, str]] = {}
        self._known: dict[str, str] = {}

    def entry(self, found: Entry) -> str:
        """One entry; for Xen the hypervisor's image and line, with the Linux module beside it."""
        text, boots = self._text, found.boots
        boot = main_boot(boots)
        # Further kernels of an entry are alternatives; they are shown beside the first, which it is known by.
        modules = [each for each in boots if each is not boot and each.role in (Role.MODULE, Role.KERNEL)]
        beside = [f'{{"path": {text(each.path)}, "args": {self._line(each.arguments)[1]}}}' for each in modules]
        return (
            f'{{"index": {found.index}, "id": {text(found.id)}, "title": {text(found.title)}, '
            f'"kernel": {text(boot.path if boot else None)}, "version": {text(found.version)}, '
            f'"initrd": {_list(map(text, found.initrds))}, '
            f'{self._line(boot.arguments if boot else ())[0]}, "modules": {_list(beside)}, '
            f'"default": {_JSON[found.default]}, "rescue": {_JSON[found.rescue]}, "linux": {_JSON[found.linux]}, '
            f'"foreign": {_JSON[found.foreign]}, '
            f'"source": {{"file": {self._name(found.source.file)}, "line": {found.source.line}}}}}'
        )

    def notice(self, found: Notice) -> str:
        """One warning, as render.notice has it."""
        place = found.place
        file, line, column = (self._name(place.file), place.line, place.column) if place else ("null", 0, 0)
        return (
            f'{{"code": {self._name(found.code)}, "message": {self._text(found.message)}, '
            f'"hint": {self._name(found.hint) if found.hint else "null"}, "file": {file}, '
            f'"line": {line or "null"}, "column": {column or "null"}}}'
        )

    def _text(self, text: str | None) -> str:
        if text is None:
            return "null"
        return self._escaped(text if text.isascii() else to_display(text))

    def _name(self, text: str) -> str:
        """One of a few texts that come again and again."""
        known = self._known.get(text)
        if known is None:
            known = self._known[text] = self._text(text)
        return known

    def _line(self, words: tuple[str, ...]) -> tuple[str, str]:
        """What an entry says of its arguments, and the list of them alone."""
        known = self._lines.get(words)
        if known is None:
            kept = arguments(words)
            listed = _list(map(self._text, kept))
            said = f'"cmdline": {self._text(" ".join(kept))}, "args": {listed}, '
            known = self._lines[words] = f'{said}"crashkernel": {_list(map(self._text, values(kept)))}', listed
        return known


def _list(texts: Iterable[str]) -> str:
    return f"[{', '.join(texts)}]"


def futures(config: BootConfig) -> list[dict[str, Any]]:
    """The places that kernels installed later take their arguments from, each variable once.

    A variable stands at the file of its last assignment, with the values that this one leaves in it.
    """
    rows: dict[tuple[str, str], list[str]] = {}
    for future in config.new_kernels:
        line = future.line
        for variable in dict.fromkeys(slot.variable for slot in line.slots if future.seed is None):
            slots = tuple(slot for slot in line.slots if slot.variable == variable)
            name = future.variable if future.copied else variable
            rows.setdefault((slots[-1].file, name), values(Line(slots, slots[-1], line.references).arguments()))
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
    rows = _Rows()
    return {
        "bootloaders": [
            {"format": each.format, "files": [_person(file) for file in each.files]} for each in config.bootloaders
        ],
        "entries": render.Rows(map(rows.entry, selected)),
        "future": futures(config),
        "running": _running(running) if running else None,
        "recommended": {"values": list(recommended.values), "source": recommended.source} if recommended else None,
        "warnings": render.Rows(map(rows.notice, warnings)),
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
    held = values(boot.arguments) if boot and found.linux else []
    notes = [note for note, true in (("rescue", found.rescue), ("other system", found.foreign)) if true]
    if not found.linux:
        notes.append("no Linux")
    title = _person(found.title) + (f" ({', '.join(notes)})" if notes else "")
    value = mark(_person(" ".join(held)), GOOD) if held else mark("-", BAD) if found.linux else ""
    return ("*" if found.default else "", str(found.index), _person(found.version) or "", value, title)
