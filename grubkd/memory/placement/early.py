"""What early kernel parameters take or hide before the kernel searches for the region.

The parameters that reserve memory before reserve_crashkernel(), from the early_param() calls of Linux 5.10 to 7.2:
mem=, memmap= and vmalloc= change the RAM; log_buf_len= (setup_log_buf() of x86), cma= and hugetlb_cma= allocate; numa=
and movable_node change where the kernel allocates. trace_buf_size=, reserve_mem= and swiotlb= allocate after it.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from grubkd.memory.architecture import Architecture
from grubkd.memory.kernel_value import memparse
from grubkd.memory.memory_map import RAM_TYPES, Range, subtract
from grubkd.memory.size import GIB, KIB, LIMIT, MIB, round_down, round_up

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from grubkd.memory.memory_map import Extent, MemoryMap
    from grubkd.memory.release import Release


class Take(NamedTuple):
    """An allocation from the top down: bytes, alignment; `low`: from 4G upward first, as CMA areas since 5.11."""

    size: int
    align: int
    low: bool = False


class EarlyTakes(NamedTuple):
    """What parameters allocate before the data of the NUMA nodes (all of it or nothing), and after it."""

    before: tuple[Take, ...] = ()
    after: tuple[Take, ...] = ()
    bottom_up: bool = False


NOTHING = EarlyTakes()

UNMODELLED = ("kernelcore=mirror", "numa_emulation", "efi_fake_mem=", "debug_pagealloc=", "kasan")
"""Parameters that may change what is free, in a way that is not modelled."""

UNMODELLED_ELSEWHERE = (*UNMODELLED, "mem=", "memmap=", "numa=fake", "hugetlb_cma=", "movable_node")
"""The same for architectures other than x86."""

DECIDING = (
    *("crashkernel=", "kaslr", "fadump", "mem", "cma", "numa", "movable", "swiotlb", "log_buf_len", "vmalloc", "acpi="),
    *("rodata", "hugepages", "initrd=", '"', "\0", "--"),
    *(name.rstrip("=") for name in UNMODELLED),
)
"""Parts of the words on which a reservation depends. Quotes may hide a space; what follows "--" is for init."""

_MEMORY_WORDS = ("mem=", "memmap=")
_E820_TYPES = {"@": "usable", "#": "ACPI data", "$": "reserved", "!": "persistent"}


def words(cmdline: str, *names: str) -> Iterator[str]:
    """The words of the kernel's own part of the line that begin with one of the names."""
    if any(name in cmdline for name in names):
        yield from (word for word in cmdline.partition(" -- ")[0].split() if word.startswith(names))


def deciding_words(line: str) -> str:
    """The line with "." in place of the words that no reservation depends on; what ends a word may decide."""
    words = ("." if not any(part in word for part in DECIDING) else word for word in line.split(" "))
    kept: list[str] = []
    for word in words:
        if word != "." or kept[-1:] != ["."]:
            kept.append(word)
    return " ".join(kept)


def changes_ram(cmdline: str) -> bool:
    """Whether the line changes the memory map."""
    return next(words(cmdline, *_MEMORY_WORDS), None) is not None


def map_after(cmdline: str, release: Release, machine: Architecture, memory: MemoryMap) -> MemoryMap:
    """The map after mem= and memmap=: what the kernel counts and searches.

    x86: parse_memopt() and parse_memmap_one() of arch/x86/kernel/e820.c. Elsewhere mem= keeps that much RAM from the
    start (memblock_enforce_memory_limit(), memblock_mem_limit_remove_map()) and memmap= is unknown.
    """
    ranges = list(memory.ranges)
    for word in words(cmdline, *_MEMORY_WORDS):
        name, _, value = word.partition("=")
        if machine.is_x86 and name == "memmap":
            for each in value.split(","):
                ranges = _memmap(each, ranges, release)
        elif name == "mem":
            size, end = memparse(value, 0, release.rules)
            if end and size:
                ranges = _cut(ranges, size if machine.is_x86 else _limit_address(ranges, size))
    changed = memory._replace(ranges=tuple(sorted(ranges)))
    return changed if changed.ram else memory


def mem_limit(cmdline: str, release: Release) -> int:
    """The last valid `mem=` of the line in bytes, LIMIT without one."""
    sizes = [memparse(word, len("mem="), release.rules)[0] for word in words(cmdline, "mem=")]
    return next((size for size in reversed(sizes) if size), LIMIT)


