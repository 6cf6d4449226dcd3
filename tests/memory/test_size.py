"""Sizes: strict to read, exact to write."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grubkd.errors import BadValue
from grubkd.memory.size import format_size, parse_size, round_down, round_up


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("0", 0),
        ("128", 128),
        ("128K", 128 << 10),
        ("256M", 256 << 20),
        ("256m", 256 << 20),
        ("2G", 2 << 30),
        ("1T", 1 << 40),
        ("3P", 3 << 50),
        ("15E", 15 << 60),
        ("0x10000000", 256 << 20),
        ("0X1EM", 0x1E << 20),
        ("0x1e", 0x1E),
        ("18446744073709551615", (1 << 64) - 1),
    ],
)
def test_reads(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize(
    ("text", "column", "message"),
    [
        ("", 1, "'' is not a size: the number is missing"),
        ("M", 1, "'M' is not a size: the number is missing"),
        ("0x", 3, "'0x' is not a size: the number is missing"),
        ("0xg", 3, "'0xg' is not a size: the number is missing"),
        ("-1M", 1, "'-1M' is not a size: the number is missing"),
        ("128Mx", 5, "'x' is not part of a size, in '128Mx'"),
        ("1.5G", 2, "'.' is not part of a size, in '1.5G'"),
        ("64MG", 4, "'G' is not part of a size, in '64MG'"),
        ("256M ", 5, "' ' is not part of a size, in '256M '"),
        ("\u0661M", 1, "'\u0661M' is not a size: the number is missing"),
        ("0512M", 1, "'0512M' is octal: kernels read a number with a leading 0 in base eight"),
        ("00", 1, "'00' is octal: kernels read a number with a leading 0 in base eight"),
        ("16E", 1, "'16E' does not fit into 64 bits"),
        ("9" * 5000, 1, "'" + "9" * 5000 + "' does not fit into 64 bits"),
    ],
)
def test_refuses_with_the_column(text: str, column: int, message: str) -> None:
    with pytest.raises(BadValue) as caught:
        parse_size(text)
    assert (caught.value.message, caught.value.column) == (message, column)


@given(st.integers(0, (1 << 64) - 1))
def test_a_formatted_size_reads_back(size: int) -> None:
    assert parse_size(format_size(size)) == size


def test_formats_with_the_largest_suffix_that_divides() -> None:
    assert [format_size(size) for size in (0, 1, 1024, 3 << 20, 1536 << 20, 1 << 40)] == [
        "0",
        "1",
        "1K",
        "3M",
        "1536M",
        "1T",
    ]


@given(st.integers(0, 1 << 64), st.integers(1, 1 << 40))
def test_rounding_encloses(value: int, unit: int) -> None:
    down, up = round_down(value, unit), round_up(value, unit)
    assert down <= value <= up
    assert down % unit == up % unit == 0
    assert up - down in {0, unit}
