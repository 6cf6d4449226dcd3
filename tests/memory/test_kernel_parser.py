"""What the kernels of each era do with a command line."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grubkd.memory.behaviours import Era
from grubkd.memory.kernel_parser import KernelRequest, read
from grubkd.memory.release import Release
from grubkd.memory.size import GIB, MIB

DATA = Path(__file__).parents[1] / "data"


ROWS = [line.split("\t") for line in (DATA / "parse.tsv").read_text().splitlines()]


ALL = ("2.6.29", "2.6.32", "2.6.32-642.el6", "3.10.0-1160.el7", "4.4.0", "4.18.0", "4.18.0-240.el8", "5.10.223")


ALL = (*ALL, "6.1.192", "6.8.0", "6.12.117", "7.2.13")


BEFORE_SUFFIXES = ALL[:3]


GENERIC = ALL[9:]


def reading(cmdline: str, release: str, ram: int = 8 * GIB, arch: str = "x86_64") -> KernelRequest:
    return read(cmdline, Release.parse(release), arch, ram)


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


def test_lines_without_a_value() -> None:
    for line in ("", "ro quiet", "Crashkernel=128M", "crashkernel =128M", "crashkernel", "\0crashkernel=128M"):
        assert sizes(line) == ["none"] * len(ALL)


def test_text_behind_an_offset_is_ignored() -> None:
    for release in ALL:
        assert reading("crashkernel=128M@16Mx", release)[:3] == ("ok", 128 * MIB, 16 * MIB)
        assert reading("crashkernel=128M@16M@32M", release)[:3] == ("ok", 128 * MIB, 16 * MIB)


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


@given(st.text("crashkernel=0123456789xkKMGTPE,@:- \thighlowcma\0\xe9"), st.sampled_from(ALL), st.integers(0, 1 << 64))
def test_any_line_is_read_without_an_error(line: str, release: str, ram: int) -> None:
    found = reading("crashkernel=" + line, release, ram % (1 << 64))
    assert found.status in {"ok", "none", "invalid"}
    assert (found.status == "ok") == (found.size > 0)
    assert (found.ret == 0) == (found.status != "invalid")
    assert found.status == "ok" or found.reason


def test_every_era_has_a_release() -> None:
    known = {Release.parse(text).era for text in (*ALL, "3.2.0", "4.18.0-80.el8.x86_64")}
    assert known == set(Era)
