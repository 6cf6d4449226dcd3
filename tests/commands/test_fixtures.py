"""Every tree of fixtures/: the whole answer of show, and of each case the exit code, the answer and every file.

A case that changes something is run again, which must change nothing, and then rolled back, which must leave nothing.
fixtures/README.md says what is compared and how.
"""

import json
import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from support.answered import answer
from support.schema import conforms

from grubkd.cli import main

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures"
TREES = sorted(path.parent for path in FIXTURES.glob("*/show.json"))
CASES = sorted(path.parent for path in FIXTURES.glob("*/cases/*/argv"))
# A process costs ten times a call: these show that both say the same.
IN_A_PROCESS = [
    FIXTURES / tree / "cases" / case
    for tree, case in (
        ("fedora-11-i386", "set-auto"),
        ("debian-12-plain", "set-auto"),
        ("rhel-8", "one-entry"),
        ("centos-stream-10-no-cmdline", "set-auto"),
        ("legacy-oddities", "set-256M"),
        ("rhel-9-broken-script", "unset"),
    )
]
# What grubkd keeps for itself, and the directories on the way there.
OWN = "/var/lib/grubkd"
LONG_AGO = 1_246_000_000
# RHEL 10 generates the second from the first again when it is the older of the two.
SOURCE, MADE = "/etc/default/grub", "/etc/kernel/cmdline"


class Run(NamedTuple):
    exit: int
    answer: Any
    stderr: str


class Node(NamedTuple):
    """A file, link or directory; times and inodes are compared only where nothing may have changed."""

    mode: int
    content: bytes
    mtime: int
    inode: int


def name_of(path: Path) -> str:
    return str(path.relative_to(FIXTURES)).replace("/cases/", "/")


def run(arguments: list[str]) -> Run:
    """Run grubkd in this process."""
    done = answer(lambda: main(arguments))
    assert done.text, done.stderr
    conforms(arguments[0], done.json)
    return Run(done.exit, done.json, done.stderr)


def run_in_a_process(arguments: list[str]) -> Run:
    done = subprocess.run(
        [sys.executable, "-m", "grubkd", *arguments], capture_output=True, stdin=subprocess.DEVNULL, check=False
    )
    stderr = done.stderr.decode("utf-8", "surrogateescape")
    assert done.stdout, stderr
    return Run(done.returncode, json.loads(done.stdout), stderr)


def copy_of(tree: Path, target: Path) -> Path:
    """The tree as an installed system would have it: one time for all files, and a /var/lib."""
    root = target / "root"
    shutil.copytree(tree / "root", root, symlinks=True)
    (root / OWN.lstrip("/")).parent.mkdir(parents=True, exist_ok=True)
    for path in [root, *root.rglob("*")]:
        os.utime(path, (LONG_AGO, LONG_AGO), follow_symlinks=False)
    return root


def snapshot(root: Path) -> dict[str, Node]:
    """Everything below root but grubkd's own, by its path inside the root; directories' times are not kept."""
    found = {}
    for path in sorted(root.rglob("*")):
        inside = f"/{path.relative_to(root)}"
        if inside == OWN or inside.startswith(f"{OWN}/"):
            continue
        status = path.lstat()
        if stat.S_ISLNK(status.st_mode):
            content = os.fsencode(path.readlink())
        else:
            content = path.read_bytes() if stat.S_ISREG(status.st_mode) else b""
        directory = stat.S_ISDIR(status.st_mode)
        found[inside] = Node(status.st_mode, content, 0 if directory else status.st_mtime_ns, status.st_ino)
    return found


def without_inodes(nodes: dict[str, Node]) -> dict[str, Node]:
    return {path: node._replace(inode=0) for path, node in nodes.items()}


def machine_options(*directories: Path) -> list[str]:
    """--ram and --arch from the first of these directories that has a machine.json."""
    facts = json.loads(next(path for each in directories if (path := each / "machine.json").exists()).read_text())
    return [option for name in ("ram", "arch") if facts[name] is not None for option in (f"--{name}", str(facts[name]))]


_CHECK = ("check", "status", "code", "file", "line")


