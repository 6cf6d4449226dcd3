"""grubkd's own command line: usage errors, help, version, lost streams; the same under every click."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from grubkd import __version__
from grubkd.commands.group import VERBS

TOP = Path(__file__).parents[2]
GRUBKD = [sys.executable, "-m", "grubkd"]


def run(*arguments: str, **options: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # type: ignore[call-overload, no-any-return]
        [*GRUBKD, *arguments], capture_output=True, text=True, cwd=TOP, stdin=subprocess.DEVNULL, check=False, **options
    )


@pytest.mark.parametrize("arguments", [["--version"], ["--version", "show"]])
def test_version(arguments: list[str]) -> None:
    done = run(*arguments)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"grubkd {__version__}\n", "")


@pytest.mark.parametrize(("library", "line"), [("click", "--help"), ("augeas", "set 256M --root {tree}")])
def test_a_library_that_is_missing_is_named(library: str, line: str, tmp_path: Path) -> None:
    shutil.copytree(TOP / "fixtures" / "debian-12" / "root", tmp_path / "root", symlinks=True)
    script = (
        f"import sys; sys.path.insert(0, {str(TOP)!r}); sys.modules[{library!r}] = None; "
        "from grubkd.cli import main; sys.exit(main(sys.argv[1:]))"
    )
    words = line.format(tree=tmp_path / "root").split()
    done = subprocess.run([sys.executable, "-c", script, *words], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        f"grubkd: error: the Python library {library} is not installed\n"
        f"  install, on Debian and Fedora: python3-{library}\n"
    )


@pytest.mark.parametrize("option", ["--help", "-h"])
def test_help_names_every_verb_and_exit_code(option: str) -> None:
    done = run(option)
    assert (done.returncode, done.stderr) == (0, "")
    words = done.stdout.split()
    assert [verb for verb in VERBS if verb not in words] == []
    for code in ("0", "1", "2", "3", "4", "5", "130"):
        assert code in words


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help(verb: str) -> None:
    done = run(verb, "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"Usage: grubkd {verb} ")
    assert "-h, --help" in done.stdout


def test_no_arguments_is_a_usage_error_that_helps() -> None:
    done = run()
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == run("--help").stdout


USAGE = [
    (["nonsense"], "no command 'nonsense'", "see: grubkd --help"),
    (["--nonsense"], "No such option", "see: grubkd --help"),
    (["show", "--nonsense"], "No such option", "see: grubkd show --help"),
    (["show", "--root"], "requires an argument", "see: grubkd show --help"),
    (["show", "surplus"], "unexpected extra argument", "see: grubkd show --help"),
]


@pytest.mark.parametrize(("arguments", "message", "hint"), USAGE)
def test_usage_errors(arguments: list[str], message: str, hint: str) -> None:
    done = run(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    first, second = done.stderr.splitlines()
    assert first.startswith("grubkd: error: ")
    assert message in first
    assert second == f"  {hint}"


@pytest.mark.parametrize(("arguments", "message", "hint"), USAGE)
def test_usage_errors_in_json(arguments: list[str], message: str, hint: str) -> None:
    done = run("show", "--json", *arguments[1:]) if arguments[0] == "show" else run(*arguments, "--json")
    assert (done.returncode, done.stderr) == (2, "")
    answer = json.loads(done.stdout)
    answer_message = answer["error"].pop("message")
    assert message in answer_message
    wanted = {"code": "usage", "fix": hint, "fix_commands": [], "file": None, "line": None, "column": None}
    assert answer.pop("errors") == [{"message": answer_message, **wanted}]
    assert answer == {"version": 1, "error": wanted, "exit": 2, "warnings": []}


def test_a_reader_that_goes_away_is_not_worth_a_word() -> None:
    shell = subprocess.run(
        ["bash", "-c", '"$@" | exec 0<&-; echo "${PIPESTATUS[0]}"', "bash", *GRUBKD, "--help"],
        capture_output=True,
        text=True,
        cwd=TOP,
        check=False,
    )
    assert shell.stderr == ""
    assert shell.stdout in ("0\n", "1\n")  # 0 where the answer was in the pipe before the reader went


def test_a_pipe_closed_before_the_answer() -> None:
    script = 'exec 3> >(exec true); wait "$!"; "$@" >&3; echo "$?"'
    shell = subprocess.run(
        ["bash", "-c", script, "bash", *GRUBKD, "--help"], capture_output=True, text=True, cwd=TOP, check=False
    )
    assert (shell.stdout, shell.stderr) == ("1\n", "")


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (["--version"], 1),
        (["--help"], 1),
        (["show", "--help"], 1),
        (["show", "--json", "--nonsense"], 2),
        (["history", "--json", "--root", "fixtures/debian-12/root"], 1),
    ],
)
def test_a_full_disk_under_the_answer(arguments: list[str], status: int) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [*GRUBKD, *arguments], stdout=full, stderr=subprocess.PIPE, text=True, cwd=TOP, check=False
        )
    assert done.returncode == status
    assert done.stderr == (
        "grubkd: error: the answer cannot be written: No space left on device\n  fix the reported error, then retry\n"
    )


@pytest.mark.parametrize(("arguments", "status"), [(["--version"], 0), (["--help"], 0), (["nonsense", "--json"], 2)])
def test_no_stdout_at_all(arguments: list[str], status: int) -> None:
    shell = subprocess.run(
        ["sh", "-c", '"$@" >&-', "sh", *GRUBKD, *arguments], capture_output=True, text=True, cwd=TOP, check=False
    )
    assert (shell.returncode, shell.stderr) == (status, "")


@pytest.mark.parametrize("arguments", [["predict", "--batch"], ["help", "planner"]])
def test_no_stdin_at_all(arguments: list[str]) -> None:
    command = ["sh", "-c", '"$@" <&-', "sh", *GRUBKD, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, cwd=TOP, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("locale", ["C", "C.UTF-8", "nonsense"])
def test_any_locale_and_no_environment(locale: str) -> None:
    done = run("--help", env={"LC_ALL": locale})
    assert (done.returncode, done.stderr) == (0, "")
