"""Colours, and progress messages on stderr: on a terminal, in a pipe, in the journal."""

import json
import logging
import os
import re
import shutil
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.terminal import GRUBKD, TOP, at_terminal

from grubkd.render import output
from grubkd.render.tables import BAD, GOOD, HEAD, coloured, mark, plain, table, wanted
from grubkd.text import escaped, to_display

TREE = TOP / "fixtures/debian-12-plain/root"
SHOW = ("show", "--root", str(TREE))
# Every control sequence that grubkd sends.
SEQUENCES = {"\x1b[0m", "\x1b[1m", "\x1b[31m", "\x1b[32m", "\x1b[33m", "\x1b[34m", "\x1b[36m"}


def piped(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*GRUBKD, *arguments],
        capture_output=True,
        text=True,
        cwd=TOP,
        stdin=subprocess.DEVNULL,
        env={"PATH": os.environ["PATH"], "TERM": "xterm", **environment},
        check=False,
    )


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    return Path(shutil.copytree(TREE, tmp_path / "tree", symlinks=True))


# --- colours


@pytest.mark.parametrize(
    ("choice", "environment", "terminal", "expected"),
    [
        ("auto", {"TERM": "xterm"}, True, True),
        ("auto", {"TERM": "xterm"}, False, False),
        ("auto", {"TERM": "dumb"}, True, False),
        ("auto", {}, True, False),
        ("auto", {"TERM": "xterm", "NO_COLOR": "0"}, True, False),
        ("auto", {"TERM": "xterm", "NO_COLOR": ""}, True, True),
        ("auto", {"TERM": "xterm", "CLICOLOR_FORCE": "1"}, False, False),
        # What is typed wins over what is set.
        ("always", {"NO_COLOR": "1", "TERM": "dumb"}, False, True),
        ("never", {"TERM": "xterm"}, True, False),
    ],
)
def test_who_gets_colours(choice: str, environment: dict[str, str], terminal: bool, expected: bool) -> None:
    assert bool(wanted(choice, environment, terminal=terminal)) is expected


def test_an_answer_at_a_terminal() -> None:
    sent = at_terminal(*SHOW, columns=200)
    assert set(re.findall(r"\x1b\[[0-9;]*.", sent)) == {"\x1b[0m", "\x1b[1m", "\x1b[31m", "\x1b[32m", "\x1b[36m"}
    assert "\x1b[36mgrub2\x1b[0m: /boot/grub/grub.cfg" in sent
    assert "recommended: \x1b[32m384M-:128M\x1b[0m" in sent
    assert re.sub(r"\x1b\[\d+m", "", sent) == piped(*SHOW).stdout


@pytest.mark.parametrize("environment", [{"NO_COLOR": "1"}, {"term": "dumb"}])
def test_a_terminal_that_wants_none(environment: dict[str, str]) -> None:
    assert at_terminal(*SHOW, columns=200, **environment) == piped(*SHOW).stdout


def test_never_by_option() -> None:
    assert at_terminal(*SHOW, "--color=never", columns=200) == piped(*SHOW).stdout
    assert at_terminal("--color", "never", *SHOW, columns=200) == piped(*SHOW).stdout


def test_a_pipe_gets_them_only_when_asked() -> None:
    done = piped(*SHOW)
    assert "\x1b" not in done.stdout
    assert "\x1b[1m" in piped(*SHOW, "--color=always").stdout
    assert "\x1b[1m" in piped("--color=always", *SHOW).stdout


def test_json_never_is_coloured() -> None:
    assert json.loads(piped(*SHOW, "--json", "--color=always").stdout) == json.loads(piped(*SHOW, "--json").stdout)
    assert "\x1b" not in piped("set", "64M", "--json", "--dry-run", "--root", str(TREE), "--color=always").stdout


def test_a_diff_at_a_terminal_and_in_a_pipe(tree: Path) -> None:
    change = ("set", "256M", "--dry-run", "--force", "--root", str(tree))
    sent = at_terminal(*change)
    assert sent.startswith(
        "\x1b[1m--- a/boot/grub/grub.cfg\x1b[0m\n\x1b[1m+++ b/boot/grub/grub.cfg\x1b[0m\n\x1b[36m@@ "
    )
    assert re.search(r"\n\x1b\[31m-.*\x1b\[0m\n\x1b\[32m\+.*crashkernel=256M.*\x1b\[0m\n", sent)
    subprocess.run(["patch", "-p1"], cwd=tree, input=piped(*change).stdout, text=True, check=True, capture_output=True)
    assert piped(*change).stdout.startswith("nothing to change\n")


