"""Claims of docs/compare.md about grubkd, or about a tool that is available, that no other test checks."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.answered import answer

from grubkd.boot.loaders import grub_mkconfig
from grubkd.change import record
from grubkd.cli import main

TOP = Path(__file__).parents[2]
FIXTURES = TOP / "fixtures"
# One of each layout that is edited.
LAYOUTS = ("fedora-11-i386", "debian-12", "rhel-8", "fedora-44-btrfs", "debian-13-systemd-boot", "sles-11-s390x")

# ---- files and processes -------------------------------------------------------------------------------------

# Boot configuration, hardware, and the files that grubkd writes.
HOST = ("/boot", "/efi", "/etc", "/proc", "/sys", "/run", "/var", "/lib/modules", "/usr/lib/modules", "/usr/lib/os-rel")
# What the C library, OpenSSL and libselinux read in any program that loads them.
LOADING = re.compile(
    r"/etc/(ld\.so\.|localtime|locale\.alias|ssl/|selinux/)|/proc/(self/|filesystems$|sys/vm/)|/sys/fs/selinux$"
)
PROGRAM = (
    "import sys\nfrom grubkd.cli import main\nfor line in sys.argv[2:]: main([*line.split(), *sys.argv[1].split()])"
)
VERBS = (
    "show", "plan --ram=8G --explain", "predict --ram=8G", "set --auto --ram=8G --json", "set 300M", "check", "dumps",
    "measure",
    "keep 5.14.0-503.el9.x86_64", "history", "rollback", "unset --dry-run", "show --json",
)  # fmt: skip
_PATH = re.compile(r'(?:(?:AT_FDCWD|\d+)<([^>]*)>, )?"((?:[^"\\]|\\.)*)"')


class Trace:
    """The system calls on files of some runs of grubkd."""

    def __init__(self, home: Path, where: str, *verbs: str) -> None:
        log = home / "trace"
        subprocess.run(
            ["strace", "-f", "-y", "-qq", "-e", "trace=%file", "-o", log, sys.executable, "-c", PROGRAM, where, *verbs],
            cwd="/",
            env={
                "PATH": os.environ["PATH"],
                "HOME": "/nonexistent",
                "PYTHONPATH": str(TOP),
                "PYTHONDONTWRITEBYTECODE": "1",
            },
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=True,
        )
        lines = [line.split(maxsplit=1)[1] for line in log.read_text().splitlines()]
        self.started = [line for line in lines if line.startswith("execve")]
        self.paths = {
            os.path.normpath(f"{base or '/'}/{path}") if path[:1] != "/" else os.path.normpath(path)
            for line in lines
            if not line.startswith("execve")
            for base, path in _PATH.findall(line)
        }

    def of_host(self) -> list[str]:
        """The host's files that were asked for, there or not."""
        below = [path for path in self.paths if path.startswith(HOST) and not LOADING.match(path)]
        python = (sys.prefix, sys.base_prefix, str(TOP))
        return sorted(path for path in below if not path.startswith(python))


@pytest.fixture(scope="module")
def trace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Trace, Path]]:
    if not shutil.which("strace"):
        pytest.skip("strace is not installed")
    home = tmp_path_factory.mktemp("traced")
    tree = home / "tree"
    shutil.copytree(FIXTURES / "rhel-9/root", tree, symlinks=True)
    (tree / "var/lib").mkdir(parents=True)
    yield Trace(home, f"--root={tree}", *VERBS), tree


def test_nothing_of_the_host_is_touched_under_root(trace: tuple[Trace, Path]) -> None:
    """Not even a lookup; all lookups are in the tree."""
    traced, tree = trace
    assert traced.of_host() == []
    assert {f"{tree}/etc/default/grub", f"{tree}/etc/os-release", f"{tree}/var/lib/grubkd"} <= traced.paths
    assert [path.name[-5:] for path in (tree / "var/lib/grubkd/transactions").iterdir()] == [".done"] * 3


def test_without_root_the_host_is_what_is_read(tmp_path: Path) -> None:
    """This shows that the test above can fail."""
    if not shutil.which("strace"):
        pytest.skip("strace is not installed")
    assert {"/etc/os-release", "/proc/cmdline"} <= set(Trace(tmp_path, "", "show").of_host())


def test_no_other_program_is_started(trace: tuple[Trace, Path]) -> None:
    """No kexec, mkinitramfs or makedumpfile, no vendor's tool: only the interpreter runs, and the ldconfig with which
    python-augeas 0.5 finds its library."""
    started = [line.split('"')[1] for line in trace[0].started if line.endswith(" = 0")]
    assert started[0] == sys.executable
    assert set(started[1:]) <= {"/sbin/ldconfig"}


