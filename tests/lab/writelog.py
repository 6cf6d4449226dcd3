"""What a disk had received at a power failure: QEMU's blklogwrites logs every write and flush, in order.

The format is that of the kernel's dm-log-writes: a sector that describes the log, then for each request a sector that
describes it, and its data.
"""

import random
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_SECTOR = 512
_MAGIC = 0x6A736677736872
_FLUSH, _FUA, _DISCARD = 1, 2, 4
BLOCK = 4096
"""Bytes that a disk writes whole or not at all."""


class Incomplete(Exception):
    """The log lacks a request that was answered, because QEMU ended while it wrote it: the cut must be repeated."""


@dataclass(frozen=True, slots=True)
class Request:
    """A write of `length` bytes at `start` of the disk, whose data are at `place` of the log; a flush has no data."""

    start: int
    length: int
    place: int
    flush: bool


@dataclass(frozen=True, slots=True)
class Lost:
    """How many writes came after the last flush, and how many of them were lost, whole or in part."""

    unflushed: int
    lost: int


def requests(log: Path) -> Iterator[Request]:
    """The requests of a log, in the order in which they were answered. Raises Incomplete."""
    with log.open("rb") as file:
        magic, version, count = struct.unpack("<QQQ", file.read(24))
        assert (magic, version) == (_MAGIC, 1), "not a log of writes"
        place, number = _SECTOR, 0
        while True:
            file.seek(place)
            head = file.read(32)
            if len(head) < 32 or head == bytes(32):
                break
            sector, sectors, flags, _ = struct.unpack("<QQQQ", head)
            place += _SECTOR
            # A request may discard blocks: their data are then anything, also the old data.
            length = 0 if flags & _DISCARD else sectors * _SECTOR
            yield Request(sector * _SECTOR, length, place, bool(flags & (_FLUSH | _FUA)))
            place += length
            number += 1
    # The number of requests is updated at each flush.
    if number < count:
        raise Incomplete


def replay(log: Path, disk: Path, *, chance: random.Random | None, until: int | None = None) -> Lost:
    """Replay the log on a disk that is as before it, up to the power failure: `until` requests, or all.

    Flushed writes are there. With `chance` each later write is there, absent, or there up to some block.
    Raises Incomplete.
    """
    found = list(requests(log))[:until]
    flushed = max((number for number, each in enumerate(found) if each.flush), default=-1)
    unflushed = lost = 0
    with log.open("rb") as source, disk.open("r+b") as target:
        for number, each in enumerate(found):
            length = each.length
            if number > flushed and length:
                unflushed += 1
                if chance:
                    length = chance.choice((0, length, chance.randrange(length // BLOCK + 1) * BLOCK))
                    lost += length < each.length
            source.seek(each.place)
            target.seek(each.start)
            target.write(source.read(length))
    return Lost(unflushed, lost)
