"""The value on the command line, and the kernels' reading of any line."""

from grubkd.errors import BadValue
from grubkd.memory.kernel_parser import read
from grubkd.memory.release import Release
from grubkd.memory.value import parse_value
from grubkd.text import from_bytes

TOKENS = [
    b"crashkernel=",
    b"64M",
    b"@",
    b",high",
    b",low",
    b",cma",
    b"1G-4G:",
    b"-",
    b":",
    b"0x",
    b"auto",
    b" ",
    b"17592186044416M",
]
_RELEASES = [Release.parse(text) for text in ("2.6.29", "2.6.32-642.el6", "4.18.0-240.el8", "6.1.0", "6.12.0", "7.2.0")]


def attempt(data: bytes) -> None:
    """Parse the text strictly, and read it as the command line of kernels of several eras."""
    text = from_bytes(data)
    for release in _RELEASES:
        read(text, release, "x86_64", 4 << 30)
    try:
        value = parse_value(text)
    except BadValue as problem:
        assert 1 <= problem.column <= len(text) + 1
        return
    assert parse_value(str(value)) == value
