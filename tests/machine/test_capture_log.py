"""What capture kernels say about their memory, and the need that follows."""

import os
from pathlib import Path

import pytest
from support.livetree import MIB, put

from grubkd.machine import capture_log
from grubkd.machine.capture_log import CaptureLog, CaptureMemory
from grubkd.memory.size import KIB
from grubkd.tree.root import Root

# Debian 12's 6.1 with crashkernel=96M.
DEBIAN = (
    "[    0.000000] Memory: 48692K/98284K available (14343K kernel code, 2327K rwdata, 8332K rodata, 2600K init, "
    "5456K bss, 49332K reserved, 0K cma-reserved)\n"
)
# 5.2 with crashkernel=256M; OLD has the form of x86_64 before 3.11.
MEMORY = (
    "[    2.155433] Memory: 65572K/262128K available (12292K kernel code, 2047K rwdata, 3840K rodata, 2344K init, "
    "6360K bss, 144828K reserved, 0K cma-reserved)\n"
)
OLD = "Memory: 112444k/180212k available (5340k kernel code, 49716k absent, 18052k reserved, 7020k data, 1284k init)\n"
LINE = "[    0.000000] Command line: root=/dev/sda2 ro nr_cpus=1 disable_cpu_apicid=0 elfcorehdr=1899892K\n"
LINUX = "[    0.000000] Linux version 5.2.0 (root@host) (gcc version 9.1.1) #1 SMP\n"
KILLED = "[    8.12] Out of memory: Killed process 312 (makedumpfile) total-vm:40440kB, anon-rss:16kB\n"
DEADLOCK = "[    0.9] Kernel panic - not syncing: System is deadlocked on memory\n"
CRASHED = (
    "[    0.000000] Linux version 5.2.0 (root@host) (gcc version 9.1.1) #1 SMP\n"
    "[    0.000000] Command line: root=/dev/sda2 ro crashkernel=256M\n"
    "[    0.3] Memory: 8028272K/8388068K available (12292K kernel code, 2K init, 359796K reserved, 0K cma-reserved)\n"
    "[   99.0] Out of memory: Killed process 99 (java)\n[  100.0] Kernel panic - not syncing: sysrq triggered crash\n"
)
TOTAL, RESERVED = 262128 * KIB, 144828 * KIB


def lowest(available: int, total: int = 229000) -> str:
    return f"[    9.0] grubkd: MemAvailable {available} kB, MemTotal {total} kB\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", CaptureMemory()),
        (MEMORY, CaptureMemory(TOTAL, RESERVED)),
        (DEBIAN, CaptureMemory(98284 * KIB, 49332 * KIB)),
        # The second number counts the hole below the region.
        (OLD, CaptureMemory((112444 + 18052) * KIB, 18052 * KIB)),
        (
            MEMORY + lowest(90000) + lowest(53212) + lowest(60000),
            CaptureMemory(TOTAL, RESERVED, 53212 * KIB, 229000 * KIB),
        ),
        (MEMORY + KILLED, CaptureMemory(TOTAL, RESERVED, ran_out="Out of memory: Killed process")),
        (MEMORY + DEADLOCK, CaptureMemory(TOTAL, RESERVED, ran_out="System is deadlocked on memory")),
        # Of a control group, not of the machine.
        (MEMORY + "Memory cgroup out of memory: Killed process 9 (x)\n", CaptureMemory(TOTAL, RESERVED)),
    ],
)
def test_of_one_boot(text: str, expected: CaptureMemory) -> None:
    assert capture_log.parse(text, own=True) == (expected,)


def test_of_a_serial_console() -> None:
    """The crashed kernel and the next boot are of no interest; two captures are."""
    both = CRASHED + LINUX + LINE + MEMORY + KILLED + CRASHED + LINUX + LINE + MEMORY + CRASHED
    found = capture_log.parse(both)
    assert [each.ran_out for each in found] == ["Out of memory: Killed process", ""]
    assert {each.total for each in found} == {TOTAL}
    assert capture_log.parse(CRASHED + LINUX + MEMORY) == ()


def test_a_device_tree_names_the_header() -> None:
    told = "[    0.000000] OF: fdt: Reserving 4 KiB of memory at 0x8ffff000 for elfcorehdr\n"
    assert capture_log.parse(LINUX + told + MEMORY) == (CaptureMemory(TOTAL, RESERVED),)


def test_fadump_reserves_the_whole_memory() -> None:
    assert capture_log.parse(LINE + "fadump: Firmware-assisted dump is active.\n" + MEMORY, own=True) == ()


@pytest.mark.parametrize(
    ("boot", "used"),
    [
        (CaptureMemory(), 0),
        (CaptureMemory(256 * MIB, 140 * MIB), 140 * MIB),
        (CaptureMemory(256 * MIB, 140 * MIB, 50 * MIB, 224 * MIB), 206 * MIB),
        # The beginning of the log is lost: the kernel itself is not counted.
        (CaptureMemory(None, None, 50 * MIB, 224 * MIB), 174 * MIB),
        (CaptureMemory(256 * MIB, 140 * MIB, ran_out="Out of memory"), 256 * MIB),
        (CaptureMemory(ran_out="Out of memory"), 0),
    ],
)
def test_what_is_used(boot: CaptureMemory, used: int) -> None:
    assert boot.used == used


def log(name: str, *boots: CaptureMemory) -> CaptureLog:
    return CaptureLog(name, 1795406400, boots)


