"""The wheel and the sdist contain everything, and an installation from them works."""

import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tomllib
import venv
import zipfile
from pathlib import Path

import pytest

from grubkd import __version__

TOP = Path(__file__).parents[2]
NAME = f"grubkd-{__version__}"


def sources() -> set[str]:
    """Every file of the package in the source tree, with the grammars; links are followed."""
    modules = {path.relative_to(TOP).as_posix() for path in (TOP / "grubkd").rglob("*.py")}
    grammars = {f"grubkd/grammars/{path.name}" for path in (TOP / "grammars").iterdir() if path.is_file()}
    pages = {f"grubkd/manual/{path.name}" for path in (TOP / "man").glob("*.[1-9]")}
    schemas = {f"grubkd/schema/{path.name}" for path in (TOP / "docs" / "schema").iterdir()}
    return (modules | grammars | pages | schemas | {"grubkd/py.typed"}) - made()


def made() -> set[str]:
    """What the build makes."""
    tables = {f"grubkd/grammars/{path.stem}_tables.py" for path in (TOP / "grammars").glob("*.lark")}
    return tables | {f"grubkd/manual/{path.name}.txt" for path in (TOP / "man").glob("*.[1-9]")}


def manuals() -> set[str]:
    return {f"man{path.suffix[1]}/{path.name}" for path in (TOP / "man").glob("*.[1-9]")}


# Where the shells look, below /usr or a prefix.
COMPLETIONS = {
    "bash-completion/completions/grubkd": "bash/grubkd",
    "fish/vendor_completions.d/grubkd.fish": "fish/grubkd.fish",
    "zsh/site-functions/_grubkd_completion": "zsh/_grubkd_completion",
}


def shared() -> set[str]:
    """The files below share/."""
    return {f"man/{page}" for page in manuals()} | set(COMPLETIONS)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory with the sdist, and the wheel that is built from it, made by the backend as pip does."""
    tree = tmp_path_factory.mktemp("tree") / "grubkd"
    shutil.copytree(
        TOP,
        tree,
        symlinks=True,
        ignore=shutil.ignore_patterns(".*", "fixtures", "tests", "build", "*.egg-info", "__pycache__", "*_tables.py"),
    )
    out = tree / "dist"
    done = subprocess.run(
        [sys.executable, "-m", "build", "--no-isolation", "--outdir", out, tree],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (tree / "build.log").write_text(done.stdout + done.stderr)
    return out


@pytest.fixture(scope="module")
def wheel(built: Path) -> Path:
    (found,) = built.glob("*.whl")
    return found


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new virtual environment with the wheel; the libraries come from the environment of the tests."""
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


def test_the_wheel_holds_the_package_the_manual_and_completions(wheel: Path) -> None:
    assert wheel.name == f"{NAME}-py3-none-any.whl"
    names = {name for name in zipfile.ZipFile(wheel).namelist() if f"{NAME}.dist-info" not in name}
    assert names == sources() | made() | {f"{NAME}.data/data/share/{name}" for name in shared()}


def test_the_wheel_says_what_it_is(wheel: Path) -> None:
    archive = zipfile.ZipFile(wheel)
    assert archive.read(f"{NAME}.dist-info/entry_points.txt").decode().split() == [
        "[console_scripts]", "grubkd", "=", "grubkd.__main__:run",
    ]  # fmt: skip
    (licence,) = (name for name in archive.namelist() if name.endswith("/LICENSE"))
    assert archive.read(licence) == (TOP / "LICENSE").read_bytes()
    metadata = archive.read(f"{NAME}.dist-info/METADATA").decode()
    assert "\nLicense: LGPL-2.1-or-later\n" in metadata
    assert "Requires-Python: >=3.11\n" in metadata
    needed = re.findall(r"(?m)^Requires-Dist: ([a-z-]+)[^;\n]*$", metadata)
    assert sorted(needed) == ["click", "lark", "psutil", "python-augeas"]


def test_the_sdist_holds_what_a_build_needs(built: Path) -> None:
    with tarfile.open(built / f"{NAME}.tar.gz") as archive:
        names = {name.removeprefix(f"{NAME}/") for name in archive.getnames()}
    wanted = sources() | {f"man/{page.split('/')[1]}" for page in manuals()}
    wanted |= {f"integrations/completions/{name}" for name in COMPLETIONS.values()}
    wanted |= {f"debian/{path.name}" for path in (TOP / "debian").iterdir() if path.is_file()}
    assert wanted | {"pyproject.toml", "setup.py", "LICENSE", "README.md"} <= names
    assert not names & made()


