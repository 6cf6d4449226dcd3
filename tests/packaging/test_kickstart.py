"""The Kickstart snippets: Anaconda's own parser reads them, sh runs their scripts on trees, without tty or colours."""

import io
import json
import os
import re
import shutil
import subprocess
import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from pykickstart.parser import KickstartParser
from pykickstart.version import makeVersion

from grubkd.cli import main
from grubkd.parsing import compile

TOP = Path(__file__).parents[2]
SNIPPETS = TOP / "integrations" / "kickstart"
VERSIONS = {
    "rhel": ("RHEL8", "RHEL9", "RHEL10"),
    "fedora": ("F40", "F42", "F44"),
    "nochroot": ("RHEL8", "RHEL9", "RHEL10", "F40", "F44"),
}
PACKAGES = {"rhel": [], "fedora": ["kdump-utils"], "nochroot": []}
# The snippet for each tree, when it runs inside the new system.
TREES = {
    "rhel-8": "rhel",
    "rhel-9": "rhel",
    "centos-stream-10-no-cmdline": "rhel",
    "fedora-44-btrfs": "fedora",
}
EACH = [(name, version) for name, versions in VERSIONS.items() for version in versions]


class Run(NamedTuple):
    exit: int
    out: str
    err: str


def parsed(name: str, version: str) -> Any:
    handler = makeVersion(version)
    KickstartParser(handler).readKickstart(str(SNIPPETS / f"{name}.ks"))
    return handler


def scripts(name: str) -> list[str]:
    """The scripts that run grubkd. Fedora's last one enables the service."""
    found = [script.script for script in parsed(name, VERSIONS[name][0]).scripts]
    return found[:2]


@pytest.mark.parametrize(("name", "version"), EACH)
@pytest.mark.parametrize("order", ["{services}{include}", "{include}{services}"])
def test_the_services_of_the_file_that_includes_it_stay(name: str, version: str, order: str, tmp_path: Path) -> None:
    """Of two services commands the last one counts."""
    included = f"%include {SNIPPETS / name}.ks\n"
    path = tmp_path / "user.ks"
    path.write_text(order.format(services="services --enabled=sshd,chronyd --disabled=cups\n", include=included))
    handler = makeVersion(version)
    KickstartParser(handler).readKickstart(str(path))
    assert (handler.services.enabled, handler.services.disabled) == (["sshd", "chronyd"], ["cups"])


def test_fedora_s_enables_the_service(tmp_path: Path) -> None:
    script = parsed("fedora", "F44").scripts[-1]
    assert (script.inChroot, script.interp) == (True, "/bin/sh")
    subprocess.run(["shellcheck", "--shell=sh", "-"], input=script.script, text=True, check=True)
    installer = Installer("fedora-44-btrfs", tmp_path)
    installer.command("systemctl", f'echo "$@" >{tmp_path}/systemctl')
    assert installer.run(script.script) == Run(0, "", "")
    assert (tmp_path / "systemctl").read_text() == f"--root={installer.root} enable kdump.service\n"


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with grubkd as the build makes it: the parsers' tables are made once, not in every process."""
    directory = tmp_path_factory.mktemp("package")
    shutil.copytree(TOP / "grubkd", directory / "grubkd", ignore=shutil.ignore_patterns("__pycache__"))
    for grammar in (TOP / "grammars").glob("*.lark"):
        tables = directory / "grubkd" / "grammars" / f"{grammar.stem}_tables.py"
        tables.write_text(compile.module(grammar.read_text()))
    return directory


