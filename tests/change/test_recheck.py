"""What is verified once all is written: the tree reads as it was verified to before, or all is taken back."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from grubkd.boot.inventory import read
from grubkd.change.changes import ChangeSet
from grubkd.change.request import reservation
from grubkd.commands import change
from grubkd.commands.change import Decision, Manner, Outcome
from grubkd.errors import Notice, VerificationFailed
from grubkd.tree.root import Root

ENTRIES = "boot/loader/entries"


@pytest.fixture
def top(tmp_path: Path) -> Path:
    shutil.copytree(Path(__file__).parents[2] / "fixtures/rhel-9/root", tmp_path / "root", symlinks=True)
    return tmp_path / "root"


def texts(top: Path) -> dict[str, bytes]:
    """Every file but history."""
    return {
        str(path.relative_to(top)): path.read_bytes()
        for path in top.rglob("*")
        if path.is_file() and not path.is_relative_to(top / "var/lib/grubkd")
    }


def run(top: Path, meanwhile: Callable[[], object]) -> Outcome:
    """Set a value, while somebody else does something between the reading and the writing."""

    def admit(_planned: ChangeSet) -> tuple[Notice, ...]:
        meanwhile()
        return ()

    decision = Decision(lambda _entry: (reservation(("333M",)),), {"crashkernel": ["333M"]}, "given", None, admit)
    return change.run(Root(str(top)), (), lambda _config, _selection: decision, Manner("set"))


def test_nothing_happens_meanwhile(top: Path) -> None:
    assert run(top, lambda: None).transaction
    lines = [boot.line.text() for entry in read(Root(str(top))).entries for boot in entry.boots]
    assert lines
    assert all("crashkernel=333M" in line for line in lines)


def test_an_entry_that_somebody_adds(top: Path) -> None:
    before = texts(top)
    snippet = sorted((top / ENTRIES).iterdir())[0]
    added = top / ENTRIES / "zz-added.conf"
    with pytest.raises(VerificationFailed, match="entries would no longer be the same"):
        run(top, lambda: added.write_bytes(snippet.read_bytes()))
    assert texts(top) == {**before, f"{ENTRIES}/zz-added.conf": snippet.read_bytes()}


def test_a_comment_that_somebody_adds(top: Path) -> None:
    """What was answered otherwise need not mean anything else: it is parsed, and is found to be as wanted."""
    script = top / "boot/grub2/grub.cfg"
    text = script.read_bytes() + b"# somebody was here\n"
    assert run(top, lambda: script.write_bytes(text)).transaction
    assert script.read_bytes() == text


def test_a_directory_that_somebody_moves(top: Path) -> None:
    """Its files are read as before, from elsewhere: a link that leads to them is followed by readers alone."""
    (top / "srv").mkdir()

    def move() -> None:
        (top / ENTRIES).rename(top / "srv/entries")
        (top / ENTRIES).symlink_to("/srv/entries")

    before = texts(top)
    with pytest.raises(Exception, match="symbolic links"):
        run(top, move)
    assert texts(top) == {path.replace(ENTRIES, "srv/entries"): data for path, data in before.items()}
