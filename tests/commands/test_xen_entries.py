"""Entries of Xen: the hypervisor gets and reads values of its own grammar (xen-command-line, crashkernel)."""

import shutil
from pathlib import Path

import pytest
from support.answered import Run, answer

from grubkd.cli import main

TREE = Path(__file__).parents[2] / "fixtures" / "rules" / "03-multiboot" / "root"
XEN, LINUX = "1", "2"
MIB, GIB = 1 << 20, 1 << 30


@pytest.fixture
def root(tmp_path: Path) -> Path:
    shutil.copytree(TREE, tmp_path / "root")
    return tmp_path / "root"


def run(verb: str, *arguments: str, root: Path) -> Run:
    return answer(lambda: main([verb, *arguments, "--root", str(root), "--json"]))


def held(root: Path, entry: str) -> list[str]:
    found: list[str] = run("show", "--kernel", entry, root=root).json["entries"][0]["crashkernel"]
    return found


def test_a_linux_pair_is_never_written_to_the_hypervisor(root: Path) -> None:
    assert run("set", "300M,high", "72M,low", "--ram", "8G", root=root).exit == 0
    assert (held(root, XEN), held(root, LINUX)) == (["300M"], ["300M,high", "72M,low"])
    assert run("set", "300M,high", "72M,low", "--ram", "8G", root=root).json["changed"] is False


def test_what_xen_does_not_know_is_refused(root: Path) -> None:
    found = run("set", "auto", "--kernel", XEN, "--ram", "8G", root=root)
    assert (found.exit, found.json["error"]["code"]) == (4, "would-not-reserve")
    assert found.json["error"]["message"] == "the Xen hypervisor does not know auto"
    assert held(root, XEN) == []


@pytest.mark.parametrize("value", ["256M,below=4G", "256M<4G", "1G-:256M<4G", "256M@64M", "1G-4G:128M,4G-:256M"])
def test_its_own_grammar_is_set_shown_checked_and_predicted(value: str, root: Path) -> None:
    assert run("set", value, "--kernel", XEN, "--ram", "8G", root=root).exit == 0
    assert held(root, XEN) == [value]
    (entry,) = run("predict", "--kernel", XEN, "--ram", "8G", root=root).json["entries"]
    assert (entry["request"]["status"], entry["request"]["size_bytes"]) == ("ok", 256 * MIB)
    assert [end - start for start, end in entry["placement"]["regions"]] == [256 * MIB]
    codes = {each["code"] for each in run("check", "--ram", "8G", root=root).json["checks"]}
    assert not codes & {"reserves-nothing", "lacks-high-low"}


def test_a_linux_kernel_does_not_get_xens_values(root: Path) -> None:
    for selected in ((), ("--kernel", LINUX)):
        found = run("set", "256M,below=4G", *selected, "--ram", "8G", root=root)
        assert (found.exit, found.json["error"]["code"]) == (2, "bad-value")
    assert held(root, LINUX) == []


def test_what_xen_cannot_reserve_is_refused(root: Path) -> None:
    found = run("set", "8G-:256M", "--kernel", XEN, "--ram", "4G", root=root)
    assert (found.exit, found.json["error"]["code"]) == (4, "would-not-reserve")
