"""The picture of memory: as text, in Unicode or in ASCII, and as SVG to paste into a report."""

from __future__ import annotations

from html import escape
from itertools import groupby
from typing import TYPE_CHECKING

from grubkd.memory.picture import MARKS, BandKind, around, whole
from grubkd.memory.size import GIB, MIB, format_size, round_up
from grubkd.render.tables import BAD, DOUBT, GOOD, KERNEL, extent, mark, size
from grubkd.text import to_line

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from grubkd.memory.picture import Band, Picture, Scale

# The hatching and the cross are meant to look like them.
_UNICODE = dict(zip(BandKind, " ╱░▒▓█?×", strict=True))  # noqa: RUF001
_ASCII = dict(zip(BandKind, " /.ik#?x", strict=True))
_COLOURS = {
    BandKind.RESERVED: GOOD,
    BandKind.KERNEL: KERNEL,
    BandKind.INITRD: KERNEL,
    BandKind.POSSIBLE: DOUBT,
    BandKind.REFUSED: BAD,
}
_LISTED = (BandKind.RESERVED, BandKind.KERNEL, BandKind.INITRD, BandKind.POSSIBLE, BandKind.REFUSED)
_MOST = 4
_FILLS = {
    BandKind.FIRMWARE: "#b0b0b0",
    BandKind.RAM: "#dce9f5",
    BandKind.INITRD: "#f2c14e",
    BandKind.KERNEL: "#4d7ea8",
    BandKind.RESERVED: "#c0392b",
    BandKind.POSSIBLE: "#e8a09a",
    BandKind.REFUSED: "#7f7f7f",
}
_WIDTH, _LEFT, _BAR, _MARK = 1000, 20, 46, 10
_LINE = 22


def text(shown: Picture, *, width: int, ascii_only: bool) -> Iterator[str]:
    """The picture in lines of at most `width` columns: all memory, the surroundings of the region, a legend."""
    signs = _ASCII if ascii_only else _UNICODE
    yield to_line(shown.title)
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
            # If there are many places, only their range is listed.
            where = f"one of {len(bands)} places in {extent((bands[0].start, max(band.end for band in bands)))}"
            yield f"{_signs(kind, 1, signs)} {kind.value:<17} {size(bands[0].end - bands[0].start):>6}  {where}"
            continue
        for band in bands:
            yield f"{_signs(kind, 1, signs)} {kind.value:<17} {size(band.end - band.start):>6}  {_where(band)}"
    total = sum(band.end - band.start for band in shown.of(BandKind.RAM))
    yield f"{signs[BandKind.RAM]} {BandKind.RAM.value:<17} {size(total):>6}"
    if shown.of(BandKind.FIRMWARE):
        yield f"{signs[BandKind.FIRMWARE]} {BandKind.FIRMWARE.value}"
    for start, end in scale.cuts:
        yield f"not to scale: the hole {extent((start, end))}"


def svg(shown: Picture) -> str:
    """The picture as one SVG document: both scales of the text form, and its legend."""
    parts = [_text(_LEFT, 24, to_line(shown.title), bold=True)]
    y = 40
    for scale in (whole(shown), around(shown)):
        if scale is None:
            continue
        parts += _svg_bar(shown, scale, y)
        y += _BAR + _MARK + 40
    legend = list(_svg_legend(shown, y))
    height = y + _LINE * (len(legend) // 2) + 10
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH + 2 * _LEFT}" height="{height}" '
        f'viewBox="0 0 {_WIDTH + 2 * _LEFT} {height}" font-family="sans-serif" font-size="13">\n'
        f'<rect width="100%" height="100%" fill="white"/>\n' + "\n".join(parts + legend) + "\n</svg>\n"
    )


def _svg_bar(shown: Picture, scale: Scale, y: int) -> Iterator[str]:
    first, last = scale.pieces[0][0], scale.pieces[-1][1]
    yield f'<rect x="{_LEFT}" y="{y}" width="{_WIDTH}" height="{_BAR}" fill="none" stroke="#888" stroke-dasharray="3"/>'
    for band in shown.bands:
        if band.end <= first or band.start >= last:
            continue
        left, right = scale.at(band.start) * _WIDTH, scale.at(band.end) * _WIDTH
        top, height = (y + _BAR, _MARK) if band.kind in MARKS else (y, _BAR)
        yield (
            f'<rect x="{_LEFT + left:.2f}" y="{top}" width="{max(right - left, 1.0):.2f}" height="{height}" '
            f'fill="{_FILLS[band.kind]}"><title>{escape(_printable(_said(band)))}</title></rect>'
        )
    yield _text(_LEFT, y + _BAR + _MARK + 14, f"{first:#x}")
    yield _text(_LEFT + _WIDTH, y + _BAR + _MARK + 14, f"{last:#x}", anchor="end")


def _svg_legend(shown: Picture, y: int) -> Iterator[str]:
    """The kinds of band, a line each from `y` on."""
    for kind, fill in _FILLS.items():
        bands = shown.of(kind)
        if not bands:
            continue
        said = kind.value
        if kind in (BandKind.RESERVED, BandKind.KERNEL, BandKind.INITRD, BandKind.REFUSED):
            said = "; ".join(_said(band) for band in bands[: _MOST if kind is BandKind.REFUSED else None])
        elif kind is BandKind.RAM:
            said = f"RAM, {size(sum(band.end - band.start for band in bands))}"
        yield f'<rect x="{_LEFT}" y="{y}" width="14" height="14" fill="{fill}"/>'
        yield _text(_LEFT + 22, y + 12, said)
        y += _LINE


def _said(band: Band) -> str:
    return f"{band.kind.value} {size(band.end - band.start)} at {_where(band)}"


def _where(band: Band) -> str:
    note = f": {to_line(band.note)}" if band.note else ""
    return extent((band.start, band.end)) + note


def _text(x: int, y: int, said: str, *, bold: bool = False, anchor: str = "start") -> str:
    weight = ' font-weight="bold"' if bold else ""
    return f'<text x="{x}" y="{y}" text-anchor="{anchor}"{weight}>{escape(_printable(said))}</text>'


def _printable(said: str) -> str:
    """The text without what XML cannot hold: control characters, lone surrogates."""
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in said)
