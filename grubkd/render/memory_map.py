"""The picture of memory as text: in Unicode or in ASCII."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from grubkd.memory.picture import MARKS, BandKind, around, whole
from grubkd.memory.size import GIB, MIB, format_size, round_up
from grubkd.render.colour import BAD, DOUBT, GOOD, KERNEL, mark
from grubkd.render.tables import extent, size
from grubkd.text import to_display

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from grubkd.memory.picture import Band, Picture, Scale

_UNICODE = {
    BandKind.HOLE: " ",
    BandKind.FIRMWARE: "╱",  # noqa: RUF001 - and this like hatching
    BandKind.RAM: "░",
    BandKind.INITRD: "▒",
    BandKind.KERNEL: "▓",
    BandKind.RESERVED: "█",
    BandKind.POSSIBLE: "?",
    BandKind.REFUSED: "×",  # noqa: RUF001 - it is meant to look like a cross
}
_ASCII = {
    BandKind.HOLE: " ",
    BandKind.FIRMWARE: "/",
    BandKind.RAM: ".",
    BandKind.INITRD: "i",
    BandKind.KERNEL: "k",
    BandKind.RESERVED: "#",
    BandKind.POSSIBLE: "?",
    BandKind.REFUSED: "x",
}
_COLOURS = {
    BandKind.RESERVED: GOOD,
    BandKind.KERNEL: KERNEL,
    BandKind.INITRD: KERNEL,
    BandKind.POSSIBLE: DOUBT,
    BandKind.REFUSED: BAD,
}
_LISTED = (BandKind.RESERVED, BandKind.KERNEL, BandKind.INITRD, BandKind.POSSIBLE, BandKind.REFUSED)
_MOST = 4


def text(shown: Picture, *, width: int, ascii_only: bool) -> Iterator[str]:
    """The picture in lines of at most `width` columns: all memory, the surroundings of the region, a legend."""
    signs = _ASCII if ascii_only else _UNICODE
    yield to_display(shown.title)
    yield ""
    yield from _bar(shown, whole(shown), width, signs)
    near = around(shown)
    if near is not None:
        yield ""
        yield f"enlarged, {extent((near.pieces[0][0], near.pieces[-1][1]))}:"
        yield from _bar(shown, near, width, signs)
    yield ""
    yield from _legend(shown, whole(shown), signs)


def _bar(shown: Picture, scale: Scale, width: int, signs: Mapping[BandKind, str]) -> Iterator[str]:
    """The addresses, the memory, and under it the possible and the refused places."""
    yield _axis(scale, width)
    yield _row([band for band in shown.bands if band.kind not in MARKS], scale, width, signs)
    marks = _row(list(shown.of(*MARKS)), scale, width, signs)
    if marks.strip():
        yield marks


def _row(bands: list[Band], scale: Scale, width: int, signs: Mapping[BandKind, str]) -> str:
    """One cell for each column, with the topmost band in it; RAM and firmware only if they fill half of it."""
    cells = [BandKind.HOLE] * width
    for band in bands:
        if band.end <= scale.pieces[0][0] or band.start >= scale.pieces[-1][1]:
            continue
        left, right = scale.at(band.start) * width, scale.at(band.end) * width
        first, last = round(left), round(right)
        if first == last and band.kind not in (BandKind.RAM, BandKind.FIRMWARE):
            # A band smaller than a column still gets a cell.
            first = min(int(left), width - 1)
            last = first + 1
        cells[first:last] = [band.kind] * (last - first)
    return "".join(_signs(kind, len(list(run)), signs) for kind, run in groupby(cells[:width])).rstrip()


def _signs(kind: BandKind, count: int, signs: Mapping[BandKind, str]) -> str:
    """Cells of one kind, in its colour."""
    text = signs[kind] * count
    return mark(text, _COLOURS[kind]) if kind in _COLOURS else text


def _axis(scale: Scale, width: int) -> str:
    """The axis: round addresses at their columns."""
    first, last = scale.pieces[0][0], scale.pieces[-1][1]
    step = MIB
    while scale.length / step > width / 10:
        step *= 2
    line = ""
    address = round_up(first, step)
    while address < last:
        column = int(scale.at(address) * width)
        label = format_size(address) if address % MIB == 0 else f"{address:#x}"
        if (not line or column > len(line)) and column + len(label) <= width and not _cut(scale, address):
            line = line.ljust(column) + label
        address += step if scale.length >= last - first or not _cut(scale, address) else max(step, GIB)
    return line


def _cut(scale: Scale, address: int) -> bool:
    return any(start < address < end for start, end in scale.cuts)


def _legend(shown: Picture, scale: Scale, signs: Mapping[BandKind, str]) -> Iterator[str]:
    for kind in _LISTED:
        bands = shown.of(kind)
        if kind is BandKind.POSSIBLE and len(bands) > _MOST:
            # Of many places only the range is listed.
            where = f"one of {len(bands)} places in {extent((bands[0].start, max(band.end for band in bands)))}"
            yield f"{_signs(kind, 1, signs)} {kind.value:<17} {size(bands[0].end - bands[0].start):>6}  {where}"
            continue
        for band in bands:
            note = f": {to_display(band.note)}" if band.note else ""
            amount, where = size(band.end - band.start), extent((band.start, band.end))
            yield f"{_signs(kind, 1, signs)} {kind.value:<17} {amount:>6}  {where}{note}"
    total = sum(band.end - band.start for band in shown.of(BandKind.RAM))
    yield f"{signs[BandKind.RAM]} {BandKind.RAM.value:<17} {size(total):>6}"
    if shown.of(BandKind.FIRMWARE):
        yield f"{signs[BandKind.FIRMWARE]} {BandKind.FIRMWARE.value}"
    for start, end in scale.cuts:
        yield f"not to scale: the hole {extent((start, end))}"
