"""What is on the disk, and when: from the order of the system calls, and from the raw disk itself."""

import json
import re
import shutil
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest
from faults import tree
from faults.inject import Driver
from live import system

from grubkd.change import sync, transaction
from grubkd.tree.root import Root

LIVE = Path(system.__file__).parent


class Event(NamedTuple):
    """A system call on a path of the tree; `to` is where a rename or link leads."""

    call: str
    path: str
    to: str = ""


_AT = r'\d+<([^>]*)>, "([^"]*)"'
_TWO = re.compile(rf"\d+ +(renameat|linkat)\({_AT}, {_AT}.* = 0")
_ONE = re.compile(rf"\d+ +(openat|mkdirat|unlinkat)\({_AT}.* = \d")
_FD = re.compile(r"\d+ +(write|fsync|syncfs|fchmod|utimensat|fsetxattr)\(\d+<([^>]*)>.* = \d")


def events(log: str, top: Path) -> list[Event]:
    """The successful calls of a trace made with -y, in their order, paths inside the tree."""
    found = []
    for line in log.splitlines():
        if match := _TWO.match(line):
            call, one, a, other, b = match.groups()
            found.append(Event(call, f"{one}/{a}".removeprefix(str(top)), f"{other}/{b}".removeprefix(str(top))))
        elif (match := _ONE.match(line)) and (match[1] != "openat" or "O_CREAT" in line):
            found.append(Event(match[1], f"{match[2]}/{match[3]}".removeprefix(str(top))))
        elif match := _FD.match(line):
            found.append(Event(match[1], match[2].removeprefix(str(top))))
    return found


@pytest.mark.skipif(not shutil.which("strace"), reason="strace is not installed")
@pytest.mark.parametrize("verb", ["commit", "rollback"])
def test_the_order_in_which_things_reach_the_disk(tmp_path: Path, verb: str) -> None:
    top = tmp_path / "tree"
    tree.build(top)
    if verb == "rollback":
        transaction.commit(Root(str(top)), tree.CHANGES, command="set", wanted={}, by="given")
    log = tmp_path / "log"
    with Driver() as driver:
        driver.points(verb, top, log)
    calls = events(log.read_text(), top)
    transactions = "/var/lib/grubkd/transactions"

    def at(wanted: Callable[[Event], bool]) -> list[int]:
        return [number for number, each in enumerate(calls) if wanted(each)]

    # The journal: written, synced, named, its directory synced; before anything else is touched.
    [begun] = at(lambda each: each.call == "renameat" and each.to.endswith(".pending"))
    journal = calls[begun].path
    written = at(lambda each: each.call == "write" and each.path == journal)
    synced = at(lambda each: each == Event("fsync", journal))
    assert written[-1] < synced[-1] < begun
    named = next(number for number in at(lambda each: each == Event("fsync", transactions)) if number > begun)
    outside = at(lambda each: not each.path.startswith("/var") and each.call != "fsync")
    assert named < outside[0]

    # Each file: written and dressed, synced, and all of them so before the first takes its place.
    renames = at(lambda each: each.call == "renameat" and not each.path.startswith("/var"))
    assert [calls[each].to for each in renames] == [path for path in tree.NEW if verb == "commit" or path in tree.OLD]
    for number in renames:
        staged = calls[number].path
        changes = at(
            lambda each, staged=staged: each.path == staged and each.call not in ("fsync", "renameat", "unlinkat")
        )
        [synced] = at(lambda each, staged=staged: each == Event("fsync", staged))
        assert max(changes) < synced < renames[0]

    # Their directories after the last rename, then the journal is marked as done, and that is synced.
    [done] = at(lambda each: each.call == "renameat" and each.to.endswith(".done"))
    for path in {path.rpartition("/")[0] for path in tree.OLD}:
        assert [each for each in at(lambda each, path=path: each == Event("fsync", path)) if renames[-1] < each < done]
    assert at(lambda each: each == Event("fsync", transactions))[-1] > done
    assert max(at(lambda each: not each.path.startswith("/var"))) < done