def without_hotplug(cmdline: str, memory: MemoryMap) -> MemoryMap:
    """The map that is searched with movable_node: should_skip_region() of mm/memblock.c passes over hot-plug memory."""
    if not memory.hotplug or not moves_nodes(cmdline):
        return memory
    usable = tuple(Range(start, end, "usable") for start, end in subtract(memory.ram, memory.hotplug))
    rest = tuple(each for each in memory.ranges if each.type not in RAM_TYPES)
    return memory._replace(ranges=tuple(sorted((*usable, *rest)))) if usable else memory


_GIGANTIC = ("hugepagesz=1G", "default_hugepagesz=1G")


def early_hugepages(cmdline: str, version: tuple[int, ...]) -> str:
    """The word by which an x86 kernel takes pages of 1G before it searches; "" if there is none.

    setup_arch() calls hugetlb_bootmem_alloc() first in 6.15 to 6.19; it is not known whether 7.0 does. Other kernels
    allocate huge pages after the reservation, and smaller ones always do.
    """
    return next(words(cmdline, *_GIGANTIC), "") if (6, 15) <= version < (7, 1) else ""


def moves_nodes(cmdline: str) -> bool:
    """Whether the line keeps the kernel out of memory that can be unplugged."""
    return next(words(cmdline, "movable_node"), None) is not None


def _memmap(value: str, ranges: list[Range], release: Release) -> list[Range]:
    if value.startswith("exactmap"):
        return []
    size, at = memparse(value, 0, release.rules)
    if at == 0:
        return ranges
    sign = value[at : at + 1]
    if sign in _E820_TYPES:
        start, _ = memparse(value, at + 1, release.rules)
        return [*ranges, Range(start, min(start + size, LIMIT), _E820_TYPES[sign])]
    return ranges if sign == "%" else _cut(ranges, size)


def _cut(ranges: Iterable[Range], end: int) -> list[Range]:
    """The ranges without RAM at or above the address."""
    kept = [each._replace(end=min(each.end, end)) if each.type in RAM_TYPES else each for each in ranges]
    return [each for each in kept if each.start < each.end]


def _limit_address(ranges: list[Range], size: int) -> int:
    """The address below which there are `size` bytes of RAM."""
    for each in ranges:
        if each.type in RAM_TYPES:
            if size <= each.end - each.start:
                return each.start + size
            size -= each.end - each.start
    return LIMIT


_CMA_ALIGN = 4 * MIB
_LOG_SHIFTS = (17, 18, 20)
_DESC_BITS = 5


def x86_takes(cmdline: str, release: Release, machine: Architecture) -> list[EarlyTakes]:
    """What parameters of an x86 kernel may allocate: each possibility, the likeliest first."""
    logs = _log_buffers(cmdline, release, machine)
    areas: list[tuple[Take, ...]] = [()]
    sizes = [*_last_size(cmdline, "cma=", release, _CMA_ALIGN), *_last_size(cmdline, "hugetlb_cma=", release, GIB)]
    if sizes and machine is Architecture.X86_64:
        # Some kernels are built without CMA.
        areas = [(), tuple(sizes), tuple(take._replace(low=False) for take in sizes)]
    # Distributions' x86_64 kernels have CONFIG_MEMORY_HOTPLUG, which movable_node needs.
    ups = (False,) if not moves_nodes(cmdline) else (True,) if machine is Architecture.X86_64 else (True, False)
    return [EarlyTakes(log, area, up) for up in ups for log in logs for area in areas]


def _last_size(cmdline: str, name: str, release: Release, align: int) -> list[Take]:
    found = [memparse(word, len(name), release.rules)[0] for word in words(cmdline, name)]
    return [Take(round_up(found[-1], align), align, low=True)] if found and found[-1] else []


