"""Rules about the tests: helpers are written once, and both sets of libraries run what libraries take part in."""

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

TOP = Path(__file__).parents[2]
TESTS = sorted((TOP / "tests").rglob("*.py"))


def helpers() -> Iterator[tuple[str, str, Path]]:
    """The body, the name and the file of every function and class of more than three lines that is not a test."""
    for path in TESTS:
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.FunctionDef | ast.ClassDef) or node.name.startswith("test_"):
                continue
            described = ast.get_docstring(node) is not None
            body = "\n".join(map(ast.unparse, node.body[described:]))
            if body.count("\n") >= 3:
                yield body, node.name, path


def test_a_helper_is_written_once() -> None:
    places: dict[str, list[str]] = {}
    for body, name, path in helpers():
        places.setdefault(body, []).append(f"{path.relative_to(TOP)}: {name}")
    assert [found for found in places.values() if len(found) > 1] == []


def test_what_runs_with_one_set_of_libraries_exists() -> None:
    """And it is not a whole directory of tests in which lark, augeas, click or psutil take part."""
    once = re.search(r"(?ms)^once=\(\n.*?^\)\n", (TOP / "test.sh").read_text())
    assert once
    listed = subprocess.run(
        ["bash", "-c", f'{once[0]} printf "%s\\n" "${{once[@]}}"'], capture_output=True, text=True, check=True
    ).stdout.split()
    assert len(listed) > 5
    assert [name for name in listed if not (TOP / name).exists()] == []
    both = {f"tests/{name}" for name in ("advice", "boot", "change", "commands", "machine")}
    assert both & set(listed) == set()
