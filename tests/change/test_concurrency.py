"""Several grubkds at once: one after the other, each on what the one before it left."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from faults.tree import memory

from grubkd.change import history
from grubkd.tree.root import Root

TOP = Path(__file__).parents[2]
FILES = ("etc/kernel/cmdline", "etc/default/grub")


@pytest.fixture
def top() -> Iterator[Path]:
    with memory() as home:
        yield Path(shutil.copytree(TOP / "fixtures/rhel-9/root", home / "tree", symlinks=True))


def check(top: Path, values: set[str]) -> None:
    """The tree holds one of the values, whole, and history is one line from the first tree to it."""
    found = set()
    for name in [*FILES, *(str(each.relative_to(top)) for each in (top / "boot/loader/entries").iterdir())]:
        found.update(re.findall(r"crashkernel=(\S+?)[\"\s]", (top / name).read_text() + "\n"))
    assert len(found) == 1
    assert found <= values

    past = history.read(Root(str(top)))
    assert past.errors == ()
    wanted = [each.wanted["crashkernel"] for each in past.transactions]
    assert sorted(each for (each,) in wanted) == sorted(values)
    assert wanted[-1] == list(found)
    assert [each.id for each in past.transactions] == sorted({each.id for each in past.transactions})
    # Each file of a transaction was, before it, what the latest one before it had left.
    left: dict[str, str | None] = {}
    for each in past.transactions:
        for file in each.record.files:
            before = file.before.digest if file.before else None
            assert left.setdefault(file.path, before) == before
            left[file.path] = file.after
    assert left
    assert not list(top.rglob("*.pending"))
    assert not list(top.rglob(".grubkd-*"))


def test_fifty_sets_at_once(top: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(TOP / "tests/faults/parallel.py"), str(top), "50"],
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )
    codes = json.loads(done.stdout)
    # Who has waited for 30 s, on a busy machine, may give up: cleanly, and saying so.
    assert set(codes) <= {0, 1}
    assert codes.count(1) == done.stderr.count("error: /var/lib/grubkd: another grubkd is changing this tree")
    assert codes.count(0) >= 10
    check(top, {f"{100 + number}M" for number, code in enumerate(codes) if code == 0})


def test_programs_started_together(top: Path) -> None:
    values = ["201M", "202M", "203M"]
    running = [
        subprocess.Popen(
            [sys.executable, "-m", "grubkd", "set", value, "--root", str(top)], cwd=TOP, stdout=subprocess.PIPE
        )
        for value in values
    ]
    assert [each.communicate() and each.returncode for each in running] == [0, 0, 0]
    check(top, set(values))
    times = [each.record.time for each in history.read(Root(str(top))).transactions]
    assert all(one <= other for one, other in pairwise(times))