def comparable(answer: Any) -> Any:
    """An answer without the freedom that fixtures/README.md leaves."""
    found = dict(answer)
    if "error" in found:
        # A run that fails has no answer: what it prints always has both.
        assert found.pop("errors", [found["error"]]) == [found["error"]]
        found.pop("warnings", None)
    for key in ("warnings", "errors"):
        if key in found:
            found[key] = sorted((_where(each) for each in found[key]), key=json.dumps)
    if "error" in found:
        found["error"] = _where(found["error"])
    if "files" in found:
        found["files"] = sorted(found["files"], key=lambda each: each["path"])
    if "future" in found:
        found["future"] = sorted(found["future"], key=lambda each: (each["file"], each["variable"]))
    if "checks" in found:
        found["checks"] = [{key: each[key] for key in _CHECK} for each in found["checks"]]
    if found.get("transaction"):
        found["transaction"] = "*"
    if found.get("reservation"):
        found["reservation"] = {key: found["reservation"][key] for key in ("index", "status", "size_bytes")}
    if found.get("recommended"):
        assert found["recommended"]["source"]
        found["recommended"] = {**found["recommended"], "source": "*"}
    return found


def _where(notice: dict[str, Any]) -> dict[str, Any]:
    assert set(notice) <= {"code", "message", "fix", "fix_commands", "file", "line", "column"}
    return {key: notice[key] for key in ("code", "file", "line", "column")}


def expected_after(case: Path, before: dict[str, Node]) -> dict[str, bytes]:
    """The files and links of the tree as the case is to leave them: path -> bytes."""
    files = {path: node.content for path, node in before.items() if not stat.S_ISDIR(node.mode)}
    for path in (case / "expected").rglob("*"):
        if path.is_file():
            files[f"/{path.relative_to(case / 'expected')}"] = path.read_bytes()
    removed = case / "removed"
    for path in removed.read_text().split() if removed.exists() else []:
        del files[path]
    return files


def check(case: Path, target: Path, runner: Any) -> None:
    tree = case.parent.parent
    root = copy_of(tree, target)
    argv = (case / "argv").read_text().splitlines()
    arguments = [*argv, *machine_options(case, tree)] if argv[0] in ("set", "plan", "check") else argv
    arguments = [*arguments, "--root", str(root), "--json"]
    before = snapshot(root)
    wanted = json.loads((case / "stdout.json").read_text())

    first = runner(arguments)
    after = snapshot(root)
    assert comparable(first.answer) == comparable(wanted), first.stderr
    assert first.exit == int((case / "exit").read_text())
    assert {path: node.content for path, node in after.items() if not stat.S_ISDIR(node.mode)} == expected_after(
        case, before
    )
    if after == before:
        assert not (first.exit == 0 and wanted["changed"] and not wanted["dry_run"])
        return

    # What a run leaves alone keeps even its time and inode.
    touched = {path for path in before if before[path] != after[path]}
    assert touched <= {each["path"] for each in wanted["files"]} | ({MADE} if SOURCE in touched else set())
    if SOURCE in after and MADE in after:
        assert after[MADE].mtime >= after[SOURCE].mtime
    assert {path: after[path].mode for path in before} == {path: before[path].mode for path in before}

    second = runner(arguments)
    assert (second.exit, second.answer["changed"], second.answer["files"]) == (0, False, [])
    assert snapshot(root) == after

    back = runner(["rollback", "--root", str(root), "--json"])
    assert back.exit == 0, back.stderr
    assert without_inodes(snapshot(root)) == without_inodes(before)


@pytest.mark.parametrize("tree", TREES, ids=name_of)
def test_show(tree: Path, tmp_path: Path) -> None:
    root = copy_of(tree, tmp_path)
    before = snapshot(root)
    shown = run(["show", "--root", str(root), "--json"])
    wanted = json.loads((tree / "show.json").read_text())
    assert comparable(shown.answer) == comparable(wanted), shown.stderr
    assert shown.exit == (3 if wanted["errors"] else 0)
    assert snapshot(root) == before
    assert not (root / OWN.lstrip("/")).exists()


@pytest.mark.parametrize("case", CASES, ids=name_of)
def test_case(case: Path, tmp_path: Path) -> None:
    check(case, tmp_path, run)


@pytest.mark.parametrize("case", IN_A_PROCESS, ids=name_of)
def test_case_in_a_process(case: Path, tmp_path: Path) -> None:
    check(case, tmp_path, run_in_a_process)


def test_every_tree_has_the_ordinary_cases() -> None:
    """Each distribution's tree has at least a case for `set --auto`, a size, high and low, unset, arguments."""
    ordinary = {"set-auto", "set-256M", "set-high-low", "unset", "one-entry"}
    special = {"oddities", "crlf", "value", "legacy-xen"}
    for tree in TREES:
        if not any(tree.name.endswith(word) for word in special):
            assert ordinary <= {case.name for case in (tree / "cases").iterdir()}, tree.name