def test_errors_and_warnings() -> None:
    sent = at_terminal("show", "--root", "/nonexistent")
    assert sent.startswith("grubkd: \x1b[31merror\x1b[0m: /nonexistent: No such file or directory\n")
    assert piped("show", "--root", "/nonexistent").stderr.startswith("grubkd: error: /nonexistent: ")


def test_a_wrong_choice() -> None:
    done = piped("--color=pink", *SHOW)
    assert (done.returncode, done.stdout) == (2, "")
    assert "pink" in done.stderr


@given(st.text(st.characters(max_codepoint=255)), st.sampled_from([GOOD, BAD, HEAD]))
def test_marks_are_no_text(text: str, colour: str) -> None:
    """Whatever bytes a file holds: no title forges a colour, and taking the marks out leaves the text."""
    person = to_display(text)
    assert plain(person) == coloured(person) == person
    assert plain(f"a{mark(person, colour)}b") == f"a{person}b"
    sent = coloured(escaped(mark(person, colour)))
    assert re.findall("[\x00-\x08\x0b-\x1f\x7f-\x9f\udc80-\udc9f]", sent) == (["\x1b", "\x1b"] if person else [])


def test_a_title_cannot_speak_to_the_terminal(tmp_path: Path) -> None:
    (tmp_path / "boot/grub").mkdir(parents=True)
    title = b"title \x1b[32mfine\x1b[0m \x9b31m \xed\xa0\x81x\n\tkernel /vmlinuz\n"
    (tmp_path / "boot/grub/menu.lst").write_bytes(title)
    sent = at_terminal("show", "--root", str(tmp_path))
    assert set(re.findall(r"\x1b\[[0-9;]*m", sent)) <= SEQUENCES
    assert r"\x1b[32mfine\x1b[0m \x9b31m " in sent


@given(st.lists(st.tuples(*[st.text("aé漢1-")] * 3), min_size=1, max_size=4))
def test_colours_do_not_move_columns(rows: list[tuple[str, ...]]) -> None:
    heads = ("a", "b", "c")
    marked = [(mark(one, GOOD), two, mark(three, BAD)) for one, two, three in rows]
    assert plain(table(heads, marked)) == plain(table(heads, rows))


# --- progress messages


def messages(*arguments: str) -> list[str]:
    """The lines on stderr of a run that ends well, times and ids left out."""
    done = piped(*arguments)
    assert done.returncode == 0, done.stderr
    return [re.sub(r"\d+\.\d\d s", "N s", line) for line in done.stderr.splitlines()]


def test_no_messages_without_v(tree: Path) -> None:
    assert messages("set", "--auto", "--ram", "4G", "--root", str(tree)) == []


def test_what_is_found_decided_and_written(tree: Path) -> None:
    chosen = "384M-:128M for {} (kdump-tools of Debian 12 (bookworm))"
    assert messages("set", "-v", "--auto", "--ram", "4G", "--root", str(tree)) == [
        "grubkd: found Debian GNU/Linux 12 (bookworm), x86_64, with 4294967296 bytes of RAM (given)",
        "grubkd: found kernels: 6.1.0-50-amd64",
        "grubkd: found grub2: /boot/grub/grub.cfg, /etc/default/grub, /boot/grub/grubenv",
        "grubkd: found 3 entries, 2 sources of new kernels",
        f"grubkd: chose {chosen.format('new kernels')}",
        *(f"grubkd: chose {chosen.format(f'entry {number}')}" for number in range(3)),
        "grubkd: wrote /boot/grub/grub.cfg",
        "grubkd: wrote /etc/default/grub",
    ]


