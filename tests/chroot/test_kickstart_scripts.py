"""The %post scripts of the Kickstart snippets, run by sh in a chroot, with a real wheelhouse."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from bookworm import TOP, Bookworm
from packages import fetch, install
from pykickstart.parser import KickstartParser
from pykickstart.version import DEVEL, makeVersion

pytestmark = pytest.mark.long

# Debian's names of the packages that the snippets list.
INSIDE = {
    "rhel8": ("python3.11", "python3.11-venv", "libaugeas0"),
    "rhel9": ("python3.11", "python3.11-venv", "libaugeas0"),
    "rhel10": ("python3", "python3-venv", "libaugeas0"),
    "fedora": ("python3", "python3-venv", "python3-click", "python3-lark", "python3-psutil", "python3-augeas"),
}
VALUE = "384M-:128M"


def scripts(name: str) -> list[str]:
    handler = makeVersion(DEVEL)
    KickstartParser(handler).readKickstart(str(TOP / "integrations/kickstart" / f"{name}.ks"))
    return [script.script for script in handler.scripts]


@pytest.fixture(scope="module")
def medium(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An installation medium with a wheelhouse and a directory of libraries, as the manual says to make them."""
    path = tmp_path_factory.mktemp("medium")
    source = tmp_path_factory.mktemp("source") / "grubkd"
    shutil.copytree(TOP, source, symlinks=True, ignore=shutil.ignore_patterns(".*", "fixtures", "tests", "build"))
    pip = [sys.executable, "-m", "pip", "--quiet"]
    for command in (
        [*pip, "wheel", "--wheel-dir", path / "grubkd/wheels", source],
        [
            *pip,
            "install",
            "--target",
            path / "grubkd/site",
            "--no-index",
            "--find-links",
            path / "grubkd/wheels",
            "grubkd",
        ],
    ):
        subprocess.run(command, check=True)
    return path


@pytest.fixture
def installed(tarball: Path, tmp_path: Path) -> Iterator[Bookworm]:
    """A system as an installer leaves it: a menu, no value, no grubkd."""
    path = tmp_path / "sysroot"
    path.mkdir()
    subprocess.run(["tar", "--directory", path, "--extract", "--file", tarball], check=True)
    debian = Bookworm(path)
    (path / "etc/default/grub.d/kdump-tools.cfg").unlink()
    shutil.copy(path / "usr/share/grub/default/grub", path / "etc/default/grub")
    (path / "boot/grub").mkdir(exist_ok=True)
    debian.update_grub()
    yield debian
    shutil.rmtree(path)


def copy(script: str, medium: Path, debian: Bookworm) -> None:
    """The section that runs outside the new system."""
    environment = {**os.environ, "GRUBKD_MEDIUM": str(medium), "GRUBKD_SYSROOT": str(debian.path)}
    subprocess.run(["/bin/sh", "-c", script], env=environment, check=True)


@pytest.mark.parametrize("name", INSIDE)
def test_inside(name: str, medium: Path, installed: Bookworm, tmp_path: Path) -> None:
    copying, setting = scripts(name)[:2]
    first = installed.run("/bin/sh", "-c", setting)
    assert (first.returncode, first.stdout, first.stderr.count("\n")) == (1, "", 1)
    assert "Python 3.11 is missing" in first.stderr
    install(installed, fetch(installed, tmp_path / "packages", *INSIDE[name]))
    second = installed.run("/bin/sh", "-c", setting)
    assert (second.returncode, second.stdout) == (1, "")
    assert second.stderr == "grubkd: there are no wheels in /opt/grubkd/wheels; see grubkd-kickstart(7)\n"
    copy(copying, medium, installed)
    third = installed.run("/bin/sh", "-c", setting)
    assert (third.returncode, third.stderr) == (0, ""), third
    shown = installed.grubkd("show")
    assert [entry["crashkernel"] for entry in shown["entries"] if entry["linux"]] == [[VALUE]] * 3
    lines = installed.lines()
    before = installed.update_grub(), installed.read("etc/default/grub")
    assert installed.lines() == lines
    again = installed.run("/bin/sh", "-c", setting)
    assert (again.returncode, again.stderr) == (0, "")
    assert (installed.read("boot/grub/grub.cfg"), installed.read("etc/default/grub")) == before
    past = json.loads(installed.run("/opt/grubkd/bin/grubkd", "history", "--json").stdout)["transactions"]
    assert [each["wanted"]["by"] for each in past] == ["auto"]


def test_with_wheels_of_another_python_one_line_says_so(medium: Path, installed: Bookworm, tmp_path: Path) -> None:
    copying, setting = scripts("rhel9")
    install(installed, fetch(installed, tmp_path / "packages", *INSIDE["rhel9"]))
    copy(copying, medium, installed)
    for wheel in (installed.path / "opt/grubkd/wheels").glob("psutil-*.whl"):
        wheel.rename(wheel.with_name("psutil-1.0-cp36-cp36m-linux_x86_64.whl"))
    done = installed.run("/bin/sh", "-c", setting)
    assert (done.returncode, done.stdout) == (1, "")
    printed = (
        "grubkd: the wheels are not all that grubkd needs here: /opt/grubkd/install.log; see grubkd-kickstart(7)\n"
    )
    assert done.stderr == printed
    assert "psutil" in installed.read("opt/grubkd/install.log")


def test_outside(medium: Path, installed: Bookworm) -> None:
    """With an interpreter that has no libraries, as in the installer; libaugeas is on the medium."""
    (script,) = scripts("nochroot")
    library = subprocess.run(["ldconfig", "-p"], capture_output=True, text=True, check=True).stdout
    (medium / "grubkd/lib").mkdir(exist_ok=True)
    for name in ("libaugeas.so.0", "libfa.so.1"):
        found = next(line.split(" => ")[1] for line in library.splitlines() if line.strip().startswith(name))
        shutil.copy(found, medium / "grubkd/lib")
    commands = installed.path.parent / "bin"
    commands.mkdir()
    (commands / "python3").write_text('#!/bin/sh\nexec /usr/bin/python3 -S "$@"\n')
    (commands / "python3").chmod(0o755)
    environment = {
        "PATH": f"{commands}:/usr/sbin:/usr/bin:/sbin:/bin",
        "GRUBKD_MEDIUM": str(medium),
        "GRUBKD_SYSROOT": str(installed.path),
    }
    for _ in range(2):
        done = subprocess.run(
            ["/bin/sh", "-c", script], env=environment, capture_output=True, text=True, check=False, cwd="/"
        )
        assert (done.returncode, done.stderr) == (0, ""), done
    shown = installed.grubkd("show")
    assert [entry["crashkernel"] for entry in shown["entries"] if entry["linux"]] == [[VALUE]] * 3
    assert not (installed.path / "opt/grubkd").exists()
