"""The picture of memory: to scale, in Unicode, in ASCII, as SVG."""

from collections.abc import Iterator
from itertools import pairwise
from xml.etree import ElementTree

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from grubkd.errors import RamUnknown
from grubkd.memory.architecture import Architecture
from grubkd.memory.case import Case, Parts, RefusedRegion
from grubkd.memory.memory_map import MemoryMap, from_firmware, typical
from grubkd.memory.picture import BandKind, Picture, around, picture, whole
from grubkd.memory.release import Release
from grubkd.memory.size import GIB, KIB, MIB
from grubkd.memory.vendors import Distribution
from grubkd.render import memory_map, tables

FEDORA_11 = Case(
    Release.parse("2.6.29.4-167.fc11.i586"), Architecture.I386, Distribution(), ram=1 * GIB, physical_start=4 * MIB
)
MODERN = Case(Release.parse("6.1.0-50-amd64"), Architecture.X86_64, Distribution(), ram=8 * GIB)


def drawn(shown: Picture, *, width: int, ascii_only: bool) -> Iterator[str]:
    """The lines without their colours."""
    return map(tables.plain, memory_map.text(shown, width=width, ascii_only=ascii_only))


def test_a_small_machine() -> None:
    shown = picture(
        "64M@16M", FEDORA_11, [(16 * MIB, 80 * MIB)], [], [RefusedRegion((4 * MIB, 68 * MIB), "the kernel")]
    )
    lines = list(drawn(shown, width=64, ascii_only=True))
    assert lines == [
        "64M@16M",
        "",
        "0               256M            512M            768M",
        "k####...........................................................",
        "xxxx",
        "",
        "enlarged, 0x0-0x14ffffff:",
        "0           64M         128M        192M        256M        320M",
        ".k.############.................................................",
        " xxxxxxxxxxxx",
        "",
        "# crash kernel         64M  0x1000000-0x4ffffff",
        "k running kernel        9M  0x400000-0xcfffff",
        "x refused              64M  0x400000-0x43fffff: the kernel",
        ". RAM                1023M",
        "/ firmware, devices",
    ]
    unicode = list(drawn(shown, width=64, ascii_only=False))
    signs = str.maketrans("#kx./", "█▓×░╱")  # noqa: RUF001
    pictures = (3, 4, 8, 9)
    assert [unicode[line] for line in pictures] == [lines[line].translate(signs) for line in pictures]


def test_a_machine_with_a_hole_and_more_above() -> None:
    regions = [(0xAF000000, 0xBF000000), (0x1AF000000, 0x1BF000000)]
    alternatives = [[(0xAE000000, 0xBE000000), (0x1AE000000, 0x1BE000000)]]
    shown = picture("256M,high", MODERN, regions, alternatives, [])
    lines = list(drawn(shown, width=72, ascii_only=True))
    assert lines[2] == "0               2G              4G              6G              8G"
    assert lines[3] == "k" + "." * 21 + "##" + " " * 8 + "." * 22 + "##" + "." * 16
    assert lines[4].strip() == "??" + " " * 30 + "??"
    assert "# crash kernel        256M  0xaf000000-0xbeffffff" in lines
    assert "k running kernel       52M  0x1000000-0x43fffff: KASLR moves it at each boot" in lines
    assert "? possible instead    256M  0xae000000-0xbdffffff" in lines


def test_a_hole_that_is_longer_than_all_ram_is_cut_short() -> None:
    memory = from_firmware([(0, GIB, "usable"), (1024 * GIB, 1025 * GIB, "usable")])
    shown = picture("far", replace_memory(MODERN, memory), [(1024 * GIB, 1024 * GIB + 256 * MIB)], [], [])
    scale = whole(shown)
    assert scale.cuts == ((GIB, 1024 * GIB),)
    lines = list(drawn(shown, width=68, ascii_only=True))
    assert "not to scale: the hole 0x40000000-0xffffffffff" in lines
    bar = next(line for line in lines if "#" in line)
    assert (bar.count("."), bar.count("#"), bar.count(" ")) == (51, 7, 8)


def test_ram_that_begins_high() -> None:
    """arm64 boards have their RAM from 1G on, some from 512G on: nothing is drawn below."""
    arm64 = Release.parse("6.1.0-50-arm64")
    case = Case(arm64, Architecture.ARM64, Distribution(), ram=1 * GIB, parts=Parts(kernel=46 * MIB))
    memory = from_firmware([(512 * GIB, 513 * GIB, "System RAM")])
    shown = picture("high", replace_memory(case, memory), [(512 * GIB + 256 * MIB, 512 * GIB + 512 * MIB)], [], [])
    assert whole(shown).pieces == ((512 * GIB, 513 * GIB, GIB),)
    lines = list(drawn(shown, width=64, ascii_only=True))
    assert lines[3] == "kkk............." + "#" * 16 + "." * 32


def replace_memory(case: Case, memory: MemoryMap) -> Case:
    return case._replace(memory=memory, ram=memory.ram_total)


