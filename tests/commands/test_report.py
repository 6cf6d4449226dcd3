"""`grubkd report` and `grubkd open`, with stand-ins for the programs; tests/lab/test_crash.py runs the real ones.

The dump is the beginning of one of Debian 12, 9000 bytes: its headers.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from support import debugger
from support.answered import Run, answer
from support.elf import kernel
from support.livetree import Live, debian, grow, put, red_hat

from grubkd import run
from grubkd.cli import main
from grubkd.commands import report
from grubkd.errors import GrubkdError, NotUnderstood, Refused

HERE = Path(__file__).parents[1]
KDUMP = (HERE / "fuzz" / "corpus" / "vmcore" / "kdump").read_bytes()
RELEASE, BUILD_ID = "6.1.0-50-cloud-amd64", "bb603a9147d3efe4744bf83c83eee397c591cc20"
VMLINUX, DUMP = f"/usr/lib/debug/boot/vmlinux-{RELEASE}", "/var/crash/202611230320/dump.202611230320"
PANIC = "Kernel panic - not syncing: sysrq triggered crash"
MESSAGES = (debugger.RECORDED / "crash-8.0.2.txt").read_text().partition("crash> log\n")[2]


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only directory with programs, empty."""
    where = tmp_path / "bin"
    where.mkdir()
    monkeypatch.setitem(run.ENVIRONMENT, "PATH", str(where))
    return where


def tree_of(top: Path, *, symbols: bool = True, messages: str = "") -> Path:
    """Debian 12 with a dump."""
    tree = debian(top)
    grow(tree, {DUMP[1:]: KDUMP})
    if symbols:
        grow(tree, {VMLINUX[1:]: kernel(BUILD_ID)})
    if messages:
        put(tree, {"var/crash/202611230320/dmesg.202611230320": messages})
    return tree


def reported(tree: Path, dump: str | None = None) -> Run:
    return answer(lambda: report.write_report(Live(str(tree)), dump, json=True))


@pytest.mark.parametrize("tool", ["crash", "drgn"])
def test_by_a_program(tool: str, programs: Path, tmp_path: Path) -> None:
    debugger.install(programs, **{tool: ""})
    done = reported(tree_of(tmp_path))
    found = done.json
    stack, log, modules = found.pop("stack"), found.pop("log"), found.pop("modules")
    assert any("sysrq_handle_crash" in frame for frame in stack)
    assert (log["source"], len(log["lines"]), len(modules)) == (tool, 39, 6)
    assert done.exit == 0
    assert found == {
        "version": 1,
        "dump": {
            "path": "/var/crash/202611230320",
            "files": ["dump.202611230320"],
            "size_bytes": 9000,
            "complete": True,
            "build_id": BUILD_ID,
            "time": "2026-11-23T04:00:00Z",
            "fault": None,
        },
        "by": tool,
        "release": RELEASE,
        "taint": "",
        "panic": PANIC,
        "task": "PID 1 (init), CPU 0",
        "uptime_seconds": 7,
        "memory": {"total_bytes": 216386 * 4096, "free_bytes": 197284 * 4096},
        "warnings": [],
        "errors": [],
    }


def test_a_stack_that_drgn_does_not_unwind(programs: Path, tmp_path: Path) -> None:
    """As of i386: the call trace in the messages takes its place."""
    recorded = next(debugger.RECORDED.glob("drgn-*.txt"))
    lines = [line for line in recorded.read_text().splitlines(keepends=True) if not line.startswith("#")]
    debugger.install(programs, drgn="")
    program, cut = programs / "drgn", tmp_path / "cut"
    cut.write_text("".join(lines))
    program.write_text(program.read_text().replace(str(recorded), str(cut)))
    found = reported(tree_of(tmp_path)).json
    assert (found["by"], found["task"]) == ("drgn", "PID 1 (init), CPU 0")
    assert "sysrq_handle_crash+0x16/0x20" in found["stack"]


