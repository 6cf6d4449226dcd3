"""What a journal holds, it gives back; what it cannot hold is refused before anything changes."""

import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from faults import tree
from hypothesis import given, settings
from hypothesis import strategies as st
from support.answered import answer

from grubkd.change import TRANSACTIONS, disk, journal, lock, transaction
from grubkd.change.edit import FileChange
from grubkd.change.record import FileRecord, Record
from grubkd.change.rollback import rollback
from grubkd.cli import main
from grubkd.errors import Refused
from grubkd.tree.root import Root

GRUB_CFG, DEFAULT = "/boot/grub2/grub.cfg", "/etc/default/grub"
ID = "20260101-000000-000000"
CHANGE = FileChange(DEFAULT, tree.OLD[DEFAULT], tree.NEW[DEFAULT])


@pytest.fixture
def top() -> Iterator[Path]:
    """In memory, where a file may have any time."""
    with tree.memory() as home:
        tree.build(home)
        yield home


def commit(top: Path, *changes: FileChange) -> None:
    transaction.commit(Root(str(top)), changes or [CHANGE], command="set", wanted={}, by="given")


def killed(top: Path, change: FileChange = CHANGE, link: str | None = None) -> None:
    """Leave the tree as a run leaves it that is killed after its first rename."""
    root = Root(str(top))
    old = disk.read_image(root, change.path)
    assert old
    assert change.after
    files = (FileRecord(change.path, old, disk.digest(change.after), link),)
    with lock.lock(root):
        journal.begin(root, Record(ID, "2026-01-01T00:00:00Z", "set", {}, "given", files))
    (top / change.path[1:]).rename(top / disk.temporary_name(change.path, ID, 0, "old")[1:])
    (top / change.path[1:]).write_bytes(change.after)


ODD = {
    "after 2262": lambda file: os.utime(file, ns=(0, 10_500_000_000 * 10**9 + 7)),
    "before 1678": lambda file: os.utime(file, ns=(0, -10_500_000_000 * 10**9 + 7)),
    "blank": lambda file: os.setxattr(file, "user.a b", b"1"),
    "newline": lambda file: os.setxattr(file, "user.a\nb", b"1"),
    "UTF-8": lambda file: os.setxattr(file, "user.é", b"1"),
    "not UTF-8": lambda file: os.setxattr(file, b"user.\xff", b"1"),
    "longest": lambda file: os.setxattr(file, "user." + "x" * 250, b"1"),
}


@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize("lost", [False, True])
def test_odd_metadata_comes_back(top: Path, odd: str, lost: bool) -> None:
    """By rollback, and by recovery, with the kept old file and without it."""
    try:
        ODD[odd](top / DEFAULT[1:])
    except OSError as problem:
        pytest.skip(f"the file system cannot hold it: {problem}")
    before = tree.state(top)
    commit(top)
    assert tree.state(top) != before
    rollback(Root(str(top)))
    assert tree.state(top) == before
    shutil.rmtree(top / "var")
    killed(top)
    if lost:
        for kept in (top / "etc/default").glob(".grubkd-*"):
            kept.unlink()
    transaction.recover(Root(str(top)))
    assert tree.state(top) == before


REFUSED = {
    "set-user-ID": lambda file: file.chmod(0o4755),
    "sticky": lambda file: file.chmod(0o1644),
    "security.capability": lambda file: os.setxattr(
        file, "security.capability", bytes.fromhex("0100000280000000000000000000000000000000")
    ),
    "trusted.note": lambda file: os.setxattr(file, "trusted.note", b"1"),
}


@pytest.mark.parametrize("odd", REFUSED)
def test_what_a_journal_does_not_give_back_is_refused_before(top: Path, odd: str) -> None:
    make: Callable[[Path], object] = REFUSED[odd]
    try:
        make(top / DEFAULT[1:])
    except OSError as problem:
        pytest.skip(f"the file system cannot hold it, or not for this user: {problem}")
    before = tree.state(top)
    with pytest.raises(Refused) as caught:
        commit(top, *tree.CHANGES)
    assert caught.value.exit == 4
    assert caught.value.place and caught.value.place.file == DEFAULT
    assert odd in caught.value.message
    assert tree.state(top) == before
    assert not (top / "var/lib/grubkd").exists()


@pytest.mark.parametrize("verb", [["set", "256M"], ["rollback"]], ids=lambda verb: verb[0])
@pytest.mark.parametrize("odd", REFUSED)
def test_a_dry_run_refuses_it_too(top: Path, odd: str, verb: list[str]) -> None:
    tree.build_kernels(top)
    command = [*verb, "--json", "--root", str(top)]
    if verb == ["rollback"]:
        assert answer(lambda: main(["set", "256M", "--root", str(top)])).exit == 0
    make: Callable[[Path], object] = REFUSED[odd]
    try:
        make(top / "etc/kernel/cmdline")
    except OSError as problem:
        pytest.skip(f"the file system cannot hold it, or not for this user: {problem}")
    tried, done = answer(lambda: main([*command, "--dry-run"])), answer(lambda: main(command))
    assert (tried.exit, done.exit) == (4, 4)
    assert tried.json["error"] == done.json["error"]
    assert odd in tried.json["error"]["message"]