FAILED = CaptureMemory(128 * MIB, 60 * MIB, ran_out="System is deadlocked on memory")
SAVED = CaptureMemory(256 * MIB, 60 * MIB, 116 * MIB, 230 * MIB)


def test_the_need() -> None:
    assert capture_log.need([]) is None
    assert capture_log.need([log("a", CaptureMemory(), CaptureMemory(ran_out="Out of memory"))]) is None
    found = capture_log.need([log("a", SAVED), log("b", CaptureMemory(256 * MIB, 60 * MIB, 200 * MIB, 230 * MIB))])
    assert found and (found.size, found.log, found.failed) == (140 * MIB, "a", 0)
    assert str(found) == "the capture kernel of 2026-11-23 said in a: it needs 140M, by its low-water mark"


def test_the_need_after_a_failure() -> None:
    """How much was missing is not known, until a larger reservation saves a dump."""
    found = capture_log.need([log("a", FAILED)])
    assert found and (found.size, found.failed) == (192 * MIB, 128 * MIB)
    assert str(found) == 'the capture kernel of 2026-11-23 said in a: "System is deadlocked on memory" with 128M'
    found = capture_log.need([log("a", FAILED), log("b", SAVED)])
    assert found and (found.size, found.log, found.failed) == (140 * MIB, "b", 0)
    barely = CaptureMemory(144 * MIB, 60 * MIB)
    found = capture_log.need([log("a", FAILED), log("b", barely)])
    assert found and (found.size, found.failed) == (128 * MIB, 128 * MIB)


class TestLogs:
    """The files beside the dumps."""

    def test_are_read_newest_first(self, tmp_path: Path) -> None:
        put(
            tmp_path,
            {
                "var/crash/a/kexec-dmesg.log": MEMORY,
                "var/crash/b/serial.log": LINUX + LINE + MEMORY,
                "var/crash/b/vmcore-dmesg.txt": CRASHED,
                "var/crash/console.log": CRASHED,
                "var/crash/c/kexec-dmesg.log/": "",
            },
        )
        os.utime(tmp_path / "var/crash/a/kexec-dmesg.log", (5, 5))
        found = capture_log.read(Root(str(tmp_path)), "/var/crash/")
        assert [(each.path, each.time == 5) for each in found] == [
            ("/var/crash/b/serial.log", False),
            ("/var/crash/a/kexec-dmesg.log", True),
        ]

    def test_of_a_stranger_do_not_count(self, tmp_path: Path) -> None:
        put(tmp_path, {"var/crash/a/kexec-dmesg.log": MEMORY})
        os.chown(tmp_path / "var/crash/a/kexec-dmesg.log", 1234, 1234)
        assert capture_log.read(Root(str(tmp_path)), "/var/crash") == ()

    def test_links_and_pipes_do_not_count(self, tmp_path: Path) -> None:
        """Where every user may write, a link could lead to a log of root that holds such lines."""
        put(tmp_path, {"var/log/other": LINUX + LINE + MEMORY, "var/crash/a/b.log": LINUX + LINE + MEMORY})
        (tmp_path / "var/crash/a/a.log").symlink_to("/var/log/other")
        os.mkfifo(tmp_path / "var/crash/a/kexec-dmesg.log")
        tree = Root(str(tmp_path))
        assert [log.path for log in capture_log.read(tree, "/var/crash")] == ["/var/crash/a/b.log"]
        assert tree.denied == set()

    def test_of_any_size_are_read_in_part(self, tmp_path: Path) -> None:
        put(tmp_path, {"var/crash/a/kexec-dmesg.log": MEMORY})
        with (tmp_path / "var/crash/a/kexec-dmesg.log").open("a") as file:
            file.truncate(8 << 20)
            file.seek(0, os.SEEK_END)
            file.write(lowest(53212))
        (found,) = capture_log.read(Root(str(tmp_path)), "/var/crash")
        assert found.boots == (CaptureMemory(None, None, 53212 * KIB, 229000 * KIB),)

    def test_of_a_boot_loop_the_last_boots_count(self) -> None:
        boot = "Linux version 6.1.0 x\nCommand line: elfcorehdr=0x1\n"
        assert len(capture_log.parse(boot * 5000)) == 64

    def test_together_are_read_in_part(self, tmp_path: Path) -> None:
        log = tmp_path / "var/crash/0/kexec-dmesg.log"
        put(tmp_path, {"var/crash/0/kexec-dmesg.log": MEMORY})
        with log.open("a") as file:
            file.truncate(2 << 20)
            file.seek(0, os.SEEK_END)
            file.write(lowest(53212))
        for number in range(1, 9):
            (tmp_path / f"var/crash/{number}").mkdir()
            (tmp_path / f"var/crash/{number}/kexec-dmesg.log").hardlink_to(log)
        assert len(capture_log.read(Root(str(tmp_path)), "/var/crash")) == 4

    def test_of_the_target_make_the_need(self, tmp_path: Path) -> None:
        tree = Root(str(tmp_path))
        assert capture_log.measured(tree) is None
        put(tmp_path, {"srv/dumps/a/kexec-dmesg.log": MEMORY, "etc/kdump.conf": "path /srv/dumps\n"})
        found = capture_log.measured(tree)
        assert found and (found.size, found.log) == (RESERVED, "/srv/dumps/a/kexec-dmesg.log")
