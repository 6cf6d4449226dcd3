"""Completions: what grubkd answers to click's scripts, then what real shells make of it."""

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import click
import pytest
from click.shell_completion import ShellComplete, get_completion_class
from support.shells import Shell

from grubkd.cli import main
from grubkd.commands.group import VERBS, group

TOP = Path(__file__).parents[2]
COMPLETIONS = TOP / "integrations" / "completions"
FILES = {"bash": "bash/grubkd", "zsh": "zsh/_grubkd_completion", "fish": "fish/grubkd.fish"}
# The click that made the files; it asks older ones in the same way.
MADE_BY = (8, 5)
TITLES = ("Debian GNU/Linux 12 (6.1.0-50-amd64)", r"""Fedora's "new" 5:1 $HOME `id` \ 100% (x)""")


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two snippets, the first the default, and a transaction."""
    home = tmp_path_factory.mktemp("completions")
    root = home / "tree"
    for number, title in enumerate(TITLES):
        snippet = root / "boot/loader/entries" / f"m-6.1.0-{50 - number}.conf"
        snippet.parent.mkdir(parents=True, exist_ok=True)
        snippet.write_text(
            f"title {title}\nversion 6.1.0-{50 - number}\nlinux /vmlinuz-6.1.0-{50 - number}\n"
            "options root=/dev/sda1 crashkernel=384M-:128M\n"
        )
    (root / "boot/loader/loader.conf").write_text("default m-6.1.0-50\n")
    command = [sys.executable, "-m", "grubkd", "set", "256M", "--root", root, "--kernel", "0"]
    subprocess.run(command, cwd=TOP, check=True, capture_output=True)
    (home / "bin").mkdir()
    wrapper = home / "bin" / "grubkd"
    wrapper.write_text(
        f'#!/bin/sh\nPYTHONPATH={shlex.quote(str(TOP))} exec {shlex.quote(sys.executable)} -m grubkd "$@"\n'
    )
    wrapper.chmod(0o755)
    (home / "somewhere").mkdir()
    (home / "some.iomem").touch()
    return root


@pytest.fixture
def transaction(tree: Path) -> str:
    (found,) = (path.stem for path in (tree / "var/lib/grubkd/transactions").iterdir())
    return found


def completer() -> ShellComplete:
    return ShellComplete(group, {}, "grubkd", "_GRUBKD_COMPLETE")


def offered(*words: str) -> list[str]:
    """What click offers in place of the last word."""
    return [each.value for each in completer().get_completions(list(words[:-1]), words[-1])]


def parameters(verb: str) -> list[click.Parameter]:
    context = click.Context(group)
    command = group.get_command(context, verb)
    assert command is not None
    return command.get_params(click.Context(command, parent=context))


def test_every_verb_is_offered() -> None:
    assert offered("") == list(VERBS)
    assert offered("se") == ["set"]
    assert offered("--v") == ["--version", "--verbose"]


@pytest.mark.parametrize("verb", VERBS)
def test_every_option_of_every_verb_is_offered(verb: str) -> None:
    options = [each for each in parameters(verb) if isinstance(each, click.Option)]
    names = [name for each in options for name in (*each.opts, *each.secondary_opts) if name.startswith("--")]
    assert {"--help"} <= set(names)
    assert sorted(name for name in offered(verb, "--") if name.startswith("--")) == sorted(names)
    for each in options:
        if isinstance(each.type, click.Choice):
            assert offered(verb, each.opts[-1], "") == list(map(str, each.type.choices))


def test_selectors(tree: Path) -> None:
    line = ("show", "--root", str(tree), "--kernel")
    images = ["/vmlinuz-6.1.0-50", "/vmlinuz-6.1.0-49"]
    assert offered(*line, "") == ["ALL", "DEFAULT", "0", "1", "m-6.1.0-50", "m-6.1.0-49", *images]
    assert offered(*line, "m-") == ["m-6.1.0-50", "m-6.1.0-49"]
    assert offered(*line, "/") == images
    assert offered("show", f"--root={tree}", "--kernel=D") == ["DEFAULT"]
    found = completer().get_completions(list(line), "0")
    assert [(each.value, each.help) for each in found] == [("0", TITLES[0])]


def test_every_selector_that_is_offered_selects(tree: Path) -> None:
    line = ("--root", str(tree), "--kernel")
    for selector in offered("show", *line, ""):
        assert main(["show", "--json", *line, selector]) == 0


def test_what_is_in_the_tree_is_offered(tree: Path, transaction: str) -> None:
    at = ("--root", str(tree))
    assert offered("rollback", *at, "") == [transaction]
    assert offered("set", *at, "") == ["256M", "384M-:128M"]
    assert offered("set", *at, "256M", "3") == ["384M-:128M"]
    assert offered("set", *at, "--remove-arg", "r") == ["root"]
    assert offered("predict", *at, "--release", "") == ["6.1.0-50", "6.1.0-49"]
    assert offered("help", "exit") == ["exit-codes"]
    assert set(VERBS) < set(offered("help", ""))
    assert offered("predict", "--arch", "ppc") == ["ppc64", "ppc64le"]


@pytest.mark.parametrize(("option", "kind"), [("--root", "dir"), ("--iomem", "file"), ("--firmware-map", "file")])
def test_files_are_left_to_the_shell(option: str, kind: str) -> None:
    (found,) = completer().get_completions(["predict", option], "x")
    assert (found.type, found.value) == (kind, "x")


@pytest.mark.parametrize("shell", FILES)
@pytest.mark.parametrize("options", [("--root", "/nonexistent"), ("-vv",)])
def test_nothing_is_written_to_stderr(shell: str, options: tuple[str, ...], capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("_GRUBKD_COMPLETE", f"{shell}_complete")
        patch.setenv("COMP_WORDS", f"grubkd rollback {' '.join(options)} ")
        patch.setenv("COMP_CWORD", "" if shell == "fish" else str(2 + len(options)))
        assert main([]) in (0, 1)
    assert capfd.readouterr().err == ""


def test_what_a_shell_would_run_or_split_is_not_offered(tmp_path: Path) -> None:
    """click's scripts do not quote what they insert, and a tree may be from anywhere."""
    snippet = tmp_path / "boot/loader/entries/a.conf"
    snippet.parent.mkdir(parents=True)
    snippet.write_bytes(
        b"title \x1b[2J\nlinux /vmlinuz-1\n"
        b"options $(id)=1 `id`=1 a;id=1 *=1 a,b=1 good=1 crashkernel=1G-4G:64M,4G-:128M\n"
    )
    assert offered("set", "--root", str(tmp_path), "--remove-arg", "") == ["good", "crashkernel"]
    assert offered("set", "--root", str(tmp_path), "") == []
    found = completer().get_completions(["show", "--root", str(tmp_path), "--kernel"], "0")
    assert [(each.value, each.help) for each in found] == [("0", None)]


