"""Trees made to harm: nothing outside them is read or written, nothing hangs, nothing ends in a traceback."""

import json
import os
import pty
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from support.ordinary import ordinary

from grubkd.cli import main
from grubkd.tree.root import MOST_NAMES

TOP = Path(__file__).parents[2]
SECRET = "menuentry 'Secret' {\n linux /vmlinuz secret=1\n}\n"
GRUB_CFG, DEFAULT = "boot/grub2/grub.cfg", "etc/default/grub"


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """A directory beside the tree, which must never be seen nor change."""
    found = tmp_path / "outside"
    found.mkdir()
    for name in ("grub.cfg", "grub", "cmdline"):
        (found / name).write_text(SECRET)
    return found


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    top = tmp_path / "tree"
    (top / "boot/grub2").mkdir(parents=True)
    (top / "boot/loader/entries").mkdir(parents=True)
    (top / "etc/default").mkdir(parents=True)
    (top / GRUB_CFG).write_text("menuentry 'Linux' {\n\tlinux /vmlinuz-6.1.0-1-amd64 root=/dev/sda1 ro\n}\n")
    (top / DEFAULT).write_text('GRUB_CMDLINE_LINUX=""\n')
    return top


@pytest.fixture(autouse=True)
def no_hang() -> Iterator[None]:
    """A run that takes a minute hangs."""

    def late(_number: int, _frame: FrameType | None) -> None:
        raise TimeoutError("a minute has passed")

    old = signal.signal(signal.SIGALRM, late)
    signal.alarm(60)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, old)


def put(path: Path, make: Callable[[Path], object]) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    path.unlink(missing_ok=True)
    make(path)


def fifo(path: Path) -> None:
    os.mkfifo(path)


def listening(path: Path) -> None:
    here = Path.cwd()
    os.chdir(path.parent)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(path.name)
    os.chdir(here)