class Installer:
    """An installed tree, as an installer mounts it, and the commands on its PATH."""

    def __init__(self, tree: str, path: Path, package: Path = TOP) -> None:
        self.package = package
        self.root = path / "sysroot"
        shutil.copytree(TOP / "fixtures" / tree / "root", self.root, symlinks=True)
        (self.root / "var/lib").mkdir(parents=True, exist_ok=True)
        self.commands = path / "bin"
        self.medium = path / "medium"
        self.commands.mkdir()
        self.asked = path / "asked"
        self.command("uname", f'echo "$*" >>{self.asked}; exit 1')

    def command(self, name: str, body: str) -> None:
        (self.commands / name).write_text(f"#!/bin/sh\n{body}\n")
        (self.commands / name).chmod(0o755)

    def run(self, script: str, *tracer: str, **environment: str) -> Run:
        """Run a script as Anaconda does: by /bin/sh, without a terminal."""
        done = subprocess.run(
            [*tracer, "/bin/sh", "-c", script],
            env={
                "PATH": f"{self.commands}:/usr/sbin:/usr/bin:/sbin:/bin",
                "GRUBKD_ROOT": str(self.root),
                "GRUBKD_SYSROOT": str(self.root),
                "GRUBKD_MEDIUM": str(self.medium),
                "GRUBKD_FILE": str(self.medium.parent / "grubkd"),
                "PYTHONPATH": str(self.package),
                "TERM": "xterm-256color",
                **environment,
            },
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            start_new_session=True,
            cwd="/",
        )
        return Run(done.returncode, done.stdout, done.stderr)

    def grubkd(self, *arguments: str) -> Any:
        out = io.TextIOWrapper(io.BytesIO(), "utf-8")
        with redirect_stdout(out):
            assert main([*arguments, "--root", str(self.root), "--json"]) == 0
        out.flush()
        return json.loads(out.buffer.getvalue())

    def files(self) -> dict[str, tuple[bytes, int]]:
        found = [path for path in self.root.rglob("*") if path.is_file() and not path.is_symlink()]
        return {str(path): (path.read_bytes(), path.stat().st_mtime_ns) for path in found}

    def wanted(self) -> set[tuple[str, ...]]:
        """The value that plan prints for this machine and all kernels together."""
        return {tuple(self.grubkd("plan", "--this-machine")["future"]["values"])}

    def found(self) -> set[tuple[str, ...]]:
        answer = self.grubkd("show")
        return {tuple(entry["crashkernel"]) for entry in answer["entries"] if entry["linux"]}


@pytest.mark.parametrize(("name", "version"), EACH)
def test_anaconda_reads_it(name: str, version: str) -> None:
    found = parsed(name, version)
    inside = {"nochroot": 0, "fedora": 2}.get(name, 1) * [True]
    assert [script.inChroot for script in found.scripts] == [False, *inside]
    assert {script.interp for script in found.scripts} == {"/bin/sh"}
    assert sorted(found.packages.packageList) == PACKAGES[name]
    addon = ["%addon com_redhat_kdump --enable --reserve-mb='auto'"] if name.startswith("rhel") else []
    # Versions of pykickstart differ in the quotes that they keep.
    printed = [line.replace("=auto", "='auto'") for line in str(found).splitlines() if line.startswith("%addon")]
    assert printed == addon
    assert (found.services.enabled, found.services.disabled) == ([], [])


def test_there_is_one_for_each_release() -> None:
    assert {path.stem for path in SNIPPETS.glob("*.ks")} == set(VERSIONS)


def test_they_do_the_same() -> None:
    assert scripts("rhel") == scripts("fedora")


@pytest.mark.parametrize("name", VERSIONS)
def test_shellcheck(name: str) -> None:
    for script in scripts(name):
        subprocess.run(["shellcheck", "--shell=sh", "-"], input=script, text=True, check=True)


