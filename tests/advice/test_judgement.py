"""One judgement: `set`, `show`, `check` and `predict` find the same faults in the same value."""

import json
import shutil
from pathlib import Path

import pytest
from support.answered import answer

from grubkd.advice import Verdict
from grubkd.advice.judgement import judge, odds
from grubkd.cli import main
from grubkd.memory.kernel_parser import KernelRequest

FIXTURES = Path(__file__).parents[2] / "fixtures"
MIB, GIB = 1 << 20, 1 << 30
LOST = {"would-not-boot", "reserves-nothing"}
KNOWN = {*LOST, "lacks-high-low", "may-reserve-nothing", "more-than-half", "smaller-than-kernel"}


def request(size: int) -> KernelRequest:
    return KernelRequest("ok", size, 0, 0, high=False, cma=0, reason="", ret=0, low_beside=0)


def codes(*verdicts: Verdict) -> list[list[str]]:
    return [[each.code for each in judge(verdict)] for verdict in verdicts]


def test_what_reserves_nothing() -> None:
    invalid = KernelRequest("none", 0, 0, 0, high=False, cma=0, reason="no range", ret=0, low_beside=0)
    found = codes(Verdict("failed", "x"), Verdict("none", "no range", request=invalid), Verdict("none", "no value"))
    assert found == [["reserves-nothing"], ["reserves-nothing"], []]


def test_what_may_reserve_nothing() -> None:
    region = ((MIB, 2 * MIB),)
    for chance, wanted in ((0.0099, []), (0.01, ["may-reserve-nothing"]), (0.7, ["may-reserve-nothing"])):
        likely = Verdict("uncertain", "x", region, ((),), chance=1 - chance, chances=(chance,))
        turned = Verdict("uncertain", "x", (), (region,), chance=chance, chances=(1 - chance,))
        assert codes(likely, turned) == [wanted, wanted]


def test_what_is_too_large_or_too_small() -> None:
    half = Verdict("reserved", "", request=request(512 * MIB), ram=GIB, image=40 * MIB)
    more = Verdict("reserved", "", request=request(513 * MIB), ram=GIB, image=40 * MIB)
    small = Verdict("reserved", "", request=request(32 * MIB), ram=GIB, image=40 * MIB)
    assert codes(half, more, small) == [[], ["more-than-half"], ["smaller-than-kernel"]]


def test_a_value_that_is_not_written_yet_is_judged_in_the_conditional() -> None:
    found = Verdict("failed", "no room")
    (now,), (then,) = judge(found), judge(found, ahead=True)
    assert (now.said, then.said) == ("reserves nothing: no room", "would reserve nothing: no room")
    assert now.notice("entry 0 (Linux)").message == "entry 0 (Linux) reserves nothing: no room"


@pytest.mark.parametrize(
    ("chance", "text"), [(0.9638, "96.4 %"), (0.0109, "1.09 %"), (0.99999, "99.9 %"), (0.5, "50 %")]
)
def test_odds(chance: float, text: str) -> None:
    assert odds(chance) == text


def faults(*arguments: str) -> tuple[int, set[str]]:
    """The exit code of a run, and the codes of the faults that it finds."""
    done = answer(lambda: main([*arguments, "--json"]))
    found = {each["code"] for each in (*done.json.get("warnings", ()), *done.json.get("checks", ()))}
    return done.exit, (found | {done.json.get("error", {}).get("code", "")}) & {*KNOWN, "would-not-reserve"}


@pytest.mark.parametrize(
    ("tree", "ram", "values", "wanted"),
    [
        ("debian-12-plain", "4G", ("auto",), {"reserves-nothing"}),
        ("debian-12-plain", "4G", ("1T",), {"reserves-nothing"}),
        ("debian-12-plain", "4G", ("8G-:256M",), {"reserves-nothing"}),
        ("debian-12-plain", "16G", ("8G-:256M",), set()),
        ("debian-12-plain", "4G", ("8M",), {"smaller-than-kernel"}),
        ("debian-12-plain", "4G", ("64M@16M",), {"may-reserve-nothing"}),
        ("rhel-8", "4G", ("auto",), set()),
        ("fedora-11-i386", "1G", ("64M@16M",), set()),
        ("fedora-11-i386", "1G", ("64M,high",), {"lacks-high-low"}),
    ],
)
def test_the_verbs_never_differ(tree: str, ram: str, values: tuple[str, ...], wanted: set[str], tmp_path: Path) -> None:
    root = tmp_path / "root"
    shutil.copytree(FIXTURES / tree / "root", root, symlinks=True)
    there, machine = ("--root", str(root)), ("--ram", ram)
    line = " ".join(f"crashkernel={value}" for value in values)
    exit_code, found = faults("set", *values, "--dry-run", *there, *machine)
    refused = bool(wanted & LOST)
    assert (exit_code, found) == ((4, {"would-not-reserve"}) if refused else (0, wanted))
    assert faults("predict", line, *there, *machine)[1] == wanted
    assert faults("set", *values, "--force", *there, *machine) == (0, wanted)
    assert faults("check", *there, *machine)[1] == wanted
    shown = faults("show", *there)[1]
    assert shown <= wanted, "show has no --ram: it knows less"


def test_a_present_value_that_reserves_nothing_does_not_stop_another_change(tmp_path: Path) -> None:
    root = tmp_path / "root"
    shutil.copytree(FIXTURES / "debian-12-plain" / "root", root, symlinks=True)
    there = ("--root", str(root), "--ram", "4G")
    assert faults("set", "1T", *there) == (4, {"would-not-reserve"})
    assert faults("set", "1T", "--force", *there)[0] == 0
    assert faults("set", "--arg", "quiet", *there) == (0, {"reserves-nothing"})
    assert json.loads((FIXTURES / "debian-12-plain" / "machine.json").read_text())["ram"]
