"""`grubkd help`: the manual as mandoc makes it, the parts of it, and what is shown without it."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support.terminal import TOP, at_terminal

from grubkd.cli import main
from grubkd.commands import help as helping
from grubkd.commands.group import VERBS

PAGES = sorted((TOP / "man").glob("*.[1-9]"))


def printed(capsys: pytest.CaptureFixture[str], *topic: str) -> str:
    assert main(["help", *topic]) == 0
    done = capsys.readouterr()
    assert done.err == ""
    return done.out


@pytest.mark.parametrize("topic", helping.pages())
def test_a_page_is_what_mandoc_makes_of_it(capsys: pytest.CaptureFixture[str], topic: str) -> None:
    page = helping.pages()[topic]
    done = subprocess.run(["mandoc", "-T", "ascii", "-O", "width=78", page], capture_output=True, text=True, check=True)
    assert printed(capsys, topic) == re.sub(".\b", "", done.stdout)


@pytest.mark.parametrize("verb", VERBS)
def test_a_verb_is_its_synopsis_its_description_and_its_options(capsys: pytest.CaptureFixture[str], verb: str) -> None:
    text = printed(capsys, verb)
    assert text.startswith(f"SYNOPSIS\n     grubkd {verb}")
    assert f"\nCOMMANDS\n     {verb}" in text
    synopsis, _, rest = text.partition("\n\nCOMMANDS\n")
    described = rest.partition("\nOPTIONS\n")[2]
    tags = re.findall(r"(?m)^ {5}(?=\S).*?(--[a-z0-9-]+)(?: \| (--[a-z0-9-]+))?", described)
    assert {name for tag in tags for name in tag if name} == set(re.findall(r"--[a-z0-9-]+", synopsis))


def test_exit_codes(capsys: pytest.CaptureFixture[str]) -> None:
    text = printed(capsys, "exit-codes")
    assert re.findall(r"(?m)^ {5}(\d+) ", text) == ["0", "1", "2", "3", "4", "5", "130"]


@pytest.mark.parametrize("topic", [*helping.SECTIONS, *helping.pages()])
def test_every_topic_is_there(capsys: pytest.CaptureFixture[str], topic: str) -> None:
    assert len(printed(capsys, topic).splitlines()) > 5


def test_every_page_is_a_topic() -> None:
    assert sorted(helping.pages().values()) == sorted(helping.PAGES / page.name for page in PAGES)


def test_without_a_topic_they_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    words = printed(capsys).split()
    assert {"planner", "exit-codes", *VERBS} <= set(words)


def test_an_unknown_topic(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["help", "nonsense"]) == 2
    done = capsys.readouterr()
    assert done.out == ""
    assert done.err == "grubkd: error: no topic 'nonsense'\n  the topics: grubkd help\n"


def test_the_text_of_the_build_is_shown(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(TOP / "man", tmp_path / "manual")
    (tmp_path / "manual/grubkd.8.txt").write_text("GRUBKD(8)\n\nEXIT STATUS\n     0    Built.\n\nDebian\n")
    monkeypatch.setattr(helping, "PAGES", tmp_path / "manual")
    assert printed(capsys, "exit-codes") == "EXIT STATUS\n     0    Built.\n"


def test_without_mandoc_it_is_the_help_of_the_command_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(helping, "_MANDOC", ("no-such-mandoc",))
    assert main(["help", "show"]) == 0
    done = capsys.readouterr()
    assert done.out.startswith("Usage: grubkd show ")
    assert done.err == (
        "grubkd: the manual is not built and mandoc is not installed: this is the help of the command line\n"
    )
    assert main(["help", "selectors"]) == 0
    assert capsys.readouterr().out.startswith("Usage: grubkd [OPTIONS] COMMAND")


def test_at_a_terminal_man_opens_a_page(tmp_path: Path) -> None:
    """With the person's own environment, as their pager wants it; without man(1) the page is printed."""
    interpreter = tmp_path / "bin"
    interpreter.mkdir()
    fake = tmp_path / "man"
    fake.write_text('#!/bin/sh\necho "man $*, $PAGER"\n')
    fake.chmod(0o755)
    path = f"{tmp_path}:{os.environ['PATH']}"
    page = TOP / "grubkd/manual/crashkernel-planner.7"
    assert at_terminal("help", "planner", PATH=path, PAGER="mine") == f"man -l {page}, mine\n"
    assert "NAME\n     crashkernel-planner - how" in at_terminal(
        "help", "planner", "--color=never", PATH=str(interpreter)
    )


def test_a_pipe_gets_the_text() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "grubkd", "help", "manual"],
        cwd=TOP,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        check=True,
    )
    assert "\nNAME\n     grubkd - give a machine a working kernel-crash (kdump) reservation\n" in done.stdout
