"""Completions: grubkd's own answers, then those that real shells give with them."""

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.shells import Shell

from grubkd.cli import VERBS, build, main
from grubkd.commands import bashwords, complete

TOP = Path(__file__).parents[2]
COMPLETIONS = TOP / "integrations" / "completions"
BREAKS = " \t\n\"'@><=;|&(:"
# What every shell wants quoted.
AWKWARD = r"""Fedora's "new" 5:1 $HOME `id` \ 100% (x)"""
TITLES = ("Debian GNU/Linux 12 (6.1.0-50-amd64)", AWKWARD)


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


def offered(*words: str) -> list[str]:
    """What grubkd offers in place of the last word."""
    return [each.text for each in complete.candidates(build(), VERBS, words)]


def parameters(verb: str) -> list[click.Parameter]:
    group = build()
    context = click.Context(group)
    command = group.get_command(context, verb)
    assert command is not None
    return command.get_params(click.Context(command, parent=context))


def test_every_verb_is_offered() -> None:
    assert offered("") == list(VERBS)
    assert offered("se") == ["set"]
    assert offered("--v") == ["--version", *(["--verbose"] if "--verbose" in offered("--") else [])]
    assert offered("nonsense", "") == []


@pytest.mark.parametrize("verb", VERBS)
def test_every_option_of_every_verb_is_offered(verb: str) -> None:
    options = [each for each in parameters(verb) if isinstance(each, click.Option)]
    names = [name for each in options for name in (*each.opts, *each.secondary_opts) if name.startswith("--")]
    assert {"--help"} <= set(names)
    assert sorted(offered(verb, "--")) == sorted(names)
    for each in options:
        if isinstance(each.type, click.Choice):
            assert offered(verb, each.opts[-1], "") == list(map(str, each.type.choices))


def test_an_option_is_offered_once_unless_it_may_be_repeated() -> None:
    assert "--root" not in offered("set", "--root", "x", "--")
    assert "--kernel" in offered("set", "--kernel", "0", "--")
    assert offered("set", "--", "--") == []


def test_selectors(tree: Path) -> None:
    line = ("show", "--root", str(tree), "--kernel")
    assert offered(*line, "") == ["ALL", "DEFAULT", "0", "1"]
    assert offered(*line, "t") == [f"title={title}" for title in TITLES]
    assert offered(*line, "m-") == ["m-6.1.0-50", "m-6.1.0-49"]
    assert offered(*line, "/") == ["/vmlinuz-6.1.0-50", "/vmlinuz-6.1.0-49"]
    assert offered("show", f"--root={tree}", "--kernel=D") == ["--kernel=DEFAULT"]


def test_every_selector_that_is_offered_selects(tree: Path) -> None:
    line = ("--root", str(tree), "--kernel")
    for word in ("", "t", "m", "/"):
        for selector in offered("show", *line, word):
            assert main(["show", "--json", *line, selector]) == 0


def test_what_stands_in_the_tree_is_offered(tree: Path, transaction: str) -> None:
    at = ("--root", str(tree))
    assert offered("rollback", *at, "") == [transaction]
    assert transaction not in offered("rollback", *at, transaction, "")
    assert offered("set", *at, "") == ["256M", "384M-:128M"]
    assert offered("set", *at, "256M", "3") == ["384M-:128M"]
    assert offered("set", *at, "--remove-arg", "r") == ["root=/dev/sda1"]
    assert offered("predict", *at, "--release", "") == ["6.1.0-50", "6.1.0-49"]
    assert offered("help", "exit") == ["exit-codes"]
    assert set(VERBS) < set(offered("help", ""))
    assert offered("predict", "--arch", "ppc") == ["ppc64", "ppc64le"]


@pytest.mark.parametrize("kind", ["root", "iomem"])
def test_files_are_left_to_the_shell(kind: str) -> None:
    (found,) = complete.candidates(build(), VERBS, ["predict", f"--{kind}", "x"])
    assert found == (complete.DIRECTORIES if kind == "root" else complete.FILES)


@pytest.mark.parametrize("arguments", [[], ["fish"], ["bash"], ["fish", "rollback", "--root", "/nonexistent", ""]])
def test_errors_are_silent(arguments: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["--complete", *arguments]) == 0
    assert capfd.readouterr().err == ""


def test_no_control_character_reaches_the_terminal(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    snippet = tmp_path / "boot/loader/entries/a.conf"
    snippet.parent.mkdir(parents=True)
    snippet.write_bytes(b"title \x1b[2J\nlinux /vmlinuz-1\n")
    assert main(["--complete", "fish", "show", "--root", str(tmp_path), "--kernel", "t"]) == 0
    assert capfd.readouterr() == ("", "")


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126)))
@settings(max_examples=300)
def test_bash_reads_back_what_is_inserted(text: str) -> None:
    """Whether a quote is open or not."""
    for opening in ("", "'", '"'):
        line = bashwords.read([BREAKS, opening])
        (inserted,) = line.insertions([(f"x{text}", "")])
        assert bashwords.read([BREAKS, f"{opening}{inserted}"]).words[-1] == f"x{text}"


