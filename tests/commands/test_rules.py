"""The trees of fixtures/rules and fixtures/owners: what each answer must hold at least, and every file afterwards.

fixtures/rules/README.md says what is compared.
"""

import json
from pathlib import Path
from typing import Any

import pytest
from commands.test_fixtures import (
    FIXTURES,
    copy_of,
    expected_after,
    machine_options,
    run,
    snapshot,
    without_inodes,
)

TREES = sorted(path.parent for name in ("rules", "owners") for path in (FIXTURES / name).glob("*/show.json"))
CASES = sorted(path.parent for name in ("rules", "owners") for path in (FIXTURES / name).glob("*/cases/*/argv"))


def name_of(path: Path) -> str:
    return str(path.relative_to(FIXTURES)).replace("/cases/", "/")


def holds(found: Any, wanted: Any, at: str) -> None:
    """Each key that is wanted has the wanted value; keys that are not named are free."""
    if isinstance(wanted, dict):
        for key, value in wanted.items():
            assert key in found, f"{at}.{key} is missing"
            holds(found[key], value, f"{at}.{key}")
    elif isinstance(wanted, list) and wanted and isinstance(wanted[0], dict):
        assert len(found) == len(wanted), f"{at}: {found}"
        for index, (one, other) in enumerate(zip(found, wanted, strict=True)):
            holds(one, other, f"{at}[{index}]")
    else:
        assert found == wanted, at


def notices(answer: dict[str, Any], wanted: dict[str, Any]) -> None:
    warnings = answer.get("warnings", [])
    for one in wanted.get("warnings", []):
        assert any(all(each[key] == value for key, value in one.items()) for each in warnings), (one, warnings)
    codes = {each["code"] for each in warnings}
    assert not codes & set(wanted.get("not_warned", [])), warnings


@pytest.mark.parametrize("tree", TREES, ids=name_of)
def test_show(tree: Path, tmp_path: Path) -> None:
    root = copy_of(tree, tmp_path)
    wanted = json.loads((tree / "show.json").read_text())
    shown = run(["show", "--root", str(root), "--json"])
    by_title = sorted(shown.answer["entries"], key=lambda each: str(each["title"]))
    titled = all("title" in each for each in wanted["entries"])
    entries = sorted(wanted["entries"], key=lambda each: each["title"]) if titled else wanted["entries"]
    assert len(by_title) == len(entries), by_title
    for one, other in zip(by_title if titled else shown.answer["entries"], entries, strict=True):
        holds(one, other, f"entry {other.get('title')}")
    if "future" in wanted:
        found, future = (sorted(each["future"], key=file_and_variable) for each in (shown.answer, wanted))
        holds(found, future, "future")
    if "errors" in wanted:
        holds(shown.answer["errors"], wanted["errors"], "errors")
    notices(shown.answer, wanted)
    assert shown.exit == wanted["exit"]


@pytest.mark.parametrize("case", CASES, ids=name_of)
def test_case(case: Path, tmp_path: Path) -> None:
    tree = case.parent.parent
    root = copy_of(tree, tmp_path)
    argv = (case / "argv").read_text().splitlines()
    arguments = [*argv, *machine_options(case, tree)] if argv[0] in ("set", "plan", "check") else argv
    arguments = [*arguments, "--root", str(root), "--json"]
    before = snapshot(root)
    wanted = json.loads((case / "stdout.json").read_text())
    first = run(arguments)
    after = snapshot(root)
    assert {path: node.content for path, node in after.items() if not path_is_directory(node)} == expected_after(
        case, before
    )
    assert first.exit == int((case / "exit").read_text()), first.answer
    hints = [each["fix"] or "" for each in first.answer.get("warnings", [])]
    if "error" in wanted:
        error = dict(wanted["error"])
        hints.append(first.answer["error"]["fix"] or "")
        hint = error.pop("hint_has", None)
        holds(first.answer["error"], error, "error")
    else:
        hint = wanted.get("hint_has")
        assert first.answer["changed"] is wanted["changed"]
        assert sorted(each["path"] for each in first.answer["files"]) == wanted["files"]
        if "followups" in wanted:
            assert first.answer["followups"] == wanted["followups"]
    assert hint is None or any(hint in each for each in hints), hints
    notices(first.answer, wanted)
    if after == before:
        return
    second = run(arguments)
    assert (second.exit, second.answer["changed"]) == (0, False)
    assert snapshot(root) == after
    back = run(["rollback", "--root", str(root), "--json"])
    assert back.exit == 0, back.story
    assert without_inodes(snapshot(root)) == without_inodes(before)


def file_and_variable(row: dict[str, str]) -> tuple[str, str]:
    return row["file"], row["variable"]


def path_is_directory(node: Any) -> bool:
    return (node.mode & 0o170000) == 0o040000