@pytest.mark.long
def test_twine_finds_nothing(built: Path, tmp_path: Path) -> None:
    """The newest twine checks metadata and description of both, as PyPI does. It has a separate environment."""
    venv.create(tmp_path, with_pip=True)
    got = subprocess.run(
        [tmp_path / "bin/pip", "install", "--quiet", "twine"], capture_output=True, text=True, check=False
    )
    if got.returncode:
        pytest.skip(f"pip cannot fetch twine: {got.stderr.strip().splitlines()[-1]}")
    command = [tmp_path / "bin/python", "-m", "twine", "--no-color", "check", "--strict", *sorted(built.iterdir())]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.count(": PASSED\n")) == (0, 2), done.stdout + done.stderr


def test_no_setting_is_about_to_be_refused(built: Path) -> None:
    """setuptools warns about settings that it will refuse in the future."""
    assert "eprecat" not in (built.parent / "build.log").read_text()


def test_the_installed_command_says_its_version(installed: Path) -> None:
    done = subprocess.run(
        [installed / "bin" / "grubkd", "--version"], capture_output=True, text=True, cwd="/", check=True
    )
    assert done.stdout == f"grubkd {__version__}\n"


def one_tree_of_each_kind() -> dict[tuple[str, ...], Path]:
    """The formats of a tree's boot loaders -> a fixture that has them."""
    found: dict[tuple[str, ...], Path] = {}
    for show in sorted((TOP / "fixtures").glob("*/show.json")):
        formats = tuple(each["format"] for each in json.loads(show.read_text())["bootloaders"])
        found.setdefault(formats, show.parent)
    return found


@pytest.mark.parametrize("tree", one_tree_of_each_kind().values(), ids=lambda path: path.name)
def test_the_installed_command_reads_the_fixtures(installed: Path, tree: Path) -> None:
    """Nothing comes from the source tree: the grammars are those of the wheel."""
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


def test_the_installed_completions_are_found(installed: Path) -> None:
    for name, source in COMPLETIONS.items():
        assert (installed / "share" / name).read_bytes() == (TOP / "integrations/completions" / source).read_bytes()


@pytest.mark.parametrize("hook", ["install.d/98-grubkd.install add", "postinst.d/zzz-grubkd"])
def test_the_hooks_find_a_command_in_a_virtual_environment(installed: Path, tmp_path: Path, hook: str) -> None:
    """Installed as docs/install.md says, and run with the PATH of a package manager."""
    (block,) = re.findall(r"(?ms)^```sh\n(command=.*?)^```$", (TOP / "docs/install.md").read_text())
    block = block.replace("/opt/grubkd", str(installed)).replace("/etc/kernel", f"{tmp_path}/kernel")
    subprocess.run(["sh", "-ec", block], cwd=TOP, check=True)
    (tmp_path / "tree").mkdir()
    done = subprocess.run(
        ["sh", "-c", f"{tmp_path}/kernel/{hook} 6.1.0-1-amd64"],
        env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "GRUBKD_ROOT": str(tmp_path / "tree")},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr == "grubkd: kernel 6.1.0-1-amd64: nothing to do: no value chosen by --auto is recorded\n"


@pytest.mark.parametrize(("action", "stays"), [("remove", True), ("purge", False), ("upgrade", True)])
def test_only_a_purge_removes_the_history(tmp_path: Path, action: str, stays: bool) -> None:
    """dpkg runs the script with the path of the tree in DPKG_ROOT, which is empty on the running system."""
    history = tmp_path / "var/lib/grubkd/transactions"
    history.mkdir(parents=True)
    (history / "20260101-000000-000001.done").touch()
    script = TOP / "debian/grubkd.postrm"
    subprocess.run(["sh", script, action], env={"DPKG_ROOT": str(tmp_path), "PATH": "/usr/bin:/bin"}, check=True)
    assert history.parent.exists() == stays
    assert history.parents[1].exists()


