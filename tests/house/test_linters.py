"""The linters, as four tests: Python's style, its types, manual pages and shell scripts, and rules for all texts."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

TOP = Path(__file__).parents[2]
# Directories that a fresh clone does not have.
MADE = {".git", ".venv", ".hypothesis", ".mypy_cache", ".pytest_cache", ".ruff_cache", "__pycache__", "build", "dist"}
FIXTURES = TOP / "fixtures"
# Files that a person writes. Fixtures are trees of other systems and follow those systems' rules.
TEXTS = sorted(
    path
    for path in TOP.rglob("*")
    if path.is_file()
    and not path.is_symlink()
    and not MADE & set(path.relative_to(TOP).parts)
    and not path.is_relative_to(FIXTURES)
    and ".egg-info" not in str(path)
)
VAGUE = {"util", "utils", "common", "helper", "helpers", "misc", "stuff"}
UNFINISHED = re.compile(r"\b(TODO|FIXME|XXX|HACK|NotImplementedError|breakpoint\(|pdb\.set_trace)")
ONE_NEWLINE = {".py", ".sh", ".md", ".lark", ".aug", ".toml", ".8", ".7"}
# Python 3.11.2 of Debian 12 matches a repeated possessive group wrongly. Single characters are not affected.
POSSESSIVE_GROUP = re.compile(r"\)[*+?]\+")


def clean(*command: str | Path) -> None:
    done = subprocess.run(command, cwd=TOP, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def tool(name: str) -> Path:
    """A linter of this virtual environment."""
    return Path(sys.executable).parent / name


def test_ruff() -> None:
    """Rules and format, as pyproject.toml sets them; function complexity is one of the rules."""
    clean(tool("ruff"), "check", "--quiet", ".")
    clean(tool("ruff"), "format", "--check", "--quiet", ".")


def test_mypy() -> None:
    clean(tool("mypy"))


def test_manual_pages_and_shell_scripts() -> None:
    clean("mandoc", "-T", "lint", "-W", "warning", *sorted((TOP / "man").glob("*.[1-9]")))
    scripts = {
        str(path.relative_to(TOP))
        for path in TEXTS
        if path.suffix in ("", ".sh") and re.match(rb"#!.*sh\b", path.read_bytes()[:40])
    }
    assert {"test.sh", "try.sh", "lab.sh", ".ci/run"} <= scripts
    clean("shellcheck", "--external-sources", *sorted(scripts))


def faults(path: Path) -> Iterator[str]:
    """What is wrong with a text file: `name: fault`, or `name:line: fault`."""
    name, data = path.relative_to(TOP), path.read_bytes()
    text = data.decode("latin-1")
    if path.stem in VAGUE:
        yield f"{name}: the name does not say what is in the file"
    if path.suffix in ONE_NEWLINE and data and (data[-1:] != b"\n" or data[-2:] == b"\n\n" or b"\r" in data):
        yield f"{name}: does not end with one newline, or has a carriage return"
    if path in (TOP / "LICENSE", Path(__file__)):
        return
    read_by_re = path.suffix == ".lark" or (path.suffix == ".py" and path.is_relative_to(TOP / "grubkd"))
    for number, line in enumerate(text.splitlines(), 1):
        if UNFINISHED.search(line):
            yield f"{name}:{number}: unfinished: {line.strip()}"
        if read_by_re and POSSESSIVE_GROUP.search(line):
            yield f"{name}:{number}: a repeated possessive group: {line.strip()}"


def test_texts() -> None:
    """No vague names, nothing unfinished, one newline at the end, no regular expression that Python 3.11.2 misreads."""
    assert len(TEXTS) > 200
    assert [fault for path in TEXTS for fault in faults(path)] == []
