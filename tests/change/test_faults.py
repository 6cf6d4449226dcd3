"""Every write-side system call of each changing command fails once, and is the last one once.

The faults are injected by strace at the real boundary to the kernel, in a process of its own. After each: every file
is whole; the next grubkd brings all to all-old or all-new; nothing is left over; history tells the same.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from itertools import cycle
from pathlib import Path

import pytest
from faults import inject, tree
from faults.inject import Driver, Point
from faults.tree import Found
from support.answered import answer

from grubkd.change import history, transaction
from grubkd.cli import main
from grubkd.tree.root import Root

pytestmark = pytest.mark.skipif(not shutil.which("strace"), reason="strace is not installed")

# So many calls there are at least; fewer would mean that the trace is not read rightly.
FLOOR = {"commit": 45, "rollback": 45, "revert": 35, "keep": 18}
FLOOR.update({"enable": 50, "default": 10, "grubby-default": 10, "grubby-update": 30})
ERRORS = ("ENOSPC", "EIO", "EROFS")
TRACED = f"trace={','.join(inject.VFAT)}"


class Case:
    """One verb, the tree before it, and the two trees that may be left."""

    def __init__(self, verb: str, top: Path, driver: Driver, everywhere: tuple[str, ...] = ()) -> None:
        """`everywhere`: strace's options for every run."""
        self.verb = verb
        self.driver = driver
        self.everywhere = everywhere
        self.at = Point("", 0)  # where the present fault is
        self.top = top
        self.start = top / "start"
        if verb in ("keep", "revert"):
            tree.build_kernels(self.start)
            done = answer(lambda: main(["set", "--auto", "--ram=8G", "--arch=x86_64", "--root", str(self.start)]))
            assert done.exit == 0
            tree.install(self.start)
        elif verb in ("default", "grubby-default", "grubby-update"):
            tree.build_menu(self.start)
        elif verb == "enable":
            tree.build_service(self.start)
        else:
            tree.build(self.start)
        if verb == "recover":
            # Two of the four files are new, and all the old ones are kept beside their places.
            assert driver.run("commit", self.start, *inject.fault(Point("renameat", 4), "signal=KILL")) == -9
        elif verb == "rollback":
            assert driver.run("commit", self.start, "-o", "/dev/null", "-e", TRACED, *everywhere) == 0
        self.before = tree.state(self.start)
        after = self.fresh()
        self.points = driver.points(verb, after, top / "trace", *everywhere)
        self.after = tree.state(after)
        assert tree.texts(self.before) != tree.texts(self.after)

    def fresh(self) -> Path:
        work = self.top / "work"
        if work.exists():
            shutil.rmtree(work)
        shutil.copytree(self.start, work, symlinks=True)
        return work

    def all_old(self, found: dict[str, Found]) -> bool:
        return found == self.before

    def all_new(self, found: dict[str, Found]) -> bool:
        """What is edited has the time of its run; an exact rollback's times are those of the first tree."""
        if self.verb in ("rollback", "recover"):
            return found == self.after
        return {path: (each.data, each.mode, each.attributes) for path, each in found.items()} == {
            path: (each.data, each.mode, each.attributes) for path, each in self.after.items()
        }

    def whole(self, found: dict[str, Found]) -> bool:
        """Whether every file is one of the two that it may be."""
        old, new, now = (tree.texts(each) for each in (self.before, self.after, found))
        return all(now.get(path) in (old.get(path), new.get(path)) for path in old.keys() | new.keys())

    def told(self, work: Path) -> bool:
        """Whether history says that it is done."""
        done = {"recover": 0, "keep": 2, "rollback": 2, "revert": 2}.get(self.verb, 1)
        return len(history.read(Root(str(work))).transactions) == done


@pytest.fixture(scope="module")
def driver() -> Iterator[Driver]:
    with Driver() as running:
        yield running


