"""How the kernels of each era read one value: numbers, lists of ranges, auto."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grubkd.memory.kernel_parser import KernelRequest, read
from grubkd.memory.kernel_value import memparse
from grubkd.memory.release import Release
from grubkd.memory.size import GIB, MIB, TIB

ALL = ("2.6.29", "2.6.32", "2.6.32-642.el6", "3.10.0-1160.el7", "4.4.0", "4.18.0", "4.18.0-240.el8", "5.10.223")


ALL = (*ALL, "6.1.192", "6.8.0", "6.12.117", "7.2.13")


BEFORE_SUFFIXES = ALL[:3]


GENERIC = ALL[9:]


def reading(cmdline: str, release: str, ram: int = 8 * GIB, arch: str = "x86_64") -> KernelRequest:
    return read(cmdline, Release.parse(release), arch, ram)


def sizes(cmdline: str, ram: int = 8 * GIB, arch: str = "x86_64") -> list[int | str]:
    """The size each of ALL reads, or the status where it reads none."""
    found = [reading(cmdline, release, ram, arch) for release in ALL]
    return [each.size if each.status == "ok" else each.status for each in found]


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
def test_invalid_lists_and_their_messages(value: str, reason: str) -> None:
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
