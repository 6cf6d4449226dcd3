"""Machines with a real Debian: debootstrap makes them, and the GRUB 2 of their own grub-install boots them."""

import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from zlib import crc32

from support import debianpackage

from lab import disks
from lab.initramfs import INIT
from lab.packages import CACHE, Source, Unavailable, locked
from lab.qemu import Machine, Run, run
from lab.report import part
from lab.tree import TOP

PACKAGES = (
    *("grub2-common", "grub-pc-bin", "linux-image-cloud-amd64", "kexec-tools", "makedumpfile"),
    *("python3", "python3-lark", "python3-click", "python3-augeas", "python3-psutil"),
)
# With the services of a usual machine.
SYSTEM = ("systemd-sysv", "dbus", "initramfs-tools", "busybox", "python3")
# A third of the whole, which no test here reads.
SUPERFLUOUS = ("usr/share/doc", "usr/share/locale", "usr/share/man", "var/lib/apt/lists", "var/cache/apt")
ARCHIVE = "srv/packages"
"""Where a machine has an archive of packages."""
BOOKWORM = Source("bookworm", "amd64")
MEMORY = 1024
"""MiB of RAM."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """`packages` of Debian; `size` of /, MiB; `grubkd`: that of this tree, without its package.

    `inside`: what a shell runs in the tree before there is a disk; `prepare`: what the machine's shell runs first.
    """

    packages: tuple[str, ...] = PACKAGES
    size: int = 900
    grubkd: bool = True
    prepare: str = ""
    inside: str = ""
    source: Source = BOOKWORM


USUAL = Recipe()
# With both kernels of amd64. zstd decides how the initrds are packed.
INITRD_PACKAGES = (
    *("initramfs-tools", "zstd", "busybox", "kexec-tools", "makedumpfile"),
    *("linux-image-amd64", "linux-image-cloud-amd64"),
)
MAKERS = {
    "dep": "echo MODULES=dep >/etc/initramfs-tools/conf.d/lab; mkinitramfs -o /lab.img {}",
    "kdump-tools": "/etc/kernel/postinst.d/kdump-tools {0} && mv /var/lib/kdump/initrd.img-{0} /lab.img",
}
"""Commands of a running machine that make /lab.img for a release of the kernel."""

GUEST = Path(__file__).with_name("guest.sh")
# As grub-pc's package leaves it, except for the timeout and the console. nokaslr: the kernel's place is then known
# before it boots.
DEFAULT = """# If you change this file, run 'update-grub' afterwards to update
# /boot/grub/grub.cfg.
GRUB_DEFAULT=0
GRUB_TIMEOUT=0
GRUB_DISTRIBUTOR=`lsb_release -i -s 2> /dev/null || echo Debian`
GRUB_CMDLINE_LINUX_DEFAULT="quiet"
GRUB_CMDLINE_LINUX="console=ttyS0,115200 init=/lab/init nokaslr oops=panic panic=-1"
GRUB_TERMINAL=serial
"""
# As the package kdump-tools installs it.
DROP_IN = 'GRUB_CMDLINE_LINUX_DEFAULT="$GRUB_CMDLINE_LINUX_DEFAULT crashkernel=384M-:128M"\n'
INSTALL = """section install
mkdir -p /boot/grub
grub-install /dev/vda && update-grub && echo installed
"""


def tarball(packages: Sequence[str] = PACKAGES, source: Source = BOOKWORM) -> Path:
    """The packed Debian without grubkd; made if it is missing (some minutes). Raises Unavailable."""
    if not shutil.which("debootstrap"):
        raise Unavailable("debootstrap is not installed")
    # Another choice of packages is another tree.
    found = CACHE / f"{source.suite}-{source.arch}-{crc32(' '.join(packages).encode()):08x}.tar"
    with locked(found.stem):
        if not found.exists():
            tree = found.with_suffix(".tree")
            shutil.rmtree(tree, ignore_errors=True)
            options = ("--variant=minbase", f"--arch={source.arch}", f"--include={','.join(packages)}")
            done = subprocess.run(
                ["debootstrap", *options, source.suite, tree],
                capture_output=True,
                text=True,
                check=False,
            )
            if done.returncode:
                raise Unavailable(f"debootstrap: {(done.stdout + done.stderr).strip().splitlines()[-1]}")
            for name in SUPERFLUOUS:
                shutil.rmtree(tree / name)
                (tree / name).mkdir()
            partial = found.with_suffix(".partial")
            subprocess.run(["tar", "--directory", tree, "--create", "--file", partial, "."], check=True)
            shutil.rmtree(tree)
            partial.rename(found)
    return found


def initrd(release: str, maker: str) -> Path:
    """An initrd that Debian 12 makes for that kernel. Needs root. Raises Unavailable.

    `maker`: "most", MODULES= of initramfs.conf(5) as installed; or one of MAKERS, which look at the running machine.
    """
    found = CACHE / f"{BOOKWORM.suite}-{release}-{maker}.img"
    with locked(found.stem), tempfile.TemporaryDirectory() as name:
        if not found.exists():
            tree = unpack(Path(name), (), Recipe(INITRD_PACKAGES, grubkd=False))
            partial = found.with_suffix(".partial")
            if maker == "most":
                shutil.copy(tree / f"boot/initrd.img-{release}", partial)
            else:
                _make_initrd(tree, Path(name), release, maker, partial)
            partial.rename(found)
    return found


def _make_initrd(tree: Path, scratch: Path, release: str, maker: str, file: Path) -> None:
    shutil.copytree(BOOKWORM.tree("kdump-tools"), tree, symlinks=True, dirs_exist_ok=True)
    job = f"section initrd\n{MAKERS[maker].format(release)} && echo made\n"
    debian, done = _directly(tree, scratch, job, release)
    assert "made\n" in part(done.text, "initrd"), done.tail(40)
    subprocess.run(["debugfs", "-R", f"dump /lab.img {file}", f"{debian.disk}?offset={disks.MIB}"], check=True)


def archive(directory: Path, recipe: Recipe, *wanted: str) -> Path:
    """A Debian archive with grubkd's package, the wanted ones, and what the recipe's machine lacks for them.

    Raises Unavailable.
    """
    build = directory / "build"
    build.mkdir()
    package = debianpackage.build(build, "--build=binary")
    status = directory / "status"
    packed = tarball(recipe.packages, recipe.source)
    with status.open("wb") as out:
        subprocess.run(
            ["tar", "--extract", "--to-stdout", "--file", packed, "./var/lib/dpkg/status"], stdout=out, check=True
        )
    fetched = CACHE / "archives" / f"{packed.stem}-{crc32(' '.join(wanted).encode()):08x}"
    recipe.source.missing(status, fetched, package, *wanted)
    found = directory / "archive"
    found.mkdir()
    for file in (package, *fetched.glob("*.deb")):
        (found / file.name).write_bytes(file.read_bytes())
    with (found / "Packages").open("wb") as out:
        subprocess.run(["dpkg-scanpackages", "."], cwd=found, stdout=out, stderr=subprocess.DEVNULL, check=True)
    return found


def _install_grubkd(tree: Path) -> None:
    """Install the package as a build makes it, with its parsers' tables, and the command."""
    build = tree.parent / "build"
    source = shutil.copytree(
        TOP, build, symlinks=True, ignore=shutil.ignore_patterns(".*", "fixtures", "tests", "__pycache__")
    )
    into = tree / "usr/lib/python3/dist-packages"
    subprocess.run(
        [sys.executable, "setup.py", "-q", "build", "--build-lib", into], cwd=source, check=True, capture_output=True
    )
    shutil.rmtree(build)
    # As the installation of a package does: the emulated machine would need a minute for it in every run.
    compiling = [sys.executable, "-m", "compileall", "-q", "--invalidation-mode=unchecked-hash"]
    subprocess.run([*compiling, "-s", str(tree), "-p", "/", str(into / "grubkd")], check=True)
    command = tree / "usr/bin/grubkd"
    command.write_text("#!/usr/bin/python3\nimport sys\nfrom grubkd.cli import main\nsys.exit(main())\n")
    command.chmod(0o755)


