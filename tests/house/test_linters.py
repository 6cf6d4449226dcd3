"""The linters are tests: what they say is a failure."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

TOP = Path(__file__).parents[2]
# What a fresh clone does not have.
MADE = {".git", ".venv", ".hypothesis", ".mypy_cache", ".pytest_cache", ".ruff_cache", "__pycache__", "build", "dist"}
TEXTS = sorted(
    path
    for path in TOP.rglob("*")
    if path.is_file()
    and not path.is_symlink()
    and not MADE & set(path.relative_to(TOP).parts)
    and not path.is_relative_to(TOP / "fixtures")  # whole trees of other systems: their words are theirs
    and ".egg-info" not in str(path)
)
SCRIPTS = [path for path in TEXTS if path.suffix in ("", ".sh") and re.match(rb"#!.*sh\b", path.read_bytes()[:40])]


def clean(*command: str) -> None:
    done = subprocess.run(command, cwd=TOP, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def tool(name: str) -> str:
    """A linter of this virtual environment."""
    return str(Path(sys.executable).parent / name)


def test_ruff() -> None:
    clean(tool("ruff"), "check", "--quiet", ".")


def test_ruff_format() -> None:
    clean(tool("ruff"), "format", "--check", "--quiet", ".")


def test_mypy() -> None:
    clean(tool("mypy"))


@pytest.mark.parametrize("page", sorted((TOP / "man").glob("*.[1-9]")), ids=lambda path: path.name)
def test_manual(page: Path) -> None:
    clean("mandoc", "-T", "lint", "-W", "warning", str(page))


def test_shellcheck() -> None:
    names = {str(path.relative_to(TOP)) for path in SCRIPTS}
    assert {"test.sh", "try.sh", ".ci/run"} <= names
    clean("shellcheck", "--external-sources", *sorted(names))


def test_nothing_is_left_unfinished() -> None:
    marks = re.compile(r"\b(TODO|FIXME|XXX|HACK|NotImplementedError|breakpoint\(|pdb\.set_trace)")
    found = [
        f"{path.relative_to(TOP)}:{number}: {line.strip()}"
        for path in TEXTS
        if path not in (TOP / "LICENSE", Path(__file__))
        for number, line in enumerate(path.read_bytes().decode("latin-1").splitlines(), 1)
        if marks.search(line)
    ]
    assert found == []


def test_files_have_one_noun_for_a_name() -> None:
    vague = {"util", "utils", "common", "helper", "helpers", "misc", "stuff"}
    assert [str(path.relative_to(TOP)) for path in TEXTS if path.stem in vague] == []


def test_text_files_end_with_one_newline() -> None:
    kinds = {".py", ".sh", ".md", ".lark", ".aug", ".toml", ".8", ".7"}
    wrong = [
        str(path.relative_to(TOP))
        for path in TEXTS
        if path.suffix in kinds
        and (data := path.read_bytes())
        and (not data.endswith(b"\n") or data.endswith(b"\n\n") or b"\r" in data)
    ]
    assert wrong == []


def test_no_possessive_groups() -> None:
    """Python 3.11.2, Debian 12's, matches a repeated possessive group wrongly; single characters are fine."""
    sources = [*(TOP / "grubkd").rglob("*.py"), *(TOP / "grammars").glob("*.lark")]
    found = [path.name for path in sources if re.search(r"\)[*+?]\+", path.read_text())]
    assert found == []
