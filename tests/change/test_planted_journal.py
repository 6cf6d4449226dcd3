"""Journals and kept files that the owner of a tree made for root to use: nothing of them gets root's rights."""

import json
import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from faults import tree

from grubkd.change import disk, history, journal, lock, record, transaction
from grubkd.change.edit import FileChange
from grubkd.change.record import FileRecord, Record
from grubkd.change.rollback import rollback
from grubkd.cli import main
from grubkd.errors import UntrustedJournal
from grubkd.tree.root import Root

DEFAULT = "/etc/default/grub"
MALLORY = 1234
ELF = b"\x7fELF\x02\x01\x01" + bytes(57)
# cap_setuid=ep, as setcap writes it (struct vfs_cap_data, revision 2).
CAPABILITY = bytes.fromhex("0100000280000000000000000000000000000000")
ID = "20260101-000000-000000"

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="giving files away needs root")


@pytest.fixture
def top(tmp_path: Path) -> Path:
    top = tmp_path / "tree"
    tree.build(top)
    (top / "boot/grub2/grub.cfg").write_text("menuentry 'Linux' {\n\tlinux /vmlinuz-6.1.0-1-amd64 root=/dev/sda1\n}\n")
    return top


def planted(top: Path, kind: str, *, owner: int = MALLORY) -> Path:
    """Plant a journal that makes /etc/default/grub a program with file capabilities, in a tree of the owner's."""
    old = disk.FileImage(ELF, 0o755, 0, 0, 0, {"security.capability": CAPABILITY})
    after = disk.digest((top / DEFAULT[1:]).read_bytes())
    made = Record(ID, "2026-01-01T00:00:00Z", "set", {}, "given", (FileRecord(DEFAULT, old, after),))
    path = top / journal.path_of(ID, kind)[1:]
    path.parent.mkdir(parents=True, mode=0o700)
    path.write_bytes(record.encode(made))
    path.chmod(0o600)
    give(top, owner)
    return path


def give(top: Path, owner: int) -> None:
    for each in (top, *top.rglob("*")):
        os.chown(each, owner, owner, follow_symlinks=False)


def privileges(file: Path) -> tuple[int, list[str]]:
    """The execution and set-ID bits, and the attributes."""
    return stat.S_IMODE(file.stat().st_mode) & 0o7111, os.listxattr(file)


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, dict[str, object]]:
    capsys.readouterr()
    code = main([*arguments, "--json"])
    return code, json.loads(capsys.readouterr().out)


