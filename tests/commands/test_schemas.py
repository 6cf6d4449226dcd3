"""The schema files: made from the declaration, true for every answer, and in the package."""

import json
import runpy
from pathlib import Path

import pytest
from commands.test_fixtures import FIXTURES, TREES, copy_of, machine_options
from jsonschema import Draft202012Validator
from support.answered import answer
from support.schema import SCHEMAS, conforms

from grubkd.cli import main
from grubkd.commands.group import VERBS
from grubkd.render import reports

TOP = Path(__file__).parents[2]
# What prints no JSON object.
WITHOUT = {"help", "crash", "grubby", "open"}
# Beside `show` and `set`, whose answers tests/commands/test_fixtures.py compares.
ASKED = (
    ("plan",),
    ("plan", "--as", "value"),
    ("predict",),
    ("predict", "crashkernel=256M", "--release", "6.1.0", "--arch", "x86_64", "--ram", "4G"),
    ("check",),
    ("dumps",),
    ("history",),
    ("rollback",),
    ("keep", "6.1.0"),
    ("show", "--no-such-option"),
)


def test_each_verb_has_its_schema() -> None:
    assert {path.stem for path in SCHEMAS.iterdir()} == set(VERBS) - WITHOUT == set(reports.VERBS)


@pytest.mark.parametrize("verb", reports.VERBS)
def test_the_files_are_made_from_the_declaration(verb: str) -> None:
    """If this fails, run `python docs/schemas.py`."""
    made = runpy.run_path(str(TOP / "docs" / "schemas.py"))
    text = (SCHEMAS / f"{verb}.json").read_text()
    assert text == made["text"](verb)
    Draft202012Validator.check_schema(json.loads(text))


@pytest.mark.parametrize("tree", TREES, ids=lambda path: str(path.relative_to(FIXTURES)))
def test_every_answer_is_as_its_schema_says(tree: Path, tmp_path: Path) -> None:
    root = str(copy_of(tree, tmp_path))
    for verb, *words in ASKED:
        known = machine_options(tree) if (verb, words) in (("plan", []), ("check", [])) else []
        done = answer(lambda: main([verb, *words, *known, "--root", root, "--json"]))  # noqa: B023 - called at once
        assert done.text, done.stderr
        conforms(verb, done.json)


@pytest.mark.parametrize("verb", reports.VERBS)
def test_a_person_reads_the_schema(verb: str) -> None:
    shown = answer(lambda: main(["help", "--schema", verb]))
    assert (shown.exit, shown.text) == (0, (SCHEMAS / f"{verb}.json").read_text())


def test_a_verb_without_json_has_no_schema() -> None:
    refused = answer(lambda: main(["help", "--schema", "crash"]))
    assert refused.exit == 2
    assert "no schema for 'crash'" in refused.stderr
