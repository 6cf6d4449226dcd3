"""The picture of memory as SVG, to paste into a report."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from grubkd.memory.picture import MARKS, BandKind, around, whole
from grubkd.render.tables import extent, size
from grubkd.text import to_display

if TYPE_CHECKING:
    from collections.abc import Iterator

    from grubkd.memory.picture import Band, Picture, Scale

_COLOURS = {
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


def svg(shown: Picture) -> str:
    """The picture as one SVG document: both scales of the text form, and its legend."""
    parts = [_text(_LEFT, 24, to_display(shown.title), bold=True)]
    y = 40
    for scale in (whole(shown), around(shown)):
        if scale is None:
            continue
        parts += _bar(shown, scale, y)
        y += _BAR + _MARK + 40
    for line in _legend(shown):
        parts += [part.replace("{y}", str(y)).replace("{base}", str(y + 12)) for part in line]
        y += _LINE
    height = y + 10
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH + 2 * _LEFT}" height="{height}" '
        f'viewBox="0 0 {_WIDTH + 2 * _LEFT} {height}" font-family="sans-serif" font-size="13">\n'
        f'<rect width="100%" height="100%" fill="white"/>\n' + "\n".join(parts) + "\n</svg>\n"
    )


def _bar(shown: Picture, scale: Scale, y: int) -> Iterator[str]:
    first, last = scale.pieces[0][0], scale.pieces[-1][1]
    yield f'<rect x="{_LEFT}" y="{y}" width="{_WIDTH}" height="{_BAR}" fill="none" stroke="#888" stroke-dasharray="3"/>'
    for band in shown.bands:
        if band.end <= first or band.start >= last:
            continue
        left, right = scale.at(band.start) * _WIDTH, scale.at(band.end) * _WIDTH
        top, height = (y + _BAR, _MARK) if band.kind in MARKS else (y, _BAR)
        yield (
            f'<rect x="{_LEFT + left:.2f}" y="{top}" width="{max(right - left, 1.0):.2f}" height="{height}" '
            f'fill="{_COLOURS[band.kind]}"><title>{escape(_printable(_said(band)))}</title></rect>'
        )
    yield _text(_LEFT, y + _BAR + _MARK + 14, f"{first:#x}")
    yield _text(_LEFT + _WIDTH, y + _BAR + _MARK + 14, f"{last:#x}", anchor="end")


def _legend(shown: Picture) -> Iterator[list[str]]:
    for kind, colour in _COLOURS.items():
        bands = shown.of(kind)
        if not bands:
            continue
        said = kind.value
        if kind in (BandKind.RESERVED, BandKind.KERNEL, BandKind.INITRD):
            said = "; ".join(_said(band) for band in bands)
        elif kind is BandKind.REFUSED:
            said = "; ".join(_said(band) for band in bands[:4])
        elif kind is BandKind.RAM:
            said = f"RAM, {size(sum(band.end - band.start for band in bands))}"
        yield [
            f'<rect x="{_LEFT}" y="{{y}}" width="14" height="14" fill="{colour}"/>',
            _text(_LEFT + 22, "{base}", said),
        ]


def _said(band: Band) -> str:
    note = f": {to_display(band.note)}" if band.note else ""
    return f"{band.kind.value} {size(band.end - band.start)} at {extent((band.start, band.end))}{note}"


def _text(x: int, y: int | str, said: str, *, bold: bool = False, anchor: str = "start") -> str:
    weight = ' font-weight="bold"' if bold else ""
    return f'<text x="{x}" y="{y}" text-anchor="{anchor}"{weight}>{escape(_printable(said))}</text>'


def _printable(said: str) -> str:
    """The text without what XML cannot hold: control characters, lone surrogates."""
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in said)
