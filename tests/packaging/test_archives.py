"""grubkd in a zip archive: python -m zipapp, and shiv."""

import shutil
import subprocess
import sys
import sysconfig
import venv
import zipapp
from pathlib import Path

import pytest

TOP = Path(__file__).parents[2]
TREE = TOP / "fixtures/debian-12-plain/root"
SITE = Path(sysconfig.get_path("platlib"))


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what a build reads."""
    copy = tmp_path_factory.mktemp("source") / "grubkd"
    leave = shutil.ignore_patterns(".*", "fixtures", "tests", "build", "*.egg-info", "__pycache__", "*_tables.py")
    shutil.copytree(TOP, copy, symlinks=True, ignore=leave)
    return copy


@pytest.fixture(scope="module")
def built(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory with grubkd as its build makes it, without libraries."""
    out = tmp_path_factory.mktemp("built")
    command = [sys.executable, "setup.py", "--quiet", "build_py", "--build-lib", str(out)]
    subprocess.run(command, cwd=source, capture_output=True, check=True)
    return out


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    shutil.copytree(TREE, tmp_path / "tree", symlinks=True)
    return tmp_path / "tree"


def run(*command: str | Path, temporary: Path) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": "/usr/bin:/bin", "TMPDIR": str(temporary), "SHIV_ROOT": str(temporary)}
    return subprocess.run(command, env=environment, cwd="/", capture_output=True, text=True, check=False)


def changes_and_helps(command: list[str | Path], tree: Path, temporary: Path) -> None:
    """`set` finds its lenses, `rollback` gives the file back, `help` finds its pages and schemas."""
    before = (tree / "boot/grub/grub.cfg").read_bytes()
    for arguments in (["set", "--auto", "--ram", "4G"], ["rollback"]):
        done = run(*command, *arguments, "--root", tree, temporary=temporary)
        assert (done.returncode, done.stderr) == (0, "")
    assert (tree / "boot/grub/grub.cfg").read_bytes() == before
    text = (TOP / "docs/schema/show.json").read_text()
    assert run(*command, "help", "--schema", "show", temporary=temporary).stdout == text
    done = run(*command, "help", "set", temporary=temporary)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("SYNOPSIS\n     grubkd set")


def test_a_zipapp_of_grubkd_with_libraries_outside_works(built: Path, tree: Path, tmp_path: Path) -> None:
    app = tmp_path / "grubkd.pyz"
    zipapp.create_archive(built, app, main="grubkd.__main__:run")
    (tmp_path / "temporary").mkdir()
    changes_and_helps([sys.executable, app], tree, tmp_path / "temporary")
    assert list((tmp_path / "temporary").iterdir()) == []


def test_a_zipapp_without_a_place_for_the_lenses_says_so(built: Path, tree: Path, tmp_path: Path) -> None:
    app = tmp_path / "grubkd.pyz"
    zipapp.create_archive(built, app, main="grubkd.__main__:run")
    full = "import tempfile; tempfile.tempdir = '/nonexistent'; from grubkd.__main__ import run; run()"
    command = [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(app)!r}); {full}"]
    done = run(*command, "set", "--auto", "--ram", "4G", "--root", tree, temporary=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "grubkd: error: Augeas's lenses cannot be unpacked: No such file or directory\n"
        "  set TMPDIR to a directory that can be written\n"
    )


def test_a_zipapp_with_compiled_libraries_inside_says_why_it_cannot_work(
    built: Path, tree: Path, tmp_path: Path
) -> None:
    """Python loads no shared library from an archive."""
    inside = tmp_path / "inside"
    shutil.copytree(built, inside)
    for path in (*map(SITE.joinpath, ("augeas", "cffi", "click", "lark", "psutil")), *SITE.glob("_*.so")):
        (shutil.copytree if path.is_dir() else shutil.copy)(path, inside / path.name)
    app = tmp_path / "grubkd.pyz"
    zipapp.create_archive(inside, app, main="grubkd.__main__:run")
    before = (tree / "boot/grub/grub.cfg").read_bytes()
    done = run(sys.executable, "-S", app, "set", "--auto", "--ram", "4G", "--root", tree, temporary=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "grubkd: error: a Python module cannot be loaded: No module named '_augeas'\n"
        "  Python loads no compiled module from a zip archive: install psutil and python-augeas outside of it\n"
    )
    assert (tree / "boot/grub/grub.cfg").read_bytes() == before


@pytest.mark.long
def test_a_shiv_works(source: Path, tree: Path, tmp_path: Path) -> None:
    """It unpacks all, libraries too, before it starts."""
    home = tmp_path / "venv"
    venv.create(home, with_pip=True)
    got = subprocess.run([home / "bin/pip", "install", "--quiet", "shiv"], capture_output=True, text=True, check=False)
    if got.returncode:
        pytest.skip(f"pip cannot fetch shiv: {got.stderr.strip().splitlines()[-1]}")
    app = tmp_path / "grubkd.pyz"
    subprocess.run([home / "bin/shiv", "--quiet", "-c", "grubkd", "-o", app, source], capture_output=True, check=True)
    (tmp_path / "temporary").mkdir()
    changes_and_helps([sys.executable, app], tree, tmp_path / "temporary")