@pytest.mark.parametrize(
    ("kind", "command"),
    [
        ("done", ("rollback",)),
        ("done", ("rollback", "--force")),
        ("done", ("rollback", "--dry-run")),
        ("done", ("rollback", ID)),
        ("done", ("history",)),
        ("pending", ("rollback",)),
        ("pending", ("rollback", ID, "--force")),
        ("pending", ("set", "256M")),
        ("pending", ("unset",)),
    ],
)
def test_a_journal_of_the_trees_owner_is_refused(
    top: Path, kind: str, command: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    planted(top, kind)
    before = tree.state(top)
    code, answer = run(capsys, *command, "--root", str(top))
    error = answer["error"]
    assert isinstance(error, dict)
    assert (code, error["code"]) == (4, "untrusted-journal")
    assert f"mv {top}/var/lib/grubkd {top}/var/lib/grubkd.untrusted" in error["fix"]
    assert tree.state(top) == before
    assert privileges(top / DEFAULT[1:]) == (0, [])


def test_show_warns_of_it_and_set_works_once_it_is_aside(top: Path, capsys: pytest.CaptureFixture[str]) -> None:
    planted(top, "pending")
    code, answer = run(capsys, "show", "--root", str(top))
    assert code == 0
    assert "history-unreadable" in json.dumps(answer["warnings"])
    (top / "var/lib/grubkd").rename(top / "var/lib/grubkd.untrusted")
    assert run(capsys, "set", "256M", "--root", str(top))[0] == 0
    assert run(capsys, "rollback", "--root", str(top))[0] == 0
    assert privileges(top / DEFAULT[1:]) == (0, [])


def chown(path: Path) -> None:
    os.chown(path, MALLORY, 0)


@pytest.mark.parametrize("kind", ["done", "pending"])
@pytest.mark.parametrize("harm", [chown, lambda path: path.chmod(0o720), lambda path: path.chmod(0o702)])
@pytest.mark.parametrize("what", [".", "transactions", "journal"])
def test_one_writer_besides_is_enough(top: Path, kind: str, harm: Callable[[Path], None], what: str) -> None:
    path = planted(top, kind, owner=0)
    harm(path if what == "journal" else top / "var/lib/grubkd" / what)
    before = tree.state(top)
    with pytest.raises(UntrustedJournal):
        rollback(Root(str(top)), force=True)
    assert tree.state(top) == before


@pytest.mark.parametrize("where", ["var/lib/grubkd", "var/lib/grubkd/transactions"])
def test_a_link_to_journals_elsewhere_is_not_followed(
    top: Path, where: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Not even to journals of root's own: they belong to another tree."""
    planted(top, "done", owner=0)
    (top / where).rename(top / "srv")
    (top / where).symlink_to("/srv")
    for command in (("history",), ("rollback",), ("rollback", "--dry-run")):
        assert run(capsys, *command, "--root", str(top))[0] == 1
    assert privileges(top / DEFAULT[1:]) == (0, [])


def test_a_lock_of_another_user_is_not_waited_for(top: Path) -> None:
    """Who owns the directory could hold its lock for ever."""
    (top / "var/lib/grubkd").mkdir(parents=True)
    chown(top / "var/lib/grubkd")
    with pytest.raises(UntrustedJournal), lock.lock(Root(str(top))):
        pass


def test_a_user_has_journals_of_their_own(top: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: MALLORY)
    planted(top, "done")
    assert [each.id for each in history.read(Root(str(top))).transactions] == [ID]


@pytest.mark.parametrize("kind", ["done", "pending"])
def test_even_a_journal_of_roots_gives_no_privileges(top: Path, kind: str) -> None:
    """An archive that root unpacked, say."""
    planted(top, kind, owner=0)
    if kind == "done":
        rollback(Root(str(top)))
    else:
        transaction.recover(Root(str(top)))
    assert (top / DEFAULT[1:]).read_bytes() == ELF
    assert privileges(top / DEFAULT[1:]) == (0, [])


def set_capability(file: Path) -> None:
    os.setxattr(file, "security.capability", CAPABILITY)


@pytest.mark.parametrize(
    "harm", [set_capability, chown, lambda file: file.chmod(0o4755), lambda file: file.write_bytes(ELF)]
)
def test_a_kept_file_that_is_not_the_old_one_is_not_used(top: Path, harm: Callable[[Path], None]) -> None:
    """The second names of the old files are in directories that may be another user's."""
    root = Root(str(top))
    old = disk.read_image(root, DEFAULT)
    assert old
    (top / DEFAULT[1:]).write_bytes(b"new\n")
    made = Record(ID, "2026-01-01T00:00:00Z", "set", {}, "given", (FileRecord(DEFAULT, old, disk.digest(b"new\n")),))
    with lock.lock(root):
        journal.begin(root, made)
    kept = top / disk.temporary_name(DEFAULT, ID, 0, "old")[1:]
    kept.write_bytes(old.data)
    os.utime(kept, ns=(tree.TIME, tree.TIME))
    harm(kept)
    planted_inode = kept.stat().st_ino
    transaction.recover(root)
    found = (top / DEFAULT[1:]).stat()
    assert found.st_ino != planted_inode
    assert disk.read_image(root, DEFAULT) == old
    assert not kept.exists()


def test_the_kept_file_itself_comes_back_where_it_is_the_old_one(top: Path) -> None:
    inode = (top / DEFAULT[1:]).stat().st_ino
    with pytest.raises(ZeroDivisionError):
        change = FileChange(DEFAULT, tree.OLD[DEFAULT], b"X=1\n")
        transaction.commit(Root(str(top)), [change], command="set", wanted={}, by="given", recheck=lambda _tree: 1 / 0)
    assert (top / DEFAULT[1:]).stat().st_ino == inode


def test_only_listed_attributes_come_back() -> None:
    listed = {"user.note": b"1", "security.selinux": b"s\0", "system.posix_acl_access": b"2"}
    others = dict.fromkeys(
        ("security.capability", "security.ima", "security.evm", "trusted.x", "system.x", "user.", "os2.x"), b"x"
    )
    old = disk.FileImage(b"", 0o6755, 0, 0, 0, {**listed, **others})
    made = Record(ID, "2026-01-01T00:00:00Z", "set", {}, "given", (FileRecord(DEFAULT, old, None),))
    before = record.decode(record.encode(made)).files[0].before
    assert before == old._replace(mode=0o755, xattrs=listed)


FILE = FileRecord("/boot/a/grub.cfg", None, None)
PLAIN = Record(ID, "2026-01-01T00:00:00Z", "set", {}, "given", (FILE,), ("/boot", "/boot/a"))


@pytest.mark.parametrize(
    ("harm", "why"),
    [
        ({"directories": ("/boot", "/boot")}, "a directory twice"),
        ({"files": (FILE, FILE)}, "a file twice"),
        ({"followups": (("zipl",), ("zipl",))}, "a follow-up command twice"),
        ({"directories": ("/bo",)}, "a directory that holds none of its files"),
        ({"directories": ("/boot/a/grub.cfg",)}, "a directory that holds none of its files"),
        ({"directories": ("/boot/b",)}, "a directory that holds none of its files"),
        ({"directories": ("/zzz",)}, "a directory that holds none of its files"),
        ({"directories": ("",)}, "a directory that holds none of its files"),
        ({"directories": ("/",)}, "a directory that holds none of its files"),
        ({"files": tuple(FILE._replace(path=f"/boot/{number}/grub.cfg") for number in range(4001))}, "files: "),
    ],
)
def test_what_no_journal_says(harm: dict[str, object], why: str) -> None:
    assert record.decode(record.encode(PLAIN)) == PLAIN
    with pytest.raises(record.Malformed, match=f"^{why}"):
        record.decode(record.encode(PLAIN._replace(**harm)))  # type: ignore[arg-type]
