"""What an x86 kernel and the firmware may have allocated at the top of memory before the search."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grubkd.memory.architecture import Architecture
from grubkd.memory.placement import early
from grubkd.memory.placement.search import PAGE
from grubkd.memory.placement.x86_search import Top, has_far_pieces
from grubkd.memory.size import GIB, KIB, MIB

if TYPE_CHECKING:
    from collections.abc import Iterator

    from grubkd.memory.memory_map import Extent
    from grubkd.memory.placement.boot_facts import BootFacts
    from grubkd.memory.release import Release

_LEAST, _EDGE = 16 * KIB, MIB
_TABLES = 3 * PAGE
# Measured on 64-bit kernels of every flavour.
_NODE_DATA = {(5, 10): 0x2A000, (6, 1): 0x2B000, (6, 12): 0x2A980, (7, 2): 0x2B080}
_NODE_DATA_RT = {(5, 10): (0x2B000,)}
_USUAL_NODE_DATA = 0x2B080
# A region's end moves in steps of 16M. OVMF and the kernel's stub keep 48M to 64M at the top of memory, as measured:
# these count twice.
_EFI_EDGES = tuple(edge * MIB for edge in (48, 64, 48, 64, 32, 80, 16, 96, 112, 128, 144, 160))
# Real machines keep up to 64M (ThinkPad), 112M (Superdome) and 176M (ZenBook) at the top of a piece of RAM.
_PIECE_EDGES = tuple(sorted({*_EFI_EDGES, 176 * MIB, 192 * MIB}))


def possible_tops(facts: BootFacts, ram: tuple[Extent, ...]) -> Iterator[Top]:
    """What may be allocated before the search, the likeliest first, with each possible effect of early parameters."""
    machine, release, cmdline = facts.machine, facts.release, facts.cmdline
    i386 = machine is Architecture.I386
    plain = list(_plain_tops(facts, ram))
    for takes in early.x86_takes(cmdline, release, machine):
        for borders in [()] if i386 else early.numa_borders(cmdline, ram, facts.borders):
            for low_end in early.low_ends(cmdline, release) if i386 else [0]:
                yield from (top._replace(takes=takes, borders=borders, low_end=low_end) for top in plain)


def _plain_tops(facts: BootFacts, ram: tuple[Extent, ...]) -> Iterator[Top]:
    """What may be at the top of memory: as measured, else up to a megabyte; with EFI much more."""
    node_data, *others = _node_data(facts.release) if facts.machine is Architecture.X86_64 else (0,)
    tables, *other_tables = _tables(facts, ram)
    yield Top(node_data, tables)
    yield from (Top(size, tables) for size in others)
    yield from (Top(node_data, size) for size in other_tables)
    if not facts.measured:
        yield from (Top(_LEAST, 0), Top(_EDGE, tables))
    if facts.efi:
        yield from (Top(node_data, tables, (edge, 0)) for edge in _EFI_EDGES)
        if ram[-1][1] > 4 * GIB:
            yield from (Top(node_data, tables, (0, edge)) for edge in _EFI_EDGES)
            yield from (Top(node_data, 2 * PAGE, (edge, 0)) for edge in _EFI_EDGES[:2])
        if has_far_pieces(ram):
            yield from (Top(node_data, tables, of_pieces=edge) for edge in _PIECE_EDGES)


def _tables(facts: BootFacts, ram: tuple[Extent, ...]) -> tuple[int, ...]:
    """The possible bytes of page tables, by memory_map_top_down() of arch/x86/mm/init.c.

    Measured with RAM above 4G: three pages, or two on a processor with pages of 1G; others need one for each gigabyte.
    What maps the first 2G is in the kernel's brk. The rest, and pieces that do not begin and end at 2M, need a page or
    more: measured on 6.12 with 3G.
    """
    if facts.machine is Architecture.I386:
        return (0,)
    end = ram[-1][1]
    if end > 4 * GIB:
        return (_TABLES, 2 * PAGE, PAGE, _TABLES + end // GIB * PAGE)
    inner = [edge for piece in ram for edge in piece if MIB < edge < end]
    return (PAGE, 0) if end > 2 * GIB or any(edge % (2 * MIB) for edge in inner) else (0,)


def _node_data(release: Release) -> tuple[int, ...]:
    """The possible sizes of NODE_DATA: real-time kernels have larger locks in it."""
    version = release.version[:2]
    if release.realtime:
        return _NODE_DATA_RT.get(version) or (0x2B000, 0x2A000, 0x2C000)
    return (_NODE_DATA.get(version, _USUAL_NODE_DATA),)
