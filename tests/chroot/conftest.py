"""Real Debian systems: made once by debootstrap, kept as tarballs, unpacked for each test. And grubkd's single file."""

import fcntl
import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from bookworm import TOP, Bookworm

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
        ["debootstrap", "--variant=minbase", *([f"--include={','.join(packages)}"] if packages else []), suite, tree],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        pytest.skip(f"debootstrap failed: {(done.stdout + done.stderr).strip().splitlines()[-1]}")
    for name in superfluous:
        shutil.rmtree(tree / name, ignore_errors=True)
        (tree / name).mkdir(parents=True)
    partial = tarball.with_suffix(".partial")
    subprocess.run(["tar", "--directory", tree, "--create", "--file", partial, "."], check=True)
    shutil.rmtree(tree)
    partial.rename(tarball)


@contextmanager
def _locked(name: str) -> Iterator[None]:
    """Other processes wait here until one of them has made what all use."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / name).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _kept(name: str, suite: str, packages: Sequence[str] = (), superfluous: Sequence[str] = SUPERFLUOUS) -> Path:
    """A packed Debian; made if it is missing (minutes)."""
    if os.geteuid() != 0:
        pytest.skip("debootstrap and chroot need root")
    if not shutil.which("debootstrap"):
        pytest.skip("debootstrap is not installed")
    with _locked("lock"):
        found = CACHE / f"{name}-amd64.tar"
        if not found.exists():
            _make(found, suite, packages, superfluous)
    return found


@pytest.fixture(scope="session")
def tarball() -> Path:
    """Debian 12 with a boot loader, a kernel and kdump-tools, without the modules: three quarters of the whole."""
    return _bookworm()


def _bookworm() -> Path:
    return _kept("bookworm", "bookworm", PACKAGES, (*SUPERFLUOUS, "lib/modules"))


@pytest.fixture(scope="session")
def image_tarball() -> Path:
    """Debian 13 that builds unified kernel images; dracut needs the modules."""
    return _kept("trixie", "trixie", IMAGE_PACKAGES)


@pytest.fixture(scope="module")
def bare(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bookworm]:
    """A Debian of the suite that the test names, without Python; 11 and 13 are as small as debootstrap makes them."""
    suite = request.param
    tarball = _bookworm() if suite == "bookworm" else _kept(f"{suite}-bare", suite)
    path = tmp_path_factory.mktemp("bare")
    subprocess.run(["tar", "--directory", path, "--extract", "--file", tarball], check=True)
    yield Bookworm(path)
    shutil.rmtree(path)


@pytest.fixture(scope="session")
def onefile() -> Path:
    """The directory with grubkd's single files; built if a source is newer (minutes)."""
    out = CACHE / "onefile"
    sources = [TOP / name for name in ("grammars", "grubkd", "man", "docs/schema", "packaging", "LICENSE", "setup.py")]
    files = [file for each in sources for file in (each, *each.rglob("*")) if "__pycache__" not in file.parts]
    with _locked("onefile.lock"):
        made = out / "grubkd-aarch64"
        if not made.exists() or made.stat().st_mtime < max(file.stat().st_mtime for file in files if file.is_file()):
            done = subprocess.run([TOP / "packaging/onefile.sh", out], capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stderr
    return out


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