def test_bash_itself_reads_back_what_is_inserted() -> None:
    text = "x" + "".join(map(chr, range(32, 127)))
    for opening in ("", "'", '"'):
        (inserted,) = bashwords.read([BREAKS, opening]).insertions([(text, "")])
        script = f"printf %s {opening}{inserted}{opening}"
        assert subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True).stdout == text


def in_bash(*words: str) -> list[str]:
    """The completion function as bash calls it, on the words as bash splits them."""
    script = (
        'source "$1"; shift; COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMP_LINE="$*"; COMP_POINT=${#COMP_LINE}\n'
        '_grubkd grubkd "${@: -1}" ""; ((${#COMPREPLY[@]})) && printf "%s\\n" "${COMPREPLY[@]}"'
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
def test_bash_is_given_words_and_notes(tree: Path) -> None:
    assert in_bash("grubkd", "") == list(VERBS)
    assert in_bash("grubkd", "show", "--root", "=", str(tree), "--kernel", "") == [
        "ALL", "DEFAULT", f"0  ({TITLES[0]})", f"1  ({TITLES[1]})",
    ]  # fmt: skip
    # What bash replaces begins behind the `=`.
    assert in_bash("grubkd", "show", "--root", str(tree), "--kernel", "title", "=", "D") == [
        r"Debian\ GNU/Linux\ 12\ \(6.1.0-50-amd64\)"
    ]
    assert in_bash("grubkd", "nonsense", "") == []


@pytest.mark.usefixtures("on_path")
def test_fish_is_given_words_and_notes(tree: Path, transaction: str) -> None:
    home = tree.parent
    assert in_fish("grubkd ", home) == [f"{verb}\t{summary}" for verb, summary in VERBS.items()]
    assert [line.split("\t")[0] for line in in_fish("grubkd set --au", home)] == ["--auto"]
    assert in_fish("grubkd rollback --root tree ", home)[0].startswith(f"{transaction}\tset at ")
    assert in_fish("grubkd show --root=tree --kernel=title=F", home) == [f"--kernel=title={AWKWARD}\t6.1.0-49"]
    assert in_fish('grubkd show --root tree --kernel "title=F', home) == [f"title={AWKWARD}\t6.1.0-49"]
    assert in_fish("grubkd show --root some", home) == ["somewhere/"]
    assert in_fish("grubkd predict --iomem=so", home) == ["--iomem=some.iomem", "--iomem=somewhere/"]
    assert in_fish("grubkd nonsense ", home) == []


STARTED = {
    "bash": (
        f"PS1=; source {shlex.quote(str(COMPLETIONS / 'bash/grubkd'))}; bind 'set bell-style none'; "
        """bind 'set page-completions off'; bind -x '"\\C-x": printf "LINE<%s>\\n" "$READLINE_LINE"; READLINE_LINE='"""
    ),
    "zsh": (
        f"PS1=; fpath=({shlex.quote(str(COMPLETIONS / 'zsh'))} $fpath); autoload -Uz compinit; compinit -u -D; "
        "tell() { print -r -- \"LINE<$BUFFER>\"; BUFFER= }; zle -N tell; bindkey '^X' tell; bindkey '^I' complete-word"
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
    """TAB behind each of these, in bash and in zsh: words are quoted as that shell needs it, or stay as they are."""
    at = "--root tree"
    for line, wanted in [
        ("grubkd sh", "grubkd show "),
        ("grubkd set --au", "grubkd set --auto "),
        ("grubkd show --root tr", "grubkd show --root tree/"),
        ("grubkd show --root=tr", "grubkd show --root=tree/"),
        ("grubkd predict --iomem some.", "grubkd predict --iomem some.iomem "),
        ("grubkd rollback --root=tree 2", f"grubkd rollback --root=tree {transaction} "),
        (f"grubkd set {at} --kernel 'title=D", f"grubkd set {at} --kernel 'title={TITLES[0]}' "),
        (f"grubkd set {at} 38", f"grubkd set {at} 384M-:128M "),
        ("grubkd nonsense x", "grubkd nonsense x"),
    ]:
        assert shell.completed(line) == wanted
    for start in ("title=F", '"title=F'):
        line = shell.completed(f"grubkd show {at} --kernel {start}")
        script = f'grubkd() {{ printf %s "${{@: -1}}"; }}; {line}'
        done = subprocess.run([*shell.command[:-1], "-c", script], capture_output=True, text=True, check=True)
        assert done.stdout == f"title={AWKWARD}"


def test_shellcheck() -> None:
    done = subprocess.run(["shellcheck", COMPLETIONS / "bash/grubkd"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize(("program", "name"), [("zsh", "zsh/_grubkd"), ("fish", "fish/grubkd.fish")])
def test_syntax(program: str, name: str) -> None:
    done = subprocess.run([program, "-n", COMPLETIONS / name], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
