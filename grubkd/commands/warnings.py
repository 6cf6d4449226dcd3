"""What the verbs that only read have in common: the configuration, the machine, and the warnings about both."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from grubkd import advice
from grubkd.boot import findings, inventory
from grubkd.change.lock import TRANSACTIONS
from grubkd.errors import GrubkdError, Notice, Place
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
    found = (*config.warnings, *findings.warnings(config, tree), *interrupted(tree), *warnings, *unreadable(tree))
    return Reading(config, machine, recommended, found)


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
    """The files and directories that this user may not read: the answer is incomplete without them."""
    return tuple(
        Notice("permission-denied", "cannot be read by this user, and is left out", "run grubkd as root", Place(path))
        for path in sorted(tree.denied)
    )