@pytest.fixture(scope="module")
def memory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A directory in memory where that keeps attributes (Linux 6.6): what is tested is the calls, not a disk."""
    fast = Path(tempfile.mkdtemp(prefix="grubkd-", dir="/dev/shm" if Path("/dev/shm").is_dir() else None))
    try:
        os.setxattr(fast, "user.note", b"kept")
        yield fast
    except OSError:
        yield tmp_path_factory.mktemp("faults")
    finally:
        shutil.rmtree(fast)


@pytest.fixture
def top(memory: Path) -> Iterator[Path]:
    top = Path(tempfile.mkdtemp(dir=memory))
    yield top
    shutil.rmtree(top)


# What `grubby --set-default` adds to `default` is only what it prints; `enable` writes as `commit` does.
@pytest.fixture(
    params=[pytest.param(verb, marks=[pytest.mark.long] * verb.startswith(("enable", "grubby"))) for verb in FLOOR],
    ids=str,
)
def case(request: pytest.FixtureRequest, top: Path, driver: Driver) -> Case:
    return Case(request.param, top, driver)


def own_texts(found: dict[str, Found]) -> dict[str, bytes]:
    """The bytes of the files of a tree, without the temporary ones beside them."""
    return {path: data for path, data in tree.texts(found).items() if ".grubkd-" not in path}


def every_point(
    case: Case, what: str, check: Callable[[Path, int], str], lasting: bool = False, floor: int | None = None
) -> None:
    """Let a fault happen at every point; `check` tells what is wrong with what it left, given the exit status.

    `what`: one fault, or several with commas between, each at the next point. `lasting`: the same call fails from
    that point on.
    """
    wrong = []
    # An interpreter that can open no file at all cannot even load its modules.
    points = [each for each in case.points if not (lasting and each.call == "openat")]
    for case.at, each in zip(points, cycle(what.split(","))):
        work, point = case.fresh(), case.at
        status = case.driver.run(case.verb, work, *inject.fault(point, each, lasting), *case.everywhere)
        problem = check(work, status)
        if problem:
            wrong.append(f"{point.call} {point.number} {each}: {problem}")
    assert not wrong, "\n".join(wrong)
    assert len(points) >= (floor or FLOOR[case.verb])
    print(f"{case.verb}, {what}{', lasting' * lasting}: {len(points)} points")


def after_recovery(case: Case, work: Path) -> str:
    transaction.recover(Root(str(work)))
    found = tree.state(work)
    if list((work / "var/lib/grubkd").rglob("*.pending")) or list((work / "var/lib/grubkd").rglob(".*")):
        return "an unfinished journal is left"
    if not (case.all_old(found) or case.all_new(found)):
        return f"neither all old nor all new after recovery: {sorted(found)}"
    if case.all_new(found) != case.told(work):
        return "history tells otherwise"
    return ""


def test_killed_at_every_point(case: Case) -> None:
    def check(work: Path, status: int) -> str:
        if status != -9:
            return f"not killed, but ended with {status}"
        if not case.whole(tree.state(work)):
            return "a file is neither old nor new"
        return after_recovery(case, work)

    every_point(case, "signal=KILL", check)


@pytest.mark.parametrize("verb", ["commit", "rollback"])
def test_killed_at_every_point_where_there_are_no_links(top: Path, driver: Driver, verb: str) -> None:
    everywhere = [option for call, error in inject.VFAT.items() for option in ("-e", f"inject={call}:error={error}")]
    case = Case(verb, top, driver, tuple(everywhere))
    case.points = [each for each in case.points if each.call not in inject.VFAT]

    def check(work: Path, status: int) -> str:
        if status != -9:
            return f"not killed, but ended with {status}"
        if not case.whole(tree.state(work)):
            return "a file is neither old nor new"
        transaction.recover(Root(str(work)))
        texts = tree.texts(tree.state(work))
        return "" if texts in (tree.OLD, tree.NEW) else f"neither all old nor all new: {sorted(texts)}"

    every_point(case, "signal=KILL", check)


@pytest.mark.parametrize(
    "errors", [ERRORS, *(pytest.param((error,), marks=pytest.mark.long) for error in ERRORS)], ids="-".join
)
def test_failing_at_every_point(case: Case, errors: tuple[str, ...]) -> None:
    def check(work: Path, status: int) -> str:
        found = tree.state(work)
        # Exit 0 where the call was not needed for the change: it is made, and history tells it.
        if status == 0:
            return "" if case.all_new(found) and not after_recovery(case, work) else "exit 0, but not all new"
        if status != 1:
            return f"exit {status}"
        return after_recovery(case, work) if case.all_old(found) else f"not all old: {sorted(found)}"

    every_point(case, ",".join(f"error={error}" for error in errors), check)


def ended_by_a_signal(case: Case) -> None:
    def check(work: Path, status: int) -> str:
        found = tree.state(work)
        if status == 0:
            return after_recovery(case, work) if case.all_new(found) else "exit 0, but not all new"
        if status not in (130, -15):  # -15: before anything was begun, or after all was done
            return f"exit {status}"
        if status == 130 and not case.all_old(found):
            return "exit 130, but not all old"
        return after_recovery(case, work)

    every_point(case, "signal=TERM", check)


def test_ended_by_a_signal_at_every_point(case: Case) -> None:
    ended_by_a_signal(case)


def test_enable_ended_by_a_signal_at_every_point(top: Path, driver: Driver) -> None:
    ended_by_a_signal(Case("enable", top, driver))


@pytest.mark.parametrize("what", ["signal=KILL", "error=EIO"])
def test_recovery_disturbed_at_every_point(top: Path, driver: Driver, what: str) -> None:
    """Undoing an interrupted commit may itself be interrupted, or fail: the next run undoes the rest."""
    case = Case("recover", top, driver)
    old = case.after
    assert tree.texts(old) == tree.OLD

    def check(work: Path, status: int) -> str:
        if not case.whole(tree.state(work)):
            return "a file is neither old nor new"
        if status not in (-9, 0, 1, 5):
            return f"exit {status}"
        if status == 1 and own_texts(tree.state(work)) != tree.OLD:
            return "exit 1, but not all old"  # only what is beside the files, or the journal, remains
        problem = after_recovery(case, work)
        return problem if problem or tree.state(work) == old else "not all old after the second recovery"

    every_point(case, what, check, floor=10)


def test_recovery_that_cannot_read(top: Path, driver: Driver) -> None:
    """Errors of opening, of a descriptor and of memory: exit 5, the other files are old, the next run does the rest.

    Exit 1 before it is known whether a run was interrupted; then nothing has changed.
    """
    case = Case("recover", top, driver)
    start, old = case.before, case.after
    points = driver.points("recover", case.fresh(), top / "trace", calls=inject.READS, creates=False)
    wrong, tried = [], 0
    for point in points:
        for error in inject.READS[point.call]:
            work = case.fresh()
            status = driver.run("recover", work, *inject.fault(point, f"error={error}"))
            if (point.call, status) == ("brk", -signal.SIGSEGV):
                status = 1  # without memory at its start the interpreter itself ends
            found, tried = tree.state(work), tried + 1
            not_old = [path for path in tree.OLD if tree.texts(found).get(path) != tree.OLD[path]]
            if status not in (0, 1, 5):
                problem = f"exit {status}"
            elif status == 1 and found != start and own_texts(found) != tree.OLD:
                problem = "exit 1, but something changed"
            elif status == 0 and found != old:
                problem = "exit 0, but not all old"
            elif status == 5 and found != start and len(not_old) > 1:
                problem = f"exit 5, and several files are not old: {not_old}"
            else:
                problem = after_recovery(case, work)
            if problem:
                wrong.append(f"{point.call} {point.number} {error}: {problem}")
    assert not wrong, "\n".join(wrong)
    assert tried >= 100
    print(f"recover, reading: {tried} points")


@pytest.mark.parametrize("signals", [1, 2])
def test_recovery_ended_by_signals_at_every_point(top: Path, driver: Driver, signals: int) -> None:
    """The first one waits until all is undone: exit 130. So does a second one, at the next call."""
    case = Case("recover", top, driver)

    def check(work: Path, status: int) -> str:
        if status not in (0, 130, -15):  # -15: before anything was begun, or after all was done
            return f"exit {status}"
        if status == 130 and tree.state(work) != case.after:
            return "exit 130, but not all old"
        return after_recovery(case, work)

    every_point(case, "signal=TERM", check, lasting=signals > 1, floor=10)


def code_tells_the_files(case: Case) -> Callable[[Path, int], str]:
    """The check that the exit code says what the files are: 0 all new, 1 all old, 5 neither is certain.

    Old files whose directory cannot be synced may be new again after a power failure.
    """

    def check(work: Path, status: int) -> str:
        found = tree.state(work)
        files = own_texts(found)
        if not case.whole(found):
            return "a file is neither old nor new"
        left = sorted((work / "var").rglob("*.pending"))
        if status == 0 and not (case.all_new(found) and not left):
            return "exit 0, but not all new"
        if status == 1 and files != tree.texts(case.before):
            return "exit 1, but not all old"  # files beside them are for the next run to remove
        if status == 5 and (not left or (files == tree.texts(case.before) and case.at.call != "fsync")):
            return "exit 5, but nothing for the next run to undo"
        if status not in (0, 1, 5):
            return f"exit {status}"
        problem = after_recovery(case, work)
        return (
            problem if problem or status == 0 or case.all_old(tree.state(work)) else f"exit {status}, then not all old"
        )

    return check


@pytest.mark.long
@pytest.mark.parametrize("error", ERRORS)
def test_failing_from_every_point_on(case: Case, error: str) -> None:
    """Undoing may then fail as well: exit 5, and the next run, when the cause is put right, undoes."""
    every_point(case, f"error={error}", code_tells_the_files(case), lasting=True)


def test_failing_from_the_last_points_on(case: Case) -> None:
    """The last sync of the journal's directory: the change is made, and nothing is to be undone."""
    last = [each for each in case.points if each.call == "fsync"][-1]
    work = case.fresh()
    assert case.driver.run(case.verb, work, *inject.fault(last, "error=EIO", lasting=True)) == 0
    assert code_tells_the_files(case)(work, 0) == ""
    case.points = case.points[-12:]
    every_point(case, "error=EIO", code_tells_the_files(case), lasting=True, floor=10)


