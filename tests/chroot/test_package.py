"""The Debian package: built from a copy of the tree, checked by lintian, installed with Debian 12's own libraries."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from bookworm import TOP, Bookworm
from support.debianpackage import ENVIRONMENT, build

from grubkd import __version__

pytestmark = pytest.mark.long

TREE = "fixtures/debian-12-plain/root"
REASONED = {
    # kernel-install runs only executable files.
    "executable-in-usr-lib",
    # A regular expression of a grammar is one line.
    "very-long-line-length-in-source-file",
    # `grubkd help` prints these pages where there is no man.
    "package-contains-documentation-outside-usr-share-doc",
    # The unit runs before the service that saves the dump, in the capture kernel, which systemd starts.
    "systemd-service-file-refers-to-unusual-wantedby-target",
    "package-supports-alternative-init-but-no-init.d-script",
}


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory with the source and the binary package, built as root builds them."""
    home = tmp_path_factory.mktemp("package")
    build(home)
    return home


@pytest.fixture(scope="session")
def package(built: Path) -> Path:
    return built / f"grubkd_{__version__}_all.deb"


@pytest.fixture(scope="module")
def machine(tarball: Path, package: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bookworm]:
    """A Debian 12 with the package, which apt installed with its dependencies."""
    path = tmp_path_factory.mktemp("machine")
    subprocess.run(["tar", "--directory", path, "--extract", "--file", tarball], check=True)
    for name in ("etc/resolv.conf", "etc/apt/apt.conf.d", "etc/apt/sources.list", "etc/ssl/certs"):
        if Path("/", name).is_dir():
            shutil.copytree(Path("/", name), path / name, symlinks=True, dirs_exist_ok=True)
        elif Path("/", name).exists():
            shutil.copy(Path("/", name), path / name)
    shutil.copy(package, path / "root")
    shutil.copytree(TOP / TREE, path / "root/tree", symlinks=True)
    found = Bookworm(path)
    for command in (
        ["apt-get", "-qq", "update"],
        ["apt-get", "-qq", "install", "--yes", "--no-install-recommends", f"/root/{package.name}"],
    ):
        done = found.run(*command)
        assert done.returncode == 0, done.stdout + done.stderr
    yield found
    shutil.rmtree(path)


def test_lintian(built: Path) -> None:
    """No error, and no other warning or remark than those listed with a reason."""
    (changes,) = built.glob("*.changes")
    done = subprocess.run(
        ["lintian", "--allow-root", "--pedantic", "--display-info", changes],
        env=ENVIRONMENT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert {line.split(": ")[2].split()[0] for line in done.stdout.splitlines()} <= REASONED


def test_what_is_installed(package: Path) -> None:
    listed = subprocess.run(["dpkg-deb", "--contents", package], capture_output=True, text=True, check=True).stdout
    files = {line.split()[5].removeprefix("."): line.split()[0] for line in listed.splitlines() if line[0] == "-"}
    executable = {name for name, mode in files.items() if "x" in mode}
    assert executable == {
        "/usr/bin/grubkd", "/usr/lib/kernel/install.d/98-grubkd.install", "/etc/kernel/postinst.d/zzz-grubkd",
        "/usr/lib/grubkd/capture-memory",
    }  # fmt: skip
    for page in (TOP / "man").glob("*.[1-9]"):
        assert f"/usr/share/man/man{page.suffix[1]}/{page.name}.gz" in files
    assert {
        "/usr/share/bash-completion/completions/grubkd",
        "/usr/share/fish/vendor_completions.d/grubkd.fish",
        "/usr/share/zsh/vendor-completions/_grubkd_completion",
        "/usr/lib/systemd/system/grubkd-check.service",
        "/usr/lib/systemd/system/grubkd-check.timer",
        "/usr/lib/systemd/system/grubkd-capture-memory.service",
    } <= set(files)
    home = "/usr/lib/python3/dist-packages/grubkd"
    for grammar in (TOP / "grammars").glob("*.lark"):
        assert f"{home}/grammars/{grammar.stem}_tables.py" in files


def grubkd(machine: Bookworm, *arguments: str) -> str:
    done = machine.run("grubkd", *arguments)
    assert (done.returncode, arguments) == (0, arguments), done.stdout + done.stderr
    return done.stdout


def test_the_units_are_installed_and_not_enabled(machine: Bookworm) -> None:
    assert list((machine.path / "etc/systemd/system").glob("*/grubkd*")) == []
    for unit in ("grubkd-check.timer", "grubkd-capture-memory.service"):
        assert (machine.path / "usr/lib/systemd/system" / unit).exists()


def test_the_installed_command_works_with_debian_s_libraries(machine: Bookworm) -> None:
    """As a person uses it: version, show, set, rollback; the tree is then as before."""
    at = ("--root", "/root/tree")
    assert grubkd(machine, "--version") == f"grubkd {__version__}\n"
    assert json.loads(grubkd(machine, "show", "--json", *at))["errors"] == []
    done = json.loads(grubkd(machine, "set", "--auto", "--ram", "4G", "--json", *at))
    assert done["changed"]
    entries = json.loads(grubkd(machine, "show", "--json", *at))["entries"]
    assert [entry["crashkernel"] for entry in entries] == [["384M-:128M"]] * len(entries)
    assert not json.loads(grubkd(machine, "set", "--auto", "--ram", "4G", "--json", *at))["changed"]
    words = f"COMP_WORDS=grubkd rollback {' '.join(at)} "
    completed = machine.run("env", "_GRUBKD_COMPLETE=fish_complete", words, "COMP_CWORD=", "grubkd").stdout
    assert completed.startswith(f"plain,{done['transaction']}")
    grubkd(machine, "rollback", *at)
    for name in ("boot", "etc"):
        one, other = machine.path / "root/tree" / name, TOP / TREE / name
        subprocess.run(["diff", "--recursive", "--no-dereference", one, other], check=True)


def test_debian_s_own_test_of_the_package(machine: Bookworm) -> None:
    """debian/tests/command, which autopkgtest runs."""
    shutil.copy(TOP / "debian/tests/command", machine.path / "root/command")
    (machine.path / "root/scratch").mkdir()
    done = machine.run("env", "AUTOPKGTEST_TMP=/root/scratch", "/root/command")
    assert done.returncode == 0, done.stdout + done.stderr


def test_it_goes_as_it_came(machine: Bookworm) -> None:
    """The last test of this file: a removal keeps the history; after a purge nothing is left, no hook either."""
    history = machine.path / "var/lib/grubkd/transactions"
    history.mkdir(parents=True, exist_ok=True)
    for action, stays in (("remove", True), ("purge", False)):
        done = machine.run("apt-get", "-qq", "--yes", action, "grubkd")
        assert done.returncode == 0, done.stdout + done.stderr
        assert history.parent.exists() == stays
    left = [path for name in ("etc", "usr") for path in (machine.path / name).rglob("*grubkd*")]
    assert [path for path in left if not path.is_symlink()] == []
