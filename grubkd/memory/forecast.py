"""What the kernel of a case reads in its values and where it reserves the memory, as far as the facts allow."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from grubkd.memory.kernel_parser import read
from grubkd.memory.placement.early import changes_ram
from grubkd.memory.placement.initrd import UnknownInitrd
from grubkd.memory.placement.place import (
    VENDOR_DECIDES,
    agreed,
    agreed_boots,
    counted_ram,
    passes_quick_test,
    place_at_boot,
    possible_boots,
)
from grubkd.memory.size import format_size

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from grubkd.memory.case import Case
    from grubkd.memory.kernel_parser import KernelRequest
    from grubkd.memory.memory_map import Extent
    from grubkd.memory.placement.place import BootFacts, Placement

NOTHING_OBSERVED = "the running kernel was booted with this value and holds no reservation"


def request(case: Case, values: Sequence[str] = ()) -> KernelRequest | None:
    """What the kernel reads in the case's command line followed by the values.

    None if the RAM is unknown, or if Xen reads it. An amount of RAM that the user gave is what the kernel counts,
    unless the line changes it (mem=, memmap=).
    """
    memory = case.memory_map()
    if memory is None or case.hypervisor is not None:
        return None
    words = "".join(f"crashkernel={text} " for text in values)
    line = f"{case.cmdline} {words}".lstrip() if values else case.cmdline
    spans = case.release.counts_span and case.machine.is_x86
    ram = case.ram
    if ram is None or case.memory or spans or changes_ram(line):
        ram = counted_ram(case.release, case.machine, memory, line)
    return read(line, case.release, case.machine, ram)


def placement(case: Case, asked: KernelRequest) -> Placement | None:
    """Where the kernel reserves the memory; None if the RAM is unknown.

    Where the boot loader puts the initrd is known of the running system only. Otherwise several places are tried, and
    only what they agree on is certain.
    """
    found = []
    for release in case.release.possible:
        each = replace(case, release=release)
        facts = list(_boots(each))
        wanted = asked if release is case.release else request(each)
        if not facts or wanted is None:
            return None
        found.append(agreed_boots(wanted, facts))
    return agreed(found, VENDOR_DECIDES)


def reserves_clearly(case: Case, asked: KernelRequest) -> bool:
    """Whether `placement` is neither "failed" nor "hang", by a quick test. False: only `placement` can say."""
    facts = next(_boots(case), None)
    return facts is not None and passes_quick_test(asked, facts)


def may_reserve(case: Case) -> bool:
    """Whether the case's command line may reserve memory with the initrd at its likeliest place.

    False too if the RAM is unknown. With the initrd elsewhere it may still reserve memory.
    """
    asked = request(case)
    if asked is None or asked.status != "ok":
        return False
    if reserves_clearly(case, asked):
        return True
    found = next(_placements(case, asked), None)
    return found is not None and found.status not in ("failed", "hang")


def problem(case: Case, values: Sequence[str]) -> str:
    """Why the kernel does not reserve the values on this machine; "" if it does or may, or if it is not known."""
    if case.observed and case.observed.values == tuple(values):
        return "" if case.observed.size else NOTHING_OBSERVED
    asked = request(case, values)
    if asked is None:
        return ""
    if asked.status != "ok":
        return asked.reason
    if reserves_clearly(case, asked):
        return ""
    why = ""
    for found in _placements(case, asked):
        if found.status not in ("failed", "hang"):
            return ""
        why = why or found.reason
    return why


def assumption(case: Case) -> str:
    """What the forecast assumes; "" if it uses the machine's own memory map."""
    if case.memory is not None or not case.ram:
        return ""
    return f"on a typical memory map of {format_size(case.ram)}"


def _placements(case: Case, asked: KernelRequest) -> Iterator[Placement]:
    return (place_at_boot(asked, facts) for facts in _boots(case))


def _boots(case: Case) -> Iterator[BootFacts]:
    """The facts of the boot, for each possible memory map and place of the initrd; none if the RAM is unknown."""
    for memory in case.memory_maps():
        initrd: Extent | UnknownInitrd | None = case.initrd or memory.initrd
        if initrd is None and case.initrd_size != 0:
            initrd = UnknownInitrd(case.initrd_size, case.loader)
        yield from possible_boots(
            case.release,
            case.machine,
            memory,
            cmdline=case.cmdline,
            initrd=initrd,
            efi=case.efi,
            kaslr=case.kaslr,
            kernel_image=memory.kernel,
            borders=case.borders,
        )
