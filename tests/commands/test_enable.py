"""`grubkd enable` on bare machines of each distribution, whose package tools and systemctl are programs of the test."""

import json
import os
import pty
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from select import select
from typing import Any, NamedTuple

import pytest
from support.answered import Run, answer
from support.livetree import FIXTURES, Files, Live, put, running
from support.schema import conforms
from support.terminal import TOP

from grubkd import run
from grubkd.cli import main
from grubkd.commands import enable
from grubkd.commands.enable import Asked
from grubkd.errors import WouldNotReserve

YES = Asked(yes=True, json=True)
UPDATE, KDUMP_TOOLS = "apt-get update", "apt-get install -y kdump-tools makedumpfile"
SUSE = 'NAME="openSUSE Leap"\nID="opensuse-leap"\nID_LIKE="suse opensuse"\nVERSION_ID="15.6"\n'
FEDORA_40 = "NAME=Fedora\nID=fedora\nVERSION_ID=40\n"

_KDUMP = """\
/bin/mkdir -p "$tree/usr/lib/systemd/system" "$tree/usr/bin" "$tree/var/crash"
/bin/touch "$tree/usr/lib/systemd/system/kdump.service"
"""
_RED_HAT = f"""\
{_KDUMP}
echo kdump_get_conf_val > "$tree/usr/bin/kdumpctl"
echo "path /var/crash" > "$tree/etc/kdump.conf"
"""
_DEBIAN = """\
/bin/mkdir -p "$tree/lib/systemd/system" "$tree/etc/systemd/system/multi-user.target.wants" "$tree/etc/default"
/bin/mkdir -p "$tree/var/crash"
echo > "$tree/lib/systemd/system/kdump-tools.service"
/bin/ln -sf /lib/systemd/system/kdump-tools.service "$tree/etc/systemd/system/multi-user.target.wants/"
echo USE_KDUMP=1 > "$tree/etc/default/kdump-tools"
"""
START = 'echo 1 > "$tree/sys/kernel/kexec_crash_loaded"'
_ENABLE = """\
[ -e "$tree/usr/lib/systemd/system/kdump.service" ] || { echo "Unit kdump.service does not exist." >&2; exit 1; }
/bin/mkdir -p "$tree/etc/systemd/system/multi-user.target.wants"
/bin/ln -sf /usr/lib/systemd/system/kdump.service "$tree/etc/systemd/system/multi-user.target.wants/"
"""


class Machine(NamedTuple):
    """A tree that counts as the running system, and what was run on it."""

    tree: Path
    log: Path

    def enable(self, asked: Asked = YES) -> Run:
        found = answer(lambda: enable.carry_out(Live(str(self.tree)), asked))
        if asked.json:
            conforms("enable", found.json)
        return found

    @property
    def ran(self) -> list[str]:
        return self.log.read_text().splitlines() if self.log.exists() else []

    def asked(self, verb: str) -> Any:
        return answer(lambda: main([verb, "--root", str(self.tree), "--ram", "4G", "--json"])).json

    def boot(self, *, loaded: bool = True) -> None:
        """The default entry boots, and reserves what it asks for; the service loads a capture kernel."""
        entry = next(each for each in self.asked("show")["entries"] if each["default"])
        size = 0
        if entry["crashkernel"]:
            size = self.asked("predict")["entries"][entry["index"]]["request"]["size_bytes"]
        files = running(entry["version"], entry["cmdline"], size)
        put(self.tree, {**files, "sys/kernel/kexec_crash_loaded": f"{int(loaded and size > 0)}\n"})


def bare(top: Path, monkeypatch: pytest.MonkeyPatch, fixture: str, programs: dict[str, str], files: Files) -> Machine:
    """A machine without kdump. Each program notes how it is called, then runs its text; there are no others."""
    tree, path = top / "tree", top / "programs"
    shutil.copytree(FIXTURES / fixture / "root", tree, symlinks=True)
    (tree / "var/lib").mkdir(parents=True, exist_ok=True)
    put(tree, files)
    path.mkdir()
    for name, text in programs.items():
        program = path / name
        program.write_text(f'#!/bin/sh\nset -e\ntree={tree}\necho "{name} $*" >> {top}/log\n{text}\n')
        program.chmod(0o755)
    monkeypatch.setitem(run.ENVIRONMENT, "PATH", str(path))
    found = Machine(tree, top / "log")
    answer(lambda: main(["unset", "--root", str(tree)]))
    found.boot()
    return found