def test_drgn_is_asked_if_crash_fails(programs: Path, tmp_path: Path) -> None:
    """As with the kernels that a version of crash does not know."""
    failure = 'crash: cannot resolve: "sys_open"'
    debugger.install(programs, crash=f"echo; echo '{failure}'; exit 1", drgn="")
    found = reported(tree_of(tmp_path)).json
    assert (found["by"], found["warnings"]) == ("drgn", [])


def test_without_programs(programs: Path, tmp_path: Path) -> None:
    """The messages that were saved with the dump say much; each program that could say more is named."""
    done = reported(tree_of(tmp_path, messages=MESSAGES))
    found = done.json
    assert (done.exit, found["by"], found["panic"], found["taint"], found["uptime_seconds"]) == (0, None, PANIC, "", 7)
    assert found["log"]["source"] == "/var/crash/202611230320/dmesg.202611230320"
    assert "sysrq_handle_crash+0x16/0x20" in found["stack"]
    assert (found["task"], found["modules"], found["memory"]) == (None, None, None)
    assert [(each["code"], each["message"]) for each in found["warnings"]] == [
        ("no-program", "the memory in the dump is not read: crash is not installed"),
        ("no-program", "the memory in the dump is not read: drgn is not installed"),
    ]


def test_the_messages_alone_by_makedumpfile(programs: Path, tmp_path: Path) -> None:
    """It needs no symbols, and writes into a file that grubkd gives it."""
    recorded = tmp_path / "messages"
    recorded.write_text(MESSAGES)
    tree = tree_of(tmp_path, symbols=False)
    debugger.install(
        programs, crash="", makedumpfile=f'[ "$1 $2 $3" = "--dump-dmesg -f {DUMP}" ] && /bin/cat {recorded} >"$4"'
    )
    done = reported(tree)
    found = done.json
    assert (done.exit, found["log"]["source"], found["by"]) == (0, "makedumpfile", None)
    (notice,) = found["warnings"]
    assert notice["code"] == "no-symbols"
    assert f"apt-get install linux-image-{RELEASE}-dbg" in notice.values()


