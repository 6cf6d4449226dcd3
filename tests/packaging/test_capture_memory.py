"""The hook that runs in a capture kernel: its messages give the measured need."""

import os
import subprocess
import time
from pathlib import Path

from support.livetree import Files, put

from grubkd.machine import capture_log
from grubkd.memory.size import KIB
from grubkd.tree.root import Root

HOOKS = Path(__file__).parents[2] / "integrations" / "kdump"
MEMINFO = "MemTotal:         229000 kB\nMemFree:           99999 kB\nMemAvailable:     {} kB\nBuffers:  0 kB\n"
MEMORY = "[ 2.1] Memory: 65572K/262128K available (12292K kernel code, 144828K reserved, 0K cma-reserved)\n"
# What changes while the hook waits; then the capture ends.
SLEEP = """\
#!/bin/sh
cd "$GRUBKD_ROOT" || exit
echo >>waits
case $(wc -l <waits) in
1) sed -i 's/90000/89500/' proc/meminfo ;;
2) sed -i 's/89500/53212/' proc/meminfo; mkdir -p var/crash/2 && : >var/crash/2/dump-incomplete.lz4 ;;
3) sed -i 's/53212/60000/' proc/meminfo ;;
*) rm -f proc/vmcore ;;
esac
"""
FILES: Files = {
    "proc/vmcore": "",
    "proc/meminfo": MEMINFO.format(90000),
    "dev/kmsg": MEMORY,
    "var/crash/1/dump-incomplete": "",
    "var/crash/1/kexec-dmesg.log": "of a failed dump\n",
    "bin/sleep": SLEEP,
    "bin/dmesg": '#!/bin/sh\ncat "$GRUBKD_ROOT/dev/kmsg"\n',
}
SAID = [
    "<5>grubkd: MemAvailable 90000 kB, MemTotal 229000 kB",
    "<5>grubkd: MemAvailable 53212 kB, MemTotal 229000 kB",
]


def capture(tree: Path, *arguments: str, files: Files = FILES) -> list[str]:
    """Run the hook to the end of the capture; returns what it reported."""
    put(tree, files)
    for program in ("sleep", "dmesg"):
        (tree / "bin" / program).chmod(0o755)
    environment = {"PATH": f"{tree}/bin:{os.environ['PATH']}", "GRUBKD_ROOT": str(tree)}
    command = [str(HOOKS / "capture-memory"), *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout + done.stderr == ""
    for _ in range(600):
        # Without arguments it goes on in the background.
        if arguments or not (tree / "proc/vmcore").exists():
            break
        time.sleep(0.1)
    return (tree / "dev/kmsg").read_text().splitlines()[1:]


def test_beside_the_dump_of_kdump_tools(tmp_path: Path) -> None:
    assert capture(tmp_path, "/var/crash") == SAID
    saved = tmp_path / "var/crash/2/kexec-dmesg.log"
    assert saved.stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "var/crash/1/kexec-dmesg.log").read_text() == "of a failed dump\n"
    found = capture_log.measured(Root(str(tmp_path)))
    assert found and (found.size, found.log) == ((262128 - 53212) * KIB, "/var/crash/2/kexec-dmesg.log")


def test_before_the_dump_of_kdump_utils(tmp_path: Path) -> None:
    """Its script waits for the hook, and saves the messages itself."""
    assert capture(tmp_path) == SAID
    assert not (tmp_path / "var/crash/2/kexec-dmesg.log").exists()


def test_beside_the_dump_of_suse(tmp_path: Path) -> None:
    """Its dump has one name from its beginning on."""
    files = {**FILES, "bin/sleep": SLEEP.replace("dump-incomplete.lz4", "vmcore"), "var/crash/1/vmcore": ""}
    assert capture(tmp_path, "/var/crash", files=files) == SAID
    assert (tmp_path / "var/crash/2/kexec-dmesg.log").exists()
    assert (tmp_path / "var/crash/1/kexec-dmesg.log").read_text() == "of a failed dump\n"


def test_of_an_ordinary_boot(tmp_path: Path) -> None:
    assert (
        capture(tmp_path, "/var/crash", files={name: text for name, text in FILES.items() if name != "proc/vmcore"})
        == []
    )
    assert not (tmp_path / "waits").exists()


def test_of_a_kernel_without_the_figure(tmp_path: Path) -> None:
    files = {**FILES, "proc/meminfo": "MemTotal: 229000 kB\nMemFree: 9 kB\n"}
    assert capture(tmp_path, "/var/crash", files=files) == []


def test_the_unit_runs_it_before_the_dump() -> None:
    unit = (HOOKS / "grubkd-capture-memory.service").read_text()
    assert "ExecStart=/usr/lib/grubkd/capture-memory ${KDUMP_COREDIR}\n" in unit
    assert "Before=kdump-tools-dump.service\n" in unit
    installed = (HOOKS.parents[1] / "debian/grubkd.install").read_text()
    assert "integrations/kdump/capture-memory usr/lib/grubkd\n" in installed
