"""The unpacked size of an initrd, by its headers: cpio in every form that a kernel reads."""

import bz2
import gzip
import lzma
import random
import shutil
import struct
import subprocess
import time
import tracemalloc
from pathlib import Path

import pytest

from grubkd.machine import initrd
from grubkd.machine.initrd import InitrdSizes, Unpacked
from grubkd.tree.root import Root

MIB = 1 << 20
RANDOM = random.Random(12)
# Modules and programs: parts that repeat, and parts that do not.
CONTENT = b"".join(RANDOM.randbytes(3000) + b"a module of the kernel " * 300 for _ in range(2000))


def cpio(files: dict[str, bytes]) -> bytes:
    """The `newc` form of the kernel's Documentation/driver-api/early-userspace/buffer-format.rst."""
    made = b""
    for name, content in (*files.items(), ("TRAILER!!!", b"")):
        numbers = (1, 0o100644, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(name) + 1, 0)
        head = b"070701" + b"".join(b"%08x" % number for number in numbers) + name.encode() + b"\0"
        made += head + bytes(-len(head) % 4) + content + bytes(-len(content) % 4)
    return made


EARLY = cpio({"kernel/x86/microcode/GenuineIntel.bin": RANDOM.randbytes(100_000)})
EARLY += bytes(-len(EARLY) % 1024)
ARCHIVE = cpio({"usr/lib/modules/ext4.ko": CONTENT, "init": b"#!/bin/sh\n"})

# More than one block of each form.
SHORT = cpio({"usr/lib/modules/ext4.ko": CONTENT[: 3 * MIB], "init": b"#!/bin/sh\n"})


def program(*argv: str, data: bytes = ARCHIVE) -> bytes:
    if not shutil.which(argv[0]):
        pytest.skip(f"{argv[0]} is not installed")
    return subprocess.run(argv, input=data, stdout=subprocess.PIPE, check=True).stdout


def measured(tmp_path: Path, image: bytes) -> Unpacked | None:
    (tmp_path / "initrd").write_bytes(image)
    return InitrdSizes(Root(str(tmp_path))).unpacked("/initrd")


FORMS = {
    "gzip": lambda: gzip.compress(SHORT, 6),
    "gzip, two members": lambda: gzip.compress(SHORT[:-4096]) + gzip.compress(SHORT[-4096:]),
    "xz": lambda: lzma.compress(SHORT, check=lzma.CHECK_CRC32, preset=0),
    "xz, many blocks": lambda: program("xz", "-0", "--check=crc32", "--block-size=1MiB", "-c", data=SHORT),
    "xz, two streams": lambda: lzma.compress(SHORT[:-4096], preset=0) + lzma.compress(SHORT[-4096:], preset=0),
    "lzma": lambda: lzma.compress(SHORT, lzma.FORMAT_ALONE, preset=0),
    "bzip2": lambda: bz2.compress(SHORT),
    "lz4": lambda: program("lz4", "-l", "-c", data=SHORT),
}


@pytest.mark.parametrize("early", [b"", EARLY], ids=["alone", "behind microcode"])
@pytest.mark.parametrize("form", FORMS)
def test_the_size_is_exact(form: str, early: bytes, tmp_path: Path) -> None:
    image = early + FORMS[form]()
    more = 100_000 if early else 0
    assert measured(tmp_path, image) == Unpacked(len(SHORT) + more, len(image))


def test_a_plain_archive_counts_its_files(tmp_path: Path) -> None:
    found = measured(tmp_path, EARLY + ARCHIVE + bytes(512))
    assert found == Unpacked(100_000 + len(CONTENT) + 10, len(EARLY) + len(ARCHIVE) + 512)


def test_zstd_with_the_size_in_its_header(tmp_path: Path) -> None:
    (tmp_path / "archive").write_bytes(ARCHIVE)
    image = program("zstd", "-q", "-c", str(tmp_path / "archive"))
    assert measured(tmp_path, image) == Unpacked(len(ARCHIVE), len(image))


