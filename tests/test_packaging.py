"""What is shipped: the wheel and the sdist hold everything, and what is installed from them works."""

import json
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

from grubkd import __version__

TOP = Path(__file__).parent.parent
NAME = f"grubkd-{__version__}"


def sources() -> set[str]:
    """Every file of the package that is in the source tree, grammars included, links followed."""
    modules = {path.relative_to(TOP).as_posix() for path in (TOP / "grubkd").rglob("*.py")}
    grammars = {f"grubkd/grammars/{path.name}" for path in (TOP / "grammars").iterdir() if path.is_file()}
    pages = {f"grubkd/manual/{path.name}" for path in (TOP / "man").glob("*.[1-9]")}
    return modules | grammars | pages | {"grubkd/py.typed"}


def made() -> set[str]:
    """What the build makes."""
    return {f"grubkd/grammars/{path.stem}_tables.py" for path in (TOP / "grammars").glob("*.lark")}


def manuals() -> set[str]:
    return {f"man{path.suffix[1]}/{path.name}" for path in (TOP / "man").glob("*.[1-9]")}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory with both, built by the backend as a user's pip would: the sdist, and from it the wheel."""
    tree = tmp_path_factory.mktemp("tree") / "grubkd"
    shutil.copytree(
        TOP,
        tree,
        symlinks=True,
        ignore=shutil.ignore_patterns(".*", "fixtures", "tests", "build", "*.egg-info", "__pycache__"),
    )
    out = tree / "dist"
    done = subprocess.run(
        [sys.executable, "-m", "build", "--no-isolation", "--outdir", out, tree],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return out


@pytest.fixture(scope="module")
def wheel(built: Path) -> Path:
    (found,) = built.glob("*.whl")
    return found


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh virtual environment with the wheel; the libraries come from the environment of the tests."""
    home = tmp_path_factory.mktemp("installed")
    venv.create(home, with_pip=False)
    python = home / "bin" / "python"
    subprocess.run(
        [sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-index", "--no-deps", wheel],
        check=True,
    )
    purelib = sysconfig.get_path("purelib", "venv", {"base": str(home), "platbase": str(home)})
    (Path(purelib) / "libraries.pth").write_text(
        sysconfig.get_path("purelib") + "\n" + sysconfig.get_path("platlib") + "\n"
    )
    return home


def test_the_wheel_holds_the_package_and_the_manual(wheel: Path) -> None:
    assert wheel.name == f"{NAME}-py3-none-any.whl"
    names = {name for name in zipfile.ZipFile(wheel).namelist() if f"{NAME}.dist-info" not in name}
    assert names == sources() | made() | {f"{NAME}.data/data/share/man/{page}" for page in manuals()}


def test_the_wheel_says_what_it_is(wheel: Path) -> None:
    archive = zipfile.ZipFile(wheel)
    assert archive.read(f"{NAME}.dist-info/entry_points.txt").decode().split() == [
        "[console_scripts]", "grubkd", "=", "grubkd.cli:main",
    ]  # fmt: skip
    (licence,) = (name for name in archive.namelist() if name.endswith("/LICENSE"))
    assert archive.read(licence) == (TOP / "LICENSE").read_bytes()
    metadata = archive.read(f"{NAME}.dist-info/METADATA").decode()
    assert "License: LGPL-2.1-or-later\n" in metadata or "License-Expression: LGPL-2.1-or-later\n" in metadata
    assert "Requires-Python: >=3.11\n" in metadata


def test_the_sdist_holds_what_a_build_needs(built: Path) -> None:
    with tarfile.open(built / f"{NAME}.tar.gz") as archive:
        names = {name.removeprefix(f"{NAME}/") for name in archive.getnames()}
    wanted = sources() | {f"man/{page.split('/')[1]}" for page in manuals()}
    assert wanted | {"pyproject.toml", "setup.py", "LICENSE", "README.md"} <= names
    assert not names & made()


def test_the_installed_command_says_its_version(installed: Path) -> None:
    done = subprocess.run(
        [installed / "bin" / "grubkd", "--version"], capture_output=True, text=True, cwd="/", check=True
    )
    assert done.stdout == f"grubkd {__version__}\n"


def one_tree_of_each_kind() -> dict[tuple[str, ...], Path]:
    """The formats of a tree's bootloaders -> a fixture that has them."""
    found: dict[tuple[str, ...], Path] = {}
    for show in sorted((TOP / "fixtures").glob("*/show.json")):
        formats = tuple(each["format"] for each in json.loads(show.read_text())["bootloaders"])
        found.setdefault(formats, show.parent)
    return found


@pytest.mark.parametrize("tree", one_tree_of_each_kind().values(), ids=lambda path: path.name)
def test_the_installed_command_reads_the_fixtures(installed: Path, tree: Path) -> None:
    """With nothing from the source tree: the grammars are those of the wheel."""
    done = subprocess.run(
        [installed / "bin" / "grubkd", "show", "--json", "--root", tree / "root"],
        capture_output=True,
        text=True,
        cwd="/",
        check=False,
    )
    assert done.stderr == ""
    answer, wanted = json.loads(done.stdout), json.loads((tree / "show.json").read_text())
    assert [entry["cmdline"] for entry in answer["entries"]] == [entry["cmdline"] for entry in wanted["entries"]]


def test_the_installed_manual_is_found(installed: Path) -> None:
    assert {
        page.relative_to(installed / "share/man").as_posix() for page in (installed / "share/man").rglob("*.?")
    } == manuals()
