"""The dump of a whole cycle, read with `crash` and the symbols of the kernel that crashed.

For x86_64: Debian 12's crash 8.0.2 for i386 does not open dumps of its i386 kernel 6.1, neither with KASLR nor without.
"""

import re
import subprocess
from pathlib import Path

import pytest
from support.debugger import install

from grubkd import run as run_module
from grubkd.machine import crash_report, dumps
from grubkd.machine.crash_report import CrashReport
from grubkd.machine.debuginfo import Openable, Symbols
from grubkd.memory.vendors import Distribution
from grubkd.tree.root import Root
from lab import disks
from lab.kernels import KERNELS
from lab.packages import Source, Unavailable
from lab.prediction import compare
from lab.qemu import Machine, run
from lab.report import part, reports
from lab.test_page import dump
from lab.test_sizing import MEMORY, prepared

KERNEL = KERNELS["6.1 x86_64"]
SOURCE = Source("bookworm", "amd64")
# crash, and what it is linked with.
PACKAGES = (
    *("crash", "libc6", "libgcc-s1", "liblzo2-2", "libncursesw6", "libsnappy1v5", "libstdc++6", "libtinfo6"),
    *("libzstd1", "zlib1g"),
)


def asked(vmlinux: Path, vmcore: Path, *commands: str) -> str:
    """The output of `crash`. Raises Unavailable."""
    tree = SOURCE.tree(*PACKAGES)
    libraries = f"{tree}/lib/x86_64-linux-gnu:{tree}/usr/lib/x86_64-linux-gnu"
    done = subprocess.run(
        [
            *("prlimit", "--cpu=600"),
            *(tree / "lib/x86_64-linux-gnu/ld-linux-x86-64.so.2", "--library-path", libraries, tree / "usr/bin/crash"),
            *("--no_crashrc", "--no_scroll", "-s", vmlinux, vmcore),
        ],
        input="".join(f"{command}\n" for command in (*commands, "quit")),
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def reported(vmlinux: Path, vmcore: Path, programs: Path, monkeypatch: pytest.MonkeyPatch) -> CrashReport:
    """What `grubkd report` says, by `crash`."""
    tree = SOURCE.tree(*PACKAGES)
    libraries = f"{tree}/lib/x86_64-linux-gnu:{tree}/usr/lib/x86_64-linux-gnu"
    loader = tree / "lib/x86_64-linux-gnu/ld-linux-x86-64.so.2"
    install(programs, crash=f'exec {loader} --library-path {libraries} {tree / "usr/bin/crash"} "$@"')
    monkeypatch.setitem(run_module.ENVIRONMENT, "PATH", str(programs))
    saved = dumps.at(Root(), str(vmcore))
    assert saved
    symbols = Symbols((str(vmlinux),), "build-id")
    ready = Openable(saved, symbols, ("crash", str(vmlinux), *saved.paths))
    return crash_report.write(Root(), ready, Distribution())


@pytest.mark.lab
def test_crash_opens_the_dump(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    disk = tmp_path / "disk"
    memory = MEMORY[KERNEL.arch]
    try:
        vmlinux = KERNEL.symbols
        SOURCE.tree(*PACKAGES)
        tree = prepared(tmp_path, KERNEL.name)
        tree.grubkd("set", "--auto", "--ram", f"{memory}M", "--remove-arg", "nokaslr")
        entry = tree.default_entry()
        disks.grub2(tree.path, disk, size=384)
        done = run(Machine(KERNEL.arch, memory, disk=disk, restarts=True), 240)
    except Unavailable as problem:
        pytest.skip(str(problem))
    assert done.ended, done.tail()
    assert len(reports(done.text)) == 2, done.tail()
    for report in reports(done.text):
        assert report.release == KERNEL.release
        # The first word is GRUB's own.
        assert report.cmdline == f"BOOT_IMAGE={entry['kernel']} {entry['cmdline']}"
        compared = compare(report, KERNEL.arch)
        assert compared.outcome != "wrong", compared
    assert "vmcore" in part(done.text, "saved"), done.tail()

    vmcore = dump(disk, tmp_path, disks.MIB)
    printed = asked(vmlinux, vmcore, "sys", "bt")
    facts = dict(re.findall(r"^ *([A-Z]+): (.*)$", printed, re.MULTILINE))
    assert facts["RELEASE"] == KERNEL.release, printed
    assert "sysrq triggered crash" in facts["PANIC"], printed
    # Which process wrote the c, and the call trace of the crash.
    assert 'COMMAND: "init"' in printed, printed
    functions = re.findall(r"^ *#\d+ \[[0-9a-f]+\] (\w+) at ", printed, re.MULTILINE)
    way = [name for name in functions if name in ("panic", "sysrq_handle_crash", "write_sysrq_trigger", "vfs_write")]
    assert way == ["panic", "sysrq_handle_crash", "write_sysrq_trigger", "vfs_write"], printed

    found = reported(vmlinux, vmcore, tmp_path / "bin", monkeypatch)
    assert found.by == "crash", found.notices
    assert found.facts.release == KERNEL.release
    assert "sysrq_handle_crash" in " ".join(found.facts.stack or ()), found
    assert found.facts.log, found
    assert found.facts.modules, found
    assert found.facts.memory, found
