"""What the user says about the machine: a bare value, RAM without a suffix, an architecture that is not the tree's."""

import pytest
from support.livetree import FIXTURES
from support.machine import Machine

from grubkd.cli import main

KERNEL = ("--release", "6.1.0-50-amd64", "--ram", "4G")


@pytest.mark.parametrize(
    ("bare", "line"),
    [
        ("256M", "crashkernel=256M"),
        ("256M,high 72M,low", "crashkernel=256M,high crashkernel=72M,low"),
        ("1G-4G:192M,4G-:256M", "crashkernel=1G-4G:192M,4G-:256M"),
        ("128M@64M", "crashkernel=128M@64M"),
    ],
)
def test_a_bare_value_is_read_as_an_argument(bare: str, line: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["predict", *KERNEL, "--json", bare]) == 0
    short = capsys.readouterr().out
    assert main(["predict", *KERNEL, "--json", line]) == 0
    assert capsys.readouterr().out == short


def test_other_words_are_not_values(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["predict", *KERNEL, "quiet"]) == 0
    assert "no crashkernel= on the command line" in capsys.readouterr().out


@pytest.mark.parametrize("verb", ["plan", "predict", "check", "set"])
def test_ram_without_a_suffix(verb: str, machine: Machine, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([verb, "--ram", "4096", "--root", str(machine.top)]) == 2
    assert "add a suffix, as in 4096M" in capsys.readouterr().err


def test_a_number_of_bytes_is_still_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["predict", "--release", "6.1.0-50-amd64", "--ram", str(4 << 30), "256M"]) == 0


@pytest.mark.parametrize("verb", [["plan"], ["predict"], ["check"], ["set", "--auto", "--dry-run"]])
def test_another_architecture_than_the_trees(verb: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    root = str(FIXTURES / "debian-12" / "root")
    ram = [] if verb == ["predict"] else ["--ram", "4G"]
    assert main([*verb, *ram, "--arch", "arm64", "--root", root]) == 2
    assert "--arch=arm64 contradicts the kernels of the tree, which are for x86_64" in capsys.readouterr().err
    assert main([*verb, *ram, "--arch", "x86_64", "--root", root]) != 2
