"""What early parameters, NUMA nodes and boot loaders change about the reservation. Each test names its source."""

from typing import Any

import pytest

from grubkd.memory.architecture import Architecture, architecture, implied
from grubkd.memory.kernel_parser import default_low, read
from grubkd.memory.memory_map import Extent, MemoryMap, from_firmware, typical, typical_maps
from grubkd.memory.placement import early
from grubkd.memory.placement.boot_facts import counted_ram
from grubkd.memory.placement.initrd import UnknownInitrd, possible_initrds
from grubkd.memory.placement.place import MOST_OUTCOMES, Placement, place
from grubkd.memory.release import Release
from grubkd.memory.size import GIB, KIB, MIB
from grubkd.memory.value import parse_values
from grubkd.memory.xen import Hypervisor, XenRequest, for_xen, place_xen, read_xen

X86_64, I386, ARM64 = Architecture.X86_64, Architecture.I386, Architecture.ARM64
LOW = (MIB, 2 * GIB - 128 * KIB, "usable")


def placed(cmdline: str, release: str, memory: MemoryMap, arch: str = "x86_64", **facts: Any) -> Placement:
    kernel = Release.parse(release)
    cmdline += " nokaslr"
    request = read(cmdline, kernel, arch, counted_ram(kernel, arch, memory, cmdline))
    return place(request, kernel, arch, memory, cmdline=cmdline, **facts)


def ram(cmdline: str, memory: MemoryMap, machine: Architecture = X86_64) -> tuple[Extent, ...]:
    return early.map_after(cmdline, Release.parse("6.1"), machine, memory).ram


def test_mem_and_memmap_of_x86() -> None:
    """parse_memopt() and parse_memmap_one() of arch/x86/kernel/e820.c, 6.1."""
    memory = from_firmware([LOW, (4 * GIB, 6 * GIB, "usable")])
    assert ram("mem=1G", memory) == ((MIB, GIB),)
    # A value without a sign is a limit too; a limit is an address, not an amount.
    assert ram("memmap=5G", memory) == (LOW[:2], (4 * GIB, 5 * GIB))
    assert ram("memmap=64M$1G,64M!1536M", memory)[:3] == (
        (MIB, GIB),
        (GIB + 64 * MIB, 1536 * MIB),
        (1600 * MIB, LOW[1]),
    )
    assert ram("memmap=exactmap memmap=640K@0 memmap=700M@1M", memory) == ((0, 640 * KIB), (MIB, 701 * MIB))
    # What follows ` -- ` is for init; what leaves no RAM does not boot.
    assert ram("quiet -- mem=1G", memory) == memory.ram
    assert ram("mem=nopentium", memory) == memory.ram
    assert ram("memmap=exactmap", memory) == memory.ram


def test_the_range_is_chosen_on_the_ram_that_is_left() -> None:
    """setup_arch() of 6.1 counts memblock_phys_mem_size() after the early parameters."""
    memory = typical(8 * GIB, "x86_64")
    found = placed("crashkernel=1G-4G:64M,4G-:256M mem=2G", "6.1.0-50-amd64", memory)
    assert [end - start for start, end in found.regions] == [64 * MIB]
    assert found.regions[0][1] <= 2 * GIB
    assert found.status == "reserved"


def test_mem_of_other_architectures_keeps_an_amount() -> None:
    """memblock_mem_limit_remove_map() of mm/memblock.c; whether it is so everywhere is not certain."""
    memory = typical(4 * GIB, "arm64")
    assert ram("mem=1G", memory, ARM64) == ((GIB, 2 * GIB),)
    assert placed("crashkernel=128M mem=1G", "6.12.95+deb12-arm64", memory, "arm64").status == "uncertain"


