"""commit: all files or none, with what belongs to them; what makes it refuse; what an interrupted one leaves."""

import os
import shutil
import stat
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest
from faults import tree

from grubkd.change import STATE, TRANSACTIONS, history, journal, record, transaction
from grubkd.change.edit import FileChange
from grubkd.change.transaction import Transaction
from grubkd.errors import (
    ChangedSinceRead,
    CommandFailed,
    GrubkdError,
    InputOutput,
    Interrupted,
    LockBusy,
    NotUnderstood,
    PermissionDenied,
    Refused,
    RollbackFailed,
    VerificationFailed,
)
from grubkd.tree.root import Root
from grubkd.tree.tree import Tree

GRUB_CFG, SNIPPET, DEFAULT = "/boot/grub2/grub.cfg", "/boot/loader/entries/a.conf", "/etc/default/grub"
KERNEL_CMDLINE = "/etc/kernel/cmdline"


@pytest.fixture
def top(tmp_path: Path) -> Path:
    top = tmp_path / "tree"
    tree.build(top)
    return top


def commit(top: Path, *changes: FileChange, **more: object) -> Transaction:
    options = {"command": "set", "wanted": {"crashkernel": ["256M"]}, "by": "given", **more}
    return transaction.commit(Root(str(top)), changes or tree.CHANGES, **options)  # type: ignore[arg-type]


def refused(top: Path, kind: type[GrubkdError], *changes: FileChange, **more: object) -> GrubkdError:
    """The error of a commit that must fail and leave no trace, grubkd's own directory apart from history included."""
    before = tree.state(top)
    inodes = {path: (top / path[1:]).stat().st_ino for path in tree.OLD if (top / path[1:]).is_file()}
    with pytest.raises(kind) as caught:
        commit(top, *changes, **more)
    assert type(caught.value) is kind
    assert tree.state(top) == before
    assert inodes == {path: (top / path[1:]).stat().st_ino for path in inodes}
    assert not (top / "var").exists() or not list(top.glob("var/lib/grubkd/transactions/*"))
    return caught.value


def test_all_files_change(top: Path) -> None:
    done = commit(top)
    assert tree.texts(tree.state(top)) == tree.NEW
    assert done.files == tuple(tree.NEW)
    grub_cfg = top / "boot/grub2/grub.cfg"
    assert stat.S_IMODE(grub_cfg.stat().st_mode) == 0o600
    assert os.getxattr(grub_cfg, "user.note") == b"kept"
    assert stat.S_IMODE((top / "boot/loader/entries/a.conf").stat().st_mode) == 0o640
    assert stat.S_IMODE((top / "etc/kernel/cmdline").stat().st_mode) == 0o644
    times = [(top / path[1:]).stat().st_mtime_ns for path in tree.NEW]
    assert times == sorted(times)
    assert abs(times[0] / 1e9 - time.time()) < 60


def test_the_umask_takes_nothing_away(top: Path) -> None:
    old = os.umask(0o077)
    try:
        commit(top)
    finally:
        os.umask(old)
    assert stat.S_IMODE((top / "etc/kernel").stat().st_mode) == 0o755
    assert stat.S_IMODE((top / "etc/kernel/cmdline").stat().st_mode) == 0o644
    assert stat.S_IMODE((top / "var/lib").stat().st_mode) == 0o755


def test_grubkds_own_directory_is_private(top: Path) -> None:
    (top / "var/lib/grubkd").mkdir(parents=True)
    (top / "var/lib/grubkd").chmod(0o755)
    done = commit(top)
    modes = {each.name: stat.S_IMODE(each.stat().st_mode) for each in [top / STATE[1:], *(top / STATE[1:]).rglob("*")]}
    assert modes == {"grubkd": 0o700, "transactions": 0o700, f"{done.id}.done": 0o600}


