"""docs/architecture.md names files that exist."""

import re
from pathlib import Path

TOP = Path(__file__).parents[2]
FILE = re.compile(r"`((?:[a-z_]+/)+[a-z0-9_]+\.(?:py|lark))`")


def test_every_file_that_is_named_exists() -> None:
    named = set(FILE.findall((TOP / "docs/architecture.md").read_text()))
    assert len(named) > 30
    homes = (TOP, TOP / "grubkd", TOP / "docs")
    assert {name for name in named if not any((home / name).exists() for home in homes)} == set()
