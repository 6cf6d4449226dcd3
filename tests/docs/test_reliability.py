"""docs/reliability.md names tests that exist, at least one for each promise."""

import re
from pathlib import Path

TOP = Path(__file__).parents[2]
TEXT = (TOP / "docs" / "reliability.md").read_text()
TEST = re.compile(r"`((?:[a-z_]+/)+[a-z_]+\.py)(?:::(test_\w+))?`")
# Named, but not there yet: remove each name when it is there, add none.


def missing(file: str, name: str) -> bool:
    path = TOP / "tests" / file
    if not path.exists():
        return True
    return bool(name) and f"\ndef {name}(" not in path.read_text()


def test_every_promise_has_tests_that_exist() -> None:
    table = TEXT.partition("## Promises and their tests")[2].partition("\n## ")[0]
    promises = [line.strip("|").split(" | ")[1] for line in table.splitlines() if line.startswith("| ")][1:]
    assert len(promises) > 25
    assert [promise for promise in promises if not TEST.search(promise)] == []
    assert [name for name in TEST.findall(TEXT) if missing(*name)] == []
