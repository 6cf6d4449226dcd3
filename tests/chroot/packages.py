"""Debian packages for the chroot: the host's apt, which has the sources, fetches them; the chroot installs them."""

import shutil
import subprocess
from pathlib import Path

import pytest
from bookworm import TOP, Bookworm

INTERPRETER = "#!/usr/bin/python3\nimport sys\nfrom grubkd.cli import main\n\nsys.exit(main())\n"


def fetch(debian: Bookworm, cache: Path, *names: str) -> list[Path]:
    """These packages and dependencies, if the chroot lacks them, as files; skips the test if apt cannot fetch them."""
    shutil.rmtree(cache, ignore_errors=True)
    (cache / "partial").mkdir(parents=True)
    done = subprocess.run(
        [
            "apt-get",
            "--quiet=2",
            "--yes",
            "--download-only",
            "--no-install-recommends",
            "-o",
            f"Dir::State::status={debian.path}/var/lib/dpkg/status",
            "-o",
            f"Dir::Cache::archives={cache}",
            "-o",
            "APT::Keep-Downloaded-Packages=true",
            "-o",
            "APT::Sandbox::User=root",
            "-o",
            "Debug::NoLocking=1",
            "install",
            *names,
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        pytest.skip(f"apt cannot fetch {' '.join(names)}: {done.stderr.strip().splitlines()[-1]}")
    return sorted(cache.glob("*.deb"))


def install(debian: Bookworm, files: list[Path]) -> str:
    """Install packages in the chroot, with their maintainer scripts; returns the output."""
    inside = debian.path / "root" / "packages"
    inside.mkdir()
    for file in files:
        shutil.copy(file, inside)
    names = [f"/root/packages/{file.name}" for file in files]
    options = ["-o", "APT::Sandbox::User=root", "-o", "Dpkg::Use-Pty=0"]
    done = debian.run("apt-get", "--quiet=2", "--yes", "--no-install-recommends", *options, "install", *names)
    shutil.rmtree(inside)
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    return said


def kernels() -> list[str]:
    """The releases of Debian's 6.1 cloud kernels that the host's apt has, oldest first."""
    done = subprocess.run(["apt-cache", "pkgnames", "linux-image-6.1.0-"], capture_output=True, text=True, check=False)
    found = [name.removeprefix("linux-image-") for name in done.stdout.split() if name.endswith("-cloud-amd64")]
    return sorted(found, key=lambda release: int(release.split("-")[1]))


def put_grubkd(debian: Bookworm) -> None:
    """The grubkd of this source tree, as its package would install it."""
    home = debian.path / "usr/lib/python3/dist-packages/grubkd"
    shutil.copytree(TOP / "grubkd", home, ignore=shutil.ignore_patterns("__pycache__"))
    command = debian.path / "usr/bin/grubkd"
    command.write_text(INTERPRETER)
    command.chmod(0o755)
