"""The log of a disk's writes: flushed writes are there after a power cut, later ones at random."""

import random
import struct
from pathlib import Path

import pytest

from lab.writelog import BLOCK, Incomplete, Lost, replay

MAGIC = 0x6A736677736872


def log_of(path: Path, count: int, *requests: tuple[int, bytes, int]) -> Path:
    """A log that claims so many requests; each is the block where it starts, its data, its flags."""
    text = struct.pack("<QQQL", MAGIC, 1, count, 512).ljust(512, b"\0")
    for block, data, flags in requests:
        head = struct.pack("<QQQQ", block * BLOCK // 512, len(data) // 512, flags, 0)
        text += head.ljust(512, b"\0") + data
    path.write_bytes(text + bytes(4096))
    return path


def blocks(disk: Path) -> str:
    """The first byte of every block."""
    data = disk.read_bytes()
    return "".join(chr(data[place]) for place in range(0, len(data), BLOCK))


@pytest.fixture
def disk(tmp_path: Path) -> Path:
    found = tmp_path / "disk"
    found.write_bytes(b"." * 6 * BLOCK)
    return found


REQUESTS = ((0, b"a" * 2 * BLOCK, 0), (1, b"b" * BLOCK, 0), (0, b"", 1), (3, b"c" * 3 * BLOCK, 0))


def test_all_that_was_received(tmp_path: Path, disk: Path) -> None:
    assert replay(log_of(tmp_path / "log", 3, *REQUESTS), disk, chance=None) == Lost(1, 0)
    assert blocks(disk) == "ab.ccc"


def test_up_to_a_moment(tmp_path: Path, disk: Path) -> None:
    assert replay(log_of(tmp_path / "log", 3, *REQUESTS), disk, chance=None, until=1) == Lost(1, 0)
    assert blocks(disk) == "aa...."


def test_what_was_not_flushed_may_be_lost_from_any_block_on(tmp_path: Path, disk: Path) -> None:
    log = log_of(tmp_path / "log", 3, *REQUESTS)
    seen = set()
    for seed in range(40):
        disk.write_bytes(b"." * 6 * BLOCK)
        lost = replay(log, disk, chance=random.Random(seed))
        assert lost == Lost(1, int(not blocks(disk).endswith("ccc")))
        seen.add(blocks(disk))
    assert seen == {"ab....", "ab.c..", "ab.cc.", "ab.ccc"}


def test_a_log_that_lacks_a_request_is_refused(tmp_path: Path, disk: Path) -> None:
    with pytest.raises(Incomplete):
        replay(log_of(tmp_path / "log", 5, *REQUESTS), disk, chance=None)
