"""Is there a place for the dump, and room? How much a dump takes is estimated from what the memory holds now."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from grubkd.advice.finding import Finding, Status, not_asked, ok
from grubkd.machine.dumptarget import KDUMP_CONF, KDUMP_TOOLS, SYSCONFIG, Kind
from grubkd.memory.size import GIB, MIB

if TYPE_CHECKING:
    from collections.abc import Iterator

    from grubkd.machine.dumptarget import Target
    from grubkd.machine.kdump import Kdump
    from grubkd.machine.machine import Machine

_ZERO, _CACHE, _USER, _FREE = 1, 2 | 4, 8, 16
# What zlib, lzo or zstd leave of kernel memory is a quarter to a half.
_PACKED = 4


@dataclass(frozen=True, slots=True)
class Need:
    """Bytes that a dump of the machine as it is now takes: `most` without, `least` with compression."""

    most: int
    least: int
    told: str


def need(target: Target, kdump: Kdump, machine: Machine) -> Need | None:
    """The need by the dump level: the RAM less free memory, files' cache and programs' pages where these are left out.

    Pages of zeros are left out as well, but nothing tells how many there are. None where the use is not known.
    """
    use = kdump.use
    if use is None:
        return None
    held = machine.running.reserved or 0 if machine.running else 0
    ram = max((machine.ram or 0) - held, use.total)
    left_out = [
        (amount, name)
        for bits, amount, name in (
            (_FREE, use.free, "free"),
            (_CACHE, use.cache, "file cache"),
            (_USER, use.user, "programs"),
        )
        if target.level & bits
    ]
    most = max(ram - sum(amount for amount, _ in left_out), 0)
    told = f"RAM {amount(ram)}" + "".join(f" - {name} {amount(each)}" for each, name in left_out)
    told += f", at dump level {target.level}"
    if target.compressed:
        told += f"; compressed it may be {amount(most // _PACKED)}"
    return Need(most, most // _PACKED if target.compressed else most, told)


def amount(size: int) -> str:
    """A size for people, to a tenth of a GiB or to a MiB."""
    return f"{size / GIB:.1f}G" if size >= 10 * GIB else f"{-(-size // MIB)}M"


def target(kdump: Kdump) -> Iterator[Finding]:
    """Whether the dump has a place to go to."""
    found = kdump.target
    if found.kind is Kind.NOTHING:
        why = "the capture kernel starts, and saves nothing"
        yield Finding("target", Status.PROBLEM, "no dump is to be saved", "no-dump", why, _edit(found), found.place)
        return
    for place in found.more:
        why = "kdumpctl takes one target only, and does not start"
        said = f"a second dump target, beside {found}"
        yield Finding(
            "target", Status.PROBLEM, said, "two-targets", why, f"remove one of them from {place.file}", place
        )
    if kdump.key is False:
        why = "the capture kernel cannot log in"
        fix = "kdumpctl propagate" if kdump.service.name != "kdump-tools" else "kdump-config propagate"
        yield Finding("target", Status.PROBLEM, f"{found.key} is not there", "no-key", why, fix, found.place)
        return
    yield _there(found, kdump)


def _edit(found: Target) -> str:
    return f"see {found.place.file}" if found.place else ""


def _there(found: Target, kdump: Kdump) -> Finding:
    there = kdump.room.there
    if found.kind is Kind.FILESYSTEM and found.directory is None:
        why = "kdumpctl takes a mounted file system only, and does not start"
        said = f"the dump target {found.where} is not mounted"
        return Finding("target", Status.PROBLEM, said, "not-mounted", why, f"mount {found.where}", found.place)
    if there is None:
        return not_asked("target", f"dumps go to {found}: whether it takes them is not to be seen from here")
    if there:
        return ok("target", f"dumps go to {found}", found.place)
    if found.kind is Kind.RAW:
        why = "the capture kernel finds nothing to write to"
        said = f"{found} is not there"
        return Finding("target", Status.PROBLEM, said, "no-device", why, _edit(found), found.place)
    if found.made:
        return ok("target", f"dumps go to {found}, which is made when the first is saved", found.place)
    why = "kdumpctl does not start without it"
    fix = f"mkdir -p {found.directory}"
    return Finding("target", Status.PROBLEM, f"{found.directory} is not there", "no-directory", why, fix, found.place)


def room(kdump: Kdump, machine: Machine) -> Finding:
    """Whether the dump fits."""
    found, free = kdump.target, kdump.room.free
    if free is None:
        return not_asked("room", f"how much {found} takes is not to be seen from here")
    needed = need(found, kdump, machine)
    if needed is None:
        return not_asked("room", f"{amount(free)} is free; how much a dump takes is not known without /proc/meminfo")
    said = f"{amount(free)} is free, and a dump takes up to {amount(needed.most)} ({needed.told})"
    fix = f"make room there (grubkd dumps lists old ones), or name another target in {_file(kdump)}"
    why = "a dump that does not fit is cut off, and of little use"
    if free < needed.least:
        return Finding("room", Status.PROBLEM, said, "no-room", why, fix, found.place)
    if free < needed.most:
        return Finding("room", Status.WARNING, said, "little-room", why, fix, found.place)
    return ok("room", said, found.place)


def _file(kdump: Kdump) -> str:
    if kdump.target.place:
        return kdump.target.place.file
    return KDUMP_TOOLS if kdump.service.name == "kdump-tools" else KDUMP_CONF if kdump.service.name else SYSCONFIG
