"""Memory maps: what systems show, in whichever form, is one and the same map."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grubkd.memory.map_parsers import from_e820_log, from_firmware_memmap_files, from_iomem, from_saved
from grubkd.memory.memory_map import BadMemoryMap, MemoryMap, Range, from_firmware, merged, subtract, typical
from grubkd.memory.size import GIB, MIB

IOMEM = """\
00000000-00000fff : Reserved
00001000-0009fbff : System RAM
0009fc00-0009ffff : Reserved
000a0000-000bffff : PCI Bus 0000:00
00100000-3ffdffff : System RAM
  01000000-01e01d31 : Kernel code
  02000000-028e6fff : Kernel rodata
  02a00000-02c489bf : Kernel data
  0330d000-043fffff : Kernel bss
  2f000000-3effffff : Crash kernel
3ffe0000-3fffffff : Reserved
fec00000-fec003ff : IOAPIC 0
100000000-13fffffff : System RAM
  12f000000-13effffff : Crash kernel
"""

ARM64_IOMEM = """\
40000000-bfffffff : System RAM
  40210000-41ffffff : Kernel code
  42000000-4249ffff : reserved
  424a0000-42a3ffff : Kernel data
  48000000-4802ffff : reserved
  a9a00000-b99fffff : Crash kernel
  ba000000-bfffffff : reserved
"""


def test_iomem() -> None:
    found = from_iomem(IOMEM)
    assert found == MemoryMap(
        (
            Range(0x0, 0x1000, "Reserved"),
            Range(0x1000, 0x9FC00, "System RAM"),
            Range(0x9FC00, 0xA0000, "Reserved"),
            Range(0xA0000, 0xC0000, "PCI Bus 0000:00"),
            Range(0x100000, 0x3FFE0000, "System RAM"),
            Range(0x3FFE0000, 0x40000000, "Reserved"),
            Range(0xFEC00000, 0xFEC00400, "IOAPIC 0"),
            Range(0x100000000, 0x140000000, "System RAM"),
        ),
        source="iomem",
        kernel=(0x1000000, 0x4400000),
        crash=((0x2F000000, 0x3F000000), (0x12F000000, 0x13F000000)),
    )
    assert found.ram == ((0x1000, 0x9FC00), (0x100000, 0x3FFE0000), (0x100000000, 0x140000000))
    assert found.ram_total == 0x9EC00 + 0x3FEE0000 + 0x40000000
    assert found.span == 0x140000000
    assert from_saved(IOMEM, file="saved") == found


def test_iomem_of_arm64_tells_what_is_reserved() -> None:
    found = from_iomem(ARM64_IOMEM)
    assert found.held == ((0x42000000, 0x424A0000), (0x48000000, 0x48030000), (0xBA000000, 0xC0000000))
    assert found.kernel == (0x40210000, 0x42A40000)
    assert found.crash == ((0xA9A00000, 0xB9A00000),)


@pytest.mark.parametrize(
    ("lines", "nodes"),
    [
        (
            "ACPI: SRAT: Node 0 PXM 0 [mem 0x00000000-0x0009ffff]\n"
            "[    0.006] ACPI: SRAT: Node 0 PXM 0 [mem 0x00100000-0x1fffffff]\n"
            "[    0.006] ACPI: SRAT: Node 1 PXM 1 [mem 0x20000000-0x3fffffff] hotplug\n"
            "[    0.010] Initmem setup node 1 [mem 0x0000000020000000-0x000000003ffdffff]",
            ((0, 0xA0000, 0), (0x100000, 0x20000000, 0), (0x20000000, 0x40000000, 1)),
        ),
        ("SRAT: Node 0 PXM 0 0-20000000\nSRAT: Node 1 PXM 1 20000000-40000000", ((0, 1 << 29, 0), (1 << 29, GIB, 1))),
        # Without the table: the nodes of numa=fake= and of firmware that describes them otherwise.
        (
            "Initmem setup node 0 [mem 0x1000-0x1fffffff]\nInitmem setup node 1 [mem 0x20000000-0x3ffdffff]",
            ((0x1000, 0x20000000, 0), (0x20000000, 0x3FFE0000, 1)),
        ),
        ("No NUMA configuration found", ()),
        # Nonsense of a damaged log names no node.
        ("SRAT: Node 0 PXM 0 [mem 0x20000000-0x1fffff]\nSRAT: Node 1 PXM 1 [mem 0x0-0x1ffffffffffffffff]", ()),
    ],
)
def test_numa_nodes_of_boot_messages(lines: str, nodes: tuple[tuple[int, int, int], ...]) -> None:
    """acpi_numa_memory_affinity_init() of arch/x86/mm/srat.c and init_memory_mapping() of 3.2, 6.1 and 7.2."""
    found = from_saved(f"{NEW_LOG}{lines}\n", file="dmesg.txt")
    assert found.nodes == nodes
    assert found.hotplug == tuple((start, end) for start, end, node in nodes if node and "hotplug" in lines)


@pytest.mark.parametrize(
    ("text", "place", "message"),
    [
        ("00001000-0009fbff : System RAM\nnonsense\n", "file:2:1", "not understood: 'nonsense'"),
        ("\n0000100g-0009fbff : System RAM\n", "file:2:1", "not understood: '0000100g-0009fbff : System RAM'"),
        ("00002000-00001000 : System RAM\n", "file:1:1", "not understood: '00002000-00001000 : System RAM'"),
        ("00001000-0009fbff : Reserved\n", "file", "no System RAM is listed"),
        ("00000000-00000000 : System RAM\n  00000000-00000000 : Kernel code\n", "file", "no System RAM is listed"),
        ("", "file", "no System RAM is listed"),
    ],
)
def test_bad_iomem(text: str, place: str, message: str) -> None:
    with pytest.raises(BadMemoryMap) as caught:
        from_iomem(text, file="file")
    assert (str(caught.value.place), caught.value.message, caught.value.exit) == (place, message, 3)
    assert caught.value.hint


NEW_LOG = """\
[    0.000000] Linux version 6.1.0
[    0.000000] BIOS-provided physical RAM map:
[    0.000000] BIOS-e820: [mem 0x0000000000000000-0x000000000009fbff] usable
[    0.000000] BIOS-e820: [mem 0x000000000009fc00-0x000000000009ffff] reserved
[    0.000000] BIOS-e820: [mem 0x0000000000100000-0x000000003ffdffff] usable
[    0.000000] BIOS-e820: [mem 0x000000003ffe0000-0x000000003fffffff] ACPI data
[    0.000000] NX (Execute Disable) protection: active
[    0.009101] RAMDISK: [mem 0x3fee3000-0x3ffdffff]
"""
OLD_LOG = """\
BIOS-provided physical RAM map:
 BIOS-e820: 0000000000000000 - 000000000009fc00 (usable)
 BIOS-e820: 000000000009fc00 - 00000000000a0000 (reserved)
 BIOS-e820: 0000000000100000 - 000000003ffe0000 (usable)
 BIOS-e820: 000000003ffe0000 - 0000000040000000 (ACPI data)
