"""Root: paths resolve inside the tree whatever it holds, and nothing but a regular file is read."""

import os
import socket
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grubkd.errors import InputOutput, PermissionDenied, Place, Usage
from grubkd.tree.root import LARGEST_FILE, LONGEST_LINE, Root, read_all
from grubkd.tree.tree import Snapshot

SECRET = "outside\n"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A tree `in` beside a file `secret` that is not in it."""
    (tmp_path / "secret").write_text(SECRET)
    top = tmp_path / "in"
    (top / "boot/grub2").mkdir(parents=True)
    (top / "etc").mkdir()
    (top / "boot/grub2/grub.cfg").write_text("inside\n")
    return top


def test_a_plain_path(tree: Path) -> None:
    root = Root(str(tree))
    assert not root.live
    assert root.exists("/boot/grub2/grub.cfg")
    assert root.exists("/boot")
    assert root.exists("/")
    assert root.resolve("/boot//grub2/./grub.cfg") == "/boot/grub2/grub.cfg"
    assert root.resolve("/") == "/"
    assert root.resolve("/boot/grub2/") == "/boot/grub2"
    assert root.read("/boot/grub2/grub.cfg") == b"inside\n"
    assert root.list("/") == ("boot", "etc")
    assert root.denied == set()


def test_what_is_not_there(tree: Path) -> None:
    root = Root(str(tree))
    for path in ("/nothing", "/nothing/below", "/boot/grub2/grub.cfg/below", "/" + "x" * 300, "/a\0b"):
        assert not root.exists(path)
        assert root.resolve(path) is None
        assert root.stat(path) is None
        assert root.list(path) == ()
        with pytest.raises(InputOutput):
            root.read(path)
    assert root.list("/boot/grub2/grub.cfg") == ()


@pytest.mark.parametrize(
    ("text", "path", "real"),
    [
        ("/boot/grub2/grub.cfg", "/etc/link", "/boot/grub2/grub.cfg"),
        ("../boot/grub2/grub.cfg", "/etc/link", "/boot/grub2/grub.cfg"),
        ("../../../../../boot/grub2/grub.cfg", "/etc/link", "/boot/grub2/grub.cfg"),
        ("/boot/grub2", "/etc/link/grub.cfg", "/boot/grub2/grub.cfg"),
        ("/", "/etc/link/etc/link/boot/grub2/grub.cfg", "/boot/grub2/grub.cfg"),
        (".", "/etc/link/../boot/grub2/grub.cfg", "/boot/grub2/grub.cfg"),
        # `..` after a link is the directory above its target, as in the kernel.
        ("/boot/grub2", "/etc/link/../grub2/grub.cfg", "/boot/grub2/grub.cfg"),
    ],
)
def test_links_resolve_inside(tree: Path, text: str, path: str, real: str) -> None:
    (tree / "etc/link").symlink_to(text)
    root = Root(str(tree))
    assert root.resolve(path) == real
    assert root.read(path) == b"inside\n"


@pytest.mark.parametrize(
    "text", ["/secret", "../../secret", "../../../../secret", "{outside}/secret", "/proc/self/root{outside}/secret"]
)
def test_no_link_leads_out(tree: Path, text: str) -> None:
    (tree / "etc/link").symlink_to(text.format(outside=tree.parent))
    root = Root(str(tree))
    assert root.resolve("/etc/link") is None
    with pytest.raises(InputOutput):
        root.read("/etc/link")
    with pytest.raises(InputOutput):
        root.read("/../secret")


def test_a_magic_link_is_only_its_text(tree: Path) -> None:
    """/proc/self/root and /proc/self/fd/N lead anywhere when the kernel follows them: Root follows their text."""
    # A bind mount would need privileges; the same directory is reached through a Root above /proc.
    root = Root("/proc/self")
    assert root.resolve("/root/etc") is None
    assert root.resolve("/cwd") is None
    descriptor = os.open(tree.parent / "secret", os.O_RDONLY)
    assert root.resolve(f"/fd/{descriptor}") is None
    os.close(descriptor)


def test_loops_end(tree: Path) -> None:
    (tree / "etc/a").symlink_to("b")
    (tree / "etc/b").symlink_to("a")
    (tree / "etc/self").symlink_to("self/self")
    root = Root(str(tree))
    assert root.resolve("/etc/a") is None
    assert not root.exists("/etc/self/x")
    with pytest.raises(InputOutput, match="Too many levels"):
        root.read("/etc/a")


def test_forty_links_are_followed_and_no_more(tree: Path) -> None:
    before = "/boot/grub2/grub.cfg"
    for number in range(41):
        (tree / f"etc/{number}").symlink_to(before)
        before = f"/etc/{number}"
    root = Root(str(tree))
    assert root.read("/etc/39") == b"inside\n"
    assert root.resolve("/etc/40") is None


def test_a_deep_tree_takes_no_descriptors_away(tree: Path) -> None:
    deep = tree
    for _ in range(60):
        deep = deep / "d"
    deep.mkdir(parents=True)
    root = Root(str(tree))
    before = len(list(Path("/proc/self/fd").iterdir()))
    assert root.exists("/d" * 60)
    assert not root.exists("/d" * 2000)
    assert root.resolve("/d/.." * 600 + "/boot") == "/boot"
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_only_regular_files_are_read_and_none_is_waited_for(tree: Path) -> None:
    os.mkfifo(tree / "etc/fifo")
    server = socket.socket(socket.AF_UNIX)
    os.chdir(tree / "etc")  # the path of a socket is short
    server.bind("socket")
    os.chdir("/")
    (tree / "etc/directory").mkdir()
    (tree / "etc/device").symlink_to("/dev-null")
    kinds = {"/etc/fifo": "not a regular file", "/etc/socket": "not a regular file", "/etc/directory": "Is a directory"}
    if os.geteuid() == 0:
        os.mknod(tree / "dev-null", 0o20666, os.makedev(1, 3))
        kinds["/etc/device"] = "not a regular file"
    root = Root(str(tree))
    started = time.process_time()
    for path, why in kinds.items():
        assert root.exists(path)
        with pytest.raises(InputOutput) as caught:
            root.read(path)
        assert caught.value.message == f"cannot be read: {why}"
        assert caught.value.place == Place(path)
    server.close()
    assert time.process_time() - started < 1


def test_a_file_of_a_gigabyte_is_refused_at_once(tree: Path) -> None:
    with (tree / "boot/grub2/grub.cfg").open("wb") as file:
        file.truncate(1 << 30)
    started = time.process_time()
    with pytest.raises(InputOutput) as caught:
        Root(str(tree)).read("/boot/grub2/grub.cfg")
    assert str(caught.value) == (
        "/boot/grub2/grub.cfg: cannot be read: larger than 2 MiB, which no boot configuration is"
    )
    assert time.process_time() - started < 1


def test_the_largest_file_that_is_read(tree: Path) -> None:
    file = tree / "boot/grub2/grub.cfg"
    file.write_bytes((b"x" * 1023 + b"\n") * (LARGEST_FILE >> 10))
    assert len(Root(str(tree)).read("/boot/grub2/grub.cfg")) == LARGEST_FILE
    with file.open("ab") as more:
        more.write(b"x")
    with pytest.raises(InputOutput, match="larger than 2 MiB"):
        Root(str(tree)).read("/boot/grub2/grub.cfg")


def test_a_file_whose_system_tells_no_size() -> None:
    assert Root("/").read("/proc/self/cmdline") == Path("/proc/self/cmdline").read_bytes()
    assert Root("/").read("/proc/cpuinfo").startswith(Path("/proc/cpuinfo").read_bytes()[:9])


def test_a_directory_with_too_many_names(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The real bound is tried in test_hostile, in memory."""
    monkeypatch.setattr("grubkd.tree.root.MOST_NAMES", 50)
    for number in range(51):
        (tree / f"etc/{number}").symlink_to("x")
    root = Root(str(tree))
    with pytest.raises(InputOutput) as caught:
        root.list("/etc")
    assert str(caught.value) == "/etc: cannot be listed: more than 50 names, which no boot configuration has"
    (tree / "etc/0").unlink()
    assert len(root.list("/etc")) == 50