def test_the_owner_stays(top: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give files away")
    os.chown(top / "etc/default/grub", 1234, 4321)
    commit(top)
    status = (top / "etc/default/grub").stat()
    assert (status.st_uid, status.st_gid) == (1234, 4321)


def test_an_access_control_list_stays(top: Path) -> None:
    """As setfacl writes it: user::rw- user:1234:r-- group::r-- mask::r-- other::---."""
    acl = bytes.fromhex("02000000 01000600ffffffff 02000400d2040000 04000400ffffffff 10000400ffffffff 20000000ffffffff")
    file = top / "etc/default/grub"
    try:
        os.setxattr(file, "system.posix_acl_access", acl)
    except OSError as problem:
        pytest.skip(f"no access control lists here: {problem}")
    commit(top)
    assert os.getxattr(file, "system.posix_acl_access") == acl
    assert stat.S_IMODE(file.stat().st_mode) == 0o640


def test_other_names_of_a_file_keep_the_old_bytes(top: Path) -> None:
    os.link(top / "boot/grub2/grub.cfg", top / "backup")
    commit(top)
    assert (top / "backup").read_bytes() == tree.OLD[GRUB_CFG]
    assert (top / "boot/grub2/grub.cfg").read_bytes() == tree.NEW[GRUB_CFG]
    assert (top / "backup").stat().st_nlink == 1


def test_a_failed_change_gives_hard_links_back(top: Path) -> None:
    os.link(top / "boot/grub2/grub.cfg", top / "backup")
    with pytest.raises(ZeroDivisionError):
        commit(top, recheck=lambda _tree: 1 / 0)
    assert (top / "backup").samefile(top / "boot/grub2/grub.cfg")


def test_a_file_is_removed(top: Path) -> None:
    commit(top, FileChange(SNIPPET, tree.OLD[SNIPPET], None))
    assert not (top / SNIPPET[1:]).exists()


def test_the_same_bytes_are_written_anew_to_be_newer(top: Path) -> None:
    (top / "etc/kernel").mkdir()
    (top / KERNEL_CMDLINE[1:]).write_bytes(b"root\n")
    os.utime(top / KERNEL_CMDLINE[1:], ns=(0, 0))
    commit(
        top,
        FileChange(DEFAULT, tree.OLD[DEFAULT], tree.NEW[DEFAULT]),
        FileChange(KERNEL_CMDLINE, b"root\n", b"root\n"),
    )
    assert (top / KERNEL_CMDLINE[1:]).read_bytes() == b"root\n"
    assert (top / KERNEL_CMDLINE[1:]).stat().st_mtime_ns >= (top / DEFAULT[1:]).stat().st_mtime_ns


def test_kernel_cmdline_is_never_older_than_default_grub(top: Path) -> None:
    """Even where an image was built with a clock that ran ahead."""
    ahead = time.time_ns() + 10**15
    os.utime(top / DEFAULT[1:], ns=(ahead, ahead))
    commit(top, FileChange(KERNEL_CMDLINE, None, b"root\n"))
    assert (top / KERNEL_CMDLINE[1:]).stat().st_mtime_ns == ahead


def test_nothing_looks_like_a_boot_entry_while_it_is_written(top: Path) -> None:
    seen: set[str] = set()
    commit(top, recheck=lambda _tree: seen.update(each.name for each in (top / "boot/loader/entries").iterdir()))
    assert "a.conf" in seen
    assert [
        each for each in seen - {"a.conf"} if not each.startswith(".grubkd-") or each.endswith((".conf", ".cfg"))
    ] == []
    assert len(seen) == 2  # the new file has taken its place, the old one waits


@pytest.mark.parametrize("path", tree.OLD)
def test_a_file_changed_since_it_was_read(top: Path, path: str) -> None:
    (top / path[1:]).write_bytes(b"somebody else's\n")
    problem = refused(top, ChangedSinceRead)
    assert problem.place and problem.place.file == path
    assert problem.exit == 4


def test_a_file_that_came_or_went_since(top: Path) -> None:
    (top / "etc/kernel").mkdir()
    (top / KERNEL_CMDLINE[1:]).write_bytes(b"somebody else's\n")
    refused(top, ChangedSinceRead)
    (top / KERNEL_CMDLINE[1:]).unlink()
    (top / SNIPPET[1:]).unlink()
    refused(top, ChangedSinceRead)


def test_a_file_changed_while_the_others_were_written(top: Path) -> None:
    """A file that is none of the old and new ones when the change is taken back is nobody's to overwrite."""

    def meddle(_tree: Tree) -> None:
        (top / DEFAULT[1:]).write_bytes(b"somebody else's\n")
        raise VerificationFailed("it reads differently")

    with pytest.raises(RollbackFailed) as caught:
        commit(top, recheck=meddle)
    assert "it reads differently" in caught.value.message
    assert f"{DEFAULT}: changed by somebody else meanwhile" in caught.value.message
    assert "--force" in caught.value.hint
    now = tree.texts(tree.state(top))
    left = now.pop(f"/etc/default/{next((top / 'etc/default').glob('.grubkd-*')).name}")
    assert left == tree.OLD[DEFAULT]
    assert now == {**tree.OLD, DEFAULT: b"somebody else's\n"}

    # Every later change stops at it, until it is put right or given up.
    root = Root(str(top))
    pending = transaction.pending(root)
    assert pending is not None
    with pytest.raises(RollbackFailed):
        transaction.recover(root)
    notices = transaction.recover(root, force=True)
    assert [each.code for each in notices] == ["interrupted-undone"]
    assert tree.texts(tree.state(top)) == tree.OLD
    assert transaction.pending(root) is None


@pytest.mark.parametrize(
    "path",
    [
        "/etc/passwd",
        "/boot/vmlinuz",
        "/boot/grub2/../../etc/passwd",
        "/boot/loader/entries/a.conf.bak",
        "/boot/loader/entries/sub/a.conf",
        "boot/grub2/grub.cfg",
        "/boot/grub2//grub.cfg",
        "/usr/lib/kernel/cmdline",
    ],
)
def test_no_other_file_is_ever_written(top: Path, path: str) -> None:
    refused(top, VerificationFailed, FileChange(path, None, b"x\n"))


def test_where_a_link_at_a_known_place_leads_may_be_written(top: Path) -> None:
    (top / "srv").mkdir()
    (top / "srv/conf").write_bytes(b"x\n")
    (top / "etc/grub2.cfg").symlink_to("../srv/conf")
    commit(top, FileChange("/srv/conf", b"x\n", b"y\n"))
    assert (top / "srv/conf").read_bytes() == b"y\n"
    assert (top / "etc/grub2.cfg").is_symlink()


def test_a_link_that_took_a_files_place(top: Path) -> None:
    """The path was resolved before: a link on it now was put there since, perhaps to lead the writing elsewhere."""
    (top / "victim").write_bytes(tree.OLD[DEFAULT])
    (top / DEFAULT[1:]).unlink()
    (top / DEFAULT[1:]).symlink_to("/victim")
    with pytest.raises(InputOutput, match="Too many levels of symbolic links"):
        commit(top)
    assert (top / "victim").read_bytes() == tree.OLD[DEFAULT]
    assert (top / GRUB_CFG[1:]).read_bytes() == tree.OLD[GRUB_CFG]


def test_a_directory_exchanged_for_a_link_all_the_while(top: Path) -> None:
    """Each commit is made or refused, as it happens; nothing that it wrote is where the link led."""
    outside = top.parent / "outside"
    shutil.copytree(top / "boot/loader", outside)
    untouched = tree.state(outside)
    loader, aside = top / "boot/loader", top / "boot/aside"
    over = threading.Event()

    def exchange() -> None:
        while not over.is_set():
            loader.rename(aside)
            loader.symlink_to(outside)
            time.sleep(0.0002)
            loader.unlink()
            aside.rename(loader)
            time.sleep(0.002)

    thread = threading.Thread(target=exchange)
    thread.start()
    texts = (tree.OLD[SNIPPET], tree.NEW[SNIPPET])
    try:
        for number in range(60):
            for before in texts:
                with suppress(GrubkdError):
                    commit(top, FileChange(SNIPPET, before, texts[number % 2]))
                    break
    finally:
        over.set()
        thread.join()
    assert tree.state(outside) == untouched
    transaction.recover(Root(str(top)))
    present = (top / SNIPPET[1:]).read_bytes()
    assert present in texts
    loader.rename(aside)
    loader.symlink_to(outside)
    with pytest.raises(GrubkdError):
        commit(top, FileChange(SNIPPET, present, b"options ro\n"))
    loader.unlink()
    aside.rename(loader)
    commit(top, FileChange(SNIPPET, present, b"options ro\n"))
    assert tree.state(outside) == untouched


@pytest.mark.parametrize("where", ["var", "var/lib", "var/lib/grubkd"])
def test_a_link_in_place_of_grubkds_own_directory(top: Path, where: str) -> None:
    outside = top.parent / "outside"
    outside.mkdir()
    (top / where).parent.mkdir(parents=True, exist_ok=True)
    (top / where).symlink_to(outside)
    with pytest.raises(InputOutput, match="a symbolic link leads there") as caught:
        commit(top)
    assert "bind mount" in caught.value.hint
    with pytest.raises(InputOutput, match="a symbolic link leads there"):
        history.read(Root(str(top)))
    assert list(outside.iterdir()) == []
    assert tree.texts(tree.state(top)) == tree.OLD


def test_a_recheck_that_fails_takes_all_back(top: Path) -> None:
    def recheck(_tree: Tree) -> None:
        assert tree.texts(tree.state(top)).items() >= tree.NEW.items()
        raise VerificationFailed("it reads differently")

    assert refused(top, VerificationFailed, recheck=recheck).message == "it reads differently"


def test_what_could_not_be_looked_into_stops_a_change(top: Path) -> None:
    root = Root(str(top))
    root.denied.add("/boot/efi")
    with pytest.raises(PermissionDenied):
        transaction.commit(root, tree.CHANGES, command="set", wanted={}, by="given")
    assert not (top / "var").exists()


def test_an_immutable_file(top: Path) -> None:
    import subprocess

    if subprocess.run(["chattr", "+i", str(top / DEFAULT[1:])], check=False, capture_output=True).returncode:
        pytest.skip("chattr +i does not work here: not root, or the file system has no such flag")
    try:
        problem = refused(top, PermissionDenied)
        assert str(problem) == f"{DEFAULT}: cannot be written: Operation not permitted"
        assert "lsattr" in problem.hint
    finally:
        subprocess.run(["chattr", "-i", str(top / DEFAULT[1:])], check=True)


def test_an_append_only_directory(top: Path) -> None:
    """No file in it can be replaced, and no temporary file be removed: exit 1, since every file is as before."""
    import subprocess

    directory = top / DEFAULT[1:].rpartition("/")[0]
    if subprocess.run(["chattr", "+a", str(directory)], check=False, capture_output=True).returncode:
        pytest.skip("chattr +a does not work here: not root, or the file system has no such flag")
    try:
        with pytest.raises(PermissionDenied) as caught:
            commit(top)
        problem = caught.value
        assert tree.texts(tree.state(top)).items() >= tree.OLD.items()
        assert problem.exit == 1
        assert "all files are as they were, but" in problem.hint
        assert ".grubkd-" in problem.hint
    finally:
        subprocess.run(["chattr", "-a", str(directory)], check=True)
    # The next run removes what is beside the files.
    [notice] = transaction.recover(Root(str(top)))
    assert notice.code == "interrupted-undone"
    assert not list(top.rglob(".grubkd-*"))
    assert tree.texts(tree.state(top)) == tree.OLD


def test_what_recovery_cannot_remove(top: Path) -> None:
    import subprocess

    directory = top / DEFAULT[1:].rpartition("/")[0]
    if subprocess.run(["chattr", "+a", str(directory)], check=False, capture_output=True).returncode:
        pytest.skip("chattr +a does not work here: not root, or the file system has no such flag")
    try:
        with pytest.raises(PermissionDenied):
            commit(top)
        with pytest.raises(InputOutput, match=r"all files are as they were before it, but .*grubkd-") as caught:
            commit(top)
        assert caught.value.exit == 1
    finally:
        subprocess.run(["chattr", "-a", str(directory)], check=True)


def test_a_run_that_changes_nothing_leaves_no_trace(top: Path) -> None:
    before = sorted(top.rglob("*"))
    with transaction.lock(Root(str(top))):
        assert (top / "var/lib/grubkd").is_dir()
    assert sorted(top.rglob("*")) == before


def test_a_failed_run_leaves_no_trace(top: Path) -> None:
    before = sorted(top.rglob("*"))

    def fail(_tree: object) -> None:
        raise VerificationFailed("no")

    for failure in (fail, "nothing"):
        with pytest.raises(GrubkdError):
            if failure == "nothing":
                commit(top, FileChange("/etc/fstab", None, b""))
            else:
                commit(top, recheck=failure)
        assert sorted(top.rglob("*")) == before


def test_the_lock_waits_and_then_gives_up(top: Path) -> None:
    first, second = Root(str(top)), Root(str(top))
    with transaction.lock(first):
        started = time.monotonic()
        with pytest.raises(LockBusy) as caught, transaction.lock(second, patience=0.2):
            pass
        assert time.monotonic() - started >= 0.2
        assert caught.value.exit == 1
        assert transaction.pending(second) is None
        with transaction.lock(first):  # within the one who holds it, it is no obstacle
            pass
    with transaction.lock(second, patience=0):
        pass


def test_the_lock_is_handed_on(top: Path) -> None:
    order: list[str] = []
    entered = threading.Event()

    def later() -> None:
        entered.set()
        with transaction.lock(Root(str(top))):
            order.append("later")

    with transaction.lock(Root(str(top))):
        thread = threading.Thread(target=later)
        thread.start()
        entered.wait()
        time.sleep(0.1)
        order.append("first")
    thread.join()
    assert order == ["first", "later"]


def test_history_is_pruned(top: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "MOST_TRANSACTIONS", 5)
    data = tree.OLD[DEFAULT]
    ids = []
    for number in range(8):
        new = f"X={number}\n".encode()
        ids.append(commit(top, FileChange(DEFAULT, data, new)).id)
        data = new
    assert ids == sorted(set(ids))
    assert [each.id for each in history.read(Root(str(top))).transactions] == ids[-5:]


def test_history_is_pruned_by_size_but_never_the_latest(top: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "MOST_BYTES", 5000)
    data = tree.OLD[DEFAULT]
    for number in range(4):
        new = b"#" * 2000 + str(number).encode()
        latest = commit(top, FileChange(DEFAULT, data, new)).id
        data = new
    assert [each.id for each in history.read(Root(str(top))).transactions][-1] == latest
    assert sum(each.stat().st_size for each in (top / TRANSACTIONS[1:]).iterdir()) <= 5000


def test_a_change_too_large_to_journal(top: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "MOST_BYTES", 1000)
    refused(top, InputOutput)


def test_ids_grow_even_when_the_clock_goes_back(top: Path) -> None:
    first = commit(top).id
    done = top / journal.path_of(first, "done")[1:]
    later = "20990101-000000-999999"
    found = journal.load(Root(str(top)), first, "done")
    done.unlink()
    moved = found._replace(id=later)
    (top / journal.path_of(later, "done")[1:]).write_bytes(record.encode(moved))
    assert commit(top, FileChange(DEFAULT, tree.NEW[DEFAULT], b"Y=1\n")).id == "20990101-000001-000000"


def test_no_id_is_left(top: Path) -> None:
    commit(top)
    (top / journal.path_of("99999999-999999-999999", "done")[1:]).write_bytes(b"")
    with pytest.raises(InputOutput, match="no transaction id is left"):
        commit(top, FileChange(DEFAULT, tree.NEW[DEFAULT], b"Y=1\n"))


def test_a_damaged_pending_journal_stops_every_change(top: Path) -> None:
    id = "20260101-000000-000000"
    path = top / journal.path_of(id, "pending")[1:]
    path.parent.mkdir(parents=True)
    path.write_bytes(b"{}\n{}\n")
    with pytest.raises(NotUnderstood) as caught:
        commit(top)
    assert caught.value.place and caught.value.place.file == journal.path_of(id, "pending")
    assert "remove this file" in caught.value.hint
    assert tree.texts(tree.state(top)) == tree.OLD


def test_a_signal_takes_all_back(top: Path) -> None:
    import signal

    with pytest.raises(Interrupted) as caught:
        commit(top, recheck=lambda _tree: signal.raise_signal(signal.SIGTERM))
    assert caught.value.exit == 130
    assert "SIGTERM" in caught.value.message
    assert tree.texts(tree.state(top)) == tree.OLD
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


def test_an_ignored_hangup_stays_ignored(top: Path) -> None:
    import signal

    old = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        commit(top, recheck=lambda _tree: signal.raise_signal(signal.SIGHUP))
    finally:
        signal.signal(signal.SIGHUP, old)
    assert tree.texts(tree.state(top)) == tree.NEW


def test_only_known_followups_are_taken(top: Path) -> None:
    refused(top, VerificationFailed, followups=[["sh", "-c", "true"]])


def test_followups_are_returned_under_a_root(top: Path) -> None:
    assert commit(top, followups=[["zipl"]]).followups == (("zipl",),)


def test_a_followup_that_the_tree_lacks_takes_all_back(top: Path) -> None:
    problem = refused(top, CommandFailed, followups=[["zipl"]], run_followups=True)
    assert problem.message == "zipl: no such command in the tree"


def test_a_followup_of_a_foreign_architecture_is_refused(top: Path) -> None:
    machine = {"s390x": 62}.get(os.uname().machine, 22)
    zipl = top / "sbin/zipl"
    zipl.parent.mkdir()
    zipl.write_bytes(b"\x7fELF\x02\x02\x01" + bytes(11) + machine.to_bytes(2, "big") + bytes(44))
    zipl.chmod(0o755)
    problem = refused(top, Refused, followups=[["zipl"]], run_followups=True)
    assert "another architecture" in problem.message
    assert problem.exit == 4


def test_what_is_rechecked_is_the_tree_without_the_second_names(top: Path) -> None:
    seen = {}

    def recheck(found: Tree) -> None:
        seen["names"] = found.list("/boot/loader/entries")
        seen["on disk"] = tuple(sorted(each.name for each in (top / "boot/loader/entries").iterdir()))
        seen["text"] = found.read(SNIPPET)

    done = commit(top, recheck=recheck)
    assert seen == {"names": ("a.conf",), "on disk": (f".grubkd-{done.id}-1.old", "a.conf"), "text": tree.NEW[SNIPPET]}