APT = f'[ "$1" = update ] || {{\n{_DEBIAN}}}'
RED_HAT = {"dnf": _RED_HAT, "systemctl": _ENABLE}
ENABLE = "systemctl enable kdump"
MACHINES: dict[str, tuple[str, dict[str, str], Files, list[str]]] = {
    "debian": ("debian-12", {"apt-get": APT}, {}, [UPDATE, KDUMP_TOOLS]),
    "ubuntu": ("ubuntu-24.04", {"apt-get": APT}, {}, [UPDATE, KDUMP_TOOLS]),
    "fedora": ("fedora-44-btrfs", RED_HAT, {}, ["dnf install -y kdump-utils", ENABLE]),
    "fedora 40": (
        "fedora-44-btrfs",
        RED_HAT,
        {"usr/lib/os-release": FEDORA_40},
        ["dnf install -y kexec-tools", ENABLE],
    ),
    "rhel": ("rhel-9", RED_HAT, {}, ["dnf install -y kexec-tools", ENABLE]),
    "suse": (
        "debian-12",
        {"zypper": _KDUMP, "systemctl": _ENABLE},
        {"etc/os-release": SUSE},
        ["zypper --non-interactive install kdump", ENABLE],
    ),
}


def debian(top: Path, monkeypatch: pytest.MonkeyPatch, apt: str = APT) -> Machine:
    programs = {"apt-get": apt, "sed": '/bin/sed "$1" "$2" "$tree$3"', "systemctl": START}
    return bare(top, monkeypatch, "debian-12", programs, {})


def plain(top: Path, monkeypatch: pytest.MonkeyPatch, apt: str = APT) -> tuple[Machine, dict[Path, bytes]]:
    """Debian, and all its files."""
    machine = debian(top, monkeypatch, apt)
    return machine, {path: path.read_bytes() for path in machine.tree.rglob("*") if path.is_file()}