RAMDISK: 3fee3000 - 3ffe0000
"""
NEWEST_LOG = """\
[    0.000000] BIOS-e820: [mem 0x0000000000000000-0x000000000009fbff]  System RAM
[    0.000000] BIOS-e820: [mem 0x000000000009fc00-0x000000000009ffff]  reserved
[    0.000000] BIOS-e820: [gap 0x00000000000a0000-0x00000000000fffff]
[    0.000000] BIOS-e820: [mem 0x0000000000100000-0x000000003ffdffff]  System RAM
[    0.000000] BIOS-e820: [mem 0x000000003ffe0000-0x000000003fffffff]  ACPI data
[    0.000000] RAMDISK: [mem 0x3fee3000-0x3ffdffff]
"""
RANGES = [(0, 0x9FC00, "usable"), (0x9FC00, 0xA0000, "reserved"), (0x100000, 0x3FFE0000, "usable")]
RANGES.append((0x3FFE0000, 0x40000000, "ACPI data"))
SYSFS = {
    str(number): {"start": f"{start:#x}\n", "end": f"{end - 1:#x}\n", "type": f"{kind}\n"}
    for number, (start, end, kind) in enumerate(reversed(RANGES))
}


def test_all_firmware_forms_tell_the_same() -> None:
    plain = from_firmware(RANGES)
    assert from_firmware(reversed(RANGES)) == plain
    assert from_firmware_memmap_files(SYSFS) == plain
    for text in (NEW_LOG, OLD_LOG, NEWEST_LOG):
        found = from_saved(text, file="dmesg.txt")
        assert found.ram == plain.ram
        assert [(each.start, each.end) for each in found.ranges] == [(start, end) for start, end, _ in RANGES]
        assert (found.initrd, found.source) == ((0x3FEE3000, 0x3FFE0000), "log")


@pytest.mark.parametrize(
    ("text", "place", "message"),
    [
        ("BIOS-e820: [mem 0x0-0xfff] x\nBIOS-e820: [mem 0]\n", "log:2:1", "not understood: 'BIOS-e820: [mem 0]'"),
        ("BIOS-e820: [mem 0x2000-0x1] x\n", "log:1:1", "not understood: 'BIOS-e820: [mem 0x2000-0x1] x'"),
        ("BIOS-e820: 2000 - 1000 (usable)", "log:1:1", "not understood: 'BIOS-e820: 2000 - 1000 (usable)'"),
        ("[    0.000000] Linux version 6.1.0\n", "log", "there is no BIOS-e820 line"),
    ],
)
def test_bad_log(text: str, place: str, message: str) -> None:
    with pytest.raises(BadMemoryMap) as caught:
        from_e820_log(text, file="log")
    assert (str(caught.value.place), caught.value.message) == (place, message)


@pytest.mark.parametrize(
    "files",
    [
        {"start": "0x0", "end": "0xfff"},
        {"start": "x", "end": "0xfff", "type": "usable"},
        {"start": "", "end": "", "type": ""},
    ],
)
def test_bad_sysfs(files: dict[str, str]) -> None:
    with pytest.raises(BadMemoryMap) as caught:
        from_firmware_memmap_files({"3": files})
    assert str(caught.value.place) == "/sys/firmware/memmap/3"


@pytest.mark.parametrize("ranges", [[(2, 1, "usable")], [(-1, 1, "usable")], [(0, (1 << 64) + 1, "usable")], []])
def test_bad_ranges(ranges: list[tuple[int, int, str]]) -> None:
    with pytest.raises(BadMemoryMap):
        from_firmware(ranges)


def test_too_many_ranges() -> None:
    with pytest.raises(BadMemoryMap, match="more than 1024 pieces of RAM"):
        from_firmware((number * MIB, number * MIB + 1, "usable") for number in range(1025))
    with pytest.raises(BadMemoryMap, match="more than 1024 pieces of RAM"):
        from_iomem("".join(f"{number:05x}00000-{number:05x}0ffff : System RAM\n" for number in range(1025)))


def test_many_ranges_of_few_pieces_of_ram() -> None:
    """Memory that was added later, in blocks, and devices: the pieces of RAM are kept."""
    blocks = [(GIB + number * MIB, GIB + (number + 1) * MIB, "System RAM") for number in range(2000)]
    devices = [(number * 8192, number * 8192 + 4096, "device") for number in range(2000)]
    assert from_firmware([*blocks, *devices]).ram == ((GIB, GIB + 2000 * MIB),)


def test_where_ranges_overlap_what_is_not_ram_wins() -> None:
    found = from_firmware([(0, 100, "usable"), (50, 60, "reserved"), (90, 120, "System RAM"), (200, 200, "usable")])
    assert found.ram == ((0, 50), (60, 120))
    assert found.ram_total == 110


@pytest.mark.parametrize("arch", ["i386", "x86_64", "arm64", "ppc64le", "s390x", "riscv64", "loongarch64"])
@pytest.mark.parametrize("ram", [64 * MIB, GIB, 3 * GIB, 4 * GIB, 64 * GIB])
def test_a_typical_map_holds_about_that_much(arch: str, ram: int) -> None:
    found = typical(ram, arch)
    assert found.source == "typical"
    assert ram - MIB < found.ram_total <= ram


def test_a_typical_pc() -> None:
    assert typical(8 * GIB, "amd64").ram == (
        (0, 639 << 10),
        (MIB, 3 * GIB - (128 << 10)),
        (4 * GIB, 9 * GIB),
    )


EXTENTS = st.lists(st.tuples(st.integers(0, 60), st.integers(1, 20)).map(lambda pair: (pair[0], sum(pair))))


def cells(extents: object) -> set[int]:
    assert isinstance(extents, list | tuple)
    return {cell for start, end in extents for cell in range(start, end)}


@given(EXTENTS, EXTENTS)
def test_set_algebra(one: list[tuple[int, int]], other: list[tuple[int, int]]) -> None:
    ranges, holes = merged(one), merged(other)
    left = subtract(ranges, holes)
    assert cells(ranges) == cells(one)
    assert cells(left) == cells(one) - cells(other)
    assert all(before[1] <= after[0] for before, after in pairwise(left))
    assert all(start < end for start, end in left)


@given(st.text("0123456789abcdef-: \nSystem RAMBIOS-e820[]x()", max_size=80))
def test_any_text_is_a_map_or_refused(text: str) -> None:
    for reader in (from_iomem, from_e820_log):
        try:
            assert reader(text).ram_total > 0
        except BadMemoryMap as problem:
            assert problem.hint


def test_boot_messages_tell_of_efi() -> None:
    lines = ["BIOS-e820: [mem 0x0000000000100000-0x000000003fffffff] usable", "efi: EFI v2.70 by EDK II"]
    assert not from_e820_log(lines[0]).efi
    assert from_e820_log("\n".join(lines)).efi
