"""Which kernel with symbols opens a dump, and how it is installed."""

from pathlib import Path

import pytest
from support.elf import kernel
from support.livetree import Live, grow

from grubkd.machine import debuginfo
from grubkd.machine.debuginfo import Symbols
from grubkd.machine.dumps import Dump
from grubkd.machine.elf import Elf, Part
from grubkd.memory.vendors import Distribution
from grubkd.tree.root import Root

RELEASE = "6.1.0-50-amd64"
OURS, THEIRS = "0123456789abcdef0123456789abcdef01234567", "ff" * 20
DUMP = Dump("/var/crash/x", ("vmcore",), 1, 1, True, form="kdump", release=RELEASE, build_id=OURS)


def part_of(data: bytes) -> Part:
    return lambda at, size: data[at : at + size]


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("wide", [True, False])
def test_build_id_and_symbols(order: str, wide: bool) -> None:
    for section, symbols in ((b".debug_info", True), (b".zdebug_info", True), (b".text", False)):
        part = part_of(kernel(OURS, section, order, wide))
        found = Elf.read(part, part(0, 64))
        assert found
        assert (found.build_id(part), found.has_symbols(part)) == (OURS, symbols)


@pytest.mark.parametrize(
    "path",
    [
        f"usr/lib/debug/lib/modules/{RELEASE}/vmlinux",
        f"usr/lib/debug/boot/vmlinux-{RELEASE}",
        f"lib/modules/{RELEASE}/vmlinux",
        f"usr/lib/debug/.build-id/{OURS[:2]}/{OURS[2:]}.debug",
        f"root/.cache/debuginfod_client/{OURS}/debuginfo",
    ],
)
def test_by_build_id(path: str, tmp_path: Path) -> None:
    grow(tmp_path, {path: kernel(OURS)})
    assert debuginfo.find(Root(str(tmp_path)), DUMP) == Symbols((f"/{path}",), "build-id")


@pytest.mark.parametrize(
    ("variable", "path"),
    [
        ({"DEBUGINFOD_CACHE_PATH": "/srv/cache/"}, "srv/cache"),
        ({"XDG_CACHE_HOME": "/srv/x"}, "srv/x/debuginfod_client"),
        ({"HOME": "/home/a"}, "home/a/.cache/debuginfod_client"),
    ],
)
def test_cache_of_the_user(variable: dict[str, str], path: str, tmp_path: Path) -> None:
    """Not one of another tree: its users have other environments."""
    grow(tmp_path, {f"{path}/{OURS}/debuginfo": kernel(OURS)})
    assert debuginfo.find(Live(str(tmp_path)), DUMP, variable).files == (f"/{path}/{OURS}/debuginfo",)
    assert debuginfo.find(Root(str(tmp_path)), DUMP, variable) == Symbols()


def test_by_release(tmp_path: Path) -> None:
    """Kernels before 5.9 write no build-id into the dump. Another build of the same release does not open one."""
    path = f"usr/lib/debug/boot/vmlinux-{RELEASE}"
    tree = Root(str(grow(tmp_path, {path: kernel(THEIRS)})))
    assert debuginfo.find(tree, DUMP._replace(build_id=None)) == Symbols((f"/{path}",), "release")
    assert debuginfo.find(tree, DUMP) == Symbols(other=f"/{path}")
    grow(tmp_path, {path: kernel("")})
    assert debuginfo.find(tree, DUMP) == Symbols((f"/{path}",), "release")


def test_a_kernel_without_symbols_does_not_count(tmp_path: Path) -> None:
    """Debian's riscv64 and ppc64le boot an ELF kernel, which is stripped."""
    tree = Root(str(grow(tmp_path, {f"lib/modules/{RELEASE}/vmlinux": kernel(OURS, b".text")})))
    assert debuginfo.find(tree, DUMP) == Symbols()
    grow(tmp_path, {f"lib/modules/{RELEASE}/vmlinux": b"no ELF"})
    assert debuginfo.find(tree, DUMP) == Symbols()


def test_symbols_apart_from_the_kernel(tmp_path: Path) -> None:
    """As SUSE has them: crash takes both."""
    release = "6.4.0-150600.23.47-default"
    image, symbols = f"usr/lib/modules/{release}/vmlinux.xz", f"usr/lib/debug/usr/lib/modules/{release}/vmlinux.debug"
    tree = Root(str(grow(tmp_path, {symbols: kernel(OURS)})))
    dump = DUMP._replace(release=release)
    assert debuginfo.find(tree, dump) == Symbols()
    grow(tmp_path, {image: b"packed"})
    assert debuginfo.find(tree, dump) == Symbols((f"/{image}", f"/{symbols}"), "build-id")
    ready = debuginfo.openable(tree, dump, Distribution())
    assert ready.command == ("crash", f"/{image}", f"/{symbols}", "/var/crash/x/vmcore")


@pytest.mark.parametrize("release", ["../../../etc", "6.1;reboot", "6.1/x", "$(x)", None])
def test_a_release_that_is_none(release: str | None, tmp_path: Path) -> None:
    """A dump may hold any text there."""
    grow(tmp_path, {f"lib/modules/{release}/vmlinux": kernel(OURS)})
    assert debuginfo.find(Root(str(tmp_path)), DUMP._replace(release=release)) == Symbols()
    found = debuginfo.openable(Root(str(tmp_path)), DUMP._replace(release=release), Distribution("debian", (12,)))
    assert found.missing == ("install the debugging symbols of the kernel that crashed", ())