def test_a_version_is_written_the_same_everywhere() -> None:
    done = subprocess.run(
        ["dpkg-parsechangelog", "--show-field=Version"], cwd=TOP, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == __version__
    assert f"\nVersion:        {__version__}\n" in (TOP / "packaging/grubkd.spec").read_text()


def test_debian_asks_for_what_pyproject_asks_for() -> None:
    """${python3:Depends} is made from the metadata; only the build dependencies are written twice."""
    requires = tomllib.loads((TOP / "pyproject.toml").read_text())["build-system"]["requires"]
    control = (TOP / "debian/control").read_text()
    for requirement in requires:
        name, _, version = requirement.partition(">=")
        assert f"\n python3-{name} (>= {version}),\n" in control


def test_git_ignores_what_a_build_leaves_and_no_file_of_the_tree(tmp_path: Path) -> None:
    """A person's own list of ignored names often has *.bak: it must not hide a fixture."""
    (tmp_path / "ignored").write_text("*.bak\n*~\n*.orig\n")
    git = ["git", "-c", f"core.excludesFile={tmp_path / 'ignored'}"]
    tracked = subprocess.run(
        [*git, "ls-files", "--cached", "--ignored", "--exclude-standard"],
        cwd=TOP, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if tracked.returncode:
        pytest.skip(f"this is no clone: {tracked.stderr.strip()}")
    assert tracked.stdout == ""
    left = [
        "debian/files",
        "debian/grubkd/x",
        "debian/grubkd.substvars",
        "debian/.debhelper/x",
        ".pybuild/x",
        "build/x",
    ]
    done = subprocess.run(["git", "check-ignore", *left], cwd=TOP, capture_output=True, text=True, check=False)
    assert done.stdout.split() == left


@pytest.mark.parametrize("file", ["README.md", "docs/install.md", "test.sh"])
def test_what_pip_compiles_with_is_named(file: str) -> None:
    text = (TOP / file).read_text()
    assert [name for name in ("gcc", "pkg-config", "python3-dev", "libaugeas-dev") if name not in text] == []


@pytest.mark.long
def test_dh_clean_keeps_every_fixture(tmp_path: Path) -> None:
    """It removes *.bak, which debian/rules forbids, and other names that no fixture may have."""
    shutil.copytree(TOP / "debian", tmp_path / "debian")
    shutil.copytree(TOP / "fixtures", tmp_path / "fixtures", symlinks=True)
    subprocess.run(["make", "-f", "debian/rules", "override_dh_clean"], cwd=tmp_path, check=True)
    command = ["diff", "--recursive", "--no-dereference", TOP / "fixtures", tmp_path / "fixtures"]
    assert subprocess.run(command, capture_output=True, text=True, check=False).stdout == ""


def test_what_the_first_release_waits_for_is_listed() -> None:
    """docs/install.md lists every file with a placeholder for an address."""
    (listed,) = re.findall(
        r"(?s)\n## Before the first release\n.*placeholder in (.*?);", (TOP / "docs/install.md").read_text()
    )
    files = [path for name in ("debian", "packaging", "integrations", "man") for path in (TOP / name).rglob("*")]
    held = [path for path in [*files, *TOP.glob("*.*")] if path.is_file() and b"users.noreply" in path.read_bytes()]
    assert {str(path.relative_to(TOP)) for path in held} == set(re.findall("`([^`]+)`", listed))


def test_every_integration_goes_somewhere() -> None:
    """Each file is installed: in a Debian package, below share/, or as a separate package."""
    places = (TOP / "pyproject.toml").read_text() + "".join(
        (TOP / "debian" / name).read_text() for name in ("grubkd.install", "grubkd.examples", "grubkd-grubby.install")
    )
    files = [
        path.relative_to(TOP)
        for path in (TOP / "integrations").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and path.relative_to(TOP).parts[1] != "ansible"
    ]
    assert Path("integrations/kernel-install/zzz-grubkd") in files
    homeless = [str(file) for file in files if str(file) not in places and f"{file.parent}/*" not in places]
    assert homeless == []


# The macros of pyproject-rpm-macros, which Debian's rpm lacks.
MACROS = ("buildrequires", "wheel", "install", "save_files", "check_import", "files")


def test_the_spec_file_is_parsed() -> None:
    """rpm itself parses it and knows every macro."""
    stubs = [f"--define=pyproject_{name} pyproject-{name}" for name in MACROS]
    spec = TOP / "packaging/grubkd.spec"
    done = subprocess.run(["rpmspec", *stubs, "--parse", spec], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    sections = {"description", "prep", "build", "install", "check", "files", "license", "doc", "changelog", "package"}
    # rpm 4.18 runs generate_buildrequires and does not print it; rpm 4.20 prints it.
    assert set(re.findall(r"%(\w+|\{.*?\})", done.stdout)) - {"generate_buildrequires"} == sections
    for name in MACROS:
        assert f"pyproject-{name}" in done.stdout or name == "buildrequires"  # rpm runs this one and does not print it
    assert "pyproject_buildrequires\n" in spec.read_text()
    for name in shared() | {"../bin/grubkd", "../lib/kernel/install.d/98-grubkd.install"}:
        path = re.sub(r"/man/(man\d)/.*(\.\d)$", r"/man/\1/*\2*", f"/usr/share/{name}").replace("/share/..", "")
        assert f"\n{path}\n" in done.stdout
    query = ["rpmspec", *stubs, "--query", "--queryformat", "%{NAME} %{VERSION} %{LICENSE} %{ARCH}\n", spec]
    printed = subprocess.run(query, capture_output=True, text=True, check=True).stdout
    assert printed == "".join(
        f"{name} {__version__} LGPL-2.1-or-later noarch\n" for name in ("grubkd", "grubkd-grubby")
    )


@pytest.mark.parametrize(("release", "python"), [("fedora 44", "3"), ("rhel 10", "3"), ("rhel 9", "3.12")])
def test_the_spec_file_takes_a_python_that_is_new_enough(release: str, python: str) -> None:
    stubs = [f"--define=pyproject_{name} pyproject-{name}" for name in MACROS]
    command = ["rpmspec", *stubs, f"--define={release}", "--query", "--buildrequires", TOP / "packaging/grubkd.spec"]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert f"python{python}-devel >= 3.11" in printed.splitlines()


OFFLINE = {
    f"PIP_{name}": "1" for name in ("NO_INDEX", "NO_DEPS", "IGNORE_INSTALLED", "NO_WARN_SCRIPT_LOCATION", "QUIET")
}


@pytest.mark.long
def test_the_spec_file_s_steps_make_a_package(built: Path, tmp_path: Path) -> None:
    """rpmbuild runs them on the sdist, with substitutes for the macros: every file is packed."""
    for name in ("SOURCES", "BUILD"):
        (tmp_path / name).mkdir()
    shutil.copy(built / f"{NAME}.tar.gz", tmp_path / "SOURCES")
    macros = TOP / "tests/pyproject.macros"
    done = subprocess.run(
        ["rpmbuild", "-bb", "--nodeps", f"--define=_topdir {tmp_path}", f"--define=__python3 {sys.executable}",
         f"--load={macros}", TOP / "packaging/grubkd.spec"],
        env={**os.environ, **OFFLINE}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    package, command = sorted((tmp_path / "RPMS/noarch").iterdir())
    listed = subprocess.run(
        ["rpm", "--query", "--package", "--list", package], capture_output=True, text=True, check=True
    ).stdout
    names = {re.sub(r"(/man/.*)\.gz$", r"\1", name) for name in listed.splitlines()}
    library = next(name for name in names if name.endswith("site-packages/grubkd/cli.py")).removesuffix("grubkd/cli.py")
    assert {f"{library}{name}" for name in sources() | made()} <= names
    assert {f"/usr/share/{name}" for name in shared()} <= names
    hooks = {"/usr/lib/kernel/install.d/98-grubkd.install", "/usr/lib/grubkd/capture-memory"}
    assert {"/usr/bin/grubkd", *hooks} <= names
    assert {f"/usr/lib/systemd/system/grubkd-check.{kind}" for kind in ("service", "timer")} <= names
    listed = subprocess.run(["rpm", "-qlp", command], capture_output=True, text=True, check=True).stdout
    assert re.search(r"^/usr/s?bin/grubby$", listed, re.M)
    assert not {name for name in names if name.endswith("bin/grubby")}
    documents = {re.sub(r"^/usr/share/doc/[^/]*/", "", name) for name in names if name.startswith("/usr/share/doc/")}
    assert {"README.md", "docs/install.md", "kickstart"} <= documents
