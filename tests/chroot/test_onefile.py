"""The single file, on systems without Python: Debian 11, 12 and 13 as debootstrap makes them."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from bookworm import TOP, Bookworm

from grubkd import __version__
from grubkd.commands.group import VERBS

pytestmark = pytest.mark.long

TREE = TOP / "fixtures/debian-12-plain/root"
SUITES = pytest.mark.parametrize("bare", ["bullseye", "bookworm", "trixie"], indirect=True)
# A read-only system, whose /tmp runs nothing. The tree to change is at /mnt.
READ_ONLY = """
mount --bind "$0" "$0" && mount -t proc proc "$0/proc" && mount --bind "$1" "$0/mnt" &&
mount -t tmpfs -o noexec tmpfs "$0/tmp" && mount -o remount,bind,ro "$0" && shift && exec chroot "$0" "$@"
"""
ARCHES = ("x86_64", "aarch64")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    shutil.copytree(TREE, tmp_path / "tree", symlinks=True)
    return tmp_path / "tree"


def same(one: Path, other: Path) -> bool:
    """Whether the configurations are the same. The history of the changes may differ."""
    command = ["diff", "--recursive", "--no-dereference"]
    pairs = [(str(one / name), str(other / name)) for name in ("boot", "etc")]
    return not any(subprocess.run([*command, *each], capture_output=True, check=False).returncode for each in pairs)


@SUITES
def test_it_works_where_there_is_no_python_and_no_path(bare: Bookworm, tree: Path, onefile: Path) -> None:
    """Show, choose, set, take back, with no variable in the environment."""
    assert list((bare.path / "usr/bin").glob("python*")) == []
    shutil.copy(onefile / "grubkd-x86_64", bare.path / "grubkd")
    shutil.copytree(tree, bare.path / "tree", symlinks=True, dirs_exist_ok=True)

    def grubkd(*arguments: str) -> str:
        done = bare.run("/usr/bin/env", "-i", "/grubkd", *arguments)
        assert (done.returncode, done.stderr) == (0, ""), arguments
        return done.stdout

    at = ("--json", "--root", "/tree")
    assert grubkd("--version") == f"grubkd {__version__}\n"
    wanted = json.loads((TREE.parent / "show.json").read_text())
    assert [entry["cmdline"] for entry in json.loads(grubkd("show", *at))["entries"]] == [
        entry["cmdline"] for entry in wanted["entries"]
    ]
    assert json.loads(grubkd("set", "--auto", "--ram", "4G", *at))["changed"]
    assert not same(bare.path / "tree", tree)
    assert [entry["crashkernel"] for entry in json.loads(grubkd("show", *at))["entries"]] == [["384M-:128M"]] * 3
    grubkd("rollback", "--root", "/tree")
    assert same(bare.path / "tree", tree)
    assert list((bare.path / "tmp").iterdir()) == []


@SUITES
def test_a_read_only_system_whose_tmp_runs_nothing(bare: Bookworm, tree: Path, onefile: Path) -> None:
    shutil.copy(onefile / "grubkd-x86_64", bare.path / "grubkd")

    def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        command = ["unshare", "--mount", "sh", "-c", READ_ONLY, bare.path, tree, "/grubkd", *arguments]
        environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", **environment}
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)  # type: ignore[arg-type]

    assert run("show", "--root", "/mnt").returncode == 0
    done = run("set", "--auto", "--ram", "4G", "--root", "/mnt")
    assert (done.returncode, done.stderr) == (0, "")
    assert not same(tree, TREE)
    done = run("rollback", "--root", "/mnt")
    assert done.returncode == 0, done.stderr
    assert same(tree, TREE)


@pytest.mark.parametrize("arch", ARCHES)
def test_every_verb_is_inside(arch: str, onefile: Path, tree: Path) -> None:
    """Each module that a verb imports, with the text of the manual. aarch64: in qemu-user."""
    command = [str(onefile / f"grubkd-{arch}")]
    if arch != os.uname().machine:
        command.insert(0, f"qemu-{arch}-static")

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([*command, *arguments], env={}, capture_output=True, text=True, check=False)

    if not shutil.which(command[0]):
        pytest.skip(f"{command[0]} is not installed")
    for verb in VERBS:
        assert run(verb, "--help").returncode == 0
        assert run("help", verb).stdout.startswith(f"SYNOPSIS\n     grubkd {verb}")
    for arguments in (["plan", "--ram", "4G", "--map"], ["check"], ["dumps"], ["history"], ["measure"], ["default"]):
        done = run(*arguments, "--root", str(tree))
        assert "cannot be loaded" not in done.stderr
        assert "Traceback" not in done.stderr
    for arguments in (["set", "--auto", "--ram", "4G"], ["rollback"]):
        done = run(*arguments, "--root", str(tree))
        assert (done.returncode, done.stderr) == (0, "")
    assert same(tree, TREE)


def test_nothing_of_the_system_is_linked(onefile: Path) -> None:
    for arch in ARCHES:
        listed = ["readelf", "--program-headers", "--dynamic", str(onefile / f"grubkd-{arch}")]
        printed = subprocess.run(listed, capture_output=True, text=True, check=True).stdout
        assert "NEEDED" not in printed
        assert "INTERP" not in printed


def test_the_licences_of_all_that_is_inside(onefile: Path) -> None:
    printed = subprocess.run(
        [onefile / "grubkd-x86_64", "--licenses"], capture_output=True, text=True, check=True
    ).stdout
    names = re.findall(r"(?m)^={80}\n(\S+)$", printed)
    libraries = {"click", "lark", "psutil", "python-augeas", "cffi", "libaugeas", "glibc", "libexpat", "libffi", "zlib"}
    assert {"grubkd", "Python", *libraries} <= set(names)
    assert (TOP / "LICENSE").read_text() in printed
    listed = printed.partition("\n\n")[2].partition("\n\n")[0]
    assert [name for name in names if name not in re.findall(r"[\w-]+", listed)] == []


def test_two_builds_are_the_same(onefile: Path, tmp_path: Path) -> None:
    """From another directory, whose files are newer."""
    copy = tmp_path / "elsewhere"
    shutil.copytree(TOP, copy, symlinks=True, ignore=shutil.ignore_patterns(".*", "fixtures", "tests"))
    for path in (*copy.rglob("*.py"), *copy.rglob("*.8")):
        os.utime(path)
    subprocess.run([copy / "packaging/onefile.sh", tmp_path / "out"], capture_output=True, check=True)
    for arch in ARCHES:
        assert (tmp_path / f"out/grubkd-{arch}").read_bytes() == (onefile / f"grubkd-{arch}").read_bytes()
