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
from grubkd.tree.root import Root

OLD, NEW = "11111111-aaaa", "22222222-bbbb"
TEST = CrashTest(OLD, 1_800_000_000, "6.1.0-50-amd64", "/var/crash")
DUMP = Dump("/var/crash/a", ("vmcore",), 1, TEST.time, True, form="kdump", release=TEST.release)
BOOT_ID = "proc/sys/kernel/random/boot_id"


def tree_of(top: Path, files: Files | None = None) -> Live:
    put(top, {BOOT_ID: f"{NEW}\n", "var/crash/": "", **(files or {})})
    return Live(str(top))


def test_what_is_kept_over_the_boot(tmp_path: Path) -> None:
    tree = tree_of(tmp_path)
    assert crash_test.read(tree) is None
    kept = crash_test.begin(tree, TEST.release, "vault:/crash").decode()
    put(tmp_path, {crash_test.PATH[1:]: kept})
    assert crash_test.read(tree) is None  # the machine did not boot since
    put(tmp_path, {BOOT_ID: f"{OLD}\n"})
    found = crash_test.read(tree)
    assert found
    assert (found.boot_id, found.release, found.target) == (NEW, TEST.release, "vault:/crash")


@pytest.mark.parametrize(
    "content",
    [
        *("", "{", "[]", "{}", "null", "[" * 4000),
        '{"boot_id": 1, "time": 1, "release": "", "target": ""}',
        '{"boot_id": "", "time": "1", "release": "", "target": ""}',
        '{"boot_id": "", "time": 1e300, "release": "", "target": ""}',
        '{"boot_id": "", "time": -1, "release": "", "target": ""}',
        '{"boot_id": "", "time": 1, "release": "", "target": "", "more": 1}',
    ],
)
def test_a_file_that_is_none_of_ours(content: str, tmp_path: Path) -> None:
    assert crash_test.read(tree_of(tmp_path, {crash_test.PATH[1:]: content})) is None


def test_passed(tmp_path: Path) -> None:
    tree = tree_of(tmp_path, {"var/crash/a/vmcore": "x"})
    os.utime(tmp_path / "var/crash/a/vmcore", (TEST.time + 42, TEST.time + 42))
    for dump in (DUMP, DUMP._replace(complete=None, release=None)):
        found = crash_test.judge(tree, TEST, (DUMP._replace(time=TEST.time - 1), dump), Service())
        assert found == CrashTestResult(TEST, True, "/var/crash/a", 42)


@pytest.mark.parametrize("time", [TEST.time - 1, TEST.time + 100_000])
def test_the_dump_of_another_crash(time: int, tmp_path: Path) -> None:
    found = crash_test.judge(tree_of(tmp_path), TEST, (DUMP._replace(time=time),), Service())
    assert found == CrashTestResult(TEST, False, reasons=("no dump of that time is in /var/crash",))


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
    }
    dumps = (DUMP._replace(complete=False, fault="it is not finished"),)
    found = crash_test.judge(tree_of(tmp_path, files), TEST, dumps, Service("kdump"))
    assert found.reasons == (
        "/var/crash/a: it is not finished",
        "/var/crash/a/kexec-dmesg.log: [9.0] Out of memory: Killed process 1 (makedumpfile)",
        "/sys/fs/pstore/dmesg-erst-1: Kernel panic - not syncing: sysrq triggered crash",
        "the journal: kdump: error: no space",
    )


def test_a_dump_of_another_kernel(tmp_path: Path) -> None:
    found = crash_test.judge(Root(str(tmp_path)), TEST, (DUMP._replace(release="5.10"),), Service())
    assert (found.passed, found.reasons) == (False, ("/var/crash/a: it is of kernel 5.10",))