@pytest.mark.parametrize("shell", FILES)
def test_the_scripts_are_those_that_click_generates(shell: str) -> None:
    if tuple(map(int, version("click").split(".")[:2])) < MADE_BY:
        pytest.skip(f"the files are made by click {MADE_BY[0]}.{MADE_BY[1]}, whose scripts serve older ones as well")
    made_by = get_completion_class(shell)
    assert made_by is not None
    script = made_by(group, {}, "grubkd", "_GRUBKD_COMPLETE").source()
    assert (COMPLETIONS / FILES[shell]).read_text() == script


def in_bash(*words: str) -> list[str]:
    """The completion function as bash calls it, on the words as bash splits them."""
    script = (
        'source "$1"; shift; COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMP_LINE="$*"; COMP_POINT=${#COMP_LINE}\n'
        '_grubkd_completion grubkd "${@: -1}" ""; ((${#COMPREPLY[@]})) && printf "%s\\n" "${COMPREPLY[@]}"'
    )
    done = subprocess.run(
        ["bash", "-c", script, "bash", COMPLETIONS / "bash/grubkd", *words], capture_output=True, text=True, check=False
    )
    assert done.stderr == ""
    return done.stdout.splitlines()


def in_fish(line: str, home: Path) -> list[str]:
    done = subprocess.run(
        ["fish", "--no-config", "-c", "source $argv[1]; complete -C $argv[2]", COMPLETIONS / "fish/grubkd.fish", line],
        cwd=home,
        env={"HOME": str(home), "PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    return done.stdout.splitlines()


@pytest.fixture
def on_path(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", f"{tree.parent / 'bin'}:{os.environ['PATH']}")


@pytest.mark.usefixtures("on_path")
def test_bash_is_given_words(tree: Path) -> None:
    assert in_bash("grubkd", "") == list(VERBS)
    assert in_bash("grubkd", "show", "--root", str(tree), "--kernel", "D") == ["DEFAULT"]


@pytest.mark.usefixtures("on_path")
def test_fish_is_given_words_and_notes(tree: Path, transaction: str) -> None:
    home = tree.parent
    assert sorted(in_fish("grubkd ", home)) == sorted(f"{verb}\t{text.split(',')[0]}" for verb, text in VERBS.items())
    assert [line.split("\t")[0] for line in in_fish("grubkd set --au", home)] == ["--auto"]
    assert in_fish("grubkd rollback --root tree ", home)[0].startswith(f"{transaction}\tset at ")
    assert [line.split("\t")[0] for line in in_fish("grubkd show --root some", home)] == ["somewhere/"]


STARTED = {
    "bash": (
        f"PS1=; source {shlex.quote(str(COMPLETIONS / 'bash/grubkd'))}; bind 'set bell-style none'; "
        """bind 'set page-completions off'; bind -x '"\\C-x": printf "LINE<%s>\\n" "$READLINE_LINE"; READLINE_LINE='"""
    ),
    "zsh": (
        f"PS1=; fpath=({shlex.quote(str(COMPLETIONS / 'zsh'))} $fpath); autoload -Uz compinit; compinit -u -D; "
        "show() { print -r -- \"LINE<$BUFFER>\"; BUFFER= }; zle -N show; bindkey '^X' show; bindkey '^I' complete-word"
    ),
}
COMMANDS = {"bash": ["--norc", "--noprofile", "-i"], "zsh": ["-f", "-i"]}


@pytest.fixture(params=STARTED)
def shell(request: pytest.FixtureRequest, tree: Path) -> Iterator[Shell]:
    name: str = request.param
    program = shutil.which(name)
    assert program, f"{name} is not installed"
    home = tree.parent
    environment = {
        "PATH": f"{home / 'bin'}:{os.environ['PATH']}", "HOME": str(home), "TERM": "dumb", "LC_ALL": "C.UTF-8",
    }  # fmt: skip
    found = Shell([program, *COMMANDS[name]], environment, home, STARTED[name])
    yield found
    found.close()


def test_a_person_at_a_terminal(shell: Shell, transaction: str) -> None:
    """TAB after each of these, in bash and in zsh."""
    at = "--root tree"
    for line, wanted in [
        ("grubkd sh", "grubkd show "),
        ("grubkd set --au", "grubkd set --auto "),
        ("grubkd show --root tr", "grubkd show --root tree/"),
        ("grubkd predict --iomem some.", "grubkd predict --iomem some.iomem "),
        (f"grubkd rollback {at} 2", f"grubkd rollback {at} {transaction} "),
        (f"grubkd set {at} 38", f"grubkd set {at} 384M-:128M "),
        (f"grubkd show {at} --kernel m-6.1.0-5", f"grubkd show {at} --kernel m-6.1.0-50 "),
    ]:
        assert shell.completed(line) == wanted


@pytest.mark.parametrize(("program", "name"), [("bash", FILES["bash"]), ("zsh", FILES["zsh"]), ("fish", FILES["fish"])])
def test_syntax(program: str, name: str) -> None:
    done = subprocess.run([program, "-n", COMPLETIONS / name], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
