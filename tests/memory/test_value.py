"""The value of crashkernel= as the user writes it: what is accepted, and that kernels read it as meant."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from grubkd.errors import BadValue
from grubkd.memory.kernel_parser import KernelRequest, read
from grubkd.memory.release import Release
from grubkd.memory.size import GIB, MIB, round_up
from grubkd.memory.value import CrashkernelValue, RamRange, parse_value, parse_values

ALL = ("2.6.29", "2.6.32", "2.6.32-642.el6", "3.10.0-1160.el7", "4.4.0", "4.18.0", "4.18.0-240.el8", "5.10.223")


ALL = (*ALL, "6.1.192", "6.8.0", "6.12.117", "7.2.13")


def reading(cmdline: str, release: str, ram: int = 8 * GIB, arch: str = "x86_64") -> KernelRequest:
    return read(cmdline, Release.parse(release), arch, ram)


@pytest.mark.parametrize(
    ("text", "value", "canonical"),
    [
        ("256M", CrashkernelValue(256 * MIB), "256M"),
        ("crashkernel=256M", CrashkernelValue(256 * MIB), "256M"),
        ("0x10000000", CrashkernelValue(256 * MIB), "256M"),
        ("1024m", CrashkernelValue(GIB), "1G"),
        ("64M@16M", CrashkernelValue(64 * MIB, offset=16 * MIB), "64M@16M"),
        ("4T@1024G", CrashkernelValue(4096 * GIB, offset=1024 * GIB), "4096G@1024G"),
        ("0x4@0x5", CrashkernelValue(4, offset=5), "0x4@0x5"),
        ("256M,high", CrashkernelValue(256 * MIB, suffix="high"), "256M,high"),
        ("72M,low", CrashkernelValue(72 * MIB, suffix="low"), "72M,low"),
        ("1G,cma", CrashkernelValue(GIB, suffix="cma"), "1G,cma"),
        ("auto", CrashkernelValue(), "auto"),
        (
            "0-2G:64M,2G-:128M@32M",
            CrashkernelValue(
                spans=(RamRange(0, 2 * GIB, 64 * MIB), RamRange(2 * GIB, None, 128 * MIB)), offset=32 * MIB
            ),
            "0-2G:64M,2G-:128M@32M",
        ),
    ],
)
def test_a_good_value(text: str, value: CrashkernelValue, canonical: str) -> None:
    assert parse_value(text) == value
    assert str(value) == canonical
    assert parse_value(canonical) == value


@pytest.mark.parametrize(
    ("text", "column", "message"),
    [
        ("", 1, "the value is empty"),
        ("crashkernel=", 13, "the value is empty"),
        ("128", 4, "'128' without a suffix is 128 bytes"),
        ("crashkernel=128", 16, "'128' without a suffix is 128 bytes"),
        ("0512M", 1, "'0512M' is octal: kernels read a number with a leading 0 in base eight"),
        ("1G-:0512M", 5, "'0512M' is octal: kernels read a number with a leading 0 in base eight"),
        ("128Mx", 5, "'x' is not part of a size, in '128Mx'"),
        ("128M x", 5, "a space ends the value"),
        ("128M\n", 5, "a space ends the value"),
        ('128M"', 5, "a stray quote"),
        ("128M\u2019", 5, "a stray quote"),
        ("'128M'", 1, "a stray quote"),
        ("-64M", 1, "a size cannot be negative"),
        ("0", 1, "a size of 0 reserves nothing"),
        ("1G-:0M", 5, "a size of 0 reserves nothing"),
        ("128M@", 6, "'128M@' ends too early"),
        ("128M@0", 6, "an offset of 0 means automatic placement"),
        ("128M@16", 8, "'16' without a suffix is 16 bytes"),
        ("128M@16M@32M", 9, "'@' is not valid here in '128M@16M@32M'"),
        ("128M,", 6, "'128M,' ends too early"),
        ("128M,hi", 6, "'hi' is not a suffix of crashkernel="),
        ("128M,high@16M", 10, "'@' is not valid here in '128M,high@16M'"),
        ("1G-:128M,high", 14, "'1G-:128M,high' ends too early"),
        ("auto@16M", 5, "nothing may follow 'auto'"),
        ("automatic", 1, "'automatic' is not a size: the number is missing"),
        ("1G:128M", 3, "a range needs a '-'"),
        ("1G-2G", 6, "'1G-2G' ends too early"),
        ("1G-2G:", 7, "'1G-2G:' ends too early"),
        ("1G-2G:128M,", 12, "'1G-2G:128M,' ends too early"),
        ("2G-1G:128M", 1, "the range ends before it begins"),
        ("2G-2G:128M", 1, "the range ends before it begins"),
        ("1G-2G:128M,1536M-4G:256M", 12, "the range overlaps the one before it, or is in the wrong order:"),
        ("2G-:128M,1G-2G:64M", 10, "the range overlaps the one before it, or is in the wrong order:"),
        ("1G-2G:2G", 7, "no machine of this range has 2G to spare: kernels then ignore the whole list"),
        ("crashkernel=crashkernel=1M", 24, "'=' is not valid here in 'crashkernel=crashkernel=1M'"),
        ("16E", 1, "'16E' does not fit into 64 bits"),
    ],
)
def test_a_bad_value(text: str, column: int, message: str) -> None:
    with pytest.raises(BadValue) as caught:
        parse_value(text)
    assert caught.value.message.startswith(message)
    assert caught.value.column == column
    assert caught.value.hint
    assert caught.value.exit == 2


@pytest.mark.parametrize(
    "texts", [["256M"], ["256M,high"], ["256M,high", "72M,low"], ["72M,low", "256M,high", "1G,cma"], ["64M", "1G,cma"]]
)
def test_values_that_go_together(texts: list[str]) -> None:
    assert [str(value) for value in parse_values(texts)] == texts


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (["256M", "128M"], "two values without a suffix: kernels take the last one only"),
        (["256M,high", "128M,high"], "two values with ,high: kernels take the last one only"),
        (["256M", "128M,high"], "a value without a suffix makes kernels ignore the one with ,high"),
        (["128M,low"], "a value with ,low reserves nothing without one with ,high"),
        (["256M", "128M,low"], "a value with ,low reserves nothing without one with ,high"),
        (["128M,cma"], "a value with ,cma reserves nothing on its own"),
    ],
)
def test_values_that_exclude_each_other(texts: list[str], message: str) -> None:
    with pytest.raises(BadValue) as caught:
        parse_values(texts)
    assert caught.value.message == message


AMOUNTS = st.builds(lambda count, unit: f"{count}{unit}", st.integers(1, 4096), st.sampled_from("KMGkmg"))


HEXADECIMAL = st.integers(1, 1 << 40).map(hex)


OFFSETS = st.one_of(st.just(""), AMOUNTS.map("@{}".format), HEXADECIMAL.map("@{}".format))


SIMPLE = st.builds("{}{}".format, st.one_of(AMOUNTS, HEXADECIMAL), OFFSETS)


@st.composite
def simple_and_ram(draw: st.DrawFn) -> tuple[str, int]:
    """A value, and RAM that is more than its size."""
    text = draw(SIMPLE)
    size = parse_value(text).size
    assert size is not None
    return text, size + draw(st.integers(1, 1 << 44))


@st.composite
def list_and_ram(draw: st.DrawFn) -> tuple[str, int]:
    """A list, and RAM that falls into one of its ranges and is more than the sizes up to there."""
    borders = sorted(draw(st.sets(st.integers(128, 1 << 16), min_size=2, max_size=8)))
    pairs = list(zip(borders[::2], borders[1::2], strict=False))
    last_open = draw(st.booleans())
    entries = [
        f"{start}M-{'' if last_open and stop == pairs[-1][1] else f'{stop}M'}:{draw(st.integers(1, start - 1))}M"
        for start, stop in pairs
    ]
    start, stop = draw(st.sampled_from(pairs))
    return ",".join(entries) + draw(OFFSETS), draw(st.integers(start * MIB, stop * MIB - 1))


@example(("128M-257M:1M,258M-385M:257M", 256 * MIB + 1), "6.12.117", "")
@given(
    st.one_of(simple_and_ram(), list_and_ram()),
    st.sampled_from(ALL),
    st.sampled_from(["", "ro quiet ", "crashkernel=1M ", "crashkernel=x,high "]),
)
def test_what_is_accepted_is_read_as_meant(given_: tuple[str, int], release: str, before: str) -> None:
    text, ram = given_
    kernel = Release.parse(release)
    value = parse_value(text)
    size = value.size_for(round_up(ram, 128 * MIB) if kernel.rules.rounds_ram else ram)
    found = reading(f"{before}crashkernel={text} quiet", release, ram)
    # Rounded up, the RAM may lie beyond the range, or in a later one whose size is more than the RAM: Linux 6.12
    # refuses that size when it parses the value, earlier kernels when they look for a place.
    if size and (size < ram or found.status == "ok"):
        assert (found.status, found.size, found.base) == ("ok", size, value.offset or 0)
    else:
        assert found.status in {"none", "invalid"}
    assert reading(f"{before}crashkernel={value} quiet", release, ram) == found


@given(AMOUNTS, st.one_of(st.none(), AMOUNTS), st.sampled_from(ALL[3:]), st.booleans())
def test_high_and_low_are_read_as_meant(high: str, low: str | None, release: str, swapped: bool) -> None:
    texts = [f"{high},high"] + ([f"{low},low"] if low else [])
    values = parse_values(texts[::-1] if swapped else texts)
    found = reading(" ".join(f"crashkernel={value}" for value in values), release, 1 << 62)
    wanted = {value.suffix: value.size for value in values}
    assert (found.status, found.size, found.high) == ("ok", wanted["high"], True)
    assert found.low == wanted.get("low", 256 * MIB)
