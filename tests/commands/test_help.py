"""`grubkd help`: the manual where nothing else formats it, checked against mandoc, and the parts of it."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from support.terminal import TOP, at_terminal

from grubkd import mdoc, render_colour, render_manual
from grubkd.cli import main
from grubkd.commands import help as helping
from grubkd.commands.group import VERBS

PAGES = sorted((TOP / "man").glob("*.[1-9]"))


def letters(text: str) -> str:
    """What is left when the layout is taken away; mandoc opens quotations with a grave accent."""
    return re.sub(r"\s", "", text).replace("`", "'")


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_pages_say_what_mandoc_makes_of_them(page: Path) -> None:
    done = subprocess.run(
        ["mandoc", "-T", "ascii", "-O", "width=1000", page], capture_output=True, text=True, check=True
    )
    lines = re.sub(".\b", "", done.stdout).splitlines()[1:-1]
    headings = [line.strip() for line in lines if re.match(r" {0,3}\S", line)]
    found = mdoc.paragraphs(page.read_text())
    assert letters("".join(f"{each.head}{each.text}" for each in found)) == letters(
        "".join(line for line in lines if not re.match(r" {0,3}\S", line))
    )
    assert list(dict.fromkeys(each.section for each in found)) == headings


def test_a_macro_that_is_not_known_is_an_error() -> None:
    with pytest.raises(ValueError, match="Fd is not known"):
        mdoc.paragraphs(".Sh NAME\n.Fd x\n")


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
@pytest.mark.parametrize("width", [40, 79])
def test_lines_fit(page: Path, width: int) -> None:
    found = mdoc.paragraphs(page.read_text())
    lines = [render_colour.plain(line) for line in render_manual.text(found, width=width)]
    # Tags, examples and words without a blank stay whole.
    whole = {each.head for each in found} | {each.text for each in found if each.literal}
    long = [line for line in lines if len(line) > width and line.strip() not in whole and " " in line.strip()]
    assert long == []


def printed(capsys: pytest.CaptureFixture[str], *topic: str) -> str:
    assert main(["help", *topic]) == 0
    done = capsys.readouterr()
    assert done.err == ""
    return done.out


@pytest.mark.parametrize("verb", VERBS)
def test_a_verb_is_its_synopsis_its_words_and_its_options(capsys: pytest.CaptureFixture[str], verb: str) -> None:
    text = printed(capsys, verb)
    assert text.startswith(f"SYNOPSIS\n    grubkd {verb}")
    assert f"\nCOMMANDS\n    {verb}\n" in text
    synopsis, _, rest = text.partition("\n\nCOMMANDS\n")
    for option in set(re.findall(r"--[a-z0-9-]+", synopsis)):
        assert re.search(rf"(?m)^    .*{option}\b", rest), option


def test_exit_codes(capsys: pytest.CaptureFixture[str]) -> None:
    text = printed(capsys, "exit-codes")
    assert re.findall(r"(?m)^ {4}(\d+) ", text) == ["0", "1", "2", "3", "4", "5", "130"]


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
    assert done.err.startswith("grubkd: error: no topic 'nonsense'\n  the topics are\n  pages:  manual ")


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
    assert "NAME\n    crashkernel-planner - how" in at_terminal(
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
    assert done.stdout.startswith("NAME\n    grubkd - give a machine a working kernel-crash (kdump) reservation\n")
