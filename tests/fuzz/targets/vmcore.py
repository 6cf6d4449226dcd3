"""The headers of dumps, and the messages beside them: whatever they contain, reading needs little memory."""

from collections.abc import Callable

from grubkd.machine import capture_log, dumps, vmcore
from grubkd.text import from_bytes

TOKENS = [
    b"\x7fELF\x02\x01\x01",
    b"\x7fELF\x01\x02\x01",
    b"KDUMP   ",
    b"DISKDUMP",
    b"makedumpfile\0\0\0\0" + b"\0\0\0\0\0\0\0\1" * 2,
    b"\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x10\0",
    b"\x0b\0\0\0\x20\0\0\0\0\0\0\0VMCOREINFO\0\0",
    b"OSRELEASE=6.1.0\n",
    b"CRASHTIME=1795406400\n",
    b"\xff" * 16,
    b"[    4.570674] Kernel panic - not syncing: Fatal exception\n",
    b"[    4.570674] BUG: kernel NULL pointer dereference, address: 0000000000000000\n",
    b"Linux version 6.1.0-50-amd64 (debian-kernel@lists.debian.org)\n",
    b"Command line: nr_cpus=1 elfcorehdr=1031540K\n",
    b"Memory: 48692K/98284K available (14343K kernel code, 49332K reserved, 0K cma-reserved)\n",
    b"grubkd: MemAvailable 40000 kB, MemTotal 60000 kB\n",
    b"Kernel panic - not syncing: System is deadlocked on memory\n",
    b" Not tainted 6.1.0-50-amd64 #1\n",
]
# Larger parts of a dump are not read at once.
LARGEST = 17 << 20


def attempt(data: bytes) -> None:
    """Read the file as a dump, and as messages."""
    found = vmcore.read(parts(data), len(data))
    if found is not None:
        assert found.form
        assert found.release is None or found.release.isprintable()
        assert found.time is None or 0 <= found.time < 10**12
    text = from_bytes(data)
    release, panic = dumps.crashed_release(text), dumps.panic_line(text)
    assert release is None or " " not in release
    assert panic is None or (len(panic) <= 200 and "\n" not in panic)
    for own in (True, False):
        need = capture_log.need([capture_log.CaptureLog("log", 0, capture_log.parse(text, own=own))])
        assert need is None or (need.size > 0 and "\n" not in str(need))


def parts(data: bytes) -> Callable[[int, int], bytes]:
    """As a file is read."""

    def part(offset: int, size: int) -> bytes:
        assert 0 <= offset < 1 << 63
        assert 0 <= size <= LARGEST
        return data[offset : offset + size]

    return part
