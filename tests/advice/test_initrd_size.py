"""Sizing by the initrd's real size, checked against boots of capture kernels (docs/lab.md).

Without room for the packed and the unpacked initrd, a capture kernel ends in "System is deadlocked on memory".
"""

import gzip
import lzma
from pathlib import Path

import pytest
from support.livetree import GIB, MIB, Live, debian, grow

from grubkd import advice
from grubkd.boot import inventory
from grubkd.machine import machine as machines
from grubkd.memory.architecture import Architecture
from grubkd.memory.case import Case, Parts
from grubkd.memory.estimate import estimate
from grubkd.memory.planner import plan
from grubkd.memory.release import Release
from grubkd.memory.vendors import Distribution
from grubkd.tree.root import Root

DEBIAN = Distribution("debian", (12,), (), "Debian GNU/Linux 12")
RELEASE = "6.1.0-50-amd64"
CLOUD = "6.1.0-50-cloud-amd64"


def planned(release: str, ram: int | None, packed: float, unpacked: float) -> "advice.Plan":
    parts = Parts(initramfs=int(packed * MIB), unpacked=int(unpacked * MIB))
    return plan(Case(Release.parse(release), Architecture.X86_64, DEBIAN, ram=ram, parts=parts))


def test_most_modules_on_debian() -> None:
    """30.6 MB packed, 131 MB unpacked: 128M and 224M end in "System is deadlocked on memory", 256M saves the dump."""
    found = planned(RELEASE, 2 * GIB, 29.2, 124.9)
    assert (found.values, found.size) == (("384M-:256M",), 256 * MIB)
    (notice,) = found.warnings
    assert notice.code == "large-initrd"
    assert "initrd 30M packed and 125M unpacked" in notice.message


def test_most_modules_with_unknown_ram() -> None:
    """A machine with less than twice the amount gets nothing: it would have too little left."""
    found = planned(RELEASE, None, 29.2, 124.9)
    assert found.values == ("512M-:256M",)
    assert [each.code for each in found.warnings] == ["large-initrd"]


def test_most_modules_on_the_cloud_kernel() -> None:
    """Of 1G: 128M fails, 144M saves the dump; recommended are multiples of 32M. 13.7 MB packed, 52.3 MB unpacked."""
    found = planned(CLOUD, 1 * GIB, 13.1, 49.9)
    assert 144 * MIB <= found.size <= 160 * MIB


@pytest.mark.parametrize(
    ("release", "packed", "unpacked", "fails", "saves"),
    [(RELEASE, 28.4, 122.7, 240, 256), (CLOUD, 12.4, 47.7, 128, 144)],
)
def test_the_estimate_lies_between_the_boots(
    release: str, packed: float, unpacked: float, fails: int, saves: int
) -> None:
    """docs/lab.md: MODULES=most of Debian 12, by bisection."""
    parts = Parts(initramfs=int(packed * MIB), unpacked=int(unpacked * MIB))
    found = estimate(Release.parse(release), Architecture.X86_64, parts)
    assert found.unpacking
    assert fails * MIB < found.exact <= saves * MIB


@pytest.mark.parametrize(("packed", "unpacked"), [(7, 22), (8, 26), (10, 30)])
@pytest.mark.parametrize("ram", [None, 1 * GIB, 8 * GIB])
def test_the_row_serves_small_initrds(packed: int, unpacked: int, ram: int | None) -> None:
    """kdump-tools' own initrd, and one with MODULES=dep."""
    found = planned(RELEASE, ram, packed, unpacked)
    assert found.values == ("384M-:128M",)
    assert found.warnings == ()


@pytest.mark.parametrize(
    ("release", "machine", "captures"),
    [(CLOUD, Architecture.X86_64, 80), ("6.1.0-50-686-pae", Architecture.I386, 48)],
)
def test_the_lab_found_no_smaller_need(release: str, machine: Architecture, captures: int) -> None:
    """docs/lab.md: the smallest reservations that capture, with an initrd of some megabytes."""
    found = estimate(Release.parse(release), machine, Parts(initramfs=3 * MIB, unpacked=7 * MIB))
    assert found.exact >= captures * MIB - 16 * MIB
    assert not found.unpacking


def cpio_of(size: int) -> bytes:
    name = b"usr/lib/modules/all.ko\0"
    numbers = (1, 0o100644, 0, 0, 1, 0, size, 0, 0, 0, 0, len(name), 0)
    head = b"070701" + b"".join(b"%08x" % number for number in numbers) + name
    end = b"070701" + b"00000000" * 11 + b"0000000b" + b"00000000" + b"TRAILER!!!\0"
    return head + bytes(-len(head) % 4) + bytes(size) + end


PACKED = gzip.compress(cpio_of(150 * MIB), 1) + bytes(1 * MIB)
SMALL = lzma.compress(cpio_of(20 * MIB), preset=0) + bytes(1 * MIB)


def tree_with(top: Path, files: dict[str, str | bytes]) -> Path:
    tree = debian(top)
    return grow(tree, files)


def values(tree: Root) -> tuple[tuple[str, ...], list[str]]:
    config, machine = inventory.read(tree), machines.read(tree)
    (entry,) = [each for each in config.entries if each.version == RELEASE and not each.rescue][:1]
    found = advice.plan_entry(entry, config, machine)
    return found.values, [each.code for each in found.warnings]


def test_a_tree_is_judged_by_its_initrd(tmp_path: Path) -> None:
    tree = tree_with(tmp_path, {f"boot/initrd.img-{RELEASE}": PACKED})
    assert values(Root(str(tree))) == (("512M-:256M",), ["large-initrd"])
    assert values(Live(str(tree))) == (("384M-:256M",), ["large-initrd"])


def test_kdump_tools_makes_its_own(tmp_path: Path) -> None:
    hook = {"etc/kernel/postinst.d/kdump-tools": "#!/bin/sh\n"}
    tree = tree_with(tmp_path, {f"boot/initrd.img-{RELEASE}": PACKED, **hook})
    assert values(Root(str(tree))) == (("384M-:128M",), [])
    grow(tree, {f"var/lib/kdump/initrd.img-{RELEASE}": SMALL})
    assert values(Root(str(tree))) == (("384M-:128M",), [])
    grow(tree, {f"var/lib/kdump/initrd.img-{RELEASE}": PACKED})
    assert values(Root(str(tree))) == (("512M-:256M",), ["large-initrd"])


def test_red_hat_makes_its_own(tmp_path: Path) -> None:
    tree = tree_with(tmp_path, {f"boot/initrd.img-{RELEASE}": PACKED})
    (tree / "etc/os-release").unlink()
    (tree / "etc/os-release").write_text('ID="fedora"\nVERSION_ID="40"\n')
    assert values(Root(str(tree)))[1] == []


def test_another_run_changes_nothing(tmp_path: Path) -> None:
    tree = tree_with(tmp_path, {f"boot/initrd.img-{RELEASE}": PACKED})
    first = values(Live(str(tree)))[0]
    grub = tree / "boot/grub/grub.cfg"
    grub.write_text(grub.read_text().replace("crashkernel=384M-:128M", f"crashkernel={first[0]}"))
    assert values(Live(str(tree)))[0] == first
