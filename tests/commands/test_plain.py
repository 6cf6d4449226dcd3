"""Plain command lines are read as click reads them, or left to click."""

import shlex
from typing import Any

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from grubkd.cli import VERBS
from grubkd.commands import plain
from grubkd.commands.declared import Verb
from grubkd.errors import GrubkdError

TEXTS = ["/mnt", "256M", "1.5G", "0", "auto", "ascii", "x86_64", "grubby", "é\udcff", "a b", "", "-", "-v", "--", "--x"]


def verb(name: str) -> Verb:
    found: Verb = __import__(f"grubkd.commands.{name}", fromlist=["command"]).command
    return found


def by_click(name: str, words: list[str]) -> dict[str, Any] | None:
    """What click would call the function with; None where it has something to say."""
    try:
        return verb(name).command().make_context(name, list(words)).params
    except (click.ClickException, click.exceptions.Exit, GrubkdError):
        return None


@st.composite
def lines(draw: st.DrawFn) -> tuple[str, list[str]]:
    """A verb and words made of its options, whole and damaged, and of values, good and bad."""
    name = draw(st.sampled_from(sorted(VERBS)))
    options = [each for parameter in verb(name).parameters for each in parameter.names if each.startswith("-")]
    whole = st.sampled_from([part for each in [*options, "--help"] for part in each.split("/")])
    text = st.sampled_from(TEXTS)
    word = st.one_of(
        whole,
        whole.map(lambda option: option[:-1]),
        st.tuples(whole, text).map("=".join),
        text,
    )
    return name, draw(st.lists(word, max_size=6))


@given(lines())
def test_as_click_reads_them_or_not_at_all(line: tuple[str, list[str]]) -> None:
    name, words = line
    found = plain.read(verb(name), words)
    if found is not None:
        assert found == by_click(name, words)
        assert set(found) == set(by_click(name, words) or ())


@pytest.mark.parametrize(
    "line",
    [
        "show",
        "show --json --root /mnt",
        "show --kernel 0 --kernel=DEFAULT --root=/mnt/sysroot",
        "set 256M",
        "set 512M,high 128M,low --dry-run --json",
        "set --auto --ram 16G --arch amd64 --offset=16M --this-machine",
        "set --arg a=1 --arg b --add-arg c --remove-arg d --unchanged-exit-77",
        "unset --kernel ALL --run-followups",
        "rollback",
        "rollback 20260101-000000-000000 --force",
        "plan --map=ascii --svg FILE --explain",
        "plan --as kickstart --release 6.1.0-13-amd64",
        "predict crashkernel=256M --release 6.1.0 --initrd 30M",
        "predict --batch",
        "keep 6.1.0-13-amd64",
        "crash --yes-crash-now --dry-run",
        "check --root=",
        "history",
        "dumps --json",
        "help exit-codes",
    ],
)
def test_what_is_usual_is_plain(line: str) -> None:
    name, *words = shlex.split(line)
    assert plain.read(verb(name), words) == by_click(name, words) is not None


@pytest.mark.parametrize(
    "line",
    [
        "show -h",
        "show --help",
        "show --jso",
        "show --json=1",
        "show --json x",
        "show --root",
        "show --root --json",
        "show --root / --root /mnt",
        "show -v",
        "show --color=never",
        "set -- 256M",
        "set --ram 0 256M",
        "set --ram nonsense 256M",
        "set --arch vax 256M",
        "set --offset 16M",
        "plan --map",
        "plan --map=colours",
        "plan --as nonsense",
        "predict --efi",
        "keep",
        "keep a b",
        "rollback a b",
    ],
)
def test_what_needs_click_is_left_to_it(line: str) -> None:
    name, *words = shlex.split(line)
    assert plain.read(verb(name), words) is None


@pytest.mark.parametrize("name", sorted(VERBS))
def test_click_calls_the_function_alike(name: str) -> None:
    found = verb(name)
    assert found.name == name
    assert [each.variable for each in found.parameters] == [each.name for each in found.command().params]
