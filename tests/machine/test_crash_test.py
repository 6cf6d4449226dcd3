"""Whether the test crash left a dump, and what is found if it did not."""

import os
from pathlib import Path

import pytest
from support.livetree import Files, Live, put

from grubkd import run
from grubkd.machine import crash_test
from grubkd.machine.crash_test import CrashTest, CrashTestResult
from grubkd.machine.dumps import Dump
from grubkd.machine.kdump import Service

OLD, NEW = "11111111-aaaa", "22222222-bbbb"
TEST = CrashTest(OLD, 1_800_000_000, "6.1.0-50-amd64", "/var/crash", 96 << 20)
RESERVED = "96M was reserved for the capture kernel"
DUMP = Dump("/var/crash/a", ("vmcore",), 1, TEST.time, True, form="kdump", release=TEST.release)
BOOT_ID = "proc/sys/kernel/random/boot_id"


def tree_of(top: Path, files: Files | None = None, time: int = TEST.time + 60) -> Live:
    """`time`: of the last write to each file."""
    put(top, {BOOT_ID: f"{NEW}\n", "var/crash/": "", **(files or {})})
    for name in files or {}:
        os.utime(top / name, (time, time))
    return Live(str(top))


def test_what_is_kept_over_the_boot(tmp_path: Path) -> None:
    tree = tree_of(tmp_path)
    assert crash_test.read(tree) is None
    kept = crash_test.begin(tree, TEST.release, "vault:/crash", TEST.reserved).decode()
    put(tmp_path, {crash_test.PATH[1:]: kept})
    assert crash_test.read(tree) is None  # the machine did not boot since
    put(tmp_path, {BOOT_ID: f"{OLD}\n"})
    found = crash_test.read(tree)
    assert found
    assert (found.boot_id, found.release, found.target) == (NEW, TEST.release, "vault:/crash")
    assert found.reserved == TEST.reserved


@pytest.mark.parametrize(
    "content",
    [
        *("", "{", "[]", "{}", "null", "[" * 4000),
        '{"boot_id": 1, "time": 1, "release": "", "target": ""}',
        '{"boot_id": "", "time": "1", "release": "", "target": ""}',
        '{"boot_id": "", "time": 1e300, "release": "", "target": ""}',
        '{"boot_id": "", "time": -1, "release": "", "target": ""}',
        '{"boot_id": "", "time": 1, "release": "", "target": "", "more": 1}',
        '{"boot_id": "", "time": 1, "release": "", "target": "", "reserved": "1"}',
    ],
)
def test_a_file_that_is_none_of_ours(content: str, tmp_path: Path) -> None:
    assert crash_test.read(tree_of(tmp_path, {crash_test.PATH[1:]: content})) is None


def test_passed(tmp_path: Path) -> None:
    tree = tree_of(tmp_path, {"var/crash/a/vmcore": "x"})
    os.utime(tmp_path / "var/crash/a/vmcore", (TEST.time + 42, TEST.time + 42))
    for dump in (DUMP, DUMP._replace(complete=None, release=None)):
        found = crash_test.judge(tree, TEST, "/var/crash", (DUMP._replace(time=TEST.time - 1), dump), Service())
        assert found == CrashTestResult(TEST, True, "/var/crash/a", 42)


@pytest.mark.parametrize("time", [TEST.time - 1, TEST.time + 100_000])
def test_the_dump_of_another_crash(time: int, tmp_path: Path) -> None:
    found = crash_test.judge(tree_of(tmp_path), TEST, "/var/crash", (DUMP._replace(time=time),), Service())
    assert found == CrashTestResult(TEST, False, reasons=("no dump of that time is in /var/crash", RESERVED))


