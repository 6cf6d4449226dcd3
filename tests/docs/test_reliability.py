"""docs/reliability.md names tests that exist, at least one for each promise."""

import re
from pathlib import Path

TOP = Path(__file__).parents[2]
TEXT = (TOP / "docs" / "reliability.md").read_text()
TEST = re.compile(r"`((?:[a-z_]+/)+[a-z_]+\.py)(?:::(test_\w+))?`")
# Named, but not there yet: remove each name when it is there, add none.
EXPECTED_FILES = {"change/test_planted_journal.py", "change/test_recordable.py"}
EXPECTED_TESTS = {
    "test_a_kernel_that_is_there_keeps_its_entry", "test_a_menu_that_reads_no_snippets_any_more",
    "test_a_menu_without_its_kernels_is_not_written", "test_a_signal_ends_the_generator_and_all_it_started",
    "test_execution_bits_come_back_where_they_were",
}  # fmt: skip


def missing(file: str, name: str) -> bool:
    path = TOP / "tests" / file
    if not path.exists():
        return file not in EXPECTED_FILES
    return name not in EXPECTED_TESTS and bool(name) and f"\ndef {name}(" not in path.read_text()


def test_every_promise_has_tests_that_exist() -> None:
    table = TEXT.partition("## Promises and their tests")[2].partition("\n## ")[0]
    promises = [line.strip("|").split(" | ")[1] for line in table.splitlines() if line.startswith("| ")][1:]
    assert len(promises) > 25
    assert [promise for promise in promises if not TEST.search(promise)] == []
    assert [name for name in TEST.findall(TEXT) if missing(*name)] == []