def test_without_memory_there_is_no_picture() -> None:
    with pytest.raises(RamUnknown):
        picture("none", Case(MODERN.release, MODERN.machine, Distribution()), [], [], [])


def test_nothing_reserved() -> None:
    """There is nothing to look at more closely."""
    shown = picture("nothing", MODERN, [], [], [])
    assert around(shown) is None
    assert not any("enlarged" in line for line in drawn(shown, width=60, ascii_only=True))


SMALL = MODERN._replace(ram=304 * MIB)
# The surroundings of a region above all RAM: they end where they start, or before.
ABOVE_ALL_RAM = [picture("title", SMALL, [(start * MIB, (start + 16) * MIB)], [], []) for start in (368, 400, 4000)]


def test_the_surroundings_hold_the_region_wherever_it_is() -> None:
    for shown in ABOVE_ALL_RAM:
        scale = around(shown)
        assert scale is not None
        [(start, end, length)] = scale.pieces
        region = shown.of(BandKind.RESERVED)[0]
        assert start <= region.start < region.end <= end
        assert length == end - start


EXTENTS = st.tuples(st.integers(1, 4000), st.integers(1, 300)).map(lambda at: (at[0] * MIB, (at[0] + at[1]) * MIB))


@st.composite
def pictures(draw: st.DrawFn) -> Picture:
    ram = draw(st.integers(300 * MIB, 64 * GIB))
    machine = draw(st.sampled_from(list(Architecture)))
    case = Case(Release.parse(draw(st.sampled_from(["2.6.29", "5.10.0", "7.2.0"]))), machine, Distribution(), ram=ram)
    regions = draw(st.lists(EXTENTS, max_size=2))
    alternatives = [[region] for region in draw(st.lists(EXTENTS, max_size=7))]
    refused = [RefusedRegion(region, "taken") for region in draw(st.lists(EXTENTS, max_size=7))]
    return picture("title", case, regions, alternatives, refused)


@given(pictures(), st.integers(40, 160), st.booleans())
@example(ABOVE_ALL_RAM[0], 40, False)
@example(ABOVE_ALL_RAM[1], 80, True)
@example(ABOVE_ALL_RAM[2], 160, True)
def test_every_line_fits_and_shows_what_is_reserved(shown: Picture, width: int, ascii_only: bool) -> None:
    lines = list(drawn(shown, width=width, ascii_only=ascii_only))
    assert lines[0] == "title"
    bars = lines[2 : next(number for number, line in enumerate(lines) if number > 2 and not line)]
    assert all(len(line) <= width for line in bars)
    if ascii_only:
        assert all(line.isascii() for line in lines)
    top = max(band.end for band in shown.of(BandKind.RAM))
    if any(band.start < top and band.end > whole(shown).pieces[0][0] for band in shown.of(BandKind.RESERVED)):
        assert any(("#" if ascii_only else "█") in line for line in bars)
    assert any(line.startswith(". RAM" if ascii_only else "░ RAM") for line in lines)


@given(pictures(), st.lists(st.integers(0, 70 * GIB), min_size=2))
def test_the_scale_keeps_the_order(shown: Picture, addresses: list[int]) -> None:
    scale = whole(shown)
    places = [scale.at(address) for address in sorted(addresses)]
    assert all(0 <= place <= 1 for place in places)
    assert all(first <= second for first, second in pairwise(places))
    # To scale: every piece is as long as it is large, but for the holes that were cut.
    total = sum(band.end - band.start for band in shown.of(BandKind.RAM))
    for start, end, _ in scale.pieces:
        drawn = (scale.at(end) - scale.at(start)) * scale.length
        assert drawn == pytest.approx(min(end - start, total // 8) if (start, end) in scale.cuts else end - start)


@given(pictures())
def test_svg_is_well_formed_and_holds_every_band(shown: Picture) -> None:
    tree = ElementTree.fromstring(memory_map.svg(shown))
    name = "{http://www.w3.org/2000/svg}"
    titles = [title.text or "" for title in tree.iter(f"{name}title")]
    for band in shown.of(BandKind.RESERVED, BandKind.KERNEL):
        if whole(shown).pieces[0][0] <= band.start < max(ram.end for ram in shown.of(BandKind.RAM)):
            assert any(f"{band.start:#x}-{band.end - 1:#x}" in title for title in titles)
    for rectangle in tree.iter(f"{name}rect"):
        x, width = rectangle.get("x"), rectangle.get("width", "")
        assert width == "100%" or (float(width) >= 0 and 0 <= float(x or 0) <= 1020)


def test_svg_survives_any_title() -> None:
    shown = Picture("<a> & \x00\x80 \x1b\xff", picture("x", MODERN, [], [], []).bands)
    assert ElementTree.fromstring(memory_map.svg(shown)) is not None


def test_typical_maps_of_every_machine_can_be_drawn() -> None:
    for machine in Architecture:
        for ram in (64 * MIB + 4 * KIB, 3 * GIB, 2048 * GIB):
            assert typical(ram, machine).ram
            shown = picture("x", Case(MODERN.release, machine, Distribution(), ram=ram), [], [], [])
            assert list(drawn(shown, width=80, ascii_only=True))