@pytest.mark.parametrize("name", MACHINES)
def test_from_a_bare_machine_to_ready(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Planned, run, booted; then there is nothing left to do, and nothing is run."""
    fixture, programs, files, commands = MACHINES[name]
    machine = bare(tmp_path, monkeypatch, fixture, programs, files)
    planned = machine.enable(Asked(dry_run=True, json=True))
    assert (planned.exit, planned.json["state"], machine.ran) == (0, "planned", [])
    steps = [" ".join(each["command"]) for each in planned.json["steps"]]
    assert steps == [*commands, "grubkd set --auto"]
    done = machine.enable()
    assert (done.exit, done.json["state"], done.json["left"]) == (0, "reboot", []), done.json["errors"]
    assert [each["state"] for each in done.json["steps"]] == ["done"] * len(steps)
    assert done.json["will_dump"] == {"now": False, "next": True}
    assert done.json["transaction"]
    assert machine.ran == commands
    waiting = machine.enable()
    assert (waiting.exit, waiting.json["state"], waiting.json["steps"]) == (0, "reboot", [])
    machine.boot()
    ready = machine.enable()
    assert (ready.exit, ready.json["state"], ready.json["steps"]) == (0, "ready", [])
    assert ready.json["will_dump"] == {"now": True, "next": True}
    assert machine.ran == commands


def test_what_the_package_brings_is_put_in_order_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its setting turns the service off: a further step, after the first ones."""
    machine = debian(tmp_path, monkeypatch, APT.replace("USE_KDUMP=1", "USE_KDUMP=0"))
    done = machine.enable()
    assert (done.exit, done.json["state"]) == (0, "reboot")
    assert machine.ran == [UPDATE, KDUMP_TOOLS, "sed -i s/^USE_KDUMP=.*/USE_KDUMP=1/ /etc/default/kdump-tools"]
    assert "step 4 of 4: sed -i" in done.stderr


def test_with_memory_reserved_already_the_kernel_is_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    machine = debian(tmp_path, monkeypatch)
    machine.enable()
    machine.boot(loaded=False)
    done = machine.enable()
    assert (done.exit, done.json["state"]) == (0, "ready")
    assert machine.ran[2:] == ["systemctl restart kdump-tools"]


def test_a_step_that_does_not_help_is_not_repeated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    machine = debian(tmp_path, monkeypatch)
    machine.enable()
    machine.boot(loaded=False)
    (tmp_path / "programs/systemctl").write_text(f'#!/bin/sh\necho "systemctl $*" >> {tmp_path}/log\n')
    done = machine.enable()
    assert (done.exit, done.json["state"]) == (1, "failed")
    (error,) = done.json["errors"]
    assert error["message"] == "systemctl restart kdump-tools was run, but still: no capture kernel is loaded"
    assert machine.ran[2:] == ["systemctl restart kdump-tools"]


def test_a_step_that_fails_ends_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it printed came on stderr as it ran; nothing after it runs, and no file is changed."""
    machine, before = plain(
        tmp_path, monkeypatch, 'echo reading\n[ "$1" = update ] || { echo "no such package" >&2; exit 100; }'
    )
    done = machine.enable()
    assert (done.exit, done.json["state"], done.json["transaction"]) == (1, "failed", None)
    assert [each["state"] for each in done.json["steps"]] == ["done", "failed", "planned"]
    # It comes through two pipes, in any order.
    assert sorted(done.json["steps"][1]["output"].splitlines()) == ["no such package", "reading"]
    assert done.json["will_dump"] == {"now": False, "next": False}
    (error,) = done.json["errors"]
    assert error["message"] == f"step 2 failed: {KDUMP_TOOLS}: exit status 100: no such package"
    assert error["fix"].startswith("run that command by hand to see why it fails; then run grubkd enable")
    *steps, first, second = done.stderr.splitlines()
    assert steps == ["grubkd: step 1 of 3: apt-get update", "reading", f"grubkd: step 2 of 3: {KDUMP_TOOLS}"]
    assert {first, second} == {"reading", "no such package"}
    assert {path: path.read_bytes() for path in before} == before
    shown = machine.enable(Asked(yes=True))
    assert (shown.exit, shown.text.splitlines()[-1].split(".")[0].strip()) == (1, "3")
    assert "grubkd: error: step 2 failed" in shown.stderr


@pytest.mark.parametrize("asked", [Asked(), Asked(json=True), Asked(dry_run=True), Asked(dry_run=True, yes=True)])
def test_without_agreement_nothing_is_run(asked: Asked, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Standard input is no terminal here."""
    machine, before = plain(tmp_path, monkeypatch)
    done = machine.enable(asked)
    assert done.exit == (0 if asked.dry_run else 4)
    assert machine.ran == []
    assert {path: path.read_bytes() for path in machine.tree.rglob("*") if path.is_file()} == before
    if not asked.json:
        assert done.text.splitlines() == [
            "no kdump service is installed:",
            "  1. apt-get update",
            f"  2. {KDUMP_TOOLS}",
            "entry 0 (Debian GNU/Linux) has no crashkernel= value; 384M-:128M is to be written to "
            "/boot/grub/grub.cfg, /etc/default/grub:",
            "  3. grubkd set --auto",
        ]
        said = "" if asked.dry_run else "grubkd: error: nothing was run: there is nobody to ask\n"
        assert done.stderr.startswith(said)


@pytest.mark.parametrize(("typed", "status"), [("y\n", 0), ("n\n", 4), ("\n", 4), ("\x04", 4)])
def test_at_a_terminal_it_asks(typed: str, status: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    machine, before = plain(tmp_path, monkeypatch)
    ours, theirs = pty.openpty()
    os.write(ours, typed.encode())
    with os.fdopen(theirs) as terminal:
        monkeypatch.setattr("sys.stdin", terminal)
        done = machine.enable(Asked())
    os.close(ours)
    assert done.exit == status
    assert "Run these steps? [y/N]\n" in done.text
    assert machine.ran == ([] if status else [UPDATE, KDUMP_TOOLS])
    if status:
        assert {path: path.read_bytes() for path in before} == before
    else:
        assert done.text.splitlines()[-1] == "reboot now: systemctl reboot; then run grubkd enable again"


def test_a_signal_at_the_question(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    machine, before = plain(tmp_path, monkeypatch)
    ours, theirs = pty.openpty()
    with os.fdopen(theirs) as terminal:
        monkeypatch.setattr("sys.stdin", terminal)
        monkeypatch.setattr(
            enable, "select", lambda *_given: (signal.raise_signal(signal.SIGINT), select([], [], [], 0))[1]
        )
        # A shell ignores SIGINT for what it starts in the background, and grubkd would leave that as it is.
        old = signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            done = machine.enable(Asked())
        finally:
            signal.signal(signal.SIGINT, old)
    os.close(ours)
    assert (done.exit, machine.ran) == (130, [])
    assert "grubkd: error: interrupted by SIGINT; the value is not set" in done.stderr
    assert {path: path.read_bytes() for path in before} == before


def test_an_answer_that_is_lost_after_the_edit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The value is set: what cannot be written changes no exit code."""
    machine = debian(tmp_path, monkeypatch)
    with Path("/dev/full").open("w") as full:
        monkeypatch.setattr("sys.stdout", full)
        monkeypatch.setattr("sys.stderr", full)
        assert enable.carry_out(Live(str(machine.tree)), YES) == 0
    assert "crashkernel=" in (machine.tree / "etc/default/grub").read_text()


def test_a_value_that_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A value that works stays; another one is set, and takes effect at the next boot."""
    machine = debian(tmp_path, monkeypatch)
    machine.enable()
    machine.boot()
    done = machine.enable(YES._replace(values=("256M",)))
    assert [each["command"] for each in done.json["steps"]] == [["grubkd", "set", "256M"]]
    assert (done.exit, done.json["state"], done.json["reboot_required"]) == (0, "reboot", True)
    machine.boot()
    assert [machine.enable(asked).json["steps"] for asked in (YES, YES._replace(values=("256M",)))] == [[], []]
    done = machine.enable(YES._replace(auto=True))
    assert [each["command"] for each in done.json["steps"]] == [["grubkd", "set", "--auto"]]
    assert machine.asked("show")["entries"][1]["crashkernel"] == ["384M-:128M"]


def test_a_value_that_cannot_be_set_is_refused_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    machine = debian(tmp_path, monkeypatch)
    with pytest.raises(WouldNotReserve, match="reserve"):
        machine.enable(YES._replace(values=("64G",)))
    assert machine.ran == []


def test_the_program_that_opens_dumps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    apt = f'{APT}\ncase "$*" in *crash) /bin/mkdir -p "$tree/usr/bin"; echo > "$tree/usr/bin/crash";; esac'
    machine = debian(tmp_path, monkeypatch, apt)
    asked = YES._replace(analysis=True)
    done = machine.enable(asked)
    assert machine.ran == [UPDATE, KDUMP_TOOLS, "apt-get install -y crash"]
    assert (done.exit, done.json["state"]) == (0, "reboot")
    assert machine.enable(asked).json["steps"] == []


def test_what_no_command_solves_is_left_to_a_person(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    machine = debian(tmp_path, monkeypatch)
    machine.enable()
    put(machine.tree, {"etc/default/kdump-tools": "USE_KDUMP=1\nSSH=kdump@vault\n"})
    done = machine.enable()
    assert (done.exit, done.json["state"], done.json["steps"]) == (4, "incomplete", [])
    assert [each["code"] for each in done.json["left"]] == ["no-key"]
    shown = machine.enable(Asked(yes=True))
    assert shown.text == "no dump will be saved after the next boot\n"
    assert "kdump-config propagate" in shown.stderr


@pytest.mark.parametrize("auto", [False, True])
def test_what_shows_after_the_reboot_only_is_run_once(
    auto: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """rpm-ostree writes the entry of the new deployment while the machine shuts down."""
    machine = bare(tmp_path, monkeypatch, "fedora-42-silverblue", {"rpm-ostree": "", "kdump": _RED_HAT + _ENABLE}, {})
    subprocess.run([tmp_path / "programs/kdump"], check=True)
    done = machine.enable(YES._replace(auto=auto))
    assert (done.exit, done.json["state"], done.json["left"]) == (0, "reboot", []), done.json["errors"]
    (step,) = done.json["steps"]
    assert step["command"][:2] == ["rpm-ostree", "kargs"]
    assert machine.ran[1:] == [" ".join(step["command"])]


# `grubkd enable` on a tree that counts as the running system. {name}: the signal; {when}: where it sends it to itself.
SIGNALLED = """
import os, signal, sys
from pathlib import Path
from support.livetree import Live
from grubkd import __main__, run
from grubkd.change import disk
from grubkd.commands import enable
from grubkd.signals import HeldSignals
def send():
    os.kill(os.getpid(), signal.{name})
def before(function, do=send):
    return lambda *given, **more: (do(), function(*given, **more))[1]
def after(function, do=send):
    return lambda *given, **more: (function(*given, **more), do())[0]
def edit(wrapped):
    preview = enable._set
    enable._set = lambda *given, dry_run: (preview if dry_run else wrapped)(*given, dry_run=dry_run)
tree, run.ENVIRONMENT["PATH"] = sys.argv[1:]
enable._GRACE = 1.0
def turn_off():
    Path(tree, "etc/default/kdump-tools").write_text("USE_KDUMP=0\\n")
enable.Root = Live
{when}
sys.argv[1:] = ["enable", "--yes", "--json", "--root", tree]
__main__.run()
"""
# It sends a signal to grubkd, and ignores those that it gets. So does what it starts.
_STUBBORN = """
trap '' INT TERM HUP
/bin/sleep infinity &
echo $! $$ > {pids}
kill -s {name} $PPID
/bin/sleep infinity
"""
# Where the signal arrives; the program that sends it, if that does; the exit code; what became of the steps.
_VALUE = "edit(after(enable._set, {0}))"
MOMENTS = {
    "at the start": ("enable._look = before(enable._look)", "", 130, ["planned"] * 3),
    "in a step before the edit": ("", "apt-get", 130, ["failed", "planned", "planned"]),
    "before the edit": ("edit(before(enable._set))", "", 130, ["done", "done", "failed"]),
    "in the edit": ("disk.swap = before(disk.swap)", "", 130, ["done", "done", "failed"]),
    "at the end of the edit": ("HeldSignals.too_late = before(HeldSignals.too_late)", "", 0, ["done"] * 3),
    "after the edit": (_VALUE.format("send"), "", 0, ["done"] * 3),
    "before a step after the edit": (_VALUE.format("lambda: (turn_off(), send())"), "", 1, ["done"] * 3 + ["planned"]),
    "in a step after the edit": (_VALUE.format("turn_off"), "sed", 1, ["done"] * 3 + ["failed"]),
}


@pytest.mark.parametrize("name", ["TERM", *(pytest.param(each, marks=pytest.mark.long) for each in ("INT", "HUP"))])
@pytest.mark.parametrize("moment", MOMENTS)
def test_a_signal(moment: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The exit code says whether the value is set, the answer what became of the steps, and nothing is left running."""
    when, program, status, steps = MOMENTS[moment]
    machine, before = plain(tmp_path, monkeypatch)
    pids = tmp_path / "pids"
    if program:
        (tmp_path / "programs" / program).write_text("#!/bin/sh" + _STUBBORN.format(pids=pids, name=name))
    script = SIGNALLED.format(name=f"SIG{name}", when=when)
    command = ["env", "--default-signal", sys.executable, "-c", script, machine.tree, tmp_path / "programs"]
    done = subprocess.run(
        command, cwd=TOP, env={**os.environ, "PYTHONPATH": f"{TOP}:{TOP / 'tests'}"}, capture_output=True, check=False
    )
    assert done.returncode == status, done.stdout + done.stderr
    found = json.loads(done.stdout)
    conforms("enable", found)
    assert [each["state"] for each in found["steps"]] == steps
    stands = status != 130
    assert (found["transaction"] is not None, found["reboot_required"]) == (stands, status == 0)
    assert {path.read_bytes() == data for path, data in before.items()} == {not stands, True}
    assert [each["message"].split(";")[0] for each in found["errors"]] == [f"interrupted by SIG{name}"] * (status > 0)
    assert not list(machine.tree.rglob("*.pending"))
    for pid in pids.read_text().split() if program else ():
        command_line = Path("/proc", pid, "cmdline")  # empty for a process that nobody has waited for
        assert not (command_line.exists() and command_line.read_bytes())


@pytest.mark.parametrize("run_in_tree", [False, True])
def test_under_root(run_in_tree: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The steps are printed as commands for the tree; with --run-followups they are run in it, and nowhere else."""
    machine = debian(tmp_path, monkeypatch)
    root = str(machine.tree)
    more = ["--run-followups", "--yes"] if run_in_tree else []
    done = answer(lambda: main(["enable", "--root", root, "--ram", "4G", "--json", *more]))
    conforms("enable", done.json)
    assert [each["command"] for each in done.json["steps"]] == [
        ["chroot", root, *UPDATE.split()],
        ["chroot", root, *KDUMP_TOOLS.split()],
        ["grubkd", "set", "--root", root, "--ram", "4G", "--auto"],
    ]
    assert machine.ran == []
    if run_in_tree:  # it has no apt-get
        assert (done.exit, done.json["state"]) == (1, "failed")
        assert "apt-get: no such command in the tree" in done.json["errors"][0]["message"]
    else:
        assert (done.exit, done.json["state"]) == (0, "planned")
        assert done.stderr == "grubkd: nothing was run: --run-followups runs the steps in the tree\n"


@pytest.mark.parametrize("words", [["--auto", "256M"], ["0"], ["12x"]])
def test_wrong_usage(words: list[str]) -> None:
    found = answer(lambda: main(["enable", *words, "--dry-run", "--json"]))
    assert (found.exit, found.json["exit"]) == (2, 2)
