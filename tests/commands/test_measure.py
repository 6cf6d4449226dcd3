"""`grubkd measure`, and what plan, set --auto and check make of the measured need."""

import os
from pathlib import Path
from typing import Any

import pytest
from support.answered import answer
from support.livetree import MIB, Live, debian, put, red_hat

from grubkd.cli import main
from grubkd.commands import check, measure
from grubkd.tree.root import MOST_NAMES

PATH = "var/crash/127.0.0.1-2026-11-23-04:00:00/kexec-dmesg.log"
LOG = f"/{PATH}"


def memory(total: int, reserved: int = 60000) -> str:
    free = total * 1024 - reserved
    return (
        f"[ 1.0] Memory: {free}K/{total * 1024}K available (12K kernel code, {reserved}K reserved, 0K cma-reserved)\n"
    )


def lowest(available: int) -> str:
    return f"[ 9.0] grubkd: MemAvailable {available * 1024} kB, MemTotal 190000 kB\n"


def saved(tree: Path, text: str) -> Path:
    put(tree, {PATH: text})
    os.utime(tree / PATH, (1795406400, 1795406400))
    return tree


DEADLOCK = "[ 0.9] Kernel panic - not syncing: System is deadlocked on memory\n"


def findings(tree: Path) -> dict[str, tuple[str, str]]:
    found = answer(lambda: check.check_tree(Live(str(tree)), json=True)).json["checks"]
    return {each["check"]: (each["message"], each["fix"]) for each in found if each["code"] == "near-need"}


def plan(tree: Path, *more: str) -> dict[str, Any]:
    done = answer(lambda: main(["plan", "--root", str(tree), "--json", *more]))
    assert done.exit == 0
    return dict(done.json["entries"][0])


def test_the_figures(tmp_path: Path) -> None:
    tree = saved(red_hat(tmp_path), memory(256) + lowest(56))
    done = answer(lambda: measure.measure_tree(Live(str(tree)), json=True))
    assert done.exit == 0
    time, size = "2026-11-23T04:00:00Z", 200 * MIB
    assert done.json["need"] == {
        "size_bytes": size,
        "advised_bytes": 220 * MIB,
        "ran_out_with_bytes": None,
        "log": LOG,
        "time": time,
        "by": "its low-water mark",
    }
    assert done.json["captures"] == [
        {
            "log": LOG,
            "time": time,
            "memory_bytes": 256 * MIB,
            "reserved_bytes": 60000 << 10,
            "lowest_available_bytes": 56 * MIB,
            "used_bytes": size,
            "ran_out": None,
        }
    ]
    said = answer(lambda: measure.measure_tree(Live(str(tree)), json=False))
    assert said.text == (
        "time                     memory  at start  least free  needed  log\n"
        f"2026-11-23 04:00:00 UTC  256M    59M       56M         200M    {LOG}\n"
        "\n"
        f"the capture kernel of 2026-11-23 said in {LOG}: it needs 200M, by its low-water mark; "
        "with a tenth to spare: 220M\n"
    )


def test_without_logs(tmp_path: Path) -> None:
    tree = red_hat(tmp_path)
    done = answer(lambda: main(["measure", "--root", str(tree)]))
    assert (done.exit, done.text) == (0, "no logs of capture kernels (/var/crash)\n")
    assert answer(lambda: main(["measure", "--root", str(tree), "--json"])).json["need"] is None


def test_of_a_target_elsewhere(tmp_path: Path) -> None:
    tree = red_hat(tmp_path)
    put(tree, {"etc/kdump.conf": "ssh root@server\npath /dumps\n"})
    done = answer(lambda: main(["measure", "--root", str(tree), "--json"]))
    assert done.exit == 4
    assert [each["code"] for each in done.json["warnings"]] == ["elsewhere"]