def grubkd(top: Path, *arguments: str, under: Sequence[str] = ()) -> subprocess.CompletedProcess[str]:
    command = [*under, sys.executable, "-m", "grubkd", *arguments, "--root", str(top)]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=Path(__file__).parents[2])


@pytest.mark.parametrize("number", [3, 7])
def test_the_program_itself_killed_between_its_renames(top: Path, number: int) -> None:
    """`grubkd set` on a real tree: `show` tells of it and changes nothing, the next `set` undoes it and goes on."""
    work = top / "work"
    shutil.copytree(Path(__file__).parents[2] / "fixtures/rhel-9/root", work, symlinks=True)
    before = tree.texts(tree.state(work))
    log = str(top / "log")
    fault = inject.fault(Point("renameat", number), "signal=KILL")[2:]
    killed = grubkd(work, "set", "256M", under=["strace", "-f", "-o", log, *fault])
    assert killed.returncode == -9, killed.stderr
    left = tree.state(work)

    shown = grubkd(work, "show", "--json")
    assert [each["code"] for each in json.loads(shown.stdout)["warnings"]].count("interrupted") == 1
    assert tree.state(work) == left

    done = grubkd(work, "set", "256M", "--json")
    answer = json.loads(done.stdout)
    assert (done.returncode, answer["changed"]) == (0, True)
    assert [each["code"] for each in answer["warnings"]].count("interrupted-undone") == 1
    after = tree.texts(tree.state(work))
    assert after.keys() == before.keys()
    changed = [path for path in after if after[path] != before[path]]
    assert len(changed) == 5
    assert all(b"crashkernel=256M" in after[path] for path in changed)
    assert grubkd(work, "rollback").returncode == 0
    assert tree.texts(tree.state(work)) == before