def test_why_there_is_no_whole_dump(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The dump's own fault, what the capture kernel said, what the firmware kept, and the journal since the crash."""
    journalctl = tmp_path / "bin" / "journalctl"
    put(tmp_path, {"bin/journalctl": f'#!/bin/sh\n[ "$2" = --since=@{TEST.time} ] && echo "kdump: error: no space"\n'})
    journalctl.chmod(0o755)
    monkeypatch.setitem(run.ENVIRONMENT, "PATH", f"{journalctl.parent}:/usr/bin:/bin")
    files: Files = {
        "var/crash/a/kexec-dmesg.log": "[1.0] booting\n[9.0] Out of memory: Killed process 1 (makedumpfile)\n[9.1] x\n",
        "sys/fs/pstore/dmesg-erst-1": "<4>[7.0] Kernel panic - not syncing: sysrq triggered crash\n",
        "sys/fs/pstore/console-ramoops-0": "all is well\n",
        "var/lib/systemd/pstore/1/dmesg.txt": "<0>[2.0] Kernel panic - not syncing: System is deadlocked on memory\n",
    }
    dumps = (DUMP._replace(complete=False, fault="it is not finished"),)
    found = crash_test.judge(tree_of(tmp_path, files), TEST, "/var/crash", dumps, Service("kdump"))
    assert found.reasons == (
        "/var/crash/a: it is not finished",
        "/var/crash/a/kexec-dmesg.log: [9.0] Out of memory: Killed process 1 (makedumpfile)",
        RESERVED,
        "/sys/fs/pstore/dmesg-erst-1: Kernel panic - not syncing: sysrq triggered crash",
        "/var/lib/systemd/pstore/1/dmesg.txt: Kernel panic - not syncing: System is deadlocked on memory",
        "the journal: kdump: error: no space",
    )


def test_a_dump_of_another_kernel(tmp_path: Path) -> None:
    found = crash_test.judge(tree_of(tmp_path), TEST, "/var/crash", (DUMP._replace(release="5.10"),), Service())
    assert (found.passed, found.reasons) == (False, ("/var/crash/a: it is of kernel 5.10", RESERVED))


SERIAL = """\
[    0.000000] Linux version 6.1.0-50-amd64 (debian-kernel@lists.debian.org) #1 SMP
[    7.000000] Kernel panic - not syncing: sysrq triggered crash
[    0.000000] Linux version 6.1.0-50-amd64 (debian-kernel@lists.debian.org) #1 SMP
[    0.000000] Command line: root=/dev/vda1 panic=-1 elfcorehdr=0x35ffe000
[    0.020000] Memory: 60000K/98304K available (14342K kernel code, 38304K reserved, 0K cma-reserved)
[    4.000000] Out of memory and no killable processes...
"""


def test_the_log_of_a_serial_console_and_the_need(tmp_path: Path) -> None:
    """What the capture kernel ran out of is compared with what was reserved for it."""
    messages = DUMP._replace(files=(), messages=("vmcore-dmesg.txt",), fault="only messages", panic="sysrq: crash")
    tree = tree_of(tmp_path, {"var/crash/console.log": SERIAL})
    assert crash_test.judge(tree, TEST, "/var/crash", (messages,), Service()).reasons == (
        "/var/crash/a: only messages",
        "/var/crash/a/vmcore-dmesg.txt: sysrq: crash",
        "/var/crash/console.log: the capture kernel started with 96M; Out of memory and no killable processes",
        f"{RESERVED}, and the capture kernel of 2027-01-15 said in /var/crash/console.log: "
        '"Out of memory and no killable processes" with 96M',
    )
    quiet = SERIAL.partition("[    4.0")[0]
    tree = tree_of(tmp_path, {"var/crash/console.log": quiet})
    assert crash_test.judge(tree, TEST, "/var/crash", (messages,), Service()).reasons[2:] == (
        "/var/crash/console.log: the capture kernel started with 96M",
        RESERVED,
    )


def test_what_is_older_than_the_test(tmp_path: Path) -> None:
    """It is of another crash, except that the need remains."""
    files = {"sys/fs/pstore/dmesg-erst-1": "<4>[7.0] Kernel panic - not syncing: Fatal\n", "var/crash/a.log": SERIAL}
    tree = tree_of(tmp_path, files, TEST.time - 1)
    first, second = crash_test.judge(tree, TEST, "/var/crash", (), Service()).reasons
    assert (first, second.startswith(f"{RESERVED}, and ")) == ("no dump of that time is in /var/crash", True)
