"""rollback and history: what comes back, in which order, and when it is refused."""

import json
import os
import re
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from faults import tree
from hypothesis import given, settings
from hypothesis import strategies as st

from grubkd.change import disk, history, journal, record, transaction
from grubkd.change.edit import FileChange
from grubkd.change.record import FileRecord
from grubkd.change.rollback import RolledBack, rollback
from grubkd.errors import NothingToRollBack, NotUnderstood, Refused, VerificationFailed
from grubkd.tree.root import Root

GRUB_CFG, SNIPPET, DEFAULT = "/boot/grub2/grub.cfg", "/boot/loader/entries/a.conf", "/etc/default/grub"


@pytest.fixture
def top(tmp_path: Path) -> Path:
    top = tmp_path / "tree"
    tree.build(top)
    return top


def write(top: Path, *changes: FileChange) -> str:
    changes = changes or tree.CHANGES
    return transaction.commit(Root(str(top)), changes, command="set", wanted={"crashkernel": ["1M"]}, by="auto").id


def edit(top: Path, path: str, text: bytes) -> str:
    return write(top, FileChange(path, (top / path[1:]).read_bytes(), text))


def back(top: Path, id: str | None = None, **more: bool) -> RolledBack:
    return rollback(Root(str(top)), id, **more)


def text(top: Path, path: str) -> bytes:
    return (top / path[1:]).read_bytes()


def test_all_comes_back(top: Path) -> None:
    before = tree.state(top)
    id = write(top)
    done = back(top)
    assert tree.state(top) == before  # bytes, modes, times, attributes; what was created is gone, its directory too
    assert done.undoes == id
    assert [each.path for each in done.files] == list(tree.NEW)
    assert done.files[-1] == FileChange("/etc/kernel/cmdline", tree.NEW["/etc/kernel/cmdline"], None)