@pytest.mark.parametrize("level", ["-1", "-9", "-15", "-19"])
def test_zstd_of_a_pipe_has_a_bound(level: str, tmp_path: Path) -> None:
    """mkinitramfs and dracut write to a pipe, so the frame does not have the size.

    Each block counts as full: since 1.5.7 zstd splits blocks at every level.
    """
    found = measured(tmp_path, EARLY + program("zstd", "-q", "-T0", level))
    assert found
    assert len(ARCHIVE) <= found.size - 100_000 <= len(ARCHIVE) * 4 // 3


@pytest.mark.parametrize(
    "image",
    [
        b"",
        b"nothing that a kernel reads",
        gzip.compress(ARCHIVE)[:-100],
        lzma.compress(ARCHIVE, preset=0)[:5000],
        b"\x28\xb5\x2f\xfd\x00\x00" + struct.pack("<I", 7 << 1)[:3],
        b"\x28\xb5\x2f\xfd",
        b"\x02\x21\x4c\x18",
        ARCHIVE[:-200],
        b"070701" + b"f" * 104,
        b"\x1f\x8b" + bytes(100),
    ],
    ids=range(10),  # gzip's bytes hold the time
)
def test_what_cannot_be_read_is_not_known(image: bytes, tmp_path: Path) -> None:
    found = measured(tmp_path, image)
    assert found is None or found.size == 0


def test_a_bomb_is_not_known_and_takes_little(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(initrd, "_MOST_DECOMPRESSED", 64 * MIB)
    bomb = gzip.compress(bytes(200 * MIB), 1)
    tracemalloc.start()
    started = time.process_time()
    assert measured(tmp_path, bomb) is None
    assert time.process_time() - started < 5
    assert tracemalloc.get_traced_memory()[1] < 16 * MIB
    tracemalloc.stop()


def test_endless_headers_are_not_read(tmp_path: Path) -> None:
    image = b"\x28\xb5\x2f\xfd\x00\x00" + b"\x00\x00\x00" * 1_000_000
    started = time.process_time()
    assert measured(tmp_path, image) is None
    assert time.process_time() - started < 5


def test_the_headers_of_all_initrds_together_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(initrd, "_MOST_HEADERS", 5000)
    (tmp_path / "0").write_bytes(cpio({f"file{number}": b"" for number in range(2000)}))
    for number in range(1, 5):
        (tmp_path / str(number)).hardlink_to(tmp_path / "0")
    sizes = InitrdSizes(Root(str(tmp_path)))
    assert [sizes.unpacked(f"/{number}") is None for number in range(5)] == [False, False, True, True, True]


def test_the_blocks_of_lz4_that_are_counted_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each sequence of three bytes is a step; many archives, one after another, have a last block each."""
    monkeypatch.setattr(initrd, "_MOST_DECOMPRESSED", 8 * MIB)
    block = b"\x00\x01\x00" * 20_000
    archive = b"\x02\x21\x4c\x18" + struct.pack("<I", len(block)) + block
    assert measured(tmp_path, archive * 2) is not None
    assert measured(tmp_path, archive * 6) is None


def test_zeros_without_end_are_not_read(tmp_path: Path) -> None:
    with (tmp_path / "initrd").open("wb") as file:
        file.truncate(8 << 30)
    started = time.process_time()
    assert InitrdSizes(Root(str(tmp_path))).unpacked("/initrd") is None
    assert time.process_time() - started < 1


def test_an_xz_index_that_lies(tmp_path: Path) -> None:
    index = b"\0" + b"\xff" * 8 + b"\x7f\0\0"
    image = b"\xfd7zXZ\0" + bytes(100) + index + bytes(4) + struct.pack("<I", len(index) // 4 - 1) + b"\0\0YZ"
    started = time.process_time()
    assert measured(tmp_path, image) is None
    assert time.process_time() - started < 1


def test_each_is_read_once(tmp_path: Path) -> None:
    (tmp_path / "initrd").write_bytes(gzip.compress(ARCHIVE))
    sizes = InitrdSizes(Root(str(tmp_path)))
    first = sizes.unpacked("/initrd")
    (tmp_path / "initrd").unlink()
    assert sizes.unpacked("/initrd") is first is not None
    assert sizes.unpacked("/missing") is None