@pytest.mark.parametrize("arguments", [("-vv", *SHOW), (*SHOW, "-v", "-v"), ("-v", *SHOW, "--verbose")])
def test_what_is_read(arguments: tuple[str, ...]) -> None:
    found = messages(*arguments)
    sizes = {path: (TREE / path.lstrip("/")).stat().st_size for path in ("/boot/grub/grub.cfg", "/etc/os-release")}
    assert {f"grubkd: read {path}, {size} bytes" for path, size in sizes.items()} <= set(found)
    assert len(found) == len(set(found))
    # The table has the ids as well.
    assert set(piped(*SHOW).stdout.split()) < set(piped(*arguments).stdout.split())


def test_a_run_begins_in_silence(capsys: pytest.CaptureFixture[str]) -> None:
    """Of two runs in one process the second does not inherit the first one's options."""
    from grubkd.cli import main

    assert main(["-v", "--color=always", *SHOW]) == 0
    first = capsys.readouterr()
    assert main(list(SHOW)) == 0
    second = capsys.readouterr()
    assert "found grub2" in first.err
    assert "\x1b[1m" in first.out
    assert second.err == ""
    assert "\x1b" not in second.out


def test_json_and_messages_are_separate() -> None:
    done = piped("-v", *SHOW, "--json")
    assert json.loads(done.stdout)["version"] == 1
    assert "grubkd: found grub2: " in done.stderr


def test_one_line_each_whatever_a_file_is_called(tree: Path) -> None:
    """In a pipe too: a file name must not begin a line of its own, nor clear a screen."""
    shutil.move(tree / "boot/grub/grub.cfg", tree / "boot/grub/kept")
    (tree / "boot/grub/grub.cfg").write_text("menuentry a {\n")
    entries = tree / "boot/loader/entries"
    entries.mkdir(parents=True)
    (entries / "a\n<0>b\r\x1b[2J.conf").write_text("title A\nlinux /vmlinuz\n")
    done = piped("-vv", "show", "--root", str(tree))
    assert r"read /boot/loader/entries/a\x0a<0>b\x0d\x1b[2J.conf, 23 bytes" in done.stderr
    assert [line for line in done.stderr.splitlines() if not line.startswith(("grubkd: ", "  "))] == []
    assert not re.search("[\x00-\x08\x0b-\x1f]", done.stderr)


def test_levels_in_the_journal(tmp_path: Path) -> None:
    """A socket in place of the journal's: systemd names its device and inode in JOURNAL_STREAM."""
    ours, journal = socket.socketpair()
    status = os.fstat(journal.fileno())
    (tmp_path / "boot/grub").mkdir(parents=True)
    (tmp_path / "boot/grub/menu.lst").write_text("title A\n  kernel /vmlinuz\nnonsense\n")

    def written(stream: str, *arguments: str) -> list[str]:
        subprocess.run(
            [*GRUBKD, *arguments],
            cwd=TOP,
            stdout=subprocess.DEVNULL,
            stderr=journal,
            env={"PATH": os.environ["PATH"], "JOURNAL_STREAM": stream},
            check=False,
        )
        return ours.recv(65536).decode().splitlines()

    with ours, journal:
        mine = f"{status.st_dev}:{status.st_ino}"
        lines = written(mine, "-vv", "show", "--root", str(tmp_path))
        assert "<7>grubkd: read /boot/grub/menu.lst, 35 bytes" in lines
        assert "<6>grubkd: found grub-legacy: /boot/grub/menu.lst" in lines
        failed = written(mine, "show", "--root", "/nonexistent")
        assert [line[:3] for line in failed] == ["<3>", "<3>"]
        assert written(f"{status.st_dev}:1", "show", "--root", "/nonexistent") == [line[3:] for line in failed]


# --- what takes its time


def test_waiting_for_the_lock(tree: Path) -> None:
    """Shown after a second, and only at a terminal: it says nothing in a log."""
    state = tree / "var/lib/grubkd"
    state.mkdir(parents=True, mode=0o700)
    change = ("set", "256M", "--force", "--root", str(tree))
    hold = "import fcntl, os, sys; fcntl.flock(os.open(sys.argv[1], 0), fcntl.LOCK_EX); print(1, flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", hold, str(state)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as holder:
        assert holder.stdin
        assert holder.stdout
        assert holder.stdout.readline() == "1\n"
        message = "grubkd: waiting for another grubkd to end ..."
        with ThreadPoolExecutor() as pool:
            logged = pool.submit(piped, *change)
            at_terminal(*change, seen=lambda sent: holder.stdin.close() if message.encode() in sent else None)
            assert logged.result().stderr == ""