def test_the_owner_comes_back(top: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give files away")
    os.chown(top / "etc/default/grub", 1234, 4321)
    id = edit(top, DEFAULT, b"X=1\n")
    os.chown(top / "etc/default/grub", 0, 0)
    back(top, id)
    status = (top / "etc/default/grub").stat()
    assert (status.st_uid, status.st_gid) == (1234, 4321)


def test_twice_is_two_steps_back(top: Path) -> None:
    first, second = edit(top, DEFAULT, b"X=1\n"), edit(top, DEFAULT, b"X=2\n")
    assert back(top).undoes == second
    assert text(top, DEFAULT) == b"X=1\n"
    assert back(top).undoes == first
    assert text(top, DEFAULT) == tree.OLD[DEFAULT]
    with pytest.raises(NothingToRollBack):
        back(top)


def test_a_rollbacks_own_id_applies_again(top: Path) -> None:
    write(top)
    changed = tree.state(top)
    undoing = back(top).transaction
    again = back(top, undoing)
    assert tree.state(top) == changed
    assert again.undoes == undoing
    # The change stands again, so the next rollback without an id takes it back again.
    back(top)
    assert tree.texts(tree.state(top)) == tree.OLD
    past = history.read(Root(str(top))).transactions
    assert [(each.record.command, each.record.undoes is None, each.undone_by is None) for each in past] == [
        ("set", True, False),
        ("rollback", False, False),
        ("rollback", False, True),
        ("rollback", False, True),
    ]


def test_an_id_takes_back_that_one_only(top: Path) -> None:
    first, second = edit(top, DEFAULT, b"X=1\n"), edit(top, SNIPPET, b"title B\n")
    back(top, first)
    assert (text(top, DEFAULT), text(top, SNIPPET)) == (tree.OLD[DEFAULT], b"title B\n")
    assert back(top).undoes == second


def test_a_later_change_of_the_same_file_is_named(top: Path) -> None:
    first, second = edit(top, DEFAULT, b"X=1\n"), edit(top, DEFAULT, b"X=2\n")
    before = tree.state(top)
    with pytest.raises(Refused) as caught:
        back(top, first)
    assert second in caught.value.message
    assert caught.value.place and caught.value.place.file == DEFAULT
    assert caught.value.exit == 4
    assert tree.state(top) == before
    back(top, first, force=True, exact=True)
    assert text(top, DEFAULT) == tree.OLD[DEFAULT]


def test_a_later_change_that_was_taken_back_is_no_obstacle(top: Path) -> None:
    first = edit(top, DEFAULT, b"X=1\n")
    edit(top, DEFAULT, b"X=2\n")
    back(top)
    back(top, first)
    assert text(top, DEFAULT) == tree.OLD[DEFAULT]


def test_a_later_rollback_of_an_earlier_change_is_one(top: Path) -> None:
    first, second = edit(top, DEFAULT, b"X=1\n"), edit(top, DEFAULT, b"X=2\n")
    undone = back(top).transaction
    back(top)
    assert first
    with pytest.raises(Refused):
        back(top, undone)  # would bring X=2 back over the first text
    assert second


def test_a_file_changed_otherwise_is_not_overwritten(top: Path) -> None:
    id = write(top)
    (top / DEFAULT[1:]).write_bytes(b"by hand\n")
    before = tree.state(top)
    for named in (None, id):
        with pytest.raises(Refused) as caught:
            back(top, named)
        assert caught.value.place and caught.value.place.file == DEFAULT
        assert "--force" in caught.value.hint
    assert tree.state(top) == before
    back(top, force=True, exact=True)
    assert tree.texts(tree.state(top)) == tree.OLD


def test_a_file_removed_otherwise(top: Path) -> None:
    write(top)
    (top / SNIPPET[1:]).unlink()
    with pytest.raises(Refused):
        back(top)
    back(top, force=True, exact=True)
    assert tree.texts(tree.state(top)) == tree.OLD


def test_a_file_put_back_by_hand_is_no_obstacle(top: Path) -> None:
    write(top)
    (top / DEFAULT[1:]).write_bytes(tree.OLD[DEFAULT])
    back(top)
    assert tree.texts(tree.state(top)) == tree.OLD


def test_a_directory_that_somebody_uses_stays(top: Path) -> None:
    write(top)
    (top / "etc/kernel/install.conf").write_text("layout=bls\n")
    back(top)
    assert sorted(each.name for each in (top / "etc/kernel").iterdir()) == ["install.conf"]


def test_a_removed_directory_comes_back_when_applied_again(top: Path) -> None:
    write(top)
    undone = back(top).transaction
    assert not (top / "etc/kernel").exists()
    back(top, undone)
    assert text(top, "/etc/kernel/cmdline") == tree.NEW["/etc/kernel/cmdline"]
    assert stat.S_IMODE((top / "etc/kernel").stat().st_mode) == 0o755


def test_a_dry_run_writes_nothing(top: Path) -> None:
    write(top)
    before = sorted((each, each.lstat().st_mtime_ns) for each in top.rglob("*"))
    done = back(top, dry_run=True)
    assert [each.path for each in done.files] == list(tree.NEW)
    assert done.transaction is None
    assert sorted((each, each.lstat().st_mtime_ns) for each in top.rglob("*")) == before


def test_without_history_nothing_is_written(top: Path) -> None:
    """Not even the directory for the lock, which a read-only file system refuses."""
    before = sorted((each, each.lstat().st_mtime_ns) for each in (top, *top.rglob("*")))
    with pytest.raises(NothingToRollBack):
        back(top)
    assert sorted((each, each.lstat().st_mtime_ns) for each in (top, *top.rglob("*"))) == before


@pytest.mark.parametrize("id", ["20250101-000000-000000", "x", "", "../../etc/passwd", "20250101-000000-000000.done"])
def test_an_id_that_is_none(top: Path, id: str) -> None:
    write(top)
    with pytest.raises(NothingToRollBack):
        back(top, id)


def test_what_was_taken_back_is_not_taken_back_again(top: Path) -> None:
    id = write(top)
    undone = back(top).transaction
    with pytest.raises(NothingToRollBack) as caught:
        back(top, id)
    assert f"grubkd rollback {undone}" in caught.value.hint


def test_an_interrupted_change_named_by_its_id_is_undone(top: Path) -> None:
    id = interrupted(top)
    done = back(top, id)
    assert (done.undoes, done.transaction) == (id, None)
    assert tree.texts(tree.state(top)) == tree.OLD


def interrupted(top: Path) -> str:
    """Leave a tree as a run killed after its first renames does."""
    root = Root(str(top))
    images = {path: disk.read_image(root, path) for path in tree.NEW}
    found = record.Record(
        id="20260101-000000-000000",
        time="2026-01-01T00:00:00Z",
        command="set",
        wanted={},
        by="given",
        files=tuple(FileRecord(path, images[path], disk.new_image(data).digest) for path, data in tree.NEW.items()),
        directories=("/etc/kernel",),
    )
    with transaction.lock(root):
        journal.begin(root, found)
        (top / GRUB_CFG[1:]).write_bytes(tree.NEW[GRUB_CFG])
    assert transaction.pending(root) == found
    return found.id


# What an enemy, or a failing disk, may do to a journal.


def tamper(top: Path, id: str, change: Callable[[record.Record], record.Record]) -> Path:
    path = top / journal.path_of(id, "done")[1:]
    path.write_bytes(record.encode(change(record.decode(path.read_bytes()))))
    return path


@pytest.mark.parametrize(
    "path",
    ["/etc/shadow", "/etc/default/../shadow", "/../../etc/shadow", "/usr/bin/x", "/var/lib/grubkd/transactions/x", "/"],
)
def test_a_journal_cannot_make_rollback_write_elsewhere(top: Path, path: str) -> None:
    (top / "etc/shadow").write_text("x\n")
    id = edit(top, DEFAULT, b"X=1\n")
    tamper(top, id, lambda each: each._replace(files=(each.files[0]._replace(path=path),)))
    before = tree.state(top)
    for force in (False, True):
        with pytest.raises(NotUnderstood) as caught:
            back(top, force=force, exact=force)
        assert caught.value.exit == 3
        assert caught.value.place and caught.value.place.file == journal.path_of(id, "done")
    assert tree.state(top) == before


def test_a_journal_cannot_use_a_link(top: Path) -> None:
    outside = top.parent / "outside"
    outside.mkdir()
    (outside / "grub").write_text("host\n")
    id = edit(top, DEFAULT, b"X=1\n")
    (top / "etc/default/grub").unlink()
    (top / "etc/default").rmdir()
    (top / "etc/default").symlink_to(outside)
    for force in (False, True):
        with pytest.raises(Exception, match="symbolic links"):
            back(top, id, force=force, exact=force)
    assert (outside / "grub").read_text() == "host\n"
    assert sorted(each.name for each in outside.iterdir()) == ["grub"]


def test_a_journal_gives_no_file_a_set_user_id_bit(top: Path) -> None:
    id = edit(top, DEFAULT, b"X=1\n")
    tamper(top, id, lambda each: each._replace(files=(with_mode(each.files[0], 0o6755),)))
    back(top)
    assert stat.S_IMODE((top / DEFAULT[1:]).stat().st_mode) == 0o644


def test_execution_bits_come_back_where_they_were(top: Path) -> None:
    """As on vfat, where every file has them; the file that is gone comes back without."""
    (top / DEFAULT[1:]).chmod(0o755)
    (top / SNIPPET[1:]).chmod(0o750)
    id = write(top, FileChange(DEFAULT, tree.OLD[DEFAULT], b"X=1\n"), FileChange(SNIPPET, tree.OLD[SNIPPET], None))
    back(top, id)
    assert stat.S_IMODE((top / DEFAULT[1:]).stat().st_mode) == 0o755
    assert stat.S_IMODE((top / SNIPPET[1:]).stat().st_mode) == 0o640


def with_mode(file: FileRecord, mode: int) -> FileRecord:
    assert file.before
    return file._replace(before=file.before._replace(mode=mode))


def test_a_journal_cannot_run_a_command(top: Path) -> None:
    id = edit(top, DEFAULT, b"X=1\n")
    tamper(top, id, lambda each: each._replace(followups=(("sh", "-c", "touch /owned"),)))
    with pytest.raises(NotUnderstood, match="never runs"):
        back(top)


def test_a_journal_removes_no_directory_but_those_of_its_files(top: Path) -> None:
    (top / "home").mkdir()
    id = edit(top, DEFAULT, b"X=1\n")
    tamper(top, id, lambda each: each._replace(directories=("/home",)))
    with pytest.raises(NotUnderstood):
        back(top)
    assert (top / "home").is_dir()


def test_a_before_image_that_was_changed(top: Path) -> None:
    id = edit(top, DEFAULT, b"X=1\n")
    path = top / journal.path_of(id, "done")[1:]
    path.write_bytes(path.read_bytes().replace(b'"mode": 420', b'"mode": 438'))
    with pytest.raises(NotUnderstood, match="checksum"):
        back(top)


def test_a_damaged_journal_is_told_and_stops_what_it_might_have_overtaken(top: Path) -> None:
    first, second = edit(top, DEFAULT, b"X=1\n"), edit(top, DEFAULT, b"X=2\n")
    path = top / journal.path_of(second, "done")[1:]
    path.write_bytes(path.read_bytes()[:100])
    past = history.read(Root(str(top)))
    assert [each.id for each in past.transactions] == [first]
    assert [str(each.place) for each in past.errors] == [journal.path_of(second, "done")]
    for id in (None, first, second):
        with pytest.raises(NotUnderstood):
            back(top, id)
    path.unlink()
    with pytest.raises(Refused):
        back(top)
    assert text(top, DEFAULT) == b"X=2\n"


def test_an_older_damaged_journal_stops_nothing(top: Path) -> None:
    first, second = edit(top, DEFAULT, b"X=1\n"), edit(top, DEFAULT, b"X=2\n")
    (top / journal.path_of(first, "done")[1:]).write_bytes(b"")
    back(top, second)
    assert text(top, DEFAULT) == b"X=1\n"


def test_the_whole_record_survives_being_written(top: Path) -> None:
    id = write(top)
    path = top / journal.path_of(id, "done")[1:]
    found = record.decode(path.read_bytes())
    assert record.encode(found) == path.read_bytes()
    assert found.id == id
    assert [each.path for each in found.files] == list(tree.NEW)
    assert found.directories == ("/etc/kernel",)
    assert found.files[0].before == disk.FileImage(
        tree.OLD[GRUB_CFG], 0o600, os.geteuid(), os.getegid(), tree.TIME, {"user.note": b"kept"}
    )


# Laws.

STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("set"), st.lists(st.sampled_from(sorted(tree.NEW)), min_size=1, unique=True)),
        st.tuples(st.just("rollback"), st.just([])),
        st.tuples(st.just("again"), st.just([])),
    ),
    max_size=8,
)


