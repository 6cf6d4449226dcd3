"""README's commands, run: every `$` line of a console block, in order, and its output compared.

`python tests/docs/test_readme.py` writes the present output into README. Read the difference before you commit it.
"""

import json
import os
import re
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

import pytest

TOP = Path(__file__).parents[2]
README = TOP / "README.md"
# The fixtures that have boot entries.
TREES = sorted(show.parent.name for show in TOP.glob("fixtures/*/show.json") if json.loads(show.read_text())["entries"])
# What is different each time: a transaction's id, and the time of day.
VARIES = re.compile(r"\b\d{8}-\d{6}-\d{6}\b|\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\dZ?")


class Step(NamedTuple):
    line: int
    command: str
    output: str


def blocks(kind: str) -> list[tuple[int, str]]:
    """The fenced blocks of that kind: line number of the first line, text."""
    text = README.read_text()
    found = re.finditer(rf"(?ms)^```{kind}\n(.*?)^```$", text)
    return [(text.count("\n", 0, match.start(1)) + 1, match.group(1)) for match in found]


def steps(prompt: str) -> list[Step]:
    """Every command after that prompt, with the output that README shows for it."""
    found: list[Step] = []
    for start, block in blocks("console"):
        for number, line in enumerate(block.splitlines(), start):
            if line.startswith(("$ ", "# grubkd ")):
                found.append(Step(number, line, ""))
            else:
                found[-1] = found[-1]._replace(output=f"{found[-1].output}{line}\n")
    return [step._replace(command=step.command[2:]) for step in found if step.command.startswith(prompt)]


def furnish(tmp_path: Path) -> Path:
    """Make a directory like the reader's clone: the fixtures, and grubkd on the PATH."""
    (tmp_path / "fixtures").symlink_to(TOP / "fixtures")
    (tmp_path / "bin").mkdir()
    command = tmp_path / "bin" / "grubkd"
    command.write_text(f'#!/bin/sh\nPYTHONPATH={shlex.quote(str(TOP))} exec {sys.executable} -m grubkd "$@"\n')
    command.chmod(0o755)
    return tmp_path


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A directory like the reader's clone."""
    return furnish(tmp_path)


def run(command: str, place: Path) -> str:
    """What a terminal shows: both streams, in the order of writing."""
    path = f"{place / 'bin'}:{os.environ['PATH']}"
    done = subprocess.run(
        ["sh", "-c", command],
        cwd=place,
        env={**os.environ, "PATH": path},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return done.stdout


def test_the_examples_show_real_output(place: Path) -> None:
    found = steps("$")
    assert len(found) >= 5
    shown = [(step.line, step.command, VARIES.sub("ID", step.output)) for step in found]
    assert [(step.line, step.command, VARIES.sub("ID", run(step.command, place))) for step in found] == shown


def test_the_commands_for_a_live_machine_are_real(place: Path) -> None:
    """Run on a tree instead, one after the other: each succeeds."""
    subprocess.run(["cp", "-a", TOP / "fixtures/rhel-9/root", place / "tree"], check=True)
    found = steps("#")
    assert found
    for step in found:
        command = step.command if "--root" in step.command else f"{step.command} --root tree"
        command = command.replace("/mnt/sysroot", "tree")
        if ("--auto" in command or " plan" in command) and "--this-machine" not in command:
            command += " --ram 16G"
        done = subprocess.run(
            ["sh", "-c", command],
            cwd=place,
            env={**os.environ, "PATH": f"{place / 'bin'}:{os.environ['PATH']}"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode, step.command) == (0, step.command), done.stderr


def test_the_first_screen() -> None:
    """What it is, the two commands, an example: before the reader scrolls."""
    screen = README.read_text().splitlines()[:40]
    text = "\n".join(screen)
    assert "./try.sh" in text
    assert "./test.sh" in text
    assert "$ grubkd show" in text


def try_sh(scratch: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run try.sh with the system's own Python and libraries. It must leave nothing behind."""
    done = subprocess.run(
        [TOP / "try.sh", *arguments],
        cwd=scratch,
        env={**os.environ, "TMPDIR": str(scratch)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        errors="surrogateescape",  # titles of the trees are not all UTF-8
        check=False,
    )
    assert list(scratch.iterdir()) == []
    return done


# Changed and taken back; a tree whose value is right already; a tree where grubkd must not change anything.
@pytest.mark.parametrize(
    ("tree", "end"),
    [
        ((), "Every file is again what it was, byte for byte.\n"),
        (("debian-12",), "Every file is again what it was, byte for byte.\n"),
        (("legacy-foreign-value",), "grubkd refuses this change and says why. No file was changed.\n"),
    ],
)
def test_try_sh_works(tmp_path: Path, tree: tuple[str, ...], end: str) -> None:
    done = try_sh(tmp_path, *tree)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith(end)


@pytest.mark.long
@pytest.mark.parametrize("tree", TREES)
def test_try_sh_works_with_every_tree(tmp_path: Path, tree: str) -> None:
    done = try_sh(tmp_path, tree)
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith(("byte for byte.\n", "No file was changed.\n"))


def test_try_sh_lists_the_trees(tmp_path: Path) -> None:
    done = try_sh(tmp_path, "no-bootloader")
    assert (done.returncode, done.stdout) == (2, "")
    assert sorted(done.stderr.splitlines()[1:]) == [f"  {tree}" for tree in TREES]


def refresh() -> None:
    """Write into README what its commands print."""
    with tempfile.TemporaryDirectory() as scratch:
        place = furnish(Path(scratch))
        lines = README.read_text().splitlines(keepends=True)
        outputs = {step.line: (step.output, run(step.command, place)) for step in steps("$")}
    fresh: list[str] = []
    number = 1
    while number <= len(lines):
        fresh.append(lines[number - 1])
        old, new = outputs.get(number, ("", ""))
        fresh.append(new)
        number += 1 + old.count("\n")
    README.write_text("".join(fresh))


if __name__ == "__main__":
    refresh()