@pytest.mark.parametrize("how", ["rollback", "recovery"])
def test_a_link_that_a_file_replaced_since(top: Path, how: str) -> None:
    """grub2-mkconfig -o, or an editor, puts a file in the link's place; the journal is ours all the same."""
    (top / "srv").mkdir()
    (top / GRUB_CFG[1:]).rename(top / "srv/menu")
    (top / GRUB_CFG[1:]).symlink_to("/srv/menu")
    change = FileChange("/srv/menu", tree.OLD[GRUB_CFG], tree.NEW[GRUB_CFG])
    if how == "rollback":
        commit(top, change)
    else:
        killed(top, change, GRUB_CFG)
    (top / GRUB_CFG[1:]).unlink()
    (top / GRUB_CFG[1:]).write_bytes(b"another\n")
    if how == "rollback":
        again = rollback(Root(str(top))).transaction
        assert (top / "srv/menu").read_bytes() == tree.OLD[GRUB_CFG]
        rollback(Root(str(top)), again)
        assert (top / "srv/menu").read_bytes() == tree.NEW[GRUB_CFG]
        rollback(Root(str(top)))
    else:
        transaction.recover(Root(str(top)))
    assert (top / "srv/menu").read_bytes() == tree.OLD[GRUB_CFG]
    assert (top / GRUB_CFG[1:]).read_bytes() == b"another\n"


# A law.


def mostly(good: st.SearchStrategy[object], odd: st.SearchStrategy[object]) -> st.SearchStrategy[object]:
    """Nine times in ten a good value: a record has many, and one odd one makes it unfit."""
    return st.integers(0, 9).flatmap(lambda number: odd if number == 9 else good)


TEXTS = st.text(max_size=20)
NAMES = mostly(
    st.one_of(
        st.sampled_from(["security.selinux", "system.posix_acl_access"]),
        st.text(st.characters(min_codepoint=1, max_codepoint=255), min_size=1, max_size=250).map("user.{}".format),
    ),
    st.one_of(
        st.sampled_from(["security.capability", "trusted.x", "user.", "user.\0"]),
        st.text(st.characters(max_codepoint=0x120), min_size=240, max_size=260).map("user.{}".format),
    ),
)
NUMBERS = mostly(st.integers(0, 2**32 - 2), st.sampled_from([-1, 2**32 - 1, 2**64]))
TIMES = mostly(
    st.integers(-(2**63) * 10**9, 2**63 * 10**9 - 1), st.sampled_from([None, -(2**63) * 10**9 - 1, 2**63 * 10**9])
)
IMAGES = st.builds(
    disk.FileImage,
    data=st.binary(max_size=50),
    mode=mostly(st.integers(0, 0o777), st.integers(0, 0o10000)),
    uid=NUMBERS,
    gid=NUMBERS,
    mtime_ns=TIMES,
    xattrs=st.dictionaries(NAMES, st.binary(max_size=20), max_size=2),
)
PLACES = st.one_of(
    st.sampled_from([GRUB_CFG, DEFAULT, "/etc/kernel/cmdline"]),
    st.text(st.characters(min_codepoint=48, max_codepoint=255), min_size=1, max_size=9).map(
        "/boot/loader/entries/{}.conf".format
    ),
)
PATHS = mostly(
    PLACES,
    st.one_of(
        st.just("/etc/passwd"),
        st.text(st.characters(max_codepoint=0x120), max_size=10).map("/boot/loader/entries/{}.conf".format),
    ),
)
DIGESTS = mostly(st.one_of(st.none(), st.binary().map(disk.digest)), TEXTS)
FILES = st.builds(FileRecord, PATHS, st.one_of(st.none(), IMAGES), DIGESTS, st.one_of(st.none(), PATHS))
VALUES = mostly(
    st.one_of(TEXTS, st.integers(), st.none(), st.booleans(), st.just("\udc80")),
    st.one_of(st.floats(), st.just("\ud800")),
)
RECORDS = st.builds(
    Record,
    id=st.just(ID),
    time=mostly(st.just("2026-01-01T00:00:00Z"), TEXTS),
    command=mostly(st.just("set"), TEXTS),
    wanted=st.dictionaries(TEXTS, st.one_of(VALUES, st.lists(VALUES, max_size=3)), max_size=3),
    by=st.sampled_from(["auto", "given"]),
    files=st.lists(FILES, max_size=2).map(tuple),
    directories=mostly(st.just(()), st.one_of(st.just(("/etc/kernel",)), st.lists(TEXTS, max_size=2).map(tuple))),
    followups=mostly(st.sampled_from([(), (("zipl",),)]), st.just((("sh",),))),
    undoes=mostly(st.one_of(st.none(), st.just(ID)), TEXTS),
)


@settings(max_examples=400)
@given(RECORDS)
def test_what_is_begun_is_read_back(made: Record) -> None:
    with tree.memory() as top:
        root = Root(str(top))
        with lock.lock(root):
            try:
                journal.begin(root, made)
            except Refused:
                assert not (top / TRANSACTIONS[1:]).exists()
                return
        assert journal.load(root, ID, "pending") == made


def test_a_journal_without_the_member_link_is_read(top: Path) -> None:
    """Journals of the first releases have none; an upgrade keeps their history."""
    commit(top)
    path = next((top / TRANSACTIONS[1:]).glob("*.done"))
    body = json.loads(path.read_bytes().splitlines()[1])
    for file in body["files"]:
        del file["link"]
    text = json.dumps(body).encode("ascii")
    path.write_bytes(json.dumps({"grubkd": 1, "sha256": disk.digest(text)}).encode("ascii") + b"\n" + text + b"\n")
    rollback(Root(str(top)))
    assert tree.texts(tree.state(top))[DEFAULT] == tree.OLD[DEFAULT]
