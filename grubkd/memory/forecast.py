"""What the kernel of a case reads in its values and where it reserves the memory, as far as the facts allow."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from grubkd.memory.case import NOTHING_SPECIAL, UNKNOWN_PARTS, Case
from grubkd.memory.kernel_parser import read
from grubkd.memory.placement.boot_facts import counted_ram, possible_boots
from grubkd.memory.placement.early import changes_ram, deciding_words
from grubkd.memory.placement.initrd import UnknownInitrd
from grubkd.memory.placement.place import Placement, agreed_boots, agreed_releases, passes_quick_test, place_at_boot
from grubkd.memory.size import MIB, format_size
from grubkd.memory.vendors import Distribution

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from grubkd.memory.case import Observed
    from grubkd.memory.kernel_parser import KernelRequest
    from grubkd.memory.memory_map import Extent, MemoryMap
    from grubkd.memory.placement.boot_facts import BootFacts
    from grubkd.memory.release import Release

NOTHING_OBSERVED = "the running kernel was booted with this value and holds no reservation"


def request(case: Case, values: Sequence[str] = ()) -> KernelRequest | None:
    """What the kernel reads in the case's command line followed by the values.

    None if the RAM is unknown. Of an amount of RAM an x86 kernel counts what firmware leaves, which is a little less:
    up to 5.15, which does not round the sum up, a machine with 4G is below a range that begins at 4G.
    """
    memory = case.memory_map()
    return None if memory is None else _request(case, memory, values)


def _request(case: Case, memory: MemoryMap, values: Sequence[str] = ()) -> KernelRequest:
    words = "".join(f"crashkernel={text} " for text in values)
    line = f"{case.cmdline} {words}".lstrip() if values else case.cmdline
    ram = case.ram
    if ram is None or case.memory or case.machine.is_x86 or changes_ram(line):
        ram = counted_ram(case.release, case.machine, memory, line)
    if case.hypervisor is not None:
        from grubkd.memory.xen import request_of

        return request_of(line, ram)
    return read(line, case.release, case.machine, ram)


def placement(case: Case) -> Placement | None:
    """Where the kernel reserves the memory for the values of its command line; None if the RAM is unknown.

    Where the boot loader puts the initrd is known of the running system only. Otherwise several places are tried, and
    only what they agree on is certain.
    """
    deciding = _deciding(case)
    found = _placement(deciding)
    return found._replace(reason=found.reason.replace(deciding.release.text, case.release.text)) if found else None


def _deciding(case: Case) -> Case:
    """The case without what no placement depends on: then most entries of a machine share one result."""
    return case._replace(
        release=case.release.sample,
        distribution=Distribution(),
        physical_start=None,
        parts=UNKNOWN_PARTS,
        needs=NOTHING_SPECIAL,
        present=(),
        cmdline=deciding_words(case.cmdline),
        observed=None,
        assumed=False,
        measured=None,
    )


@lru_cache(maxsize=64)
def _placement(case: Case) -> Placement | None:
    if case.hypervisor is not None:
        return next(_on_xen(case, ()), None)
    memory = case.memory_map()
    if memory is None:
        return None

    def wanted(release: Release) -> KernelRequest:
        return _request(case._replace(release=release), memory)

    def judged(read: KernelRequest, release: Release) -> Placement:
        return agreed_boots(read, list(_boots(case._replace(release=release))))

    return agreed_releases(case.release, case.machine, wanted, judged)


def reserves_clearly(case: Case, asked: KernelRequest) -> bool:
    """Whether `placement` is neither "failed" nor "hang", by a quick test. False: only `placement` can say."""
    facts = next(_boots(case), None) if case.hypervisor is None else None
    return facts is not None and passes_quick_test(asked, facts)


# What may lie in the way of a search: a kernel, an initrd, page tables.
_IN_THE_WAY = 512 * MIB


def reserves_amply(case: Case, asked: KernelRequest) -> bool:
    """Whether there is so much room that memory is reserved wherever the kernel and the initrd are, by a quick test.

    Two things in the way leave a third of what is free in one piece. False: only `placement` can say.
    """
    if case.hypervisor is not None or asked.base:
        return False
    for release in case.release.possible:
        each = case._replace(release=release)
        wanted = asked if release is case.release else request(each)
        if wanted is None or wanted.status != "ok":
            return False
        if not reserves_clearly(each, wanted._replace(size=3 * wanted.size + _IN_THE_WAY)):
            return False
    return True


def may_reserve(case: Case) -> bool:
    """Whether the case's command line may reserve memory with the initrd at its likeliest place.

    False too if the RAM is unknown. With the initrd elsewhere it may still reserve memory.
    """
    asked = request(case)
    if asked is None or asked.status != "ok":
        return False
    if reserves_clearly(case, asked):
        return True
    found = next(_on_xen(case, ()) if case.hypervisor else _placements(case, asked), None)
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
    for found in _on_xen(case, values) if case.hypervisor else _placements(case, asked):
        if found.status not in ("failed", "hang"):
            return ""
        why = why or found.reason
    return why


def chance_of_nothing(case: Case, values: Sequence[str]) -> float:
    """The probability that the kernel reserves nothing for the values; 0 if it is not known."""
    if case.observed and case.observed.values == tuple(values):
        return 0.0 if case.observed.size else 1.0
    line = " ".join((case.cmdline, *(f"crashkernel={text}" for text in values))).strip()
    return _chance_of_nothing(_deciding(case._replace(cmdline=line)))


@lru_cache(maxsize=64)
def _chance_of_nothing(case: Case) -> float:
    asked = request(case)
    if asked is None or (asked.status == "ok" and reserves_amply(case, asked)):
        return 0.0
    found = _placement(case)
    return found.chance_of_nothing if found else 0.0


def observed_placement(seen: Observed, model: Placement | None) -> tuple[Placement, bool]:
    """What a kernel did, and whether the model says otherwise. `model`: its placement, None if there is none.

    The kernel reports the size of its main region. Where the regions are not known, the model's stay if they fit.
    """
    outcomes = (model.regions, *model.alternatives) if model else ()
    fits = [each for each in outcomes if seen.size in ({end - start for start, end in each} or {0})]
    if model and model.status != "uncertain" and seen.regions and seen.regions not in fits:
        fits = []
    regions = seen.regions or next(iter(fits), ())
    if not seen.size:
        return Placement("failed", (), (), NOTHING_OBSERVED), bool(outcomes) and not fits
    return Placement("reserved", regions, (), ""), bool(outcomes) and not fits


def assumption(case: Case) -> str:
    """What the forecast assumes; "" if it uses the machine's own memory map."""
    if case.memory is not None or not case.ram:
        return ""
    return f"on a typical memory map of {format_size(case.ram)}"


def _on_xen(case: Case, values: Sequence[str]) -> Iterator[Placement]:
    """The placement by Xen on each possible memory map, of the values, or of those of the command line."""
    from grubkd.memory.xen import place_xen

    line = " ".join(f"crashkernel={text}" for text in values) or case.cmdline
    for memory in case.memory_maps():
        if case.hypervisor is not None:
            yield place_xen(line, case.ram or memory.ram_total, memory, case.hypervisor)


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
            dma_limit=case.dma_limit,
            kexec=case.kexec,
        )
