"""The value of crashkernel=: what a person may give, and what the kernels of each era read."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grubkd.errors import BadValue
from grubkd.memory.behaviours import Era
from grubkd.memory.kernel_parser import KernelRequest, read
from grubkd.memory.kernel_value import memparse
from grubkd.memory.release import Release
from grubkd.memory.size import GIB, MIB, TIB, round_up
from grubkd.memory.value import CrashkernelValue, RamRange, parse_value, parse_values

DATA = Path(__file__).parents[1] / "data"
ROWS = [line.split("\t") for line in (DATA / "parse.tsv").read_text().splitlines()]
ALL = ("2.6.29", "2.6.32", "2.6.32-642.el6", "3.10.0-1160.el7", "4.4.0", "4.18.0", "4.18.0-240.el8", "5.10.223")
ALL = (*ALL, "6.1.192", "6.8.0", "6.12.117", "7.2.13")
BEFORE_SUFFIXES = ALL[:3]
GENERIC = ALL[9:]


def reading(cmdline: str, release: str, ram: int = 8 * GIB, arch: str = "x86_64") -> KernelRequest:
    return read(cmdline, Release.parse(release), arch, ram)


# ---- what the kernels read ------------------------------------------------------------------------------------------


def test_the_rows_are_all_there() -> None:
    assert (len(ROWS), {len(row) for row in ROWS}, len({row[0] for row in ROWS})) == (200, {9}, 8)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row[0]}:{row[2][:40]}")
def test_agrees_with_the_real_parsers(row: list[str]) -> None:
    release, ram, cmdline, *numbers = row
    ret, *facts = map(int, numbers)
    found = reading(cmdline.replace("\\t", "\t").replace("\\n", "\n"), release, int(ram))
    assert found.ret == ret
    if ret == 0:
        assert [found.size, found.base, found.low, int(found.high), found.cma] == facts
        assert found.status == ("ok" if facts[0] else "none")
    else:
        assert found.status == ("invalid" if "crashkernel=" in cmdline else "none")
        assert found[1:6] == (0, 0, 0, False, 0)


def sizes(cmdline: str, ram: int = 8 * GIB, arch: str = "x86_64") -> list[int | str]:
    """The size each of ALL reads, or the status where it reads none."""
    found = [reading(cmdline, release, ram, arch) for release in ALL]
    return [each.size if each.status == "ok" else each.status for each in found]


@pytest.mark.parametrize(
    "cmdline",
    [
        "ro crashkernel=128M quiet",
        "nocrashkernel=128M",
        "foo.crashkernel=128M",
        "ro -- crashkernel=128M",
        "crashkernel=1M\tcrashkernel=128M",
        "crashkernel=crashkernel=128M",
        "crashkernel=1M,crashkernel=128M",
        "crashkernel=64M crashkernel=128M",
        "crashkernel=bogus crashkernel=128M",
        "crashkernel=128M@",
        "crashkernel=128M@x",
        "crashkernel=0x8000000",
        "crashkernel=0X80M@0",
        "crashkernel=134217728",
        "crashkernel=0200M",
        "crashkernel=128m",
        "crashkernel=131072k",
        "crashkernel=1G-:128M x",
        "crashkernel=1G-2G:64M,4G-:128M x",
        "crashkernel=1G-:128M,junk x",
        "crashkernel=128M\0crashkernel=64M",
    ],
)
def test_every_era_reads_128m(cmdline: str) -> None:
    assert sizes(cmdline) == [128 * MIB] * len(ALL)


@pytest.mark.parametrize(
    ("cmdline", "since_suffixes"),
    [("crashkernel=128M,", "invalid"), ("crashkernel=128M\tquiet", "invalid"), ('"crashkernel=128M"', "invalid")],
)
def test_stray_text_behind_a_simple_value(cmdline: str, since_suffixes: str) -> None:
    assert sizes(cmdline) == [128 * MIB] * 3 + [since_suffixes] * 9


def test_nothing_there() -> None:
    for line in ("", "ro quiet", "Crashkernel=128M", "crashkernel =128M", "crashkernel", "\0crashkernel=128M"):
        assert sizes(line) == ["none"] * len(ALL)


def test_what_stands_behind_an_offset() -> None:
    for release in ALL:
        assert reading("crashkernel=128M@16Mx", release)[:3] == ("ok", 128 * MIB, 16 * MIB)
        assert reading("crashkernel=128M@16M@32M", release)[:3] == ("ok", 128 * MIB, 16 * MIB)


def test_the_first_at_belongs_to_any_later_entry() -> None:
    for release in ALL:
        found = reading("crashkernel=1G-2G:448M,2G-4G:256M@32M x", release, 1536 * MIB)
        assert found[:3] == ("ok", 448 * MIB, 32 * MIB)
    # On an earlier entry that does not match it ends the list.
    assert sizes("crashkernel=1G-2G:448M@32M,2G-4G:256M x", 3 * GIB) == ["none"] * 3 + ["invalid"] * 9
    # It is looked for only where there is a size.
    assert sizes("crashkernel=1G-:0@ x") == ["none"] * 3 + ["invalid"] * 9
    assert sizes("crashkernel=1G-:64M@ x") == ["invalid"] * 12


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("x-:64M", "crashkernel: Memory value expected"),
        ("1G:64M", "crashkernel: '-' expected"),
        ("1G-2G64M:", "crashkernel: ':' expected"),
        ("2G-1G:64M", "crashkernel: end <= start"),
        ("1G-1G:64M", "crashkernel: end <= start"),
        ("1G-x:64M", "crashkernel: Memory value expected"),
        ("1G-:", "crashkernel: Memory value expected"),
        ("1G-2G:8G,2G-:64M", "crashkernel: invalid size"),
        ("1G-2G:64M,:", "crashkernel: Memory value expected"),
    ],
)
def test_what_is_wrong_with_a_list(value: str, reason: str) -> None:
    for release in ALL:
        found = reading(f"crashkernel={value} x", release)
        assert (found.status, found.ret) == ("invalid", -2 if release == "6.1.192" else -22)
        assert found.reason == reason


def test_ram_is_rounded_up_from_6_1_on_and_in_rhel_8() -> None:
    just_below = GIB - MIB
    expected = {release: "none" if release in BEFORE_SUFFIXES else "invalid" for release in ALL}
    expected |= dict.fromkeys(("4.18.0-240.el8", "6.1.192", *GENERIC), "ok")
    assert {release: reading("crashkernel=1G-:64M x", release, just_below).status for release in ALL} == expected
    # The end of an open range is 2^64-1, exclusive.
    assert reading("crashkernel=1G-:64M x", "5.10.0", (1 << 64) - 1).status == "invalid"
    # The rounding wraps at 2^64, and then every size is too large.
    assert reading("crashkernel=1G-:64M x", "7.2.13", (1 << 64) - 1).reason == "crashkernel: invalid size"
    assert reading("crashkernel=1G-:64M x", "5.10.0", (1 << 64) - 2).size == 64 * MIB


def test_the_size_of_all_ram() -> None:
    statuses = [reading("crashkernel=512M", release, 512 * MIB).status for release in ALL]
    assert statuses == ["ok"] * 10 + ["invalid"] * 2


# ---- numbers --------------------------------------------------------------------------------------------------------


def parsed(text: str, release: str) -> tuple[int, int]:
    return memparse(text, 0, Release.parse(release).rules)


@pytest.mark.parametrize(
    ("text", "value", "end"),
    [
        ("12", 12, 2),
        ("0x10", 16, 4),
        ("0X1eM", 0x1E << 20, 5),
        ("0x", 0, 1),
        ("0xg", 0, 1),
        ("0512M", 330 * MIB, 5),
        ("08M", 0, 1),
        ("0778", 0o77, 3),
        ("00x10", 0, 2),
        ("64MG", 64 * MIB, 3),
        ("-1", 0, 0),
        ("+1", 0, 0),
        (" 1", 0, 0),
        ("\xb2", 0, 0),
        ("\u0662", 0, 0),
        ("", 0, 0),
        ("x", 0, 0),
        ("0x1E", 0x1E, 4),
    ],
)
def test_numbers_that_all_eras_read_alike(text: str, value: int, end: int) -> None:
    assert {parsed(text, release) for release in ALL} == {(value, end)}


def test_suffixes_beyond_g() -> None:
    for release in ALL:
        old = release in BEFORE_SUFFIXES
        assert parsed("1T", release) == ((1, 1) if old else (TIB, 2))
        assert parsed("1p", release) == ((1, 1) if old else (1 << 50, 2))
        assert parsed("1E", release) == ((1, 1) if old else (1 << 60, 2))


def test_a_bare_suffix() -> None:
    for release in ALL:
        assert parsed("M", release) == ((0, 0) if release == "7.2.13" else (0, 1))
    assert parsed("T", "2.6.32") == (0, 0)
    assert parsed("T", "6.12.117") == (0, 1)


def test_beyond_2_to_the_64() -> None:
    for release in ALL:
        new = release == "7.2.13"
        assert parsed("18446744073709551617", release) == ((1 << 64) - 1 if new else 1, 20)
        assert parsed("17592186044416M", release) == ((1 << 64) - 1 if new else 0, 15)
        assert parsed("0x1ffffffffffffffff", release) == ((1 << 64) - 1, 19)


@given(st.integers(1, 9), st.lists(st.integers(0, 10**18 - 1), max_size=330), st.sampled_from(["", "K", "M", "G"]))
def test_any_length_of_digits(first: int, parts: list[int], suffix: str) -> None:
    # Put together without int() and str(), which refuse more than 4300 digits.
    text, number = str(first), first
    for part in parts:
        text, number = f"{text}{part:018}", number * 10**18 + part
    shift = {"": 0, "K": 10, "M": 20, "G": 30}[suffix]
    assert parsed(text + suffix, "6.1") == ((number << shift) % (1 << 64), len(text + suffix))
    assert parsed(text + suffix, "7.2") == (min(number << shift, (1 << 64) - 1), len(text + suffix))


# ---- suffixes -------------------------------------------------------------------------------------------------------


def asked(cmdline: str, release: str, arch: str = "x86_64") -> tuple[str, int, int, bool, int]:
    found = reading(cmdline, release, arch=arch)
    return found.status, found.size, found.low, found.high, found.cma


def test_high_on_x86() -> None:
    for release in ALL[3:]:
        assert asked("crashkernel=256M,high", release) == ("ok", 256 * MIB, 256 * MIB, True, 0)
        assert asked("crashkernel=256M,high crashkernel=0,low", release) == ("ok", 256 * MIB, 0, True, 0)
        assert asked("crashkernel=72M,low crashkernel=256M,high", release) == ("ok", 256 * MIB, 72 * MIB, True, 0)
        # The last plain token wins over any ,high token, in either order.
        assert asked("crashkernel=64M crashkernel=256M,high", release) == ("ok", 64 * MIB, 0, False, 0)
        assert asked("crashkernel=256M,high crashkernel=64M", release) == ("ok", 64 * MIB, 0, False, 0)
        # A suffix token is one, valid or not, and an invalid last one beats a valid earlier one.
        assert asked("crashkernel=256M,high crashkernel=x,high", release) == ("invalid", 0, 0, False, 0)
        assert asked("crashkernel=256M,high crashkernel=128M@16M,high", release) == ("invalid", 0, 0, False, 0)
        assert asked("crashkernel=1G-:256M,high", release) == ("invalid", 0, 0, False, 0)
        assert asked("crashkernel=64M,low", release) == ("invalid", 0, 0, False, 0)
    for release in BEFORE_SUFFIXES:
        assert asked("crashkernel=256M,high crashkernel=64M,low", release) == ("ok", 64 * MIB, 0, False, 0)


def test_an_invalid_plain_value_beside_high() -> None:
    for line in ("crashkernel=x crashkernel=256M,high", "crashkernel=0 crashkernel=256M,high"):
        for release in ALL[3:9]:
            assert asked(line, release) == ("ok", 256 * MIB, 256 * MIB, True, 0)
        for release in GENERIC:
            assert asked(line, release) == ("invalid", 0, 0, False, 0)


def test_an_invalid_low_beside_high() -> None:
    for release in ALL[3:9]:
        assert asked("crashkernel=256M,high crashkernel=x,low", release) == ("ok", 256 * MIB, 256 * MIB, True, 0)
    for release in GENERIC:
        assert asked("crashkernel=256M,high crashkernel=x,low", release) == ("invalid", 0, 0, False, 0)


def test_low_beside_a_plain_value() -> None:
    assert reading("crashkernel=256M crashkernel=72M,low", "6.1").low_beside == 72 * MIB
    assert reading("crashkernel=256M crashkernel=72M,low", "6.8").low_beside == 256 * MIB
    # The default covers the software I/O buffers that swiotlb= asks for, in slabs of 2K, and 8M.
    assert reading("crashkernel=256M,high swiotlb=262144,force", "6.1").low == 520 * MIB


def test_cma() -> None:
    for release in ALL[:3]:
        assert asked("crashkernel=128M crashkernel=64M,cma", release) == ("ok", 64 * MIB, 0, False, 0)
    for release in ALL[3:11]:
        assert asked("crashkernel=128M crashkernel=64M,cma", release) == ("invalid", 0, 0, False, 0)
    assert asked("crashkernel=128M crashkernel=64M,cma", "7.2") == ("ok", 128 * MIB, 0, False, 64 * MIB)
    assert asked("crashkernel=64Mjunk,cma crashkernel=128M,high", "7.2") == (
        "ok",
        128 * MIB,
        256 * MIB,
        True,
        64 * MIB,
    )
    assert asked("crashkernel=64M,cma", "7.2") == ("invalid", 0, 0, False, 0)


def test_high_elsewhere() -> None:
    line = "crashkernel=256M,high"
    for arch in ("arm64", "riscv64", "loongarch64"):
        for release in GENERIC:
            assert asked(line, release, arch) == ("ok", 256 * MIB, 128 * MIB, True, 0)
        assert asked(line, "5.10", arch) == ("invalid", 0, 0, False, 0)
    assert asked(line, "6.1", "arm64") == ("ok", 256 * MIB, 0, True, 0)
    assert asked(line + " crashkernel=x,low", "6.1", "arm64") == ("invalid", 0, 0, False, 0)
    assert asked(line + " crashkernel=64M,low", "6.1", "arm64") == ("ok", 256 * MIB, 64 * MIB, True, 0)
    assert asked("crashkernel=x " + line, "6.1", "arm64") == ("invalid", 0, 0, False, 0)
    for arch in ("ppc64le", "s390x"):
        for release in ("5.10", "6.1", "6.8", "7.2"):
            assert asked(line, release, arch) == ("invalid", 0, 0, False, 0)
            assert asked(line + " crashkernel=64M", release, arch) == ("ok", 64 * MIB, 0, False, 0)
    assert asked(line, "6.12", "i386") == ("ok", 256 * MIB, 0, True, 0)


# ---- auto -----------------------------------------------------------------------------------------------------------


def automatic(release: str, arch: str, *rams: int) -> list[int | str]:
    found = [reading("crashkernel=auto x", release, ram, arch) for ram in rams]
    return [each.size if each.status == "ok" else each.status for each in found]


def test_auto() -> None:
    assert automatic("2.6.32-642.el6.x86_64", "x86_64", GIB, 2 * GIB - 100 * MIB, 4 * GIB, 64 * TIB) == [
        "invalid",
        129 * MIB,
        129 * MIB,
        896 * MIB,
    ]
    assert automatic("2.6.32-642.el6.s390x", "s390x", 2 * GIB, 4 * GIB) == ["invalid", 129 * MIB]
    assert automatic("3.10.0-1160.el7.x86_64", "x86_64", GIB, 2 * GIB, 64 * GIB, 64 * TIB) == [
        "invalid",
        161 * MIB,
        164 * MIB,
        4256 * MIB,
    ]
    assert automatic("3.10.0-1160.el7.ppc64le", "ppc64le", GIB, 2 * GIB, 64 * GIB) == ["invalid", 384 * MIB, 2 * GIB]
    assert automatic("4.18.0-240.el8.x86_64", "x86_64", GIB - MIB, 8 * GIB, 64 * GIB, TIB) == [
        160 * MIB,
        192 * MIB,
        256 * MIB,
        512 * MIB,
    ]
    assert automatic("4.18.0-240.el8.aarch64", "arm64", GIB, 2 * GIB) == ["none", 448 * MIB]
    for release in ("2.6.29", "2.6.32", "4.4", "4.18", "5.10", "6.1", "6.8", "6.12", "7.2"):
        assert automatic(release, "x86_64", 8 * GIB) == ["invalid"]


def test_auto_is_a_prefix() -> None:
    assert reading("crashkernel=automatic", "4.18.0-240.el8").size == 192 * MIB
    assert reading("crashkernel=auto crashkernel=64M", "4.18.0-240.el8").size == 64 * MIB
    assert reading("crashkernel=auto,high", "4.18.0-240.el8").status == "invalid"


# ---- what a person may give -----------------------------------------------------------------------------------------


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
def test_values_that_do_not(texts: list[str], message: str) -> None:
    with pytest.raises(BadValue) as caught:
        parse_values(texts)
    assert caught.value.message == message


# ---- the law that joins both ----------------------------------------------------------------------------------------

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
    # Rounded up, the RAM may lie beyond the range: then nothing is meant to be reserved.
    found = reading(f"{before}crashkernel={text} quiet", release, ram)
    if size:
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


@given(st.text("crashkernel=0123456789xkKMGTPE,@:- \thighlowcma\0\xe9"), st.sampled_from(ALL), st.integers(0, 1 << 64))
def test_any_line_at_all_is_read(line: str, release: str, ram: int) -> None:
    found = reading("crashkernel=" + line, release, ram % (1 << 64))
    assert found.status in {"ok", "none", "invalid"}
    assert (found.status == "ok") == (found.size > 0)
    assert (found.ret == 0) == (found.status != "invalid")
    assert found.status == "ok" or found.reason


def test_every_era_has_a_release() -> None:
    known = {Release.parse(text).era for text in (*ALL, "3.2.0")}
    assert known == set(Era)
