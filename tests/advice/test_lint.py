"""Values that a kernel does not read as they look."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grubkd.advice.check import lint
from grubkd.memory.release import Release


@pytest.mark.parametrize(
    ("line", "release", "expected"),
    [
        ("quiet crashkernel=256M", "6.1.0", []),
        ("crashkernel=1G-4G:192M,4G-64G:256M,64G-:512M@16M", "6.1.0", []),
        ("crashkernel=0-2G:128M,2G-:256M crashkernel=72M,low", "6.1.0", []),
        ("crashkernel=0x10000000@0x1000000", "6.1.0", []),
        ("crashkernel=256", "6.1.0", [("no-suffix", "grubkd set 256M")]),
        ("crashkernel=128@16M", "6.1.0", [("no-suffix", "grubkd set 128M@16M")]),
        ("crashkernel=512-2G:64M,2G-:128", "6.1.0", [("no-suffix", "grubkd set 512M-2G:64M,2G-:128M")] * 2),
        ("crashkernel=0x100", "6.1.0", [("no-suffix", "grubkd set 0x100M")]),
        ("crashkernel=0512M", "6.1.0", [("octal", "grubkd set 512M")]),
        ("crashkernel=08M", "6.1.0", [("octal", "grubkd set 8M")]),
        ("crashkernel=auto", "6.1.0-50-amd64", [("auto-unknown", "grubkd set --auto")]),
        ("crashkernel=auto", "4.18.0-240.el8.x86_64", []),
        ("crashkernel=auto", None, []),
        ("crashkernel=64M crashkernel=128M", "6.1.0", [("two-values", "grubkd set 128M")]),
        ("crashkernel=256M,high crashkernel=72M,low", "6.1.0", []),
        ("nocrashkernel=64M", "6.1.0", [("hidden-value", "grubkd set --remove-arg nocrashkernel=64M")]),
        ('x="crashkernel=1M b"', "6.1.0", [("hidden-value", """grubkd set --remove-arg 'x="crashkernel=1M b"'""")]),
        ("quiet -- single crashkernel=64M", "6.1.0", [("after-double-dash", "grubkd set 64M")]),
        (
            "crashkernel=128M -- crashkernel=064",
            "6.1.0",
            [("after-double-dash", "grubkd set 64M"), ("octal", "grubkd set 64M"), ("two-values", "grubkd set 64M")],
        ),
        ("", "6.1.0", []),
    ],
)
def test_lint(line: str, release: str | None, expected: list[tuple[str, str]]) -> None:
    found = lint(line, Release.parse(release) if release else None)
    assert [(each.code, each.fix) for each in found] == expected


@pytest.mark.parametrize(
    ("number", "read"),
    [("0512M", "330M"), ("08M", "0 bytes"), ("0100", "64 bytes"), ("010K", "8K"), ("0000000000000000777G", "511G")],
)
def test_octal_numbers_as_the_kernel_reads_them(number: str, read: str) -> None:
    (found,) = lint(f"crashkernel={number}", None)
    assert found.message == f"{number} in crashkernel={number} is octal: the kernel reads {read}"


@given(
    st.lists(
        st.sampled_from(
            [
                "crashkernel=",
                "nocrashkernel=",
                "64",
                "0",
                "0x",
                "M",
                "G",
                "-",
                ":",
                ",",
                "@",
                " ",
                "--",
                '"',
                ",high",
                ",low",
                "auto",
                "9" * 25,
                "\xa0",
                "x=",
            ]
        ),
        max_size=20,
    ).map("".join)
)
def test_any_line_is_linted_without_an_error(line: str) -> None:
    for release in (None, Release.parse("2.6.29.4-167.fc11.i586"), Release.parse("6.12.1")):
        for each in lint(line, release):
            assert each.message
            assert each.why
            assert each.fix
