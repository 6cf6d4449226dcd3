"""A real Debian 12, and a Debian 13 that builds unified kernel images: made once by debootstrap, kept as tarballs."""

import fcntl
import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from bookworm import Bookworm

CACHE = Path(os.environ.get("GRUBKD_TEST_CACHE", "/var/cache/grubkd-tests"))
PACKAGES = ("grub2-common", "grub-pc-bin", "linux-image-cloud-amd64", "memtest86+", "kdump-tools")
# debootstrap does not find python3-cffi-backend by the virtual package that python3-augeas depends on.
IMAGE_PACKAGES = (
    *("python3", "python3-click", "python3-lark", "python3-cffi-backend", "python3-augeas", "python3-psutil"),
    *("systemd", "systemd-boot-efi", "systemd-ukify", "linux-image-cloud-amd64", "dracut-core", "binutils"),
)
# What no boot loader and no generator reads.
SUPERFLUOUS = (
    "usr/share/doc",
    "usr/share/locale",
    "usr/share/man",
    "var/lib/apt/lists",
    "var/cache/apt",
)

# The directories that the tests and grubkd change.
CONFIGURATION = ("boot/grub", "etc/default")


def _make(tarball: Path, suite: str, packages: Sequence[str], superfluous: Sequence[str]) -> None:
    """Run debootstrap with the packages, remove what is not needed, pack."""
    tree = tarball.with_suffix(".tree")
    shutil.rmtree(tree, ignore_errors=True)
    done = subprocess.run(
        ["debootstrap", "--variant=minbase", f"--include={','.join(packages)}", suite, tree],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        pytest.skip(f"debootstrap failed: {(done.stdout + done.stderr).strip().splitlines()[-1]}")
    for name in superfluous:
        shutil.rmtree(tree / name)
        (tree / name).mkdir()
    partial = tarball.with_suffix(".partial")
    subprocess.run(["tar", "--directory", tree, "--create", "--file", partial, "."], check=True)
    shutil.rmtree(tree)
    partial.rename(tarball)


def _kept(suite: str, packages: Sequence[str], superfluous: Sequence[str] = SUPERFLUOUS) -> Path:
    """The packed Debian; made if it is missing (minutes)."""
    if os.geteuid() != 0:
        pytest.skip("debootstrap and chroot need root")
    if not shutil.which("debootstrap"):
        pytest.skip("debootstrap is not installed")
    CACHE.mkdir(parents=True, exist_ok=True)
    found = CACHE / f"{suite}-amd64.tar"
    with (CACHE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not found.exists():
            _make(found, suite, packages, superfluous)
    return found


@pytest.fixture(scope="session")
def tarball() -> Path:
    """The packed Debian 12, without the modules, which are three quarters of the whole."""
    return _kept("bookworm", PACKAGES, (*SUPERFLUOUS, "lib/modules"))


@pytest.fixture(scope="session")
def image_tarball() -> Path:
    """The packed Debian 13; dracut needs the modules."""
    return _kept("trixie", IMAGE_PACKAGES)


@pytest.fixture(scope="session")
def unpacked(tarball: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bookworm]:
    """A Debian with /etc/default/grub as its package grub-pc installs it, and a grub.cfg that update-grub made."""
    path = tmp_path_factory.mktemp("debian")
    subprocess.run(["tar", "--directory", path, "--extract", "--file", tarball], check=True)
    shutil.copy(path / "usr/share/grub/default/grub", path / "etc/default/grub")
    (path / "boot/grub").mkdir(exist_ok=True)
    found = Bookworm(path)
    probe = found.run("grub-probe", "--target=device", "/")
    if probe.returncode:
        pytest.skip(f"the generator cannot work on this file system: {probe.stderr.strip()}")
    found.update_grub()
    yield found
    shutil.rmtree(path)


@pytest.fixture
def debian(unpacked: Bookworm, tmp_path: Path) -> Iterator[Bookworm]:
    """The same for each test: the configuration is restored after each."""
    for name in CONFIGURATION:
        shutil.copytree(unpacked.path / name, tmp_path / name)
    yield unpacked
    for name in CONFIGURATION:
        shutil.rmtree(unpacked.path / name)
        shutil.copytree(tmp_path / name, unpacked.path / name)
    shutil.rmtree(unpacked.path / "var/lib/grubkd", ignore_errors=True)
