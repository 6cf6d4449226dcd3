"""What a request of `set` or `unset` means for a configuration: the value of each entry, and whether it is safe."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

from grubkd import advice
from grubkd.advice.case import FADUMP
from grubkd.advice.judgement import notices
from grubkd.boot import cmdline
from grubkd.boot.entry import main_boot
from grubkd.boot.model import Role
from grubkd.change import changes
from grubkd.change.request import Verb, reservation, sharing_groups
from grubkd.commands.change import Decision, check_exists
from grubkd.errors import ArchitectureUnknown, GrubkdError, Notice, RamUnknown, WouldNotBoot, WouldNotReserve
from grubkd.log import logger
from grubkd.memory.value import parse_values
from grubkd.memory.xen import is_xen_value

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from grubkd.advice import Plan, PlanOptions
    from grubkd.boot.model import BootConfig, Entry
    from grubkd.boot.selector import Selection
    from grubkd.change.changes import ChangeSet
    from grubkd.change.request import ArgChange
    from grubkd.commands.change import Request
    from grubkd.machine.machine import Machine


def plan_all(
    config: BootConfig, selection: Selection, machine: Machine, options: PlanOptions
) -> dict[int | None, Plan]:
    """The plan for each selected entry by its index and, if all are selected, for new kernels (None).

    Entries that share a slot or a source get the largest of their plans, new kernels the largest of all. Raises as
    advice.plan_entry does.
    """
    alone = advice.plan_entries(selection.entries, config, machine, options)
    found: dict[int | None, Plan] = {}
    if selection.everything and alone:
        found[None] = advice.largest(list(alone.values()))
    elif selection.everything:
        try:
            found[None] = advice.plan_future(config, machine, options)
        except (RamUnknown, ArchitectureUnknown):
            check_exists(config, otherwise="; for a tree without one give --ram and --arch")
            raise
    for entries, shares_with_new in sharing_groups(config, selection):
        shared = found[None] if shares_with_new else advice.largest([alone[entry.index] for entry in entries])
        found.update((entry.index, shared) for entry in entries)
    left_out = {entry.index for entry in without_value(config, selection, found)}
    for index, plan in found.items():
        if index in left_out:
            logger.info("chose nothing for entry %s: its generator makes it without the value", index)
            continue
        subject = "new kernels" if index is None else f"entry {index}"
        logger.info("chose %s for %s (%s)", " ".join(plan.values), subject, plan.source)
        for reason in plan.reasons:
            logger.debug("because %s [%s]", reason.text, reason.source)
    return found


def without_value(config: BootConfig, selection: Selection, plans: Mapping[int | None, Plan]) -> tuple[Entry, ...]:
    """The recovery entries that `set` gives no value, since their generator makes them without; () if it refuses."""
    made = tuple(entry for entry in selection.entries if entry.rescue and entry.generated)
    if not selection.everything or not made:
        return ()
    try:
        expected = changes.make(config, selection, lambda entry: _planned(plans, entry)).expected
    except GrubkdError:
        return ()
    lines = {entry.index: [expected[boot.line.key] for boot in entry.boots] for entry in made}
    return tuple(each for each in made if not any(map(cmdline.is_crashkernel, chain(*lines[each.index]))))


def _planned(plans: Mapping[int | None, Plan], entry: Entry | None) -> tuple[ArgChange, ...]:
    return (reservation(plans[entry.index if entry else None].values),)


def decide(
    request: Request, options: PlanOptions, machine: Machine, config: BootConfig, selection: Selection
) -> Decision:
    """What the request means for this configuration; with --auto, by the plan of each entry."""
    _check_readers(request, selection)
    options = options._replace(fadump=_fadump(request))
    plans = plan_all(config, selection, machine, options) if request.auto else {}
    wanted: dict[str, object] = {
        "crashkernel": _recorded(request, plans),
        "arguments": [each.recorded for each in request.arguments],
        **dict(_recorded_beside(request, plans, selection)),
    }
    return Decision(
        changes_for=lambda entry: _changes(request, plans, entry),
        wanted=wanted,
        by="auto" if request.auto else "given",
        architecture=machine.architecture,
        admit=lambda planned: tuple(admitted(request, machine, config, selection, planned)),
        warnings=tuple(dict.fromkeys(notice for plan in plans.values() for notice in plan.warnings)),
    )


def _fadump(request: Request) -> bool | None:
    """Whether the line will have `fadump=on` by the request; None if the request leaves it as it is."""
    found = None
    for each in request.arguments:
        if each.name == "fadump" and each.verb is Verb.REMOVE:
            found = found if each.tokens and not set(each.tokens) & set(FADUMP) else False
        elif each.name == "fadump":
            found = each.tokens[-1] in FADUMP
    return found


def _check_readers(request: Request, selection: Selection) -> None:
    """Raise BadValue for a value of Xen's grammar that a Linux kernel would get."""
    given = request.values or ()
    if any(map(is_xen_value, given)) and (
        selection.everything or not all(_under_xen(entry) for entry in selection.entries)
    ):
        parse_values(given)