def test_log_buf_len() -> None:
    """setup_log_buf() of kernel/printk/printk.c, 5.10: seen with 64M on 1G, where 288M are taken."""
    assert early.x86_takes("log_buf_len=64M", Release.parse("5.10.0-32-amd64"), X86_64) == [
        early.EarlyTakes(((64 * MIB, 8, False), (48 * MIB, 8, False), (176 * MIB, 8, False)))
    ]
    # Rounded up to a power of two; up to the built-in size it is ignored; before 5.10 there is only the text.
    assert early.x86_takes("log_buf_len=3M", Release.parse("4.19.0"), X86_64)[0].before[0].size == 4 * MIB
    assert early.x86_takes("log_buf_len=64K", Release.parse("6.1.0"), X86_64) == [early.NOTHING]
    # These allocate later: mm_core_init(), parse_args() of start_kernel().
    for word in ("trace_buf_size=64M", "reserve_mem=4M:4096:foo", "ftrace=function"):
        assert early.x86_takes(word, Release.parse("6.12.0"), X86_64) == [early.NOTHING]


@pytest.mark.parametrize(
    ("word", "release", "low"),
    [
        ("swiotlb=65536", "5.10.0", 256 * MIB),
        ("swiotlb=0x24000", "6.1.0", 296 * MIB),
        ("swiotlb=0400001", "6.1.0", (0o400001 // 128 + 1) * 256 * KIB + 8 * MIB),
        ("swiotlb=147456,4,force", "5.15.0", 296 * MIB),
        ("swiotlb=147456,4,force", "6.1.0", 520 * MIB),
        ("swiotlb=force", "6.1.0", 256 * MIB),
        ("swiotlb=,4", "6.1.0", 256 * MIB),
        ("swiotlb=1 swiotlb=147456", "6.1.0", 296 * MIB),
    ],
)
def test_swiotlb(word: str, release: str, low: int) -> None:
    """setup_io_tlb_npages() of kernel/dma/swiotlb.c: base 0; since 6.0 AREAS round up to a power of two."""
    assert default_low(word, Release.parse(release), X86_64) == low
    assert default_low(word, Release.parse(release), I386) == 0


def test_tables_lie_below_the_last_2m_border() -> None:
    """memory_map_top_down() of arch/x86/mm/init.c: seen on 6.1 with RAM that ends at 0x240100000."""
    for end, start in ((0x240100000, 0x22F000000), (0x120034000, 0x10F000000), (0x240000000, 0x22F000000)):
        memory = from_firmware([(MIB, 3 * GIB - 128 * KIB, "usable"), (4 * GIB, end, "usable")])
        found = placed("crashkernel=256M,high", "6.1.0-50-amd64", memory)
        assert (found.status, found.regions[-1][0]) == ("reserved", start)


def test_a_page_table_lies_in_the_last_2m_of_ram_below_4g() -> None:
    """alloc_low_pages() of arch/x86/mm/init.c: seen on 6.1 with 3G; not with 2G, nor with pages of 1G."""
    for end, holes, status in (
        (2 * GIB, [], "reserved"),
        (3 * GIB, [], "uncertain"),
        (2 * GIB, [(333 * MIB, 334 * MIB, "reserved")], "uncertain"),
        (2 * GIB, [(332 * MIB, 334 * MIB, "reserved")], "reserved"),
    ):
        memory = from_firmware([(MIB, end - 128 * KIB, "usable"), *holes])
        found = placed("crashkernel=254M", "6.1.0-50-amd64", memory, efi=False)
        top = end - 256 * MIB
        expected = [top] if status == "reserved" else [top - 16 * MIB, top]
        assert (found.status, [each[0][0] for each in (found.regions, *found.alternatives)]) == (status, expected)


def test_nodes() -> None:
    """No free range crosses a NUMA node: memblock_set_node(). numa=off, numa=noacpi and acpi=off leave one node."""
    memory = from_firmware([LOW])
    nodes = [(0, 640 * KIB, 0), (MIB, GIB, 0), (GIB, 2 * GIB, 1)]
    assert early.node_borders(nodes) == (GIB,)
    borders = early.node_borders(nodes)
    assert placed("crashkernel=1200M", "6.1.0-50-amd64", memory, borders=borders).status == "failed"
    for word in ("numa=off", "numa=noacpi", "acpi=off"):
        assert placed(f"crashkernel=1200M {word}", "6.1.0-50-amd64", memory, borders=borders).status == "reserved"
    # Some kernels cannot split nodes (CONFIG_NUMA_EMU).
    assert placed("crashkernel=1200M numa=fake=2", "6.1.0-50-amd64", memory).status == "uncertain"
    assert early.numa_borders("numa=fake=4", memory.ram, ())[0] == (512 * MIB, GIB, 1536 * MIB)


def test_memory_that_can_be_unplugged() -> None:
    """should_skip_region() of mm/memblock.c: with movable_node the kernel takes nothing there. It counts as RAM."""
    memory = from_firmware([LOW])._replace(
        nodes=((0, GIB, 0), (GIB, 2 * GIB, 1)), hotplug=((GIB, 2 * GIB),), source="log"
    )
    line = "crashkernel=1G-1536M:64M,1536M-:128M"
    for word, limit in (("", 2 * GIB), ("movable_node", GIB)):
        found = placed(f"{line} {word}", "6.1.0-50-amd64", memory)
        assert found.status == "reserved"
        assert [end - start for start, end in found.regions] == [128 * MIB]
        assert limit - 256 * MIB < found.regions[0][1] <= limit
    # Without the SRAT's lines nothing is known about it.
    unknown = placed(f"{line} movable_node", "6.1.0-50-amd64", from_firmware([LOW]))
    assert (unknown.status, () in unknown.alternatives) == ("uncertain", True)
    assert "movable_node" in unknown.reason


def test_nodes_of_the_map_count_where_none_are_given() -> None:
    """Saved boot messages have them: `SRAT: Node 1 PXM 1 [mem 0x40000000-0x7fffffff]`."""
    memory = from_firmware([LOW])._replace(nodes=((0, GIB, 0), (GIB, 2 * GIB, 1)))
    for facts, status in (({}, "failed"), ({"borders": (512 * MIB,)}, "reserved")):
        assert placed("crashkernel=1200M", "6.1.0-50-amd64", memory, **facts).status == status
    assert placed("crashkernel=1200M numa=off", "6.1.0-50-amd64", memory).status == "reserved"


def test_vmalloc_moves_the_end_of_low_memory() -> None:
    """parse_vmalloc() of arch/x86/mm/pgtable_32.c: seen on 6.1.0-50-686 with vmalloc=512M and an initrd of 100M."""
    assert early.low_ends("vmalloc=512M", Release.parse("6.1.0-50-686"))[0] == 0x36BFE000 - 392 * MIB
    assert early.low_ends("quiet", Release.parse("6.1.0-50-686-pae"))[0] == 0x377FE000


def test_an_initrd_outside_of_ram_is_moved() -> None:
    """relocate_initrd() of arch/x86/kernel/setup.c: seen on 6.1 with memmap=exactmap."""
    memory = from_firmware([LOW])
    initrd = (LOW[1] - 33 * MIB, LOW[1])
    cmdline = "crashkernel=55M memmap=exactmap memmap=640K@0 memmap=700M@1M"
    assert placed(cmdline, "6.1.0-50-rt-amd64", memory, initrd=initrd).regions == ((0x26000000, 0x29700000),)


def test_where_loaders_put_the_initrd() -> None:
    """GRUB's i386/linux.c: below 0x37ffffff less 64K; the kernel's header: below 2G; QEMU and the EFI stub: high."""
    memory = typical(4 * GIB, "x86_64")
    ends = {
        loader: {extent[1] for extent in possible_initrds(UnknownInitrd(16 * MIB, loader), X86_64, memory) if extent}
        for loader in ("grub", "syslinux", "qemu", "efistub", "")
    }
    top = 3 * GIB - 128 * KIB
    # Measured on GRUB 2.06: it ends lower by its own size.
    grub = {0x37FEF000, 0x37FEF000 - 16 * MIB}
    assert ends["grub"] == grub
    assert ends["syslinux"] == {0x7FFFF000}
    assert ends["qemu"] == ends["efistub"] == {top}
    assert ends[""] == {*grub, 0x7FFFF000, top}
    # GRUB respects mem=: seen with mem=700M and an initrd of 33M.
    seen = possible_initrds(UnknownInitrd(0x20FD000, "grub"), X86_64, memory, 700 * MIB)
    assert (0x279F6000, 0x29AF3000) in seen
    # Without the size there may be none.
    # With less than 896M it lies below the kernel's file, of 11.2M here: seen with 6.12 and 640M.
    small = from_firmware([(MIB, 0x27FDC000, "usable")])
    ends = {extent[1] for extent in possible_initrds(UnknownInitrd(0x1FD000, "grub"), X86_64, small) if extent}
    assert any(0x273F1000 - MIB < end < 0x273F1000 + MIB for end in ends)
    assert None in possible_initrds(UnknownInitrd(), X86_64, memory)
    # Linux 4.4 searches below 896M: GRUB's place matters, QEMU's does not.
    for loader, status in (("qemu", "reserved"), ("", "uncertain")):
        unknown = UnknownInitrd(64 * MIB, loader)
        assert placed("crashkernel=512M", "4.4.0-21-generic", memory, initrd=unknown).status == status


def test_an_unknown_firmware_of_arm64() -> None:
    """EFI firmware keeps data in RAM; on x86 the map shows it, on arm64 it does not."""
    memory = typical(2 * GIB, "arm64")
    release = "6.12.95+deb12-arm64"
    assert placed("crashkernel=256M", release, memory, "arm64").status == "uncertain"
    assert placed("crashkernel=256M", release, memory, "arm64", efi=False).status == "reserved"


@pytest.mark.parametrize(
    ("word", "release", "known"),
    [
        ("hugepages=64", "6.18.0", True),
        ("default_hugepagesz=1G hugepages=2", "5.14.0-503.el9.x86_64", True),
        ("hugepagesz=1G hugepages=2", "6.14.0", True),
        ("hugepagesz=1G hugepages=2", "6.15.0", False),
        ("hugepagesz=1G hugepages=2", "7.2.0", True),
        ("debug_pagealloc=on", "6.1.0", False),
    ],
)
def test_what_is_not_modelled_has_no_chance(word: str, release: str, known: bool) -> None:
    """setup_arch() of x86 6.15 to 6.19 calls hugetlb_bootmem_alloc() before arch_reserve_crashkernel()."""
    found = placed(f"crashkernel=256M {word}", release, typical(8 * GIB, "x86_64"))
    assert (word.split(maxsplit=1)[0] in found.reason) is not known
    assert (() in found.alternatives) is not known
    assert found.chance_of_nothing == 0.0


def test_cma_of_arm64_and_x86() -> None:
    """dma_contiguous_reserve() runs before the reservation on both; x86 kernels may be built without it."""
    memory = typical(2 * GIB, "arm64")
    usual = placed("crashkernel=256M", "6.12.95+deb12-arm64", memory, "arm64", efi=False)
    larger = placed("crashkernel=256M cma=128M", "6.12.95+deb12-arm64", memory, "arm64", efi=False)
    assert larger.status == usual.status == "reserved"
    assert usual.regions[0][0] - larger.regions[0][0] == 64 * MIB
    found = placed("crashkernel=256M cma=64M", "6.12", from_firmware([LOW]))
    assert (found.status, len(found.alternatives)) == ("uncertain", 1)


def test_armhf() -> None:
    """reserve_crashkernel() of arch/arm/kernel/setup.c: multiples of 128M in low memory, whose RAM counts."""
    assert architecture("armhf") is architecture("armv7l") is Architecture.ARM
    assert implied("6.1.0-50-armmp-lpae") is Architecture.ARM
    memory = from_firmware([(GIB, 3 * GIB, "usable")])
    assert counted_ram(Release.parse("6.1.0-50-armmp"), "armhf", memory) == 768 * MIB
    found = placed("crashkernel=128M", "6.1.0-50-armmp", memory, "armhf", initrd=(1152 * MIB, 1160 * MIB))
    assert found.regions == ((0x60000000, 0x68000000),)
    # Debian's has kexec. Another one may be built without it, and how likely that is is not known.
    assert () not in found.alternatives
    found = placed("crashkernel=128M", "6.1.7", memory, "armhf", initrd=(1152 * MIB, 1160 * MIB))
    assert (found.status, found.alternatives[0], found.chances[0]) == ("uncertain", (), 0.0)
    assert round(found.chance + sum(found.chances), 6) == 1
    assert placed("crashkernel=128M@1025M", "6.1.0-50-armmp", memory, "armhf").regions == ()


def test_pages_of_power() -> None:
    """PAGE_ALIGN() of arch/powerpc/kexec/core.c: seen on 6.12.107+deb13-powerpc64le, which has pages of 4K."""
    memory = typical(2 * GIB, "ppc64le")
    line = "crashkernel=131076K@262148K"
    found = placed(line, "6.12.107+deb13-powerpc64le", memory, "ppc64le")
    assert (found.status, found.regions) == ("reserved", ((262148 * KIB, 393224 * KIB),))
    assert placed(line, "6.12.107+deb13-powerpc64le-64k", memory, "ppc64le").regions[0][0] == 262208 * KIB
    assert placed(line, "6.12.0", memory, "ppc64le").status == "uncertain"


def test_an_offset_over_the_kernel_of_power_says_so() -> None:
    found = placed("crashkernel=256M@16M", "6.12", typical(4 * GIB, "ppc64le"), "ppc64le")
    assert (found.regions, found.may_hang) == ((), True)
    assert "may not boot" in found.reason


def test_typical_maps() -> None:
    """QEMU: hw/i386/pc_piix.c has the hole from 3G, if there is 3.5G; pc_q35.c from 2G, if there is 2.75G."""
    ends = {each.ram[-2][1] if len(each.ram) > 2 else each.ram[-1][1] for each in typical_maps(3 * GIB, "x86_64")}
    assert {2 * GIB - 128 * KIB, 3 * GIB - 128 * KIB} <= ends
    assert {each.efi for each in typical_maps(8 * GIB, "x86_64")} == {False, True}
    for amount in (64 * MIB, 128 * MIB, 3 * GIB, 64 * GIB):
        assert all(each.ram for each in typical_maps(amount, "x86_64"))
    assert list(typical_maps(8 * GIB, "s390x")) == [typical(8 * GIB, "s390x")]
    for arch in ("arm64", "loongarch64"):
        first, other = typical_maps(2 * GIB, arch)
        assert first == typical(2 * GIB, arch)
        assert 0 <= first.ram_total - other.ram_total < 8 * MIB
        assert list(typical_maps(64 * MIB, arch)) == [typical(64 * MIB, arch)]


@pytest.mark.parametrize("word", ["", "log_buf_len=64M", "numa=fake=4", "cma=64M", "movable_node", "mem=1G"])
@pytest.mark.parametrize("release", ["5.10.0-32-rt-amd64", "6.1.0-50-686", "6.18.15+deb13-amd64", "4.18.0-240.el8"])
def test_at_most_24_outcomes_whose_chances_add_up(release: str, word: str) -> None:
    arch = "i386" if "686" in release else "x86_64"
    found = placed(f"crashkernel=300M {word}", release, typical(4 * GIB, arch), arch, initrd=UnknownInitrd())
    assert len(found.alternatives) == len(found.chances) < MOST_OUTCOMES
    assert 0 < found.chance + sum(found.chances) <= 1.000001
    assert found.regions not in found.alternatives


def test_fadump() -> None:
    """fadump_calculate_reserve_size() of arch/powerpc/kernel/fadump.c, 6.1."""
    memory = typical(64 * GIB, "ppc64le")
    for line, size in (
        ("fadump=on", 3 * GIB),
        ("crashkernel=1G@128M fadump=on", GIB),
        ("crashkernel=40G fadump=nocma", 16 * GIB),
        ("crashkernel=oops fadump=on", 3 * GIB),
    ):
        found = placed(line, "6.1.0-50-powerpc64le", memory, "ppc64le")
        assert (found.status, found.regions) == ("uncertain", ((size, 2 * size),))
    assert placed("fadump=on", "6.1.0", typical(2 * GIB, "ppc64le"), "ppc64le").regions == ((256 * MIB, 512 * MIB),)
    assert placed("fadump=off", "6.1.0", memory, "ppc64le").status == "failed"


@pytest.mark.parametrize(
    ("value", "request_"),
    [
        ("256M", XenRequest(256 * MIB)),
        # Without a letter it is kilobytes.
        ("262144", XenRequest(256 * MIB)),
        ("256M@64M", XenRequest(256 * MIB, 64 * MIB)),
        ("256M<4G", XenRequest(256 * MIB, 0, 4 * GIB)),
        ("256M\\<4G", XenRequest(256 * MIB, 0, 4 * GIB)),
        ("256M,below=4G", XenRequest(256 * MIB, 0, 4 * GIB)),
        ("1G-4G:128M,4G-:256M", XenRequest(256 * MIB)),
        ("1G-4G:128M,4G-:256M<4G", XenRequest(256 * MIB, 0, 4 * GIB)),
        # Behind a list it is not understood.
        ("1G-4G:128M,4G-:256M,below=4G", XenRequest(256 * MIB)),
        # A size counts, and not a list; the address of each counts.
        ("1G-4G:128M@64M crashkernel=64M", XenRequest(64 * MIB, 64 * MIB)),
        ("64M crashkernel=1G-:128M", XenRequest(64 * MIB)),
        ("64M crashkernel=96M", XenRequest(96 * MIB)),
        ("0x8000k", XenRequest(32 * MIB)),
        ("0100k", XenRequest(64 * KIB)),
        ("300M,high", XenRequest(300 * MIB)),
        ("1G-:128M,high", XenRequest(128 * MIB)),
        ("4G-2G:64M,1G-:128M", XenRequest(0, reason="Xen does not understand '4G-2G:64M,1G-:128M'")),
        ("1G-:8G,1G-:128M", XenRequest(128 * MIB)),
    ],
)
def test_xen(value: str, request_: XenRequest) -> None:
    """parse_crashkernel() of xen/common/kexec.c: its own grammar."""
    assert read_xen(f"placeholder crashkernel={value} dom0_mem=1G", 8 * GIB) == request_


def test_what_xen_does_not_understand() -> None:
    found = read_xen("crashkernel=x", 8 * GIB)
    assert (found.size, found.reason) == (0, "Xen does not understand 'x'")
    assert read_xen("quiet", 8 * GIB).reason == "no crashkernel= on the command line of Xen"
    assert for_xen(parse_values(["300M,high", "72M,low"])) == "300M"
    assert for_xen(parse_values(["1G-4G:128M,4G-:256M"])) == "1G-4G:128M,4G-:256M"
    assert for_xen(parse_values(["auto"])) is None


@pytest.mark.parametrize(
    ("value", "version", "status", "regions"),
    [
        ("256M@64M", (3, 1), "reserved", ((64 * MIB, 320 * MIB),)),
        ("256M@3G", (4, 17), "failed", ()),
        ("256M", (3, 1), "failed", ()),
        ("256M", (4, 17), "uncertain", ((2 * GIB - 258 * MIB, 2 * GIB - 2 * MIB),)),
        ("256M<1G", (4, 17), "uncertain", ((768 * MIB, GIB),)),
        ("3G", (4, 17), "failed", ()),
        ("x", (4, 17), "failed", ()),
    ],
)
def test_where_xen_reserves(value: str, version: tuple[int, int], status: str, regions: tuple[object, ...]) -> None:
    """__start_xen() of xen/arch/x86/setup.c: the given address if it is RAM, else from the top, below the limit."""
    memory = typical(2 * GIB, "x86_64")
    found = place_xen(f"crashkernel={value}", 2 * GIB, memory, Hypervisor(version))
    assert (found.status, found.regions) == (status, regions)
