"""docs/compare.md: every cell and every sentence names tests that exist, or is marked as read elsewhere."""

import ast
import re
from pathlib import Path
from typing import NamedTuple

import pytest

TOP = Path(__file__).parents[2]
TEXT = (TOP / "docs" / "compare.md").read_text()
READ = "†"
# Those that cannot be run on Debian.
FOREIGN = ("grubby", "kdumpctl", "kdumptool")

MARK = re.compile(r"\[\^([a-z0-9-]+)\]")
# A full stop, the marks of the sentence, and a blank or the end.
SENTENCE = re.compile(rf"\S.*?\.(?:\[\^[a-z0-9-]+\]|{READ})*(?=\s|\Z)", re.DOTALL)
TEST = re.compile(r"`([a-z0-9_/]+\.py)::(?:(Test\w+)::)?(test_\w+)`")


class Claim(NamedTuple):
    """A cell or a sentence. `about`: the tool of the column, "" for a sentence."""

    text: str
    about: str = ""

    @property
    def keys(self) -> list[str]:
        return MARK.findall(self.text)

    @property
    def read(self) -> bool:
        return READ in self.text

    @property
    def words(self) -> str:
        return MARK.sub("", self.text).replace(READ, "").strip()


def section(title: str) -> str:
    found = re.search(rf"(?ms)^## {title}\n(.*?)(?=^## |\Z)", TEXT)
    assert found, title
    return found[1]


def table() -> list[Claim]:
    """Every cell but those of the first row and the first column."""
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in section("At a glance").split("\n") if line
    ]
    heads = rows[0]
    assert {len(row) for row in rows} == {len(heads)}
    return [Claim(cell, heads[column]) for row in rows[2:] for column, cell in enumerate(row) if column]


def sentences(title: str) -> list[Claim]:
    """Every sentence except the bold headings of paragraphs; the text contains nothing else."""
    text = re.sub(r"(?m)^- |^\*\*[^*]+\.\*\* ", "", section(title)).strip()
    found = [Claim(" ".join(each.split())) for each in SENTENCE.findall(text)]
    assert SENTENCE.sub("", text).strip() == ""
    return found


def footnotes() -> dict[str, list[tuple[str, str, str]]]:
    """Key -> the tests that it names: file, class or "", function."""
    lines = re.sub(r"\n {4}", " ", section("What shows it")).splitlines()
    found: dict[str, list[tuple[str, str, str]]] = {}
    for line in lines:
        if line.startswith("[^"):
            match = re.fullmatch(rf"\[\^([a-z0-9-]+)\]: ({TEST.pattern}(?:, {TEST.pattern})*)", line)
            assert match, line
            assert match[1] not in found
            found[match[1]] = TEST.findall(match[2])
    return found


GLANCE = table()
BETTER, DIFFERS = sentences("Where they are better"), sentences("Where grubkd differs")
CLAIMS = [*GLANCE, *BETTER, *DIFFERS]
SHOWN = footnotes()
NAMED = sorted({test for tests in SHOWN.values() for test in tests})


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


def test_every_claim_names_its_tests_or_where_it_was_read() -> None:
    assert (len(GLANCE), len(BETTER) >= 12, len(DIFFERS) >= 40) == (16 * 5, True, True)
    assert [claim.text for claim in CLAIMS if not claim.keys and not claim.read] == []


def test_every_mark_leads_to_tests_and_every_test_is_led_to() -> None:
    assert set(MARK.findall(TEXT.partition("## What shows it")[0])) == set(SHOWN)
    assert TEXT.count(".py::") == sum(map(len, SHOWN.values()))


def test_only_the_others_were_read() -> None:
    """What the page says about grubkd, and about what Debian has, is tested."""
    for claim in CLAIMS:
        if claim.about:
            assert claim.read is (claim.about in FOREIGN), claim
            assert bool(claim.keys) is (claim.about not in FOREIGN), claim
        elif claim.read:
            assert any(tool in claim.words for tool in FOREIGN), claim
            assert not re.search(r"\b(grubkd|kdump-config|kdump-tools|sed syncs)\b", claim.words), claim
        else:
            assert not re.match(rf"`?({'|'.join(FOREIGN)})", claim.words), claim


def test_what_is_said_of_kdump_tools_is_tried_with_it() -> None:
    of_it = [claim for claim in CLAIMS if claim.about == "kdump-config" or claim.words.startswith("kdump-")]
    assert len(of_it) >= 11 + 6
    for claim in of_it:
        assert any(file.startswith("chroot/") for key in claim.keys for file, *_ in SHOWN[key]), claim


@pytest.mark.parametrize("tool", [*FOREIGN, "kdump-config"])
def test_each_neighbour_has_its_due(tool: str) -> None:
    """Each has a version, something that it does better, and a column."""
    source = re.search(rf"(?m)^- \*\*{tool}\*\*: (?:.*\n(?!- ))*.*", TEXT.partition("## At a glance")[0])
    assert source
    assert re.search(r"\d\.\d", source[0])
    assert any(tool in claim.words for claim in BETTER)
    assert any(claim.about == tool for claim in GLANCE)
