"""The %post scripts of the Kickstart snippets, run by sh with grubkd's single file, in a Debian and outside of it."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from bookworm import TOP, Bookworm
from pykickstart.parser import KickstartParser
from pykickstart.version import DEVEL, makeVersion

pytestmark = pytest.mark.long

VALUE = "384M-:128M"


def scripts(name: str) -> list[str]:
    handler = makeVersion(DEVEL)
    KickstartParser(handler).readKickstart(str(TOP / "integrations/kickstart" / f"{name}.ks"))
    return [script.script for script in handler.scripts]


@pytest.fixture
def installed(tarball: Path, tmp_path: Path) -> Iterator[Bookworm]:
    """A system as an installer leaves it: a menu, no value, no grubkd, no Python."""
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


def from_medium(onefile: Path) -> dict[str, str]:
    """Both architectures, as a medium for both has them."""
    medium = onefile.parent / "medium"
    medium.mkdir(exist_ok=True)
    if not (medium / "grubkd").exists():
        (medium / "grubkd").symlink_to(onefile)
    return {"GRUBKD_MEDIUM": str(medium)}


def from_address(onefile: Path) -> dict[str, str]:
    return {"GRUBKD_MEDIUM": "/nonexistent", "GRUBKD_ADDRESS": f"file://{onefile}/grubkd-x86_64"}


SOURCES = pytest.mark.parametrize("source", [from_medium, from_address])


def outside(script: str, debian: Bookworm, variables: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run a script as the installer does, without an interpreter of Python on its PATH."""
    commands = debian.path.parent / "bin"
    commands.mkdir(exist_ok=True)
    for name in ("sh", "cp", "chmod", "rm", "mkdir", "curl"):
        if not (commands / name).exists():
            (commands / name).symlink_to(shutil.which(name) or name)
    variables |= {"PATH": str(commands), "GRUBKD_SYSROOT": str(debian.path)}
    variables |= {"GRUBKD_FILE": str(debian.path.parent / "grubkd")}
    return subprocess.run(
        ["/bin/sh", "-c", script], env=variables, capture_output=True, text=True, check=False, cwd="/"
    )


def values(debian: Bookworm) -> list[list[str]]:
    return [entry["crashkernel"] for entry in debian.grubkd("show")["entries"] if entry["linux"]]


@SOURCES
@pytest.mark.parametrize("name", ["rhel", "fedora"])
def test_inside(name: str, source: Callable[[Path], dict[str, str]], onefile: Path, installed: Bookworm) -> None:
    copying, setting = scripts(name)[:2]
    first = installed.run("/bin/sh", "-c", setting)
    assert (first.returncode, first.stdout, first.stderr.count("\n")) == (1, "", 1)
    assert "grubkd: it is neither on the installation medium nor" in first.stderr
    copied = outside(copying, installed, source(onefile))
    assert (copied.returncode, copied.stderr) == (0, "")
    second = installed.run("/bin/sh", "-c", setting)
    assert (second.returncode, second.stderr) == (0, ""), second
    assert values(installed) == [[VALUE]] * 3
    lines = installed.lines()
    before = installed.update_grub(), installed.read("etc/default/grub")
    assert installed.lines() == lines
    again = installed.run("/bin/sh", "-c", setting)
    assert (again.returncode, again.stderr) == (0, "")
    assert (installed.read("boot/grub/grub.cfg"), installed.read("etc/default/grub")) == before
    past = json.loads(installed.run("/usr/local/bin/grubkd", "history", "--json").stdout)["transactions"]
    assert [each["wanted"]["by"] for each in past] == ["auto"]


@SOURCES
def test_outside(source: Callable[[Path], dict[str, str]], onefile: Path, installed: Bookworm) -> None:
    (script,) = scripts("nochroot")
    for _ in range(2):
        done = outside(script, installed, source(onefile))
        assert (done.returncode, done.stderr) == (0, ""), done
    assert values(installed) == [[VALUE]] * 3
    assert not os.path.lexists(installed.path / "usr/local/bin/grubkd")