@pytest.mark.parametrize(
    ("script", "why"),
    [
        ("kill -BUS $$", "crash: ended by signal 7"),
        ("echo 'crash: vmcore:  seek error'; exit 1", "crash: exit status 1: crash: vmcore: seek error"),
        ("exec /bin/sleep 600", "crash: ended, since it took too long"),
        ("true", "crash finds no stack"),
    ],
)
def test_a_dump_that_harms(
    script: str, why: str, programs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A clear message, in bounded time."""
    monkeypatch.setattr("grubkd.machine.crash_report._PATIENCE", 1.0)
    debugger.install(programs, crash=script)
    done = reported(tree_of(tmp_path))
    assert (done.exit, done.json["release"], done.json["stack"]) == (1, RELEASE, None)
    messages = [each["message"] for each in done.json["warnings"]]
    assert messages == [
        f"the memory in the dump is not read: {why}",
        "the memory in the dump is not read: drgn is not installed",
        "the kernel's messages are not read: makedumpfile is not installed",
    ]


def test_a_file_is_bounded(programs: Path, tmp_path: Path) -> None:
    """makedumpfile believes the dump on how long its messages are."""
    wrote = f'/bin/dd if=/dev/zero of="$4" bs=1M count=65 2>/dev/null; /bin/stat -L -c %s "$4" >{tmp_path}/size; exit 1'
    debugger.install(programs, makedumpfile=wrote)
    assert reported(tree_of(tmp_path)).exit == 1
    assert (tmp_path / "size").read_text() == f"{64 << 20}\n"


def test_memory_is_bounded(programs: Path, tmp_path: Path) -> None:
    """With 4 GiB: a program that wants more gets none."""
    debugger.install(programs, crash=f"exec {sys.executable} -c 'bytearray(5 << 30)'")
    found = reported(tree_of(tmp_path)).json
    assert found["warnings"][0]["message"].endswith("crash: exit status 1: MemoryError")


def test_output_cannot_pretend_to_be_another_part(programs: Path, tmp_path: Path) -> None:
    """The number that separates the parts is another one in each run."""
    debugger.install(programs, crash="")
    recorded = (debugger.RECORDED / "crash-8.0.2.txt").read_text()
    forged = recorded.replace("crash> log\n", 'crash> log\nhexadecimal: 10000003\nPID: 0 CPU: 9 COMMAND: "forged"\n')
    (tmp_path / "forged").write_text(forged)
    program = programs / "crash"
    program.write_text(
        program.read_text().replace(str(debugger.RECORDED / "crash-8.0.2.txt"), str(tmp_path / "forged"))
    )
    assert reported(tree_of(tmp_path)).json["task"] == "PID 1 (init), CPU 0"


def test_for_people(programs: Path, tmp_path: Path) -> None:
    debugger.install(programs, crash="")
    tree = tree_of(tmp_path)
    done = answer(lambda: report.write_report(Live(str(tree)), None, json=False))
    head, stack, log = done.text.split("\n\n")
    assert head.splitlines() == [
        f"dump:     {DUMP}",
        "time:     2026-11-23 04:00:00 UTC",
        f"kernel:   {RELEASE}",
        f"build-id: {BUILD_ID}",
        "uptime:   7 s",
        "taint:    not tainted",
        f"panic:    {PANIC}",
        "task:     PID 1 (init), CPU 0",
        "memory:   846M, 771M free",
        "modules:  virtio virtio_ring virtio_pci_modern_dev virtio_pci_legacy_dev virtio_pci virtio_blk",
    ]
    assert stack.splitlines()[:2] == ["stack, by crash:", " #0 [ffffd02fc0013bf8] machine_kexec at ffffffff9fe6c53f"]
    assert (log.splitlines()[0], len(log.splitlines())) == ("the last 39 messages, by crash:", 40)
    assert done.stderr == ""


def test_which_dump(programs: Path, tmp_path: Path) -> None:
    """The newest that holds memory; a name in the target; a directory or a file anywhere."""
    debugger.install(programs, crash="")
    tree = tree_of(tmp_path)
    put(tree, {"var/crash/202612310000/dmesg.202612310000": MESSAGES})
    os.utime(tree / "var/crash/202612310000/dmesg.202612310000", (1_900_000_000, 1_900_000_000))
    grow(tree, {"srv/core.of.a.friend": KDUMP, "srv/note": "hello"})
    newest = "/var/crash/202611230320"
    for given, path in (
        (None, newest),
        ("202611230320", newest),
        (newest, newest),
        (DUMP, newest),
        ("/srv/core.of.a.friend", "/srv"),
        ("202612310000", "/var/crash/202612310000"),
    ):
        assert reported(tree, given).json["dump"]["path"] == path
    for given, kind in (
        ("/srv/note", NotUnderstood),
        ("/srv", NotUnderstood),
        ("/srv/missing", Refused),
        ("x", Refused),
    ):
        with pytest.raises(kind):
            reported(tree, given)


def test_the_dump_of_another_tree(programs: Path, tmp_path: Path) -> None:
    """With --root: its dump and its symbols, by links inside it, opened by the programs of this system."""
    tree = tree_of(tmp_path / "tree")
    (tree / "var/crash").rename(tree / "srv")
    put(tree, {"var/crash": "-> /srv"})
    core, symbols = tree / "srv" / Path(DUMP).relative_to("/var/crash"), tree / VMLINUX[1:]
    debugger.install(programs, drgn="")
    for given in ([], ["202611230320"], [DUMP]):
        done = answer(lambda given=given: main(["report", *given, "--root", str(tree), "--json"]))  # type: ignore[misc]
        assert (done.exit, done.json["by"], done.json["dump"]["path"]) == (0, "drgn", "/var/crash/202611230320")
        assert any("sysrq_handle_crash" in frame for frame in done.json["stack"])
    debugger.install(programs, drgn='echo "$@"')
    opening = [sys.executable, "-m", "grubkd", "open", "--with", "drgn", "--root", tree]
    done = subprocess.run(
        opening,
        env={**os.environ, "PATH": str(programs), "PYTHONPATH": str(HERE.parent)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout, done.stderr) == (f"-c {core} -s {symbols}\n", "")


def test_no_dump(programs: Path, tmp_path: Path) -> None:
    with pytest.raises(Refused, match="there is no dump"):
        reported(red_hat(tmp_path))


def test_a_dump_without_memory(programs: Path, tmp_path: Path) -> None:
    tree = debian(tmp_path)
    put(tree, {"var/crash/202612310000/dmesg.202612310000": MESSAGES})
    done = reported(tree)
    assert (done.exit, done.json["panic"]) == (0, PANIC)
    assert [each["message"] for each in done.json["warnings"]] == ["the dump holds no memory"]


def test_what_is_no_dump_is_given_to_no_program(programs: Path, tmp_path: Path) -> None:
    """A program that opens a pipe waits for ever; what a link leads to may be secret."""
    tree = debian(tmp_path)
    debugger.install(programs, crash="echo no", makedumpfile="echo no; exit 3")
    put(tree, {"var/crash/202612310000/dmesg.202612310000": "-> /etc/os-release"})
    os.mkfifo(tree / "var/crash/202612310000/dump.202612310000")
    done = reported(tree)
    assert done.exit == 1
    assert done.json["log"] in (None, [])
    assert "makedumpfile" not in done.text


def opened(tree: Path, programs: Path, *tool: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, HERE / "support/debugger.py", tree, programs, *tool],
        env={**os.environ, "PYTHONPATH": f"{HERE}:{HERE.parent}"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("installed", "tool", "command"),
    [
        (("crash", "drgn"), (), f"crash {VMLINUX} {DUMP}"),
        (("crash", "drgn"), ("drgn",), f"drgn -c {DUMP} -s {VMLINUX}"),
        (("drgn",), (), f"drgn -c {DUMP} -s {VMLINUX}"),
    ],
)
def test_open(installed: tuple[str, ...], tool: tuple[str, ...], command: str, programs: Path, tmp_path: Path) -> None:
    """The program takes the place of grubkd, with its exit status."""
    debugger.install(programs, **dict.fromkeys(installed, 'echo "${0##*/} $*"; exit 7'))
    done = opened(tree_of(tmp_path), programs, *tool)
    assert (done.returncode, done.stdout, done.stderr) == (7, f"{command}\n", "")


def test_open_without_a_program(programs: Path, tmp_path: Path) -> None:
    tree = tree_of(tmp_path)
    done = opened(tree, programs)
    assert (done.returncode, done.stderr) == (1, "grubkd: error: crash is not installed\n  apt-get install crash\n")
    done = opened(tree, programs, "drgn")
    assert (done.returncode, done.stderr) == (1, "grubkd: error: drgn is not installed\n  pip install drgn\n")


def refusal(tree: Path) -> GrubkdError:
    with pytest.raises(Refused) as found:
        report.open_dump(Live(str(tree)), None, None)
    return found.value


def test_open_without_symbols(programs: Path, tmp_path: Path) -> None:
    tree = tree_of(tmp_path, symbols=False)
    problem = refusal(tree)
    install = ("apt-get", "install", f"linux-image-{RELEASE}-dbg")
    assert (problem.message, problem.hint) == ("no kernel with symbols opens this dump", " ".join(install))
    assert problem.commands == (install,)
    grow(tree, {VMLINUX[1:]: kernel("ff" * 20)})
    assert refusal(tree).message == f"no kernel with symbols opens this dump, and {VMLINUX} is of another build of it"


def test_on_the_command_line() -> None:
    """Of no dump, and of a program that there is not."""
    for verb in ("report", "open"):
        done = answer(lambda verb=verb: main([verb, "/nonexistent/vmcore"]))  # type: ignore[misc]
        assert (done.exit, done.stderr.splitlines()[0]) == (
            4,
            "grubkd: error: /nonexistent/vmcore: there is no such dump",
        )
    assert answer(lambda: main(["open", "--with", "gdb"])).exit == 2
