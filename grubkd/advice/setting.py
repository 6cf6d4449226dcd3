"""How to set a value: the command of grubkd or, where another tool owns the entries, that of the tool."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grubkd.advice.recommend import plan_entry, plan_future
from grubkd.boot import cmdline
from grubkd.boot.entry import main_boot
from grubkd.boot.selector import Selection, select
from grubkd.errors import GrubkdError, RamUnknown
from grubkd.machine.packages import Fix, by

if TYPE_CHECKING:
    from collections.abc import Sequence

    from grubkd.boot.model import BootConfig, Entry
    from grubkd.change.changes import ChangeSet
    from grubkd.change.request import ArgChange
    from grubkd.machine.machine import Machine


def setting(
    config: BootConfig, machine: Machine, entry: Entry | None = None, value: str = "", *, edit: bool = True
) -> Fix:
    """How to set a value in an entry, by default the one that boots by default; without `value`, the one to choose.

    What the command would do is worked out, so that it is never one that would be refused: then the fix is what the
    refusal says. Without `edit` it is worked out without Augeas, which takes long to load. Where the RAM has to be
    given there is text alone.
    """
    from grubkd.change.edit import apply
    from grubkd.change.request import ArgChange, Verb, reservation

    entry = entry or next((each for each in config.entries if each.default), None)
    hidden = _hidden(config)
    removed = [ArgChange(Verb.REMOVE, name) for name in hidden]
    try:
        chosen = (value,) if value else _chosen(config, machine, entry)
        planned = _planned(config, machine, entry, (*removed, reservation(chosen)))
        if edit:
            apply(config.texts, planned.edits)
    except RamUnknown:
        return Fix("grubkd set --auto --ram=SIZE")
    except GrubkdError as problem:
        return Fix(problem.hint, problem.commands)
    options = (word for name in hidden for word in ("--remove-arg", name))
    return by(("grubkd", "set", value or "--auto", *options))


def _chosen(config: BootConfig, machine: Machine, entry: Entry | None) -> tuple[str, ...]:
    plan = plan_entry(entry, config, machine) if entry else plan_future(config, machine)
    return plan.values


def _planned(config: BootConfig, machine: Machine, entry: Entry | None, changes: Sequence[ArgChange]) -> ChangeSet:
    """What the command would edit. Raises GrubkdError as it would; Sealed with the command that is for this entry."""
    from grubkd.change import managed, verify
    from grubkd.change.changes import make
    from grubkd.change.request import check_editable

    if entry and entry.managed_by:
        managed.editable(config, Selection((entry,), False), lambda _: changes, machine.architecture)
    selection = select(config, ())
    check_editable(config, selection)
    selection, _ = managed.editable(config, selection, lambda _: changes, machine.architecture)
    planned = make(config, selection, lambda _: changes)
    verify.fits(config, planned, machine.architecture)
    return planned


def _hidden(config: BootConfig) -> list[str]:
    """The names of arguments in which a kernel reads a value: while they are there, no other value counts."""
    boots = (main_boot(entry.boots) for entry in config.entries if entry.own_linux)
    words = (word for boot in boots if boot for word in boot.arguments)
    found = (cmdline.name_of(word) for word in words if "crashkernel=" in word and not cmdline.is_crashkernel(word))
    return list(dict.fromkeys(found))
