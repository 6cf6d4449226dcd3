"""The edges of a run: answers that cannot be written, words of any language, names that forge rows, lost libraries."""

import json
import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from support.answered import answer
from support.livetree import Live, debian
from support.ordinary import ordinary
from support.terminal import GRUBKD, TOP

from grubkd.cli import main
from grubkd.commands import batch, check

ENTRY = "boot/loader/entries/a.conf"
TITLE = "Débian 中文 €"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    top = tmp_path / "tree"
    write(top / ENTRY, f"title {TITLE}\nversion 6.1.0\nlinux /vmlinuz-6.1.0\noptions ro\n")
    write(top / "boot/vmlinuz-6.1.0", "")
    write(top / "etc/kernel/cmdline", "ro\n")
    return top


def write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


def grubkd(*arguments: str, env: Mapping[str, str] | None = None, **options: Any) -> subprocess.CompletedProcess[str]:
    given = {"capture_output": True, "env": {**os.environ, **(env or {})}, "text": True, **options}
    done: subprocess.CompletedProcess[str] = subprocess.run([*GRUBKD, *arguments], check=False, cwd=TOP, **given)
    return done


def shell(script: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run a script of bash, in which "$@" is grubkd with the arguments."""
    return subprocess.run(
        ["bash", "-c", script, "bash", *GRUBKD, *arguments], cwd=TOP, capture_output=True, text=True, check=False
    )


# A program that gets a signal before or after a function of grubkd runs.
LATE = """
import os, signal
from grubkd.render import output
from grubkd.signals import HeldSignals
def send():
    os.kill(os.getpid(), signal.{name})
def before(function):
    return lambda *given, **more: (send(), function(*given, **more))[1]
def after(function):
    return lambda *given: (function(*given), send())[0]
def after_change(leave, too_late=HeldSignals.too_late):
    made = []
    HeldSignals.too_late = lambda held: (too_late(held), made.append(held))[0]
    return lambda held, *given: (leave(held, *given), held in made and send())[0]
{late}
from grubkd.__main__ import run
run()
"""


UNSYNCED = """
from errno import EIO
from grubkd.change import disk, journal
calls = 0
sync, swap = disk.sync_directory, disk.swap
def fail(root, path):
    global calls
    calls += path == journal.TRANSACTIONS
    if path == journal.TRANSACTIONS and calls >= {sync}:
        raise OSError(EIO, "Input/output error")
    sync(root, path)
def fail_back(root, source, target):
    if source.endswith(".done") and not {swaps}:
        raise OSError(EIO, "Input/output error")
    swap(root, source, target)
disk.sync_directory, disk.swap = fail, fail_back
from grubkd.__main__ import run
run()
"""


class TestExitCodes:
    """What the code says is what the files are, whatever becomes of the answer."""

    UNWRITABLE = (
        '"$@" > /dev/full',
        '"$@" 2> /dev/full',
        '"$@" > /dev/full 2>&1',
        '"$@" >&- 2>&-',
        'exec 3> >(exec true); wait "$!"; "$@" >&3',
        'exec 3> >(exec true); wait "$!"; "$@" >&3 2>&3',
    )

    @pytest.mark.parametrize(
        ("script", "json"),
        [
            *((script, ()) for script in UNWRITABLE),
            *((script, ("--json",)) for script in UNWRITABLE[2:5:2]),
            *(pytest.param(script, ("--json",), marks=pytest.mark.long) for script in UNWRITABLE[:2]),
            *(pytest.param(script, ("--json",), marks=pytest.mark.long) for script in UNWRITABLE[3::2]),
        ],
    )
    def test_a_change_that_is_made_exits_0(self, tree: Path, script: str, json: tuple[str, ...]) -> None:
        root = ("--root", str(tree), *json)
        assert shell(script, "set", "300M", *root).returncode == 0
        assert "crashkernel=300M" in (tree / ENTRY).read_text()
        assert shell(script, "set", "300M", *root).returncode == 0
        assert shell(script, "set", "300M", "--unchanged-exit-77", *root).returncode == 77
        assert shell(script, "rollback", *root).returncode == 0
        assert "crashkernel" not in (tree / ENTRY).read_text()
        assert shell(script, "unset", *root).returncode == 0

    @pytest.mark.parametrize(
        "name", ["SIGTERM", *(pytest.param(each, marks=pytest.mark.long) for each in ("SIGINT", "SIGHUP"))]
    )
    @pytest.mark.parametrize(
        "late",
        [
            "HeldSignals.too_late = after(HeldSignals.too_late)",
            "HeldSignals.__exit__ = after_change(HeldSignals.__exit__)",
            "output.report = before(output.report)",
        ],
    )
    @pytest.mark.parametrize("verb", [("set", "300M"), ("rollback",)])
    def test_a_signal_after_the_change(self, tree: Path, name: str, late: str, verb: tuple[str, ...]) -> None:
        if verb == ("rollback",):
            assert main(["set", "300M", "--root", str(tree)]) == 0
        command = [sys.executable, "-c", LATE.format(name=name, late=late), *verb, "--root", str(tree)]
        done = subprocess.run(command, cwd=TOP, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")
        assert ("crashkernel=300M" in (tree / ENTRY).read_text()) == (verb[0] == "set")
        assert "undo it with" in done.stdout

    def test_a_directory_that_only_grows(self, tree: Path) -> None:
        """No file is changed: 1, not 5; the next run is not blocked, and takes no harm from what stays."""
        above = tree / "boot/loader/entries"
        if subprocess.run(["chattr", "+a", above], capture_output=True, check=False).returncode:
            pytest.skip("this file system has no append-only directories")
        before = (tree / ENTRY).read_text()
        try:
            done = [grubkd("set", "300M", "--root", str(tree)) for _ in range(2)]
        finally:
            subprocess.run(["chattr", "-a", above], check=True)
        for each in done:
            assert each.returncode == 1
            assert "/boot/loader/entries/.grubkd-" in each.stderr
        assert (tree / ENTRY).read_text() == before
        assert grubkd("set", "300M", "--root", str(tree)).returncode == 0
        assert "crashkernel=300M" in (tree / ENTRY).read_text()

    @pytest.mark.parametrize("sync", [1, 2, 3])
    @pytest.mark.parametrize("swaps", ["True", "False"])
    def test_a_journal_whose_directory_cannot_be_synced(self, tree: Path, sync: int, swaps: str) -> None:
        """From some point on, for good; with `swaps` false the mark of a done change cannot be taken back either."""
        command = [sys.executable, "-c", UNSYNCED.format(sync=sync, swaps=swaps), "set", "300M", "--root", str(tree)]
        done = subprocess.run(command, cwd=TOP, capture_output=True, text=True, check=False)
        assert done.returncode in (0, 1)
        assert ("crashkernel=300M" in (tree / ENTRY).read_text()) == (done.returncode == 0)
        history = grubkd("history", "--root", str(tree), "--json")
        assert len(json.loads(history.stdout)["transactions"]) == (done.returncode == 0)
        assert grubkd("set", "301M", "--root", str(tree)).returncode == 0
        assert "crashkernel=301M" in (tree / ENTRY).read_text()

    def test_a_lost_answer_is_named(self, tree: Path) -> None:
        done = shell(self.UNWRITABLE[0], "set", "300M", "--root", str(tree))
        assert "grubkd: error: the answer cannot be written: No space left on device\n" in done.stderr
        assert shell(self.UNWRITABLE[4], "set", "301M", "--root", str(tree)).stderr == ""

    @pytest.mark.parametrize("script", [UNWRITABLE[0], UNWRITABLE[2], UNWRITABLE[4]])
    def test_a_dry_run_whose_answer_is_lost_fails(self, tree: Path, script: str) -> None:
        assert shell(script, "set", "300M", "--dry-run", "--root", str(tree)).returncode == 1
        assert "crashkernel" not in (tree / ENTRY).read_text()

    @pytest.mark.parametrize("script", UNWRITABLE)
    @pytest.mark.parametrize(
        ("arguments", "status"),
        [
            (("set", "nonsense"), 2),
            (("set", "300M", "--json", "--kernel"), 2),
            (("set", "300M", "--kernel", "title=none"), 4),
            (("set", "300M", "--kernel", "title=none", "--json"), 4),
            (("rollback", "--json"), 4),
        ],
    )
    def test_a_failure_keeps_its_code(self, tree: Path, script: str, arguments: tuple[str, ...], status: int) -> None:
        assert shell(script, *arguments[:1], "--root", str(tree), *arguments[1:]).returncode == status

    @pytest.mark.parametrize("script", UNWRITABLE)
    def test_a_file_that_is_not_understood_keeps_its_code(self, tree: Path, script: str) -> None:
        write(tree / "boot/grub/grub.cfg", "menuentry {")
        assert shell(script, "set", "300M", "--root", str(tree)).returncode == 3


class TestWordsOfAnyLanguage:
    @pytest.fixture
    def latin1(self, tmp_path: Path) -> dict[str, str]:
        """A locale in which Python decodes argv otherwise than grubkd decodes files."""
        made = subprocess.run(
            ["localedef", "-i", "en_US", "-f", "ISO-8859-1", str(tmp_path / "en_US")], capture_output=True, check=False
        )
        if made.returncode > 1:
            pytest.skip("localedef has no source of a locale with single bytes")
        return {"LOCPATH": str(tmp_path), "LC_ALL": "en_US"}

    @pytest.mark.parametrize("locale", ["latin-1", "C", "ASCII", "UTF-8"])
    def test_title_argument_and_tree(self, tree: Path, latin1: dict[str, str], locale: str) -> None:
        env = {
            "latin-1": latin1,
            "C": {"LC_ALL": "C"},
            "ASCII": {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
            "UTF-8": {"LC_ALL": "C.UTF-8"},
        }[locale]
        tree = tree.rename(tree.with_name("日本 ß"))
        found = grubkd("show", "--json", "--root", str(tree), "--kernel", f"title={TITLE}", env=env)
        assert [each["title"] for each in json.loads(found.stdout)["entries"]] == [TITLE]
        done = grubkd("set", "--root", str(tree), "--kernel", f"title={TITLE}", "--arg", "größe=€", env=env)
        assert done.returncode == 0
        assert (tree / ENTRY).read_text().endswith("options ro größe=€\n")

    @pytest.mark.parametrize(
        "arguments",
        [
            ("plan", "--as", "€"),
            ("plan", "--ram", "€"),
            ("plan", "--arch", "中"),
            ("show", "--kernel", "title=中"),
            ("show", "--root", "/€"),
            ("set", "€"),
            ("set", "--arg", "ß ß"),
            ("rollback", "€"),
            ("help", "€"),
            ("€",),
            ("show", "--€"),
        ],
    )
    def test_an_ordinary_error(self, tree: Path, latin1: dict[str, str], arguments: tuple[str, ...]) -> None:
        root = () if "--root" in arguments or arguments[0] in ("help", "€") else ("--root", str(tree))
        for env in (latin1, {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}, {"LC_ALL": "C.UTF-8"}):
            done = grubkd(*arguments, *root, env=env, errors="surrogateescape")
            assert done.returncode in (2, 4)
            assert done.stderr.startswith("grubkd: error: ")
            assert len(done.stderr.splitlines()) <= 2

    def test_a_message_holds_the_word_as_it_was_given(self, tree: Path, latin1: dict[str, str]) -> None:
        for env in (latin1, {"LC_ALL": "C.UTF-8"}):
            done = grubkd("show", "--root", str(tree), "--kernel", "title=中文", env=env)
            assert done.stderr.startswith("grubkd: error: no entry matches 'title=中文'\n")


class TestRows:
    """No name of a file and no title makes a row of its own, or turns the direction of one."""

    FORGED = "x\u2028y\u202ez\x85"
    SHOWN = "x\\u2028y\\u202ez\\x85"

    def test_titles(self, tree: Path) -> None:
        write(tree / ENTRY, f"title {self.FORGED}\nversion 6.1.0\nlinux /vmlinuz-6.1.0\noptions ro\n")
        title = "a\n*  7  6.6.6  1G  forged"
        write(tree / "boot/grub/grub.cfg", f"menuentry '{title}' {{\n linux /vmlinuz-6.1.0 ro\n}}\n")
        shown = answer(lambda: main(["show", "--root", str(tree)])).text
        assert f"  {self.SHOWN}\n" in shown
        assert "  a\\x0a*  7  6.6.6  1G  forged\n" in shown
        listed = answer(lambda: main(["show", "--json", "--root", str(tree)])).json["entries"]
        assert {each["title"] for each in listed} == {title, self.FORGED}

    def test_files_and_history(self, tree: Path) -> None:
        (tree / ENTRY).rename(tree / "boot/loader/entries" / f"{self.FORGED}\nb.conf")
        root = ["--root", str(tree)]
        done = answer(lambda: main(["set", "300M", "--arg", f"a={self.FORGED}", *root]))
        assert f"changed /boot/loader/entries/{self.SHOWN}\\x0ab.conf\n" in done.text
        past = answer(lambda: main(["history", *root])).text
        assert len(past.splitlines()) == 3
        assert f"--arg 'a={self.SHOWN}'" in past
        assert f"\n    /boot/loader/entries/{self.SHOWN}\\x0ab.conf\n" in past

    def test_dumps(self, tmp_path: Path) -> None:
        top = debian(tmp_path)
        write(top / "var/crash/2026\n11/dump.202611230320", "")
        found = answer(lambda: check.list_dumps(Live(str(top)), json=False))
        assert found.exit == 0
        assert "/var/crash/2026\\x0a11\n" in found.text

    def test_messages(self, tmp_path: Path) -> None:
        done = answer(lambda: main(["show", "--root", str(tmp_path / "a\ngrubkd: error: \u202eb")]))
        assert done.stderr.splitlines()[0].endswith("/a\\x0agrubkd: error: \\u202eb: No such file or directory")


@pytest.mark.parametrize("line", ['{"id":1e400}', '{"id":[-1e999]}', '{"id":NaN}', '{"id":Infinity}'])
def test_a_number_that_json_does_not_have(line: str) -> None:
    (found,) = batch.answers([line.encode()])
    assert json.loads(found, parse_constant=pytest.fail)["error"]["code"] == "bad-request"


BREAK = """
import sys
broken = sys.argv.pop(1)
class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == broken:
            raise {problem}
        if name.endswith("_tables"):
            raise ModuleNotFoundError(name)  # as in a source tree: lark makes them
sys.meta_path.insert(0, Finder())
from grubkd.__main__ import run
run()
"""


class TestLoading:
    @pytest.mark.parametrize("module", ["grubkd.cli", "grubkd.errors", "click", "grubkd.boot.inventory", "lark"])
    @pytest.mark.parametrize(
        ("problem", "status"), [("KeyboardInterrupt", 130), ("ImportError('no memory')", 1), ("MemoryError", 1)]
    )
    def test_one_line(self, tree: Path, module: str, problem: str, status: int) -> None:
        command = [sys.executable, "-c", BREAK.format(problem=problem), module, "show", "--root", str(tree)]
        done = subprocess.run(command, cwd=TOP, capture_output=True, text=True, check=False)
        assert done.returncode == status
        assert done.stdout == ""
        lines = [line for line in done.stderr.splitlines() if line]
        assert lines[0].startswith("grubkd: error: ")
        assert len(lines) <= 2

    @pytest.mark.parametrize("megabytes", [28, 36, 48])
    def test_too_little_memory(self, tree: Path, megabytes: int) -> None:
        limit: Callable[[], None] = lambda: resource.setrlimit(resource.RLIMIT_AS, (megabytes << 20,) * 2)  # noqa: E731
        done = grubkd("set", "300M", "--root", str(tree), preexec_fn=limit)
        assert "Traceback" not in done.stderr
        if done.returncode:
            assert done.returncode == 1
            assert done.stderr.startswith("grubkd: error: ")
            assert "crashkernel" not in (tree / ENTRY).read_text()

    def test_all_missing_libraries_at_once(self, tree: Path) -> None:
        script = (
            "import sys; sys.modules.update(dict.fromkeys(['lark', 'augeas', 'psutil'])); "
            "from grubkd.__main__ import run; run()"
        )
        command = [sys.executable, "-c", script, "set", "300M", "--root", str(tree)]
        done = subprocess.run(command, cwd=TOP, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr == (
            "grubkd: error: the Python libraries augeas, lark, psutil are not installed\n"
            "  install, on Debian and Fedora: python3-augeas python3-lark python3-psutil\n"
        )


class TestErrorsInOrder:
    @pytest.mark.parametrize("arguments", [["plan"], ["set", "--auto"], ["set", "--auto", "--offset"]])
    def test_no_boot_configuration_comes_first(self, tmp_path: Path, arguments: list[str]) -> None:
        found = answer(lambda: main([*arguments, "--root", str(tmp_path), "--json"]))
        assert (found.exit, found.json["error"]["code"]) == (4, "no-bootloader")

    def test_a_column_says_of_what(self, tree: Path) -> None:
        found = answer(lambda: main(["set", "256Q", "--root", str(tree)]))
        assert found.exit == 2
        assert found.stderr.startswith("grubkd: error: column 4 of VALUE: ")

    def test_history_prints_what_can_be_typed_again(self, tree: Path) -> None:
        root = ["--root", str(tree)]
        asked = ["512M,high", "72M,low", "--arg", "panic=1", "--add-arg", 'note="a b"', "--remove-arg", "ro"]
        assert main(["set", *asked, "--kernel", f"title={TITLE}", *root]) == 0
        first = answer(lambda: main(["history", *root])).text.splitlines()[0]
        again = first.split("  ")[3].removesuffix(" by=given")
        before = (tree / ENTRY).read_text()
        assert main(["rollback", *root]) == 0
        script = f'"$@" set {again} --root {tree}'
        assert shell(script).returncode == 0
        assert (tree / ENTRY).read_text() == before

    def test_a_root_that_may_not_be_entered(self, tree: Path) -> None:
        tree.chmod(0o700 if os.geteuid() == 0 else 0)
        top = Path("/tmp") if os.geteuid() == 0 else tree.parent
        moved = Path(shutil.move(tree, top / f"private-{os.getpid()}"))
        try:
            done = ordinary(moved, "show")
            assert (done.returncode, done.stdout) == (1, "")
            assert done.stderr == f"grubkd: error: {moved}: the directory may not be entered\n  run grubkd as root\n"
        finally:
            moved.chmod(0o700)
            shutil.rmtree(moved)


WITHOUT_PROC = 'exec unshare -m sh -c "umount -l /proc && exec \\"\\$@\\"" sh "$@"'


@pytest.mark.parametrize(
    "command", [("show", "--json"), ("check", "--json"), ("plan",), ("enable", "--dry-run"), ("crash", "--dry-run")]
)
def test_the_running_system_without_proc(command: tuple[str, ...]) -> None:
    """What only /proc says is not known; psutil prints a traceback when it is imported there."""
    if os.geteuid() != 0 or shell(WITHOUT_PROC, "--version").returncode:
        pytest.skip("/proc cannot be unmounted here")
    done = shell(WITHOUT_PROC, *command)
    assert done.returncode in (0, 1, 2, 3, 4)
    assert "Traceback" not in done.stderr
    if command[0] == "check":
        found = {each["check"]: (each["status"], each["message"]) for each in json.loads(done.stdout)["checks"]}
        assert found["booted"] == ("not-asked", "what is booted cannot be checked without /proc")
