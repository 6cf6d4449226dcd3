"""`grubkd crash`, of trees whose /proc are ordinary files: no test here may run it on the machine itself and agree."""

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
from support.answered import answer
from support.livetree import Files, Live, debian, put

from grubkd.change.sysrq import Trigger
from grubkd.cli import main
from grubkd.commands import crash
from grubkd.errors import Failed, GrubkdError, Refused
from grubkd.machine import crash_test

HERE = Path(__file__).parents[1]
READY: Files = {"proc/sysrq-trigger": "", "proc/sys/kernel/sysrq": "0\n"}


def tree_of(top: Path, files: Files = READY) -> Path:
    tree = debian(top)
    put(tree, files)
    return tree


def pulled(tree: Path) -> tuple[str, str]:
    return (tree / "proc/sysrq-trigger").read_text(), (tree / "proc/sys/kernel/sysrq").read_text()


def attempt(tree: Path, *, sure: bool) -> GrubkdError:
    with pytest.raises(GrubkdError) as found:
        answer(lambda: crash.carry_out(Live(str(tree)), sure=sure))
    return found.value


def test_what_is_kept_over_the_boot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is on the disk before the trigger is pulled, and removed if the kernel does not crash."""
    tree = tree_of(tmp_path, {**READY, "proc/sys/kernel/random/boot_id": "1-2-3\n"})
    kept = tree / crash_test.PATH[1:]
    seen: list[str] = []
    pull = Trigger.pull

    def watched(trigger: Trigger) -> None:
        seen.append(kept.read_text())
        pull(trigger)

    monkeypatch.setattr(Trigger, "pull", watched)
    attempt(tree, sure=True)
    (content,) = map(json.loads, seen)
    assert (content["boot_id"], content["release"], content["target"]) == ("1-2-3", "6.1.0-50-amd64", "/var/crash")
    assert content["time"] > 1_700_000_000
    assert [each.name for each in kept.parent.iterdir()] == []


@pytest.mark.parametrize(("mask", "after"), [("0\n", "1\n"), ("176\n", "176\n"), ("1\n", "1\n")])
def test_it_pulls_the_trigger(mask: str, after: str, tmp_path: Path) -> None:
    """A plain file does not crash: that is reported as a failure."""
    tree = tree_of(tmp_path, {**READY, "proc/sys/kernel/sysrq": mask})
    problem = attempt(tree, sure=True)
    assert (type(problem), problem.exit, problem.message) == (Failed, 1, "the kernel did not crash")
    assert pulled(tree) == ("c", after)


def test_a_dry_run_tells_what_would_happen(tmp_path: Path) -> None:
    tree = tree_of(tmp_path)
    found = answer(lambda: crash.carry_out(Live(str(tree)), sure=True, dry_run=True))
    assert (found.exit, found.stderr) == (0, "")
    assert found.text.splitlines() == [
        "The kernel of this machine crashes: it stops at once, nothing is shut down, no user is warned,",
        "and unsaved data of programs is lost. Saved data is written to the disks first.",
        "The capture kernel in the 128M reserved for it then saves a dump to /var/crash and restarts the machine, "
        "which may take minutes.",
        "Then run: grubkd dumps",
    ]
    assert pulled(tree) == ("", "0\n")


@pytest.mark.parametrize("sure", [True, False])
def test_without_a_capture_kernel_it_refuses(sure: bool, tmp_path: Path) -> None:
    tree = tree_of(tmp_path, {**READY, "sys/kernel/kexec_crash_loaded": "0\n"})
    problem = attempt(tree, sure=sure)
    assert isinstance(problem, Refused)
    assert problem.exit == 4
    assert problem.message == "no capture kernel is loaded: after a crash the machine reboots or hangs, without a dump"
    assert problem.hint == "systemctl restart kdump-tools; see: grubkd check"
    assert pulled(tree) == ("", "0\n")


def test_what_else_is_wrong_is_told_first(tmp_path: Path) -> None:
    tree = tree_of(tmp_path, {**READY, "etc/default/kdump-tools": "USE_KDUMP=1\nSSH=kdump@vault\n"})
    found = answer(lambda: crash.carry_out(Live(str(tree)), sure=False, dry_run=True))
    assert "saves a dump to kdump@vault:/var/crash" in found.text
    assert found.stderr.splitlines()[0].endswith("/root/.ssh/kdump_id_rsa does not exist")


def test_without_a_terminal_it_refuses(tmp_path: Path) -> None:
    tree = tree_of(tmp_path)
    done = subprocess.run(
        [sys.executable, HERE / "support/crashing.py", tree],
        input="crash\n",
        env={**os.environ, "PYTHONPATH": f"{HERE}:{HERE.parent}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 4
    assert "there is no terminal to ask on\n  give --yes-crash-now if you are sure\n" in done.stderr
    assert pulled(tree) == ("", "0\n")


@pytest.mark.parametrize(
    ("typed", "status", "after"),
    [("crash\n", 1, ("c", "1\n")), ("yes\n", 4, ("", "0\n")), ("\n", 4, ("", "0\n")), ("\x04", 4, ("", "0\n"))],
)
def test_at_a_terminal_the_word_is_typed(typed: str, status: int, after: tuple[str, str], tmp_path: Path) -> None:
    tree = tree_of(tmp_path)
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, HERE / "support/crashing.py", tree],
        stdin=theirs,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={**os.environ, "PYTHONPATH": f"{HERE}:{HERE.parent}"},
        text=True,
    )
    os.close(theirs)
    assert process.stdout
    with process, open(ours, "wb", buffering=0) as terminal:  # noqa: PTH123 - a descriptor
        while "Type crash" not in process.stdout.readline():
            assert process.poll() is None
        assert pulled(tree) == ("", "0\n")
        terminal.write(typed.encode())
        said = process.stdout.read()
    assert process.returncode == status
    assert ("the kernel did not crash" if status == 1 else "nothing was done") in said
    assert pulled(tree) == after


@pytest.mark.parametrize("arguments", [[], ["--yes-crash-now"], ["--dry-run"]])
def test_an_image_cannot_crash(arguments: list[str], tmp_path: Path) -> None:
    tree = tree_of(tmp_path)
    found = answer(lambda: main(["crash", "--root", str(tree), *arguments]))
    assert (found.exit, found.text) == (4, "")
    assert "only the running system can crash" in found.stderr
    assert pulled(tree) == ("", "0\n")


def test_no_trigger(tmp_path: Path) -> None:
    tree = tree_of(tmp_path, {"proc/sys/kernel/sysrq": "0\n"})
    problem = attempt(tree, sure=True)
    assert (problem.exit, problem.message) == (4, "this kernel has no /proc/sysrq-trigger")


def test_a_trigger_that_leads_out_of_the_tree(tmp_path: Path) -> None:
    """A link is resolved inside: the machine's own trigger cannot be reached."""
    put(tmp_path, {"tree/proc/sysrq-trigger": "-> /proc/../../../victim", "victim": "", "tree/victim": ""})
    with Trigger(Live(str(tmp_path / "tree"))) as trigger:
        trigger.pull()
    assert ((tmp_path / "victim").read_text(), (tmp_path / "tree/victim").read_text()) == ("", "c")
