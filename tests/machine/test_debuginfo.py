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
    found = debuginfo.install(Distribution("debian", (12,)), release)
    assert found == ("install the debugging symbols of the kernel that crashed", ())


DEBIAN, UBUNTU = Distribution("debian", (12,)), Distribution("ubuntu", (24, 4), ("debian",))
FEDORA, RHEL = Distribution("fedora", (44,)), Distribution("rhel", (9, 4), ("fedora",))
ORACLE, OLD = Distribution("ol", (9,), ("fedora",)), Distribution("centos", (7,), ("rhel", "fedora"))
LEAP, OTHER = Distribution("opensuse-leap", (15, 6), ("suse", "opensuse")), Distribution("arch")
EL9 = "5.14.0-503.el9.x86_64"


@pytest.mark.parametrize(
    ("distribution", "release", "expected"),
    [
        (DEBIAN, RELEASE, f"apt-get install linux-image-{RELEASE}-dbg"),
        (
            UBUNTU,
            "6.8.0-31-generic",
            "apt-get install linux-image-6.8.0-31-generic-dbgsym "
            "(from ddebs.ubuntu.com, whose key is in the package ubuntu-dbgsym-keyring)",
        ),
        (RHEL, EL9, f"dnf install '--enablerepo=*debug*' kernel-debuginfo-{EL9}"),
        (RHEL, f"{EL9}+rt", f"dnf install '--enablerepo=*debug*' kernel-rt-debuginfo-{EL9}"),
        (OLD, "3.10.0-1160.el7.x86_64", "yum install '--enablerepo=*debug*' kernel-debuginfo-3.10.0-1160.el7.x86_64"),
        (
            ORACLE,
            "5.15.0-100.el9uek.x86_64",
            "dnf install '--enablerepo=*debug*' kernel-uek-debuginfo-5.15.0-100.el9uek.x86_64",
        ),
        (
            LEAP,
            "6.4.0-150600.23.47-default",
            "zypper --plus-content debug install kernel-default-debuginfo (of version 6.4.0-150600.23.47)",
        ),
        (OTHER, "6.12.1-arch1-1", "install the debugging symbols of kernel 6.12.1-arch1-1"),
    ],
)
def test_how_symbols_are_installed(distribution: Distribution, release: str, expected: str) -> None:
    assert debuginfo.install(distribution, release).text == expected


@pytest.mark.parametrize(
    ("distribution", "tool", "expected"),
    [
        (DEBIAN, "crash", "apt-get install crash"),
        (DEBIAN, "drgn", "pip install drgn"),
        (Distribution("debian", (13,)), "drgn", "apt-get install python3-drgn"),
        (UBUNTU, "drgn", "apt-get install python3-drgn"),
        (RHEL, "makedumpfile", "dnf install kexec-tools"),
        (FEDORA, "makedumpfile", "dnf install makedumpfile"),
        (FEDORA, "drgn", "dnf install drgn"),
        (LEAP, "makedumpfile", "zypper install makedumpfile"),
        (OTHER, "crash", "install crash"),
    ],
)
def test_how_tools_are_installed(distribution: Distribution, tool: str, expected: str) -> None:
    assert debuginfo.install_tool(distribution, tool).text == expected