def test_what_a_change_may_start() -> None:
    """zipl and proxmox-boot-tool as follow-ups, grub-mkconfig with --regenerate: none makes a capture kernel."""
    assert {command[0] for command in record.KNOWN_FOLLOWUPS} == {"zipl", "proxmox-boot-tool"}
    assert {Path(path).name for path in grub_mkconfig.GENERATORS} <= {"grub-mkconfig", "grub2-mkconfig"}


# ---- entries ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def tree(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return Path(shutil.copytree(FIXTURES / request.param / "root", tmp_path / "root", symlinks=True))


def done(tree: Path, *arguments: str, status: int = 0) -> Any:
    found = answer(lambda: main([*arguments, "--root", str(tree), "--json"]))
    assert found.exit == status, found.text
    return found.json


LINE = {"cmdline", "args", "crashkernel", "source"}


@pytest.mark.parametrize("tree", LAYOUTS, indirect=True)
def test_entries_stay_what_they_are(tree: Path) -> None:
    """Number, order, titles, kernels, initial RAM disks and the default stay: only command lines change."""

    def entries() -> list[dict[str, Any]]:
        found = done(tree, "show")["entries"]
        return [{key: value for key, value in entry.items() if key not in LINE} for entry in found]

    before = entries()
    assert done(tree, "set", "300M", "--add-arg", "nosmt")["changed"]
    assert entries() == before


@pytest.mark.parametrize("tree", ["fedora-11-i386"], indirect=True)
@pytest.mark.parametrize("option", ["--add-kernel=/boot/x", "--remove-kernel=0", "--initrd=/boot/x", "--set-default=1"])
def test_grubby_s_other_work_is_none_of_grubkd_s(tree: Path, option: str) -> None:
    assert done(tree, "set", "256M", option, status=2)["error"]["code"] == "usage"


# ---- answers ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", LAYOUTS)
def test_every_step_of_a_plan_names_its_source(name: str) -> None:
    planned = done(FIXTURES / name / "root", "plan", "--ram=8G")
    steps = [step for entry in [*planned["entries"], planned["future"]] for step in entry["reasons"]]
    assert steps
    assert [step for step in steps if not step["source"]] == []


@pytest.mark.parametrize("tree", LAYOUTS, indirect=True)
def test_a_dry_run_s_diff_is_the_change(tree: Path, tmp_path: Path) -> None:
    """patch(1) changes a copy as `set` changes the tree; the dry run writes nothing."""
    other = Path(shutil.copytree(tree, tmp_path / "other", symlinks=True))
    planned = done(tree, "set", "300M", "--dry-run")
    assert not (tree / "var/lib/grubkd").exists()
    diff = "".join(file["diff"] for file in planned["files"])
    subprocess.run(["patch", "--quiet", "--strip=1", "--posix"], input=diff, text=True, cwd=other, check=True)
    assert done(tree, "set", "300M")["changed"]
    compared = ["diff", "--recursive", "--no-dereference", "--exclude=grubkd", "--exclude=var", tree, other]
    assert subprocess.run(compared, capture_output=True, text=True, check=False).stdout == ""
    assert done(other, "set", "300M")["changed"] is False


@pytest.mark.parametrize("tree", ["rhel-9"], indirect=True)
@pytest.mark.parametrize(
    ("status", "arguments"),
    [
        (0, ["show"]),
        (0, ["plan", "--ram=8G"]),
        (0, ["predict", "--ram=8G"]),
        (0, ["set", "256M", "--dry-run"]),
        (0, ["unset", "--dry-run"]),
        (0, ["keep", "1.2.3"]),
        (0, ["history"]),
        (0, ["dumps"]),
        (0, ["measure"]),
        (4, ["check", "--ram=8G"]),
        (2, ["set", "x"]),
        (2, ["show", "--nonsense"]),
        (4, ["set", "256M", "--kernel=none"]),
        (4, ["rollback"]),
        (2, ["no-such-verb"]),
    ],
)
def test_versions_of_answers(tree: Path, status: int, arguments: list[str]) -> None:
    """Also of errors."""
    assert done(tree, *arguments, status=status)["version"] == 1


# ---- other tools -------------------------------------------------------------------------------------------------


def test_sed_in_place_syncs_nothing(tmp_path: Path) -> None:
    """grubby's script edits a snippet this way: written and renamed, but not synced."""
    if not shutil.which("strace"):
        pytest.skip("strace is not installed")
    file, log = tmp_path / "a.conf", tmp_path / "trace"
    file.write_text("options ro\n")
    calls = "trace=rename,renameat,renameat2,fsync,fdatasync,sync,syncfs,sync_file_range,msync"
    subprocess.run(["strace", "-f", "-qq", "-e", calls, "-o", log, "sed", "-i", "s/ro/rw/", file], check=True)
    assert file.read_text() == "options rw\n"
    assert [line.split()[1].partition("(")[0][:6] for line in log.read_text().splitlines()] == ["rename"]