def single_file(path: Path, package: Path = TOP) -> None:
    """What stands for the single file: it runs grubkd. tests/chroot has the real one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f'#!/bin/sh\nPYTHONPATH={package} exec {sys.executable} -m grubkd "$@"\n')


@pytest.mark.parametrize(("tree", "name"), TREES.items())
def test_inside_of_the_new_system(name: str, tree: str, tmp_path: Path, package: Path) -> None:
    """The file is on the medium, beside that of another architecture, and not executable there."""
    installer = Installer(tree, tmp_path)
    single_file(installer.medium / "grubkd/grubkd-x86_64", package)
    (installer.medium / "grubkd/grubkd-aarch64").write_text("#!/nonexistent\n")
    copying, setting = scripts(name)
    assert installer.run(copying) == Run(0, "", "")
    done = installer.run(setting)
    assert done.exit == 0, done.err
    assert "\x1b" not in done.out + done.err
    assert not installer.asked.exists()
    assert installer.found() == installer.wanted()
    assert (installer.root / "usr/local/bin/grubkd").stat().st_mode & 0o777 == 0o755


def test_a_package_is_used_where_there_is_no_file(tmp_path: Path, package: Path) -> None:
    installer = Installer("rhel-9", tmp_path, package)
    installer.command("grubkd", f'exec {sys.executable} -m grubkd "$@"')
    copying, setting = scripts("rhel")
    assert installer.run(copying) == Run(0, "", "")
    done = installer.run(setting)
    assert done.exit == 0, done.err
    assert installer.found() == installer.wanted()


@pytest.mark.parametrize("name", ["rhel", "nochroot"])
def test_a_file_from_an_address(name: str, tmp_path: Path, package: Path) -> None:
    """By curl, which every installer has."""
    installer = Installer("rhel-9", tmp_path)
    single_file(tmp_path / "served/grubkd-x86_64", package)
    first, *rest = scripts(name)
    done = installer.run(first, GRUBKD_ADDRESS=f"file://{tmp_path}/served/grubkd-x86_64")
    assert done.exit == 0, done.err
    for script in rest:
        assert installer.run(script).exit == 0
    assert installer.found() == installer.wanted()


def test_a_file_that_cannot_be_fetched(tmp_path: Path) -> None:
    """curl says why; the scripts then say what is missing."""
    installer = Installer("rhel-9", tmp_path)
    before = installer.files()
    done = installer.run(scripts("nochroot")[0], GRUBKD_ADDRESS=f"file://{tmp_path}/nothing")
    assert (done.exit, done.out) == (1, "")
    assert done.err.startswith("curl: ")
    assert done.err.splitlines()[1].startswith("grubkd: it is neither on the installation medium")
    assert installer.files() == before


def test_again_there_is_nothing_to_do_and_the_installer_is_not_asked(tmp_path: Path, package: Path) -> None:
    """Its kernel's release and arguments are not used, its memory is."""
    installer = Installer("rhel-9", tmp_path, package)
    installer.command("grubkd", f'exec {sys.executable} -m grubkd "$@"')
    assert installer.grubkd("set", "--auto", "--this-machine")["changed"]
    before = installer.files()
    trace = tmp_path / "trace"
    done = installer.run(scripts("rhel")[1], "strace", "-f", "-y", "-qq", "-o", str(trace), "-e", "trace=openat")
    assert (done.exit, done.err) == (0, "")
    assert installer.files() == before
    opened = set(re.findall(r'</proc>, "(\w+)"', trace.read_text()))
    assert opened >= {"iomem"}
    assert not opened & {"cmdline", "version", "modules"}
    assert not installer.asked.exists()


def test_outside_of_it(tmp_path: Path, package: Path) -> None:
    installer = Installer("rhel-9", tmp_path)
    single_file(installer.medium / "grubkd/grubkd-x86_64", package)
    done = installer.run(scripts("nochroot")[0])
    assert done.exit == 0, done.err
    assert "\x1b" not in done.out + done.err
    assert not installer.asked.exists()
    assert installer.found() == installer.wanted()
    assert not (installer.root / "usr/local").exists()


@pytest.mark.parametrize(("tree", "name"), [*TREES.items(), ("rhel-9", "nochroot")])
def test_without_grubkd_one_line_says_so(name: str, tree: str, tmp_path: Path) -> None:
    installer = Installer(tree, tmp_path)
    before = installer.files()
    where = "nor a command of the installer" if name == "nochroot" else "nor installed as a package"
    printed = f"grubkd: it is neither on the installation medium {where}; see grubkd-kickstart(7)\n"
    assert installer.run(scripts(name)[-1], PATH="/nonexistent") == Run(1, "", printed)
    assert installer.files() == before


def test_a_failure_of_grubkd_s_is_the_script_s(tmp_path: Path) -> None:
    installer = Installer("rhel-9-broken-script", tmp_path)
    installer.command("grubkd", f'exec {sys.executable} -m grubkd "$@"')
    before = installer.files()
    done = installer.run(scripts("rhel")[1])
    assert (done.exit, done.out) == (3, "")
    assert done.err.startswith("grubkd: error: /boot/grub2/grub.cfg:")
    assert {path: found for path, found in installer.files().items() if "/var/lib/grubkd" not in path} == before


def test_no_snippet_asks_a_terminal() -> None:
    """They read nothing from a terminal and print no colours."""
    assert os.environ.get("GRUBKD_ROOT") is None
    for name in VERSIONS:
        body = scripts(name)[-1]
        assert "</dev/null" in body
        assert "export NO_COLOR=1" in body
        assert not {"uname", "/proc/cmdline", "tput", "tty"} & set(body.replace("(", " ").split())
