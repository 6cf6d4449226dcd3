"""What `show` says beside the facts: the value to recommend, and entries whose kernel would reserve nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grubkd.advice.planning import recommended
from grubkd.advice.verdict import outcome
from grubkd.boot.build import main_boot
from grubkd.errors import ArchitectureUnknown, Notice, RamUnknown, WouldNotReserve

if TYPE_CHECKING:
    from collections.abc import Iterator

    from grubkd.boot.model import BootConfig
    from grubkd.machine.machine import Machine
    from grubkd.memory.plan import Plan


def review(config: BootConfig, machine: Machine) -> tuple[Plan | None, tuple[Notice, ...]]:
    """The value to recommend, None where it cannot be told, and warnings about what the entries hold now."""
    plan, problems = _recommendation(config, machine)
    return plan, (*problems, *_reserving_nothing(config, machine))


def _recommendation(config: BootConfig, machine: Machine) -> tuple[Plan | None, tuple[Notice, ...]]:
    if not config.bootloaders:
        return None, ()
    try:
        return recommended(config, machine), ()
    except (RamUnknown, ArchitectureUnknown, WouldNotReserve) as problem:
        return None, (Notice(problem.code, problem.message, problem.hint, problem.place),)


def _reserving_nothing(config: BootConfig, machine: Machine) -> Iterator[Notice]:
    """Of entries with the same kernel the first is named."""
    told = set()
    for entry in config.entries:
        boot = main_boot(entry.boots)
        if not entry.linux or entry.foreign or boot is None or entry.version in told:
            continue
        status, reason = outcome(" ".join(boot.arguments), entry, machine)
        if status == "failed":
            told.add(entry.version)
            yield Notice(
                "reserves-nothing",
                f"entry {entry.index} ({entry.title}) reserves nothing: {reason}",
                hint="grubkd plan names a value that fits",
                place=entry.source,
            )
        elif status == "hang":
            yield Notice(
                "would-not-boot",
                f"entry {entry.index} ({entry.title}) would not boot: {reason}",
                hint="choose a smaller value before the next boot",
                place=entry.source,
            )