def _under_xen(entry: Entry) -> bool:
    boot = main_boot(entry.boots)
    return boot is not None and boot.role is Role.HYPERVISOR


def _recorded(request: Request, plans: Mapping[int | None, Plan]) -> list[str] | None:
    """The values that history records: those given, or those chosen for new kernels, else for the first entry."""
    if not request.auto:
        return None if request.values is None else list(request.values)
    chosen = plans.get(None) or next(iter(plans.values()))
    return list(chosen.values)


def _recorded_beside(
    request: Request, plans: Mapping[int | None, Plan], selection: Selection
) -> Iterator[tuple[str, list[str]]]:
    """What history records besides, for `keep`.

    `kernel`: the selectors, unless everything was selected. `beside`: the other values that entries got, each as it is
    on the command line.
    """
    if not selection.everything:
        yield "kernel", list(request.selectors)
    if plans:
        shared = _recorded(request, plans)
        others = {" ".join(plan.values) for plan in plans.values() if list(plan.values) != shared}
        if others:
            yield "beside", sorted(others)


def _changes(request: Request, plans: Mapping[int | None, Plan], entry: Entry | None) -> tuple[ArgChange, ...]:
    if request.auto:
        return (*_planned(plans, entry), *request.arguments)
    if request.values is None:
        return request.arguments
    return (reservation(request.values), *request.arguments)


def admitted(
    request: Request, machine: Machine, config: BootConfig, selection: Selection, planned: ChangeSet
) -> Iterator[Notice]:
    """The warnings about what the kernels would do with their new lines.

    Raises WouldNotBoot if a kernel would not boot, WouldNotReserve if it would reserve nothing for the value that is
    set. With --force both are warnings; so is a value that stays as it is, and reserves nothing.
    """
    verdicts = advice.Verdicts(machine)
    rows = [(entry, line, verdicts.brief(line, entry)) for entry, line in _revalued(selection, planned)]
    faults = list(notices(((entry, found) for entry, _, found in rows), ahead=True))
    for fault in faults:
        yield _admitted(request, fault)
    if request.values and rows and not faults:
        entry, line, found = min(rows, key=lambda row: not row[0].default)
        if short := advice.shortage(entry, line, found, config, machine):
            yield short.notice(f"entry {entry.index} ({entry.title})", entry.source)


def _revalued(selection: Selection, planned: ChangeSet) -> Iterator[tuple[Entry, str]]:
    """The entries that will hold a crashkernel value, with their new lines."""
    for entry in selection.entries:
        boot = main_boot(entry.boots)
        if boot is not None:
            arguments = planned.expected[boot.line.key]
            if any(map(cmdline.is_crashkernel, arguments)):
                yield entry, " ".join(arguments)


def _admitted(request: Request, fault: Notice) -> Notice:
    """The fault as a warning. Raises WouldNotBoot and WouldNotReserve, as admitted."""
    valued = request.auto or request.values is not None
    refusal = {WouldNotBoot.code: WouldNotBoot, "reserves-nothing": WouldNotReserve if valued else None}.get(fault.code)
    if refusal and not request.force:
        raise refusal(fault.message, hint=f"{fault.hint}, or write this one with --force", place=fault.place)
    return fault
