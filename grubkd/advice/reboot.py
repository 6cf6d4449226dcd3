"""Whether what the next boot gets differs from what the running kernel was booted with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grubkd.advice.reservation import next_entries
from grubkd.boot import cmdline
from grubkd.boot.build import main_boot
from grubkd.boot.model import Role

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from grubkd.boot.model import BootConfig, LineKey
    from grubkd.machine.running import Running


def required(
    config: BootConfig, running: Running, expected: Mapping[LineKey, Sequence[str]], names: Collection[str]
) -> bool | None:
    """Whether arguments of these names, or their order, will differ in any entry that may boot next.

    `expected`: key of a line of the configuration -> its arguments, as they are to be. None where that cannot be told:
    no entry is known, or a hypervisor, whose line the running kernel does not show, holds the reservation.
    """
    lines = []
    for entry in next_entries(config):
        boot = main_boot(entry.boots)
        if boot is None or entry.foreign or boot.role is Role.HYPERVISOR:
            return None
        lines.append(expected[boot.line.key])
    if not lines:
        return None
    booted = _of_names(cmdline.tokens(running.cmdline), names)
    return any(_of_names(line, names) != booted for line in lines)


def _of_names(arguments: Sequence[str], names: Collection[str]) -> list[tuple[str, str | None]]:
    return sorted(
        (cmdline.meaning(each) for each in arguments if cmdline.name_of(each) in names), key=lambda found: found[0]
    )