def device(path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("making a device needs root")
    os.mknod(path, 0o20666, os.makedev(1, 5))  # /dev/zero, which never ends


def gigabyte(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(1 << 30)


def loop(path: Path) -> None:
    path.symlink_to(path.name)


HARMS = {
    "fifo": fifo,
    "socket": listening,
    "device": device,
    "gigabyte": gigabyte,
    "directory": Path.mkdir,
    "loop": loop,
    "proc": lambda path: path.symlink_to("/proc/self/mem"),
    "dangling": lambda path: path.symlink_to("/nowhere"),
}


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, dict[str, object]]:
    code = main([*arguments, "--json"])
    told = capsys.readouterr()
    assert "Traceback" not in told.err
    return code, json.loads(told.out)


@pytest.mark.parametrize("harm", HARMS)
@pytest.mark.parametrize(
    "place", [GRUB_CFG, DEFAULT, "boot/grub2/grubenv", "boot/loader/entries/a.conf", "etc/os-release"]
)
def test_what_is_no_file_where_one_is_expected(
    tree: Path, outside: Path, place: str, harm: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tree / place).parent.mkdir(exist_ok=True, parents=True)
    put(tree / place, HARMS[harm])
    code, shown = run(capsys, "show", "--root", str(tree))
    assert code in (0, 1, 3), shown
    if place == GRUB_CFG and harm not in ("loop", "proc", "dangling"):
        assert [each["file"] for each in shown["errors"]] == ["/boot/grub2/grub.cfg"]
    code, told = run(capsys, "set", "256M", "--root", str(tree))
    assert code in (0, 1, 3, 4), told
    if code:
        assert not (tree / "var").exists()


@pytest.mark.parametrize("harm", sorted(HARMS.keys() - {"directory"}))
@pytest.mark.parametrize(
    "place", ["boot", "boot/grub2", "boot/loader/entries", "etc", "etc/default", "var", "var/lib/grubkd"]
)
def test_what_is_no_directory_where_one_is_expected(
    tree: Path, place: str, harm: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tree / place).parent.mkdir(exist_ok=True, parents=True)
    put(tree / place, HARMS[harm])
    assert run(capsys, "show", "--root", str(tree))[0] in (0, 1, 3)
    assert run(capsys, "set", "256M", "--root", str(tree))[0] in (0, 1, 3, 4)
    assert run(capsys, "history", "--root", str(tree))[0] in (0, 1)
    assert run(capsys, "rollback", "--root", str(tree))[0] in (0, 1, 4)


@pytest.mark.parametrize(
    "text", ["{outside}/{name}", "../../../../../../../../../..{outside}/{name}", "/proc/self/root{outside}/{name}"]
)
@pytest.mark.parametrize("place", [GRUB_CFG, DEFAULT, "etc/kernel/cmdline"])
def test_no_link_leads_out(
    tree: Path, outside: Path, place: str, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tree / place).parent.mkdir(exist_ok=True)
    put(tree / place, lambda path: path.symlink_to(text.format(outside=outside, name=path.name)))
    code, shown = run(capsys, "show", "--root", str(tree))
    assert code in (0, 3)
    assert "secret" not in json.dumps(shown).lower()
    run(capsys, "set", "256M", "--root", str(tree))
    assert {each.read_text() for each in outside.iterdir()} == {SECRET}


@pytest.mark.parametrize("directory", ["boot", "boot/grub2", "etc", "etc/default", "var", "var/lib", "var/lib/grubkd"])
def test_no_linked_directory_leads_out(
    tree: Path, outside: Path, directory: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tree / directory).parent.mkdir(exist_ok=True, parents=True)
    put(tree / directory, lambda path: path.symlink_to(outside))
    before = sorted(each.name for each in outside.rglob("*"))
    for arguments in (("show",), ("set", "256M"), ("rollback",), ("history",)):
        run(capsys, *arguments, "--root", str(tree))
    assert sorted(each.name for each in outside.rglob("*")) == before
    assert {each.read_text() for each in outside.iterdir()} == {SECRET}


def test_a_link_inside_is_followed_and_kept(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tree / "srv").mkdir()
    (tree / GRUB_CFG).rename(tree / "srv/grub.cfg")
    (tree / GRUB_CFG).symlink_to("/srv/grub.cfg")
    assert run(capsys, "set", "256M", "--root", str(tree))[0] == 0
    assert (tree / GRUB_CFG).is_symlink()
    assert "crashkernel=256M" in (tree / "srv/grub.cfg").read_text()


def test_a_directory_without_end(capsys: pytest.CaptureFixture[str]) -> None:
    """More names than are ever listed, in memory; the time does not grow with what comes after the bound."""
    with tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as name:
        entries = Path(name) / "boot/loader/entries"
        entries.mkdir(parents=True)
        for number in range(MOST_NAMES + 1):
            os.close(os.open(entries / f"{number}.conf", os.O_CREAT | os.O_WRONLY))
        code, shown = run(capsys, "show", "--root", name)
        assert code in (1, 3), shown
        assert f"more than {MOST_NAMES} names" in json.dumps(shown)
        assert run(capsys, "set", "256M", "--root", name)[0] in (1, 3, 4)


def test_submenus_without_end(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    deep = 3000
    (tree / GRUB_CFG).write_text("submenu x {\n" * deep + "menuentry y {\nlinux /vmlinuz a\n}\n" + "}\n" * deep)
    code, shown = run(capsys, "show", "--root", str(tree))
    assert code == 3, shown
    assert run(capsys, "set", "256M", "--root", str(tree))[0] == 3


def test_a_terminal_obeys_no_title(tree: Path) -> None:
    """A title with escape sequences is shown as it is written; a pipe gets its bytes."""
    (tree / GRUB_CFG).write_bytes(
        b"menuentry 'a\x1b]0;owned\x07\xc2\x9b2J' {\n linux /vmlinuz-6.1.0 root=/dev/sda1\n}\n"
    )
    command = [sys.executable, "-m", "grubkd", "show", "--color=never", "--root", str(tree)]
    piped = subprocess.run(command, cwd=TOP, capture_output=True, check=False).stdout
    assert b"a\x1b]0;owned\x07\xc2\x9b2J" in piped
    ours, theirs = pty.openpty()
    with subprocess.Popen(command, cwd=TOP, stdout=theirs, stderr=theirs) as running:
        os.close(theirs)
        seen = b""
        while True:
            try:
                part = os.read(ours, 4096)
            except OSError:  # EIO: the program has ended
                break
            seen += part
    assert running.returncode == 0
    os.close(ours)
    assert not {*b"\x1b\x07"} & {*seen}
    assert b"\xc2\x9b" not in seen
    assert b"a\\x1b]0;owned\\x07" in seen.replace(b"\r\n", b"")


def test_a_tree_full_of_journals(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Only the latest are read, and none that cannot be is fatal to history."""
    home = tree / "var/lib/grubkd/transactions"
    home.mkdir(parents=True)
    for number in range(2000):
        (home / f"20260101-000000-{number:06d}.done").write_bytes(b"[" * 5000)
    (home / "20260101-000000-999999.done").mkdir()
    code, shown = run(capsys, "history", "--root", str(tree))
    assert code in (0, 1, 3)
    assert "transactions" in shown or "error" in shown
    assert run(capsys, "show", "--root", str(tree))[0] == 0
    assert run(capsys, "rollback", "--root", str(tree))[0] in (1, 3)


def test_an_ordinary_user(tree: Path) -> None:
    """Without rights: `show` tells what it may see, `set` says why it cannot, and neither changes anything."""
    (tree / "boot/grub2").chmod(0o700 if os.geteuid() == 0 else 0)

    def grubkd(*arguments: str) -> tuple[int, Any]:
        done = ordinary(tree, *arguments, "--json")
        return done.returncode, json.loads(done.stdout)

    code, shown = grubkd("show")
    assert code in (0, 1), shown
    assert "permission-denied" in json.dumps(shown)
    code, told = grubkd("set", "256M")
    assert (code, told["error"]["code"]) == (1, "permission-denied")
    assert not (tree / "var").exists()
    (tree / "boot/grub2").chmod(0o755)
