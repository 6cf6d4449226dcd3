"""docs/compare.md: every test that it leans on exists."""

import ast
import re
from pathlib import Path

import pytest

TOP = Path(__file__).parent.parent
TEXT = (TOP / "docs" / "compare.md").read_text()
NAMED = sorted(set(re.findall(r"`([a-z0-9_/]+\.py)::(?:(Test\w+)::)?(test_\w+)`", TEXT)))


def defined(path: Path) -> set[tuple[str, str]]:
    """The tests of a file: class, or "", and name."""
    tree = ast.parse(path.read_text())
    found = {("", node.name) for node in tree.body if isinstance(node, ast.FunctionDef)}
    for top in tree.body:
        if isinstance(top, ast.ClassDef):
            found |= {(top.name, node.name) for node in top.body if isinstance(node, ast.FunctionDef)}
    return found


@pytest.mark.parametrize(("file", "group", "name"), NAMED)
def test_a_named_test_exists(file: str, group: str, name: str) -> None:
    assert (group, name) in defined(TOP / "tests" / file)


def test_every_difference_has_a_test() -> None:
    """Each paragraph that says what grubkd does better names a test; and nothing but tests looks like one."""
    claims = re.split(r"\n\n(?=\*\*)", TEXT.partition("## Where grubkd differs\n")[2])
    assert len(claims) >= 12
    assert [claim.strip().split("\n")[0] for claim in claims if ".py::" not in claim] == []
    assert TEXT.count("::test_") == sum(TEXT.count(f"::{name}`") for name in {name for *_, name in NAMED})


@pytest.mark.parametrize("tool", ["grubby", "kdumpctl", "kdump-config", "kdumptool"])
def test_each_neighbour_has_its_due(tool: str) -> None:
    """A version or a document for what is said of it, and something that it does better."""
    sources, _, rest = TEXT.partition("## At a glance")
    assert re.search(rf"(?m)^- \*\*{tool}\*\*: .*", sources)
    better = rest.partition("## Where they are better")[2].partition("## Where grubkd differs")[0]
    assert tool in better
