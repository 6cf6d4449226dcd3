"""The manual and the program say the same: every verb, every option, in both directions."""

import re
import subprocess
from pathlib import Path

import pytest

from grubkd.cli import VERBS, build

# Of grubkd itself; every verb takes them as well.
EVERYWHERE = {"--verbose", "--color"}
MANUAL = Path(__file__).parents[2] / "man" / "grubkd.8"


@pytest.fixture(scope="module")
def text() -> str:
    done = subprocess.run(["mandoc", "-T", "ascii", MANUAL], capture_output=True, text=True, check=True)
    return re.sub(".\b", "", done.stdout)


def section(text: str, name: str) -> str:
    """The lines of a section, up to the next heading."""
    return re.split(r"\n(?=\S)", text.partition(f"\n{name}\n")[2])[0]


def synopsis(text: str) -> dict[str, set[str]]:
    """Verb -> the long options that its synopsis shows."""
    found: dict[str, set[str]] = {}
    verb = ""
    for line in section(text, "SYNOPSIS").splitlines():
        start = re.match(r" {5}grubkd ([a-z-]+)", line)
        verb = start.group(1) if start else verb
        found.setdefault(verb, set()).update(re.findall(r"--[a-z0-9-]+", line))
    return found


def options(verb: str) -> set[str]:
    import click

    group = build()
    command = group.get_command(click.Context(group), verb)
    assert command is not None
    names = (name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts))
    found = {name for name in names if name.startswith("--")}
    assert found >= EVERYWHERE
    return found - EVERYWHERE


def test_every_verb_is_documented(text: str) -> None:
    tags = set(re.findall(r"(?m)^     ([a-z]+)(?:$|  )", section(text, "COMMANDS")))
    assert set(VERBS) <= tags
    assert set(VERBS) == set(synopsis(text)) - {"", "--version"}
    assert synopsis(text)[""] == EVERYWHERE


@pytest.mark.parametrize("verb", VERBS)
def test_the_synopsis_shows_the_options_of_the_verb(text: str, verb: str) -> None:
    assert synopsis(text)[verb] == options(verb)


def test_every_option_is_described(text: str) -> None:
    tags = re.findall(r"(?m)^     (?:-[hv], )?(--[a-z0-9-]+(?: \| --[a-z0-9-]+)*)", section(text, "COMMANDS"))
    described = {name for tag in tags for name in tag.split(" | ")}
    assert described == set().union(*map(options, VERBS)) | {"--help", "--version"} | EVERYWHERE
