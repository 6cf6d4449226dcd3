"""The manual and the program agree: every verb and option once, in both directions."""

import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import click
import pytest

from grubkd.commands.group import VERBS, group

# Options of grubkd itself, which every verb takes as well.
EVERYWHERE = {"--verbose", "--color"}
MANUAL = Path(__file__).parents[2] / "man" / "grubkd.8"


@pytest.fixture(scope="module")
def text() -> str:
    done = subprocess.run(["mandoc", "-T", "ascii", MANUAL], capture_output=True, text=True, check=True)
    return re.sub(".\b", "", done.stdout)


def section(text: str, name: str) -> str:
    """The lines of a section, up to the next heading."""
    return re.split(r"\n(?=\S)", text.partition(f"\n{name}\n")[2])[0]


def synopsis(text: str) -> dict[str, list[str]]:
    """Verb -> the long options that its synopsis shows."""
    found: dict[str, list[str]] = {}
    verb = ""
    for line in section(text, "SYNOPSIS").splitlines():
        start = re.match(r" {5}grubkd ([a-z-]+)", line)
        verb = start.group(1) if start else verb
        found.setdefault(verb, []).extend(re.findall(r"--[a-z0-9-]+", line))
    return found


def tags(text: str, name: str) -> list[str]:
    """The tags of a section's list: the lines that begin in the sixth column."""
    return [line.strip() for line in section(text, name).splitlines() if re.match(r" {5}\S", line)]


def options(verb: str) -> set[str]:
    command = group.get_command(click.Context(group), verb)
    assert command is not None
    names = (name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts))
    found = {name for name in names if name.startswith("--")}
    assert found >= EVERYWHERE
    return found - EVERYWHERE


def test_every_verb_is_described_once_and_no_other(text: str) -> None:
    assert Counter(tag.split()[0] for tag in tags(text, "COMMANDS")) == Counter(list(VERBS))
    assert set(synopsis(text)) - {"", "--version"} == set(VERBS)
    assert set(synopsis(text)[""]) == EVERYWHERE


@pytest.mark.parametrize("verb", VERBS)
def test_the_synopsis_shows_each_option_of_the_verb_once(text: str, verb: str) -> None:
    assert Counter(synopsis(text)[verb]) == Counter(options(verb))


def test_every_option_is_described_once_and_no_other(text: str) -> None:
    described = Counter(
        name for tag in tags(text, "OPTIONS") for name in re.findall(r"--[a-z0-9-]+", tag.split("  ")[0])
    )
    assert described == Counter(set().union(*map(options, VERBS)) | {"--help", "--licenses", "--version"} | EVERYWHERE)


@pytest.mark.parametrize("name", ["JSON OUTPUT", "JSON LINES", "SELECTORS", "CHECKS", "EXIT STATUS"])
def test_no_tag_is_there_twice(text: str, name: str) -> None:
    assert [tag for tag, count in Counter(tags(text, name)).items() if count > 1] == []


def test_every_code_of_check_is_listed(text: str) -> None:
    """The modules of findings have codes of two words or more as plain strings, and names of packages and programs."""
    modules = ("capture_line", "check", "kdump_config", "panic", "reservation", "saving")
    sources = "".join((MANUAL.parents[1] / f"grubkd/advice/{name}.py").read_text() for name in modules)
    codes = set(re.findall(r'"([a-z]+(?:-[a-z]+)+)"', sources)) - {
        "apt-get",
        "kdump-config",
        "kdump-tools",
        "kdump-utils",
        "kexec-tools",
    }
    # show's own warnings.
    codes -= {"rpm-ostree", "values-disagree", "stray-quote", "would-not-reserve"}
    listed = section(text, "CHECKS").replace("-\n", "-")
    assert len(codes) > 40
    assert {code for code in codes if code not in " ".join(listed.split())} == set()


@pytest.mark.parametrize("verb", VERBS)
def test_no_text_names_an_option_that_the_verb_does_not_have(text: str, verb: str) -> None:
    """In the paragraphs about a verb; what they say of another verb names that one first, as `set --auto` does."""
    (own,) = re.findall(rf"(?ms)^ {{5}}{verb}\b.*?(?=^ {{5}}\S|\Z)", section(text, "COMMANDS"))
    named = re.findall(rf"(?:\b({'|'.join(VERBS)}) )?(--[a-z0-9-]+)", " ".join(own.split()))
    assert [option for other, option in named if option not in options(other or verb)] == []


@pytest.mark.skipif(shutil.which("jq") is None, reason="jq is not installed")
def test_the_lines_with_jq_work(tmp_path: Path) -> None:
    """As they are in the manual, on a tree with an entry that lacks its value."""
    lines = re.findall(r"(?m)^grubkd .*\| jq .*$", MANUAL.read_text())
    assert len(lines) == 3
    command = tmp_path / "grubkd"
    tree = MANUAL.parents[1] / "fixtures" / "rhel-9" / "root"
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m grubkd "$@" --root {tree}\n')
    command.chmod(0o755)
    environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    done = [
        subprocess.run(
            ["sh", "-c", line], capture_output=True, text=True, cwd=tree.parents[2], env=environment, check=True
        )
        for line in lines
    ]
    entries, fixes, dumps = (each.stdout.splitlines() for each in done)
    assert "1G-4G:192M,4G-64G:256M,64G-:512M" in entries[1].split("\t")
    assert f'["grubkd","set","--root","{tree}","--auto"]' in fixes
    assert dumps == ["false"]
