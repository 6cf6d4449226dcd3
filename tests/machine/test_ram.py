"""What psutil says of this system, and recorded files of other machines."""

from collections import namedtuple
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
from support.livetree import Live, put

from grubkd.machine import dump_target, ram
from grubkd.machine.dump_target import Mount, Target, TargetKind
from grubkd.tree.root import Root

Partition = namedtuple("Partition", "device mountpoint fstype opts")
MEMINFO = """\
MemTotal:        1000 kB
MemFree:          100 kB
Buffers:           20 kB
Cached:            30 kB
SwapCached:         4 kB
AnonPages:         50 kB
SReclaimable:       7 kB
HugePages_Total:    3
Hugepagesize:    2048 kB
"""


def refuse(*_: object, **__: object) -> None:
    raise AssertionError("psutil was asked about a recorded machine")


def test_this_system_is_read_by_psutil(monkeypatch: pytest.MonkeyPatch) -> None:
    memory = SimpleNamespace(total=64 << 30, free=5 << 30, buffers=1 << 20, cached=9 << 30)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: memory)
    monkeypatch.setattr(ram, "text", lambda _, path: MEMINFO if path == "/proc/meminfo" else None)
    found = ram.read_use(Root("/"))
    # psutil counts reclaimable slabs, which a dump holds, as cache.
    assert found == ram.MemoryUse(
        64 << 30, 5 << 30, (1 << 20) + (9 << 30) - (7 << 10) + (4 << 10), (50 << 10) + (6 << 20)
    )


def test_the_total_is_that_of_psutil() -> None:
    found = ram.read_use(Root("/"))
    assert found is not None
    assert found.total == psutil.virtual_memory().total


def test_a_recorded_machine_is_read_from_its_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(psutil, "virtual_memory", refuse)
    monkeypatch.setattr(psutil, "disk_partitions", refuse)
    put(tmp_path, {"proc/meminfo": MEMINFO, "proc/mounts": "/dev/sda1 /a\\040b ext4 rw 0 0\nsrv:/x /n nfs4 rw 0 0\n"})
    tree = Live(str(tmp_path))
    found = ram.read_use(tree)
    assert found == ram.MemoryUse(1000 << 10, 100 << 10, 54 << 10, (50 << 10) + (6 << 20))
    assert ram.read(tree).estimated
    assert dump_target.read_mounts(tree) == (Mount("/dev/sda1", "/a b", "ext4"), Mount("srv:/x", "/n", "nfs4"))


@pytest.mark.parametrize("version", [(5, 9, 4), (6, 0, 0)])
def test_mounts_of_this_system(version: tuple[int, int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    """psutil before 6.0 asks every mount point for its limits, which blocks if an NFS server does not answer."""
    monkeypatch.setattr(psutil, "version_info", version)
    monkeypatch.setattr(
        psutil,
        "disk_partitions",
        lambda all: [Partition("/dev/sdz9", "/zone", "xfs", "rw")] if version[0] > 5 else refuse(),
    )
    found = dump_target.read_mounts(Root("/"))
    if version[0] > 5:
        assert found == (Mount("/dev/sdz9", "/zone", "xfs"),)
    else:
        assert any(mount.directory == "/proc" for mount in found)


def test_free_space_is_that_of_the_directory_or_its_parent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def usage(path: str) -> SimpleNamespace:
        asked.append(path)
        return SimpleNamespace(free=12345)

    monkeypatch.setattr(psutil, "disk_usage", usage)
    put(tmp_path, {"real/": "", "link": "-> /real"})
    target = Target(TargetKind.DIRECTORY, "", "/link/crash", "/link/crash")
    assert dump_target.read_room(Live(str(tmp_path)), target) == dump_target.Room(False, 12345)
    assert asked == [f"{tmp_path}/real"]
    assert dump_target.read_room(Root(str(tmp_path)), target).free is None