def _log_buffers(cmdline: str, release: Release, machine: Architecture) -> list[tuple[Take, ...]]:
    """The buffers of setup_log_buf() in kernel/printk/printk.c.

    The text is a power of two above the built-in size. Since 5.10 there are a descriptor and an info of 88 bytes for
    each 32 bytes of text; since 6.16 an info may have 24 bytes more (CONFIG_PRINTK_EXECUTION_CTX).
    """
    sizes = [memparse(word, len("log_buf_len="), release.rules)[0] for word in words(cmdline, "log_buf_len=")]
    wanted = [1 << (min(size, 1 << 31) - 1).bit_length() for size in sizes if size]
    found: list[tuple[Take, ...]] = []
    for built_in in (1 << shift for shift in _LOG_SHIFTS):
        larger = [size for size in wanted if size > built_in]
        if not larger:
            found.append(())
            continue
        text, count = larger[-1], larger[-1] >> _DESC_BITS
        word = 4 if machine is Architecture.I386 else 8
        infos = () if release.version < (5, 10) else (88,) if release.version < (6, 16) else (88, 112)
        found += [(Take(text, 8), Take(count * 3 * word, 8), Take(count * info, 8)) for info in infos]
        found += [] if infos else [(Take(text, 8),)]
    return list(dict.fromkeys(found))


def numa_borders(cmdline: str, ram: tuple[Extent, ...], borders: tuple[int, ...]) -> list[tuple[int, ...]]:
    """The possible first addresses of NUMA nodes but the lowest: numa=off merges them, numa=fake=N splits them."""
    word = next(reversed(list(words(cmdline, "numa="))), "")
    # Without the SRAT there is one node.
    if word in {"numa=off", "numa=noacpi"} or "acpi=off" in words(cmdline, "acpi="):
        return [()]
    if word.startswith("numa=fake=") and ram:
        digits = word.removeprefix("numa=fake=").rstrip("MGU")
        count = int(digits) if digits.isdigit() and len(digits) < 5 else 0
        if word[-1] in "MG" and count:
            unit = count * (GIB if word[-1] == "G" else MIB)
            count = max(sum(end - start for start, end in ram) // unit, 1)
        return [
            tuple(sorted({*borders, *_fake(ram, count)})),
            borders,
            *([tuple(_fake(ram, count))] if borders else []),
        ]
    return [borders]


_FAKE_STEP = 32 * MIB


def _fake(ram: tuple[Extent, ...], count: int) -> Iterator[int]:
    """The borders of `count` equal nodes in steps of 32M: split_nodes_interleave() of mm/numa_emulation.c."""
    if not 1 < count <= 64:
        return
    total = sum(end - start for start, end in ram)
    size = total // count
    big = (size % _FAKE_STEP) * count // _FAKE_STEP
    size = round_down(size, _FAKE_STEP)
    start = 0
    for node in range(count - 1):
        end = start + size + (_FAKE_STEP if node < big else 0)
        while end < ram[-1][1] and _ram_between(ram, start, end) < size:
            end += _FAKE_STEP
        # A node too small below 4G extends to it.
        if end < 4 * GIB and _ram_between(ram, end, 4 * GIB) < _FAKE_STEP:
            end = 4 * GIB
        if end >= ram[-1][1]:
            return
        yield end
        start = end


def _ram_between(ram: tuple[Extent, ...], start: int, end: int) -> int:
    return sum(high - low for low, high in ram) - sum(high - low for low, high in subtract(ram, [(start, end)]))


def node_borders(nodes: Iterable[tuple[int, int, int]]) -> tuple[int, ...]:
    """The first address of each NUMA node but the lowest, for (start, end, node)."""
    return tuple(after[0] for before, after in pairwise(sorted(nodes)) if before[2] != after[2])


# The end of low memory without vmalloc=, by the size of the fixed mappings: 2M steps with PAE, 4M without.
_LOW_ENDS = {
    True: (0x377FE000, 0x375FE000, 0x373FE000, 0x371FE000, 0x36FFE000, 0x379FE000),
    False: (0x36BFE000, 0x36FFE000, 0x373FE000, 0x367FE000, 0x377FE000),
}
_VMALLOC_DEFAULT = 128 * MIB
_VMALLOC_GUARD = 8 * MIB


def low_ends(cmdline: str, release: Release) -> list[int]:
    """The possible ends of i386's low memory: parse_vmalloc() of arch/x86/mm/pgtable_32.c adds 8M to the value."""
    ends = _LOW_ENDS[release.pae or release.architecture is None]
    found = [memparse(word, len("vmalloc="), release.rules)[0] for word in words(cmdline, "vmalloc=")]
    less = found[-1] + _VMALLOC_GUARD - _VMALLOC_DEFAULT if found else 0
    return [end - less if end - less > 64 * KIB else end for end in ends]
