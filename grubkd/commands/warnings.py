"""What the verbs that only read share: the configuration, the machine, and the warnings about both."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from grubkd import advice
from grubkd.boot import findings, inventory
from grubkd.change import TRANSACTIONS
from grubkd.errors import GrubkdError, Notice, PermissionDenied, Place
from grubkd.machine import machine as machines

if TYPE_CHECKING:
    from typing import Any

    from grubkd.advice import Plan
    from grubkd.boot.model import BootConfig
    from grubkd.machine.machine import Machine
    from grubkd.tree.root import Root


class Reading(NamedTuple):
    """What a tree says. recommended: the value for its new kernels, if one can be chosen."""

    config: BootConfig
    machine: Machine
    recommended: Plan | None
    warnings: tuple[Notice, ...]


def read(tree: Root, grub_cfg: str | None = None, **known: Any) -> Reading:
    """Read the tree; `known`: the RAM and the architecture, where they are given."""
    config = inventory.read(tree, grub_cfg=grub_cfg)
    machine = machines.read(tree, **known)
    recommended, warnings = advice.review(config, machine)
    judged: tuple[Notice, ...] = ()
    # A user who may read only a part of the configuration gets no judgement of it.
    if not tree.denied and not any(isinstance(each, PermissionDenied) for each in config.errors):
        odd = findings.warnings(config, tree)
        judged = (*(_possible(each, config, machine) for each in odd), *warnings)
    found = (*config.warnings, *judged, *interrupted(tree), *unreadable(tree))
    return Reading(config, machine, recommended, found)


def _possible(found: Notice, config: BootConfig, machine: Machine) -> Notice:
    """The warning with a command that is not refused: where another tool owns the entries, with that of the tool."""
    if not found.commands:
        return found
    from grubkd.advice.setting import setting

    fix = setting(config, machine, edit=False)
    return found._replace(hint=f"make them agree: {fix.text}" if fix.commands else fix.text, commands=fix.commands)


def interrupted(tree: Root) -> tuple[Notice, ...]:
    """The transaction that a power cut or a kill interrupted. It is reported, not undone."""
    try:
        waiting = any(name.endswith(".pending") for name in tree.list(TRANSACTIONS))
        if not waiting and TRANSACTIONS not in tree.denied:
            return ()
        from grubkd.change import transaction

        record = transaction.pending(tree)
    except GrubkdError as problem:
        return (Notice("history-unreadable", problem.message, problem.hint, problem.place),)
    if record is None:
        return ()
    message = f"transaction {record.id} ({record.command}, {record.time}) was interrupted"
    place = Place(record.files[0].path) if record.files else None
    return (Notice("interrupted", message, "the next command that writes undoes it first", place),)


def unreadable(tree: Root) -> tuple[Notice, ...]:
    """What this user may not read, as one warning: the answer is incomplete without it."""
    if not tree.denied:
        return ()
    from grubkd.advice.rights import topmost

    first, *others = topmost(tree.denied)
    message = "cannot be read by this user" + (f", nor can {', '.join(others)}" if others else "")
    return (Notice("permission-denied", message, "run grubkd as root", Place(first)),)