def _functions() -> str:
    """The functions of the other init that print sections."""
    return "\n".join(re.findall(r"^(?:section|report)\(\) \{\n.*?^\}\n", INIT.read_text(), re.MULTILINE | re.DOTALL))


@dataclass(frozen=True, slots=True)
class Debian:
    """The disk, and the machine that boots it through GRUB."""

    disk: Path
    arch: str = "x86_64"
    memory: int = MEMORY

    def machine(self, job: str) -> Machine:
        """The machine, with `job` as the script that it runs after its start."""
        return Machine(self.arch, self.memory, disk=self.disk, job=job_file(self.disk, job))

    def boot(self, job: str, deadline: float = 120) -> Run:
        """Boot it, run the job, wait until it ends. Raises Unavailable."""
        done = run(self.machine(job), deadline)
        assert done.ended, done.tail()
        return done


def job_file(disk: Path, job: str) -> Path:
    """A job beside its disk, in whole sectors."""
    data = job.encode()
    file = disk.with_suffix(".job")
    file.write_bytes(data + bytes(-len(data) % 4096))
    return file


def unpack(directory: Path, files: Sequence[tuple[str, str | Path]], recipe: Recipe) -> Path:
    """The tree of such a Debian, as `install` takes it. Needs root. Raises Unavailable."""
    tree = directory / "tree"
    tree.mkdir()
    packed = tarball(recipe.packages, recipe.source)
    subprocess.run(["tar", "--directory", tree, "--extract", "--file", packed], check=True)
    if recipe.grubkd:
        _install_grubkd(tree)
    for name, content in (
        ("etc/default/grub", DEFAULT),
        ("lab/init", GUEST.read_text()),
        ("lab/functions", _functions()),
        *files,
    ):
        file = tree / name
        file.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, str):
            file.write_text(content)
        elif content.is_dir():
            shutil.copytree(content, file)
        else:
            shutil.copy(content, file)
    (tree / "lab/init").chmod(0o755)
    if recipe.inside:
        subprocess.run(["chroot", tree, "sh", "-ec", recipe.inside], check=True, env=debianpackage.ENVIRONMENT)
    return tree