def test_a_command_that_takes_a_second() -> None:
    from grubkd import run
    from grubkd.log import logger
    from grubkd.tree.root import Root

    class Heard(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            heard.append(record.getMessage())

    heard: list[str] = []
    output.begin()
    logger.addHandler(Heard())
    logger.setLevel(logging.INFO)
    try:
        run.run(["sleep", "1.3"], Root("/"))
        run.run(["sh", "-c", "true"], Root("/"), called="a name")
    finally:
        output.begin()
    assert heard[0] == "running sleep 1.3"
    took = re.fullmatch(r"ran sleep 1\.3: (\d+\.\d\d) s, exit status 0", heard[1])
    assert took
    assert float(took[1]) >= 1.3
    assert re.fullmatch(r"ran a name: \d+\.\d\d s, exit status 0", heard[2])
    assert len(heard) == 3


# --- an interrupted change that a command undoes before it fails

INTERRUPTED = [
    (4, "set", "128M", "--kernel", "title=nothing"),
    (4, "rollback"),
    (4, "rollback", "20260101-000000-000000"),
    (4, "default", "99"),
    (0, "grubby", "--update-kernel=ALL", "--args=foo=1"),
    (1, "grubby", "--update-kernel=ALL", "--args=foo=\x01"),
    (0, "set", "128M"),
]


@pytest.fixture
def interrupted(tree: Path) -> Path:
    """A tree whose last change was interrupted after its last rename."""
    assert piped("set", "256M", "--root", str(tree)).returncode == 0
    (journal,) = (tree / "var/lib/grubkd/transactions").iterdir()
    journal.rename(journal.with_suffix(".pending"))
    return tree


@pytest.mark.parametrize("command", INTERRUPTED, ids=lambda command: " ".join(command[1:]))
def test_what_was_undone_is_said_although_the_command_fails(interrupted: Path, command: tuple[int, str]) -> None:
    status, *arguments = command
    done = piped(*arguments, "--root", str(interrupted))
    assert done.returncode == status, done.stderr
    assert re.findall(r"^grubkd: warning: .* had been interrupted and was undone$", done.stderr, re.MULTILINE)
    assert "crashkernel=256M" not in (interrupted / "boot/grub/grub.cfg").read_text()


def test_the_json_answer_says_it_too(interrupted: Path) -> None:
    done = piped("rollback", "--json", "--root", str(interrupted))
    answer = json.loads(done.stdout)
    assert (done.returncode, answer["error"]["code"]) == (4, "nothing-to-roll-back")
    assert [each["code"] for each in answer["warnings"]] == ["interrupted-undone"]


@pytest.mark.parametrize("command", ["set 128M --kernel title=nothing", "rollback"])
def test_a_dry_run_that_fails_says_that_a_change_was_interrupted(interrupted: Path, command: str) -> None:
    done = piped(*command.split(), "--dry-run", "--root", str(interrupted))
    assert done.returncode == 4
    assert "was interrupted" in done.stderr.splitlines()[0]
    assert list(interrupted.rglob("*.pending"))


def test_keep_says_it_before_its_one_line(tmp_path: Path) -> None:
    top = shutil.copytree(TOP / "fixtures/rhel-9/root", tmp_path / "tree", symlinks=True)
    root = ("--root", str(top))
    assert piped("set", "--auto", "--ram", "4G", *root).returncode == 0
    assert piped("set", "--arg", "foo=1", *root).returncode == 0
    latest = max((top / "var/lib/grubkd/transactions").iterdir())
    latest.rename(latest.with_suffix(".pending"))
    present = max((top / "boot/loader/entries").glob("*503*"))
    installed = re.sub(r" crashkernel=\S+", "", present.read_text()).replace("503", "504")
    present.with_name(present.name.replace("503", "504")).write_text(installed)
    done = piped("keep", "5.14.0-504.11.1.el9_5.x86_64", *root)
    first, _, last = done.stderr.splitlines()
    assert done.returncode == 0, done.stderr
    assert "had been interrupted and was undone" in first
    assert last.startswith("grubkd: kernel 5.14.0-504.11.1.el9_5.x86_64: crashkernel=")