@pytest.mark.parametrize("what", ["error=EIO", "error=ENOSPC", "signal=KILL", "signal=TERM"])
def test_the_one_sync_of_many_files_disturbed(tmp_path: Path, what: str) -> None:
    """Or, where the file system has none that tells of errors, the sync of the first of the many files."""
    top = tmp_path / "tree"
    tree.build_many(top)
    before = tree.state(top)
    trial = tmp_path / "trial"
    tree.build_many(trial)
    with Driver() as driver:
        points = driver.points("commit-many", trial, tmp_path / "trace")
        syncs = [each for each in points if each.call in ("syncfs", "fsync")]
        place = next((each for each in syncs if each.call == "syncfs"), syncs[len(syncs) // 2])
        status = driver.run("commit-many", top, *inject.fault(place, what))
        assert status == {"signal=KILL": -9, "signal=TERM": 130}.get(what, 1)
        if status == -9:
            assert tree.state(top) != before  # the new files beside the old ones
            assert driver.run("recover", top, "-o", "/dev/null", "-e", TRACED) == 0
        assert tree.state(top) == before
        assert driver.run("commit-many", top, "-o", "/dev/null", "-e", TRACED) == 0
    assert tree.texts(tree.state(top)) == {each.path: each.after for each in tree.MANY_CHANGES}
    assert len(history.read(Root(str(top))).transactions) == 1