def test_names_are_bytes(tree: Path) -> None:
    (tree / "etc" / os.fsdecode(b"\xff\xc3\xa4.conf")).write_text("x\n")
    root = Root(str(tree))
    assert root.list("/etc") == ("\xff\xc3\xa4.conf",)
    assert root.read("/etc/\xff\xc3\xa4.conf") == b"x\n"


def test_without_rights_as_much_is_seen_as_may_be(tree: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may look into everything; see test_hostile for the program as an ordinary user")
    (tree / "boot/grub2").chmod(0)
    root = Root(str(tree))
    assert root.list("/boot") == ("grub2",)
    assert root.resolve("/boot/grub2/grub.cfg") is None
    assert root.list("/boot/grub2") == ()
    assert root.denied == {"/boot/grub2/grub.cfg", "/boot/grub2"}
    with pytest.raises(PermissionDenied):
        root.read("/boot/grub2/grub.cfg")
    (tree / "boot/grub2").chmod(0o755)


def test_the_live_root() -> None:
    assert Root("/").live
    assert Root("/proc/..").live
    assert Root("/").resolve("/bin/sh") == os.path.realpath("/bin/sh")


@pytest.mark.parametrize("path", ["/nothing-here", "/etc/passwd", "a\0b", ""])
def test_a_root_that_is_none(path: str) -> None:
    with pytest.raises(Usage):
        Root(path)


def test_a_spot_without_links(tree: Path) -> None:
    (tree / "boot/link").symlink_to("grub2")
    (tree / "boot/grub2/link").symlink_to("grub.cfg")
    root = Root(str(tree))
    for path in ("/boot/link/grub.cfg", "/boot/grub2/link"):
        with pytest.raises(OSError, match="Too many levels"):
            root.spot(path, follow=False)
    with root.spot("/boot/grub2/grub.cfg", follow=False) as spot:
        assert spot.path == b"/boot/grub2/grub.cfg"
        assert spot.name == b"grub.cfg"


@given(st.lists(st.sampled_from(["..", ".", "", "a", "b", "up", "abs", "out", "loop"]), max_size=12))
def test_whatever_the_path_it_stays_inside(tmp_path_factory: pytest.TempPathFactory, names: list[str]) -> None:
    """Where resolving a path in a chroot would lead, said by the kernel's own rules on a tree full of links."""
    top = tmp_path_factory.getbasetemp() / "inside-law"
    if not top.exists():
        (top / "a/b").mkdir(parents=True)
        (top / "b").mkdir()
        (top / "a/up").symlink_to("..")
        (top / "b/abs").symlink_to("/a/b")
        (top / "out").symlink_to("/../../../../../../etc")
        (top / "loop").symlink_to("loop")
        (top / "a/b/a").symlink_to("../../b")
    path = "/" + "/".join(names)
    real = Root(str(top)).resolve(path)
    assert real == expected(top, names)
    if real is not None:
        assert os.path.realpath(f"{top}{real}") == os.path.normpath(f"{top}{real}")


def test_a_snapshot_repeats_its_answers(tree: Path) -> None:
    snapshot = Snapshot(Root(str(tree)))

    def answers() -> tuple[object, ...]:
        return (
            snapshot.live,
            snapshot.read("/boot/grub2/grub.cfg"),
            snapshot.part("/boot/grub2/grub.cfg", 2, 3),
            snapshot.list("/boot"),
            snapshot.exists("/etc"),
            snapshot.resolve("/boot/../etc"),
        )

    first = answers()
    assert first == (False, b"inside\n", b"sid", ("grub2",), True, "/etc")
    (tree / "boot/grub2/grub.cfg").write_text("changed")
    (tree / "boot/new").touch()
    assert answers() == first
    for _ in range(2):
        with pytest.raises(InputOutput):
            snapshot.read("/boot")


def expected(top: Path, names: list[str], depth: int = 0) -> str | None:
    """The same by another method: lexically, a name at a time, with readlink."""
    here: list[str] = []
    todo = list(names)
    links = 0
    while todo:
        name = todo.pop(0)
        if name in ("", "."):
            continue
        if name == "..":
            here = here[:-1]
            continue
        at = top.joinpath(*here, name)
        if at.is_symlink():
            links += 1
            target = str(at.readlink())
            if links > 40:
                return None
            here = [] if target.startswith("/") else here
            todo = target.split("/") + todo
        elif at.is_dir():
            here.append(name)
        else:
            return None
    return "/" + "/".join(here)


@pytest.mark.parametrize("size", [0, 1, 4095, 4096, 4097, 5000, 70000])
@pytest.mark.parametrize("told", [0, 1, 4096, 5000, 70000, 80000])
def test_all_of_a_file_is_read_whatever_its_size_was(tree: Path, size: int, told: int) -> None:
    """It grew or shrank since it was asked, or tells none, as in /proc; but where it is right, that is the end."""
    data = bytes(number % 251 for number in range(size))
    (tree / "etc/file").write_bytes(data)
    with (tree / "etc/file").open("rb", buffering=0) as file:
        assert read_all(file.fileno(), told) == data


def test_the_longest_line_that_is_read(tree: Path) -> None:
    file = tree / "boot/grub2/grub.cfg"
    file.write_bytes(b"a\n" + b"x" * LONGEST_LINE)
    assert len(Root(str(tree)).read("/boot/grub2/grub.cfg")) == LONGEST_LINE + 2
    with file.open("ab") as more:
        more.write(b"x\n")
    with pytest.raises(InputOutput, match="a line is longer than 256 KiB"):
        Root(str(tree)).read("/boot/grub2/grub.cfg")


def test_a_file_larger_than_any_is_not_read(tree: Path) -> None:
    with (tree / "etc/file").open("w+b", buffering=0) as file:
        file.truncate(LARGEST_FILE + 1)
        for told in (0, LARGEST_FILE, LARGEST_FILE + 1):
            file.seek(0)
            with pytest.raises(OSError, match="larger than 2 MiB"):
                read_all(file.fileno(), told, LARGEST_FILE)