@pytest.mark.skipif(not shutil.which("strace"), reason="strace is not installed")
@pytest.mark.parametrize("where", ["disk", "memory"])
def test_many_files_reach_the_disk_by_one_sync(tmp_path: Path, where: str) -> None:
    """Where the file system is one whose syncfs tells of errors; in memory each is synced by itself."""
    with tree.memory() as memory:
        top = tmp_path / "tree" if where == "disk" else memory / "tree"
        tree.build_many(top)
        kind = sync.kinds_of_devices().get(top.stat().st_dev, "")
        with Driver() as driver:
            driver.points("commit-many", top, tmp_path / "log")
    calls = events((tmp_path / "log").read_text(), top)
    names = [number for number, each in enumerate(calls) if each.call == "renameat"]
    renames = [number for number in names if calls[number].to in tree.MANY]
    assert [calls[number].to for number in renames] == list(tree.MANY)
    staged = {calls[number].path for number in renames}
    written = [
        number for number, each in enumerate(calls) if each.path in staged and each.call in ("write", "utimensat")
    ]
    synced = [number for number, each in enumerate(calls) if each.path in staged and each.call in ("fsync", "syncfs")]
    [begun] = [number for number in names if calls[number].to.endswith(".pending")]
    assert begun < written[0] and synced[-1] < renames[0]
    if kind in {"ext3", "ext4", "xfs", "btrfs", "vfat"}:
        assert [calls[number].call for number in synced] == ["syncfs"]
        assert written[-1] < synced[0]
    else:
        assert [calls[number] for number in synced] == [Event("fsync", calls[number].path) for number in renames]
    [directory] = {path.rpartition("/")[0] for path in tree.MANY}
    named = [number for number, each in enumerate(calls) if each == Event("fsync", directory)]
    assert synced[-1] < named[0] < renames[0] < renames[-1] < named[1]


@cache
def missing(work: Path, kind: str) -> str:
    return system.lacking(work, kind)


@pytest.fixture
def work(request: pytest.FixtureRequest, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory for a copy of the system with a /boot of the kind that the test's parameter names."""
    kind = getattr(request, "param", "ext4")
    why = missing(tmp_path_factory.getbasetemp() / f"trial-{kind}", kind)
    if why:
        pytest.skip(why)
    return tmp_path


def inside(work: Path, kind: str, program: str, *arguments: str) -> str:
    done = system.run(work, kind, [sys.executable, "-B", str(LIVE / program), *arguments])
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_raw_disk_holds_the_new_text(work: Path) -> None:
    """ext4 as a boot loader reads it: debugfs replays no journal."""
    found = json.loads(inside(work, "ext4", "disk.py", str(work), str(work / "image")))
    first = found["first"]
    assert "ro\n" in first
    assert found["after fsync alone"] == first  # or this test could not fail
    # What is to take the file's place is whole on the disk before it does.
    assert found["killed"].startswith("exit -9"), found["killed"]
    assert found["staged"] == [first.replace("root=/dev/sda1 ro\n", "root=/dev/sda1 ro crashkernel=192M\n")]
    assert found["after the kill"] == first
    assert found["set failed"] == ""
    assert found["after set"] == first.replace("root=/dev/sda1 ro\n", "root=/dev/sda1 ro crashkernel=256M\n")
    assert found["rollback failed"] == ""
    assert found["after rollback"] == first
    assert found["left"] == ["/boot/grub2/grub.cfg"]
    calls = re.findall(r'(sync\(\)|FIFREEZE|FITHAW|\w+\.cfg"\)).* = 0', found["calls"])
    settled = ["sync()", "FIFREEZE", "FITHAW"]
    # What the killed run had left is undone first, which needs no staging.
    assert calls == [*settled, "sync()", 'grub.cfg")', *settled]


@pytest.mark.parametrize(("how", "least", "most"), [("go", 0.0, 3.0), ("kill", 0.0, 3.0), ("stop", 2.0, 15.0)])
def test_a_frozen_file_system_never_stays_frozen(work: Path, how: str, least: float, most: float) -> None:
    """The seconds that a write to it has to wait when grubkd thaws it, is killed, or is stopped, before the thaw."""
    assert least <= float(inside(work, "ext4", "freezing.py", how)) < most


@pytest.mark.parametrize("work", ["vfat"], indirect=True)
def test_vfat(work: Path) -> None:
    found = json.loads(inside(work, "vfat", "esp.py"))
    assert found == {
        "after a failure": ["old\n", 1e9],
        "after commit": "new\n",
        "after rollback": ["old\n", 1e9],
        "names": ["a.conf"],
    }


def test_a_full_and_a_read_only_boot(work: Path) -> None:
    found = json.loads(inside(work, "ext4", "trouble.py"))
    path = "/boot/grub2/grub.cfg"
    assert found == {
        "full": [1, "io-error", path, "cannot be written: No space left on device", True, ["grub.cfg"]],
        "read-only": [1, "io-error", path, "cannot be written: Read-only file system", True, ["grub.cfg"]],
        "well": [0, None, None, None, False, ["grub.cfg"]],
    }