def install(directory: Path, files: Sequence[tuple[str, str | Path]] = (), recipe: Recipe = USUAL) -> Debian:
    """A Debian on a disk in that directory, with these files on it. Needs root. Raises Unavailable.

    `files`: the path of each in the machine, and its text, or the file or directory to copy there.
    """
    tree = unpack(directory, files, recipe)
    debian, done = _directly(tree, directory, f"section prepare\n{recipe.prepare}{INSTALL}", size=recipe.size)
    assert "installed\n" in part(done.text, "install"), done.tail(40)
    return debian


def _directly(tree: Path, directory: Path, job: str, release: str = "*", *, size: int = 1300) -> tuple[Debian, Run]:
    """Make a disk of the tree, boot its kernel of that release without a boot loader, and run the job."""
    for name in ("vmlinuz", "initrd.img"):
        (found,) = (tree / "boot").glob(f"{name}-{release}")
        shutil.copy(found, directory / name)
    disk = directory / "disk"
    disks.ext4(tree, disk, size=size)
    shutil.rmtree(tree)
    debian = Debian(disk)
    direct = replace(
        debian.machine(job),
        kernel=directory / "vmlinuz",
        initrd=directory / "initrd.img",
        cmdline="root=/dev/vda1 ro console=ttyS0,115200 init=/lab/init mitigations=off panic=-1",
    )
    return debian, run(direct, 400)
