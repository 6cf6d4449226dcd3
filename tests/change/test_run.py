"""Running commands: a list of arguments, a clean environment, no endless waiting; follow-ups, live and by chroot."""

import json
import os
import signal
import sys
import time
from pathlib import Path

import pytest
from live import system

from grubkd import run
from grubkd.errors import CommandFailed, Refused
from grubkd.tree.root import Root

LIVE = Path(system.__file__).parent


def shell(script: str, **more: object) -> run.Finished:
    return run.run(["sh", "-c", script], Root("/"), **more)  # type: ignore[arg-type]


def test_what_it_prints() -> None:
    assert shell("echo out; echo err >&2") == run.Finished(b"out\n", b"err\n")
    assert run.run(["printf", "%s|", "a b", "$(x)", "\xff"], Root("/")).stdout == b"a b|$(x)|\xff|"


def test_the_environment_is_clean(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LD_PRELOAD", "/nowhere.so")
    monkeypatch.setenv("BASH_ENV", "/nowhere")
    names = {line.split(b"=")[0].decode() for line in run.run(["env"], Root("/")).stdout.splitlines()}
    assert names == set(run.ENVIRONMENT)


def test_there_is_nothing_to_read() -> None:
    assert shell("cat").stdout == b""


@pytest.mark.parametrize(
    ("script", "told"),
    [
        ("exit 3", "exit status 3"),
        ("echo one >&2; echo two >&2; exit 1", "exit status 1: two"),
        ("kill -9 $$", "ended by signal 9"),
    ],
)
def test_a_failure_in_one_line(script: str, told: str) -> None:
    with pytest.raises(CommandFailed) as caught:
        shell(script)
    assert caught.value.message == f"sh -c {script}: {told}"


def test_no_such_command() -> None:
    with pytest.raises(CommandFailed, match="no-such-command: cannot be run: No such file"):
        run.run(["no-such-command"], Root("/"))


def test_what_takes_too_long_is_ended() -> None:
    with pytest.raises(CommandFailed, match="ended, since it took too long"):
        shell("sleep infinity", patience=0.3)


@pytest.mark.parametrize("ignored", ["", "TERM"])
def test_what_is_not_wanted_any_more_is_ended_with_all_it_started(tmp_path: Path, ignored: str) -> None:
    """Also what ignores the signal that ends the command."""
    started = tmp_path / "pid"
    child = f"(trap '' {ignored}; exec sleep infinity) & echo $! >{started}.new; mv {started}.new {started}; wait"
    with pytest.raises(CommandFailed, match="ended, since the run was interrupted"):
        shell(child, stop=started.exists, grace=0.5)
    with pytest.raises(ProcessLookupError):
        for _ in range(1200):  # it ends as soon as it gets processor time
            os.kill(int(started.read_text()), 0)
            time.sleep(0.05)


def test_a_signal_takes_effect_when_the_command_has_ended() -> None:
    seen: list[int] = []
    old = signal.signal(signal.SIGTERM, lambda number, _frame: seen.append(number))
    try:
        with pytest.raises(CommandFailed, match="ended, since the run was interrupted"):
            shell("kill -TERM $PPID; sleep infinity")
    finally:
        signal.signal(signal.SIGTERM, old)
    assert seen == [signal.SIGTERM]


def test_what_prints_without_end_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "_MOST_OUTPUT", 1 << 20)
    with pytest.raises(CommandFailed, match="printed more than 1 MiB"):
        shell("cat /dev/zero")


def test_a_daemon_that_keeps_the_pipes_is_not_waited_for() -> None:
    """The command has ended, and the daemon still runs."""
    daemon = int(shell("sleep infinity & echo $!").stdout)
    os.kill(daemon, signal.SIGKILL)


def elf(machine: int, data: int = 1) -> bytes:
    order = "little" if data == 1 else "big"
    return b"\x7fELF\x02" + bytes([data, 1]) + bytes(11) + machine.to_bytes(2, order) + bytes(44)


@pytest.mark.parametrize("interpreter", [False, True])
def test_the_architecture_of_a_tree_is_looked_at(tmp_path: Path, interpreter: bool) -> None:
    for name in ("usr/sbin", "bin"):
        (tmp_path / name).mkdir(parents=True)
    program = tmp_path / ("bin/sh" if interpreter else "usr/sbin/zipl")
    if interpreter:
        (tmp_path / "usr/sbin/zipl").write_text("#! /bin/sh -e\n")
        (tmp_path / "usr/sbin/zipl").chmod(0o755)
    program.write_bytes(Path(sys.executable).read_bytes()[:64])
    program.chmod(0o755)
    run.check_architecture(Root(str(tmp_path)), "zipl")
    foreign = elf(22, 2) if os.uname().machine != "s390x" else elf(62)
    program.write_bytes(foreign)
    with pytest.raises(Refused, match="another architecture"):
        run.check_architecture(Root(str(tmp_path)), "zipl")
    program.write_bytes(b"plain text\n")
    with pytest.raises(CommandFailed, match="neither a program nor a script"):
        run.check_architecture(Root(str(tmp_path)), "zipl")
    program.chmod(0o644)
    with pytest.raises(CommandFailed, match="no such command in the tree"):
        run.check_architecture(Root(str(tmp_path)), "zipl")


@pytest.mark.parametrize("live", [True, False])
def test_followups_run_and_their_failure_takes_all_back(tmp_path: Path, live: bool) -> None:
    """On a live root by themselves; beside it, in the same tree, by chroot."""
    why = system.lacking(tmp_path)
    if why:
        pytest.skip(why)
    top = "/" if live else str(tmp_path / "copy/root")
    command = [sys.executable, "-B", str(LIVE / "zipl.py"), top]
    done = system.run(tmp_path / "copy", "ext4", command, inside=live)
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(done.stdout)
    environment = {line.partition("=")[0] for line in found.pop("environment")}
    assert environment - {"PWD", "SHLVL", "_", "OLDPWD"} == set(run.ENVIRONMENT)
    assert found == {
        "live": live,
        "good": ["done", "new", ["/usr/sbin/zipl : new"]],
        "rolled back": ["old", ["/usr/sbin/zipl : old"]],
        "bad": [
            "CommandFailed: zipl: exit status 7: device is full | "
            "all files are as they were; fix the reported error, then run: zipl",
            "old",
        ],
        "signal": ["Interrupted: interrupted by SIGTERM", "old", ["started", "started"]],
        "killed": ["new", ["/usr/sbin/zipl : new"]],
        "recovered": [["interrupted-undone"], "old", ["/usr/sbin/zipl : old"]],
    }