@settings(max_examples=25)
@given(STEPS)
def test_rollbacks_until_none_is_left_give_the_first_tree(steps: list[tuple[str, list[str]]]) -> None:
    with tree.memory() as top:
        check_law(top, steps)


def check_law(top: Path, steps: list[tuple[str, list[str]]]) -> None:
    tree.build(top)
    first = tree.state(top)
    latest: str | None = None
    for number, (what, paths) in enumerate(steps):
        if what == "set":
            changes = []
            for path in paths:
                file = top / path[1:]
                changes.append(FileChange(path, file.read_bytes() if file.exists() else None, b"# %d\n" % number))
            write(top, *changes)
            latest = None
        elif what == "rollback":
            try:
                latest = back(top).transaction
            except NothingToRollBack:
                assert tree.state(top) == first
        elif latest:
            back(top, latest)
            latest = None
    while True:
        try:
            back(top)
        except NothingToRollBack:
            break
    assert tree.state(top) == first


# The commands.


def grubkd(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "grubkd", *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parents[2],
    )


def test_the_commands_tell_it_as_json(top: Path) -> None:
    root = ["--root", str(top), "--json"]
    id = write(top)
    told = grubkd("history", *root)
    assert (told.returncode, told.stderr) == (0, "")
    past = json.loads(told.stdout)
    time = past["transactions"][0]["time"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", time)
    entry = {
        "id": id,
        "time": time,
        "command": "set",
        "wanted": {"crashkernel": ["1M"], "by": "auto"},
        "files": list(tree.NEW),
        "undone_by": None,
    }
    assert past == {"version": 1, "transactions": [entry], "warnings": [], "errors": []}

    tried = grubkd("rollback", *root, "--dry-run")
    done = grubkd("rollback", *root, id)
    assert (tried.returncode, tried.stderr, done.returncode, done.stderr) == (0, "", 0, "")
    answer = json.loads(done.stdout)
    diffs = {each["path"]: each["diff"] for each in answer["files"]}
    assert diffs[DEFAULT] == (
        "--- a/etc/default/grub\n+++ b/etc/default/grub\n@@ -1 +1 @@\n"
        '-GRUB_CMDLINE_LINUX="quiet crashkernel=256M"\n+GRUB_CMDLINE_LINUX="quiet"\n'
    )
    assert {name: value for name, value in answer.items() if name != "files"} == {
        "version": 1,
        "changed": True,
        "dry_run": False,
        "transaction": answer["transaction"],
        "followups": [],
        "reboot_required": True,
        "warnings": [],
        "errors": [],
    }
    assert json.loads(tried.stdout) == {**answer, "dry_run": True, "transaction": None, "reboot_required": False}
    past = json.loads(grubkd("history", *root).stdout)
    assert [each["undone_by"] for each in past["transactions"]] == [answer["transaction"], None]
    assert past["transactions"][1]["wanted"] == {"undo": id, "by": "given"}

    failed = grubkd("rollback", *root)
    assert failed.returncode == 4
    assert json.loads(failed.stdout)["error"]["code"] == "nothing-to-roll-back"


def test_the_commands_tell_it_to_people(top: Path) -> None:
    root = ["--root", str(top)]
    assert grubkd("history", *root).stdout == "no changes yet\n"
    id = write(top)
    told = grubkd("history", *root)
    time = history.read(Root(str(top))).transactions[0].record.time
    assert told.returncode == 0
    assert told.stdout.splitlines() == [
        f"{id}  {time}  set  crashkernel=1M by=auto",
        *(f"    {path}" for path in tree.NEW),
    ]
    done = grubkd("rollback", *root)
    assert done.returncode == 0
    assert f"changed {DEFAULT}\n" in done.stdout
    assert "removed /etc/kernel/cmdline\n" in done.stdout
    assert id not in done.stdout
    (top / journal.path_of(id, "done")[1:]).write_bytes(b"")
    damaged = grubkd("history", *root)
    assert damaged.returncode == 3
    assert "the journal cannot be used" in damaged.stderr


def test_a_file_that_grubkd_never_edits_is_refused_before_it_is_journalled(top: Path) -> None:
    with pytest.raises(VerificationFailed):
        write(top, FileChange("/etc/fstab", None, b"x\n"))
