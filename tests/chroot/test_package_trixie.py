"""The Debian package, built and run in a Debian 13 with its own Python, setuptools and libraries."""

import shutil
from pathlib import Path

import pytest
from bookworm import TOP, Bookworm

from grubkd import __version__

pytestmark = pytest.mark.long

NETWORK = ("etc/resolv.conf", "etc/apt/apt.conf.d", "etc/ssl/certs/ca-certificates.crt")
LEFT = shutil.ignore_patterns(".*", "fixtures", "tests", "build", "dist", "*.egg-info", "__pycache__", "*_tables.py")


def run(debian: Bookworm, script: str) -> None:
    done = debian.run("sh", "-ec", script)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]


@pytest.mark.parametrize("bare", ["trixie"], indirect=True)
def test_it_is_built_installed_and_used(bare: Bookworm) -> None:
    """By the commands of docs/install.md; then debian/tests/command, which autopkgtest runs."""
    for name in NETWORK:
        source, target = Path("/", name), bare.path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, dirs_exist_ok=True)
        elif source.exists():
            shutil.copy(source, target)
    shutil.copytree(TOP, bare.path / "root/build/grubkd", symlinks=True, ignore=LEFT)
    shutil.copy(TOP / "debian/tests/command", bare.path / "root")
    run(bare, "export DEBIAN_FRONTEND=noninteractive; apt-get -qq update; cd /root/build/grubkd; "
        "apt-get -qq --yes --no-install-recommends install build-essential; "
        "apt-get -qq --yes --no-install-recommends build-dep .; dpkg-buildpackage -us -uc -b")  # fmt: skip
    run(bare, f"apt-get -qq --yes --no-install-recommends install /root/build/grubkd_{__version__}_all.deb")
    run(bare, "mkdir /root/scratch; AUTOPKGTEST_TMP=/root/scratch /root/command")
