"""Diffs: the same as Python's own where lines were only changed, and what patch(1) takes."""

import subprocess
from difflib import unified_diff
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grubkd.change.edit import FileChange
from grubkd.render.change import diff
from grubkd.text import from_user, to_bytes

# Each line is unlike the others, so that there is but one way to put them side by side.
CHANGED = st.lists(st.booleans(), min_size=1, max_size=40)


def expected(before: str, after: str) -> str:
    lines = unified_diff(before.splitlines(True), after.splitlines(True), "a/file", "b/file")
    return "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines)


@given(CHANGED, st.booleans())
def test_changed_lines_are_shown_as_python_shows_them(changed: list[bool], newline: bool) -> None:
    end = "\n" if newline else ""
    before = "\n".join(f"line {number}" for number in range(len(changed))) + end
    after = "\n".join(f"line {number}{' more' * more}" for number, more in enumerate(changed)) + end
    assert diff(FileChange("/file", before.encode(), after.encode())) == expected(before, after)


@pytest.mark.parametrize(
    ("before", "after"),
    [("a\n", "a\nb\n"), ("a\nb\n", "b\n"), ("a\nb\nc\n", "b\nc\nd\n"), ("", "a\n"), ("a", "b")],
    ids=["added", "removed", "shifted", "created", "no newline"],
)
def test_patch_takes_every_diff(tmp_path: Path, before: str, after: str) -> None:
    (tmp_path / "file").write_text(before)
    text = diff(FileChange("/file", before.encode(), after.encode()))
    subprocess.run(["patch", "--quiet", "-p1"], input=text, text=True, cwd=tmp_path, check=True)
    assert (tmp_path / "file").read_text() == after


@pytest.mark.parametrize("name", ["a\n+++ b", 'quo"te', "back\\slash", "tab\there", "é"])
def test_no_name_of_a_file_is_a_line_of_its_diff(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("a\n")
    text = diff(FileChange(f"/{from_user(name)}", b"a\n", b"b\n"))
    assert len(text.split("\n")) == 6
    if "\n" not in name:  # patch 2.8 refuses such a name
        subprocess.run(["patch", "--quiet", "-p1"], input=to_bytes(text), cwd=tmp_path, check=True)
        assert (tmp_path / name).read_text() == "b\n"