@pytest.mark.skipif(os.geteuid() != 0, reason="a file of another user needs root")
def test_what_other_users_put_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where every user may write: a directory or a link of theirs does not count, and hides nothing."""
    tree = saved(red_hat(tmp_path), memory(256) + lowest(56))
    text = "Linux version 6.1.0-1 (x)\nCommand line: elfcorehdr=0x1 ro\n" + memory(4096) + DEADLOCK
    put(tree, {"var/log/user.log": text, "var/crash/theirs/kexec-dmesg.log": text, "var/crash/link": "-> ../log"})
    os.chown(tree / "var/crash/theirs", 65534, 65534)
    for number in range(12):
        put(tree, {f"var/crash/theirs-{number}/": "", f"var/crash/{number}.log": text})
        for each in (f"var/crash/theirs-{number}", f"var/crash/{number}.log"):
            os.chown(tree / each, 65534, 65534)
    monkeypatch.setattr("grubkd.machine.dumps.MOST", 10)
    monkeypatch.setattr("grubkd.machine.dumps.MOST_FILES", 10)
    found = answer(lambda: measure.measure_tree(Live(str(tree)), json=True)).json["need"]
    assert (found["size_bytes"], found["log"]) == (200 * MIB, LOG)


def test_plan_takes_the_need_and_a_tenth_more(tmp_path: Path) -> None:
    tree = red_hat(tmp_path)
    before = plan(tree, "--ram=4G")
    found = plan(saved(tree, memory(320) + lowest(20)), "--ram=4G")
    assert before["values"] == ["1G-4G:192M,4G-64G:256M,64G-:512M"]
    assert found["values"] == ["1G-4G:192M,4G-64G:352M,64G-:512M"]
    assert found["source"] == "a measurement on this machine"
    assert found["reasons"][-1] == {
        "text": f"352M: the capture kernel of 2026-11-23 said in {LOG}: it needs 300M, by its low-water mark",
        "source": "a measurement on this machine",
    }


def test_plan_names_a_need_that_the_value_covers(tmp_path: Path) -> None:
    tree = red_hat(tmp_path)
    before = plan(tree, "--ram=4G")
    found = plan(saved(tree, memory(256) + lowest(56)), "--ram=4G")
    assert (found["values"], found["source"]) == (before["values"], before["source"])
    assert found["reasons"][-1]["text"].startswith("256M is enough: the capture kernel of 2026-11-23 said")


def test_set_auto_stays_above_a_failure(tmp_path: Path) -> None:
    """A dump failed with 256M: nothing shows how much was missing."""
    tree = saved(red_hat(tmp_path), memory(256) + DEADLOCK)
    done = answer(lambda: main(["set", "--auto", "--ram=4G", "--root", str(tree), "--json"]))
    assert done.exit == 0
    # Half as much again, a tenth more, in steps of 32M.
    assert plan(tree, "--ram=4G")["values"] == ["1G-4G:192M,4G-64G:448M,64G-:512M"]
    assert "crashkernel=1G-4G:192M,4G-64G:448M,64G-:512M" in (tree / "etc/kernel/cmdline").read_text()


def test_set_auto_refuses_what_does_not_fit(tmp_path: Path) -> None:
    tree = saved(red_hat(tmp_path), memory(1024) + DEADLOCK)
    done = answer(lambda: main(["set", "--auto", "--ram=2G", "--root", str(tree), "--json"]))
    assert done.exit == 4
    assert "more than half of 2G" in done.json["error"]["message"]
    assert LOG in done.json["error"]["message"]


@pytest.mark.parametrize(
    ("text", "near"),
    [
        # 256M are reserved.
        (memory(256) + lowest(56), False),
        (memory(256) + lowest(20), True),
        (memory(256) + DEADLOCK, True),
    ],
)
def test_check_warns_within_a_tenth(text: str, near: bool, tmp_path: Path) -> None:
    assert set(findings(saved(red_hat(tmp_path), text))) == ({"configured", "reserved"} if near else set())


def test_more_names_than_are_read_stop_no_change(tmp_path: Path) -> None:
    """Every user may make them where /var/crash is like /tmp."""
    tree = saved(red_hat(tmp_path), memory(256) + lowest(70))
    for number in range(MOST_NAMES):
        (tree / f"var/crash/{number}").touch()
    done = answer(lambda: main(["set", "--auto", "--root", str(tree), "--ram", "8G", "--json"]))
    assert done.exit == 0
    assert "what capture kernels needed is not known: /var/crash: cannot be listed" in done.stderr
    assert [
        answer(lambda verb=verb: main([verb, "--root", str(tree), "--json"])).exit for verb in ("show", "plan")
    ] == [0, 0]
    assert answer(lambda: main(["dumps", "--root", str(tree)])).exit == 1


@pytest.mark.parametrize(("value", "codes"), [("64M", ["near-need"]), ("180M", ["near-need"]), ("512M", [])])
def test_set_warns_of_a_value_below_the_need(value: str, codes: list[str], tmp_path: Path) -> None:
    tree = saved(red_hat(tmp_path), memory(256) + lowest(70))
    done = answer(lambda: main(["set", value, "--root", str(tree), "--ram", "8G", "--json"]))
    assert done.exit == 0
    assert [each["code"] for each in done.json["warnings"] if each["code"] in ("small", "near-need")] == codes


def test_check_says_what_to_do(tmp_path: Path) -> None:
    found = findings(saved(debian(tmp_path), memory(128) + lowest(6)))
    said = f"the capture kernel of 2026-11-23 said in {LOG}: it needs 122M, by its low-water mark"
    assert found["reserved"] == (
        f"the running kernel reserves 128M, less than a tenth more than was needed: {said}",
        "grubkd set --auto && systemctl reboot",
    )
    assert found["configured"][1] == "grubkd set --auto"
