"""docs/architecture.md names files that exist."""

import re
from pathlib import Path

TOP = Path(__file__).parents[2]
FILE = re.compile(r"`((?:[a-z_]+/)+[a-z0-9_]+\.(?:py|lark))`")
# Named, but not there yet: remove each name when the file is there, add none.
EXPECTED = {
    "advice/case.py", "advice/recommend.py", "boot/loaders/grub_menu.py", "change/disk.py", "change/request.py",
    "commands/decide.py", "memory/behaviours.py", "memory/kernel_parser.py", "memory/vendors.py", "render/change.py",
    "render/colour.py", "render/show.py",
}  # fmt: skip


def test_every_file_that_is_named_exists() -> None:
    named = set(FILE.findall((TOP / "docs/architecture.md").read_text()))
    assert len(named) > 30
    homes = (TOP, TOP / "grubkd", TOP / "docs")
    assert {name for name in named if not any((home / name).exists() for home in homes)} - EXPECTED == set()
