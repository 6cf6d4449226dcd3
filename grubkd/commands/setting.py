"""The body of `set` and `unset`: from the options to a decision, and from its outcome to the answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from grubkd import advice, render, render_change
from grubkd.boot import cmdline
from grubkd.boot.build import main_boot
from grubkd.change.request import reservation
from grubkd.commands import auto, change
from grubkd.commands.change import Decision
from grubkd.errors import Notice, WouldNotBoot, WouldNotReserve
from grubkd.machine import machine as machines
from grubkd.tree.root import Root

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from grubkd.advice import Plan, PlanOptions
    from grubkd.boot.model import BootConfig, Entry
    from grubkd.boot.selector import Selection
    from grubkd.change.changes import ChangeSet
    from grubkd.change.request import ArgChange
    from grubkd.commands.change import Outcome
    from grubkd.errors import GrubkdError
    from grubkd.machine.machine import Machine

# Opt-in, for scripts that act on a change only.
UNCHANGED = 77


@dataclass(frozen=True, slots=True)
class Request:
    """One call of set or unset. `values`: None leaves the reservation as it is, () removes it."""

    command: str
    root: str
    selectors: tuple[str, ...]
    options: PlanOptions
    values: tuple[str, ...] | None = None
    auto: bool = False
    arguments: tuple[ArgChange, ...] = ()
    dry_run: bool = False
    json: bool = False
    force: bool = False
    run_followups: bool = False
    regenerate: bool = False
    unchanged_exit_77: bool = False


def carry_out(request: Request) -> int:
    """Make the change, print the answer, return the exit code."""
    return answer(Root(request.root), request)


def answer(root: Root, request: Request) -> int:
    """The same in a tree that is open already."""
    options = request.options
    machine = machines.read(root, ram=options.ram, arch=options.arch, this_machine=options.this_machine)
    outcome = change.run(
        root,
        request.selectors,
        lambda config, selection: _decide(request, machine, config, selection),
        change.Manner(request.command, request.dry_run, request.run_followups, request.regenerate),
    )
    _print(request, outcome, machine)
    return UNCHANGED if request.unchanged_exit_77 and not outcome.files else 0


def _print(request: Request, outcome: Outcome, machine: Machine) -> None:
    if request.json:
        document = render_change.answer(
            outcome.files,
            dry_run=request.dry_run,
            transaction=outcome.transaction,
            followups=outcome.followups,
            reboot_required=_reboot_required(request, outcome, machine),
            warnings=outcome.warnings,
        )
        render.document(document)
        return
    render.warnings(outcome.warnings)
    for line in render_change.lines(outcome.files, dry_run=request.dry_run, transaction=outcome.transaction):
        render.text(line)
    for command in outcome.followups:
        render.text(f"now run, in that system: {' '.join(command)}")


def _reboot_required(request: Request, outcome: Outcome, machine: Machine) -> bool:
    """What the kernel was booted with stays until the next boot, whatever the files say.

    On the running system the two are compared, so that a second run, which changes nothing, still says so.
    """
    if machine.running and outcome.config and outcome.expected:
        from grubkd.advice import reboot

        names = {wish.name for wish in request.arguments}
        names |= {cmdline.CRASHKERNEL} if request.auto or request.values is not None else set()
        found = reboot.required(outcome.config, machine.running, outcome.expected, names)
        if found is not None:
            return found
    return bool(outcome.files) and not request.dry_run


def _decide(request: Request, machine: Machine, config: BootConfig, selection: Selection) -> Decision:
    architecture = machine.architecture.value if machine.architecture else None
    plans = auto.plans(config, selection, machine, request.options) if request.auto else {}
    wanted: dict[str, object] = {
        "crashkernel": _recorded(request, plans),
        "arguments": [f"{wish.verb.value} {' '.join(wish.tokens) or wish.name}" for wish in request.arguments],
        **dict(_recorded_beside(request, plans, selection)),
    }
    return Decision(
        wishes_for=lambda entry: _wishes(request, plans, entry),
        wanted=wanted,
        by="auto" if request.auto else "given",
        architecture=architecture,
        admit=lambda planned: tuple(admitted(request, machine, config, selection, planned)),
        warnings=tuple(dict.fromkeys(notice for plan in plans.values() for notice in plan.warnings)),
    )


def _recorded(request: Request, plans: Mapping[int | None, Plan]) -> list[str] | None:
    """What history records as wanted: the values given, or those chosen for kernels to come, else for the first."""
    if not request.auto:
        return None if request.values is None else list(request.values)
    chosen = plans.get(None) or next(iter(plans.values()))
    return list(chosen.values)


def _recorded_beside(
    request: Request, plans: Mapping[int | None, Plan], selection: Selection
) -> Iterator[tuple[str, list[str]]]:
    """What history records where it is not as usual, for those who keep kernels to come like the others.

    `kernel`: the selectors, where not everything was selected. `beside`: the values chosen for single entries, each
    like a part of a command line, where they are not those recorded as wanted.
    """
    if not selection.everything:
        yield "kernel", list(request.selectors)
    if plans:
        shared = _recorded(request, plans)
        others = {" ".join(plan.values) for plan in plans.values() if list(plan.values) != shared}
        if others:
            yield "beside", sorted(others)


def _wishes(request: Request, plans: Mapping[int | None, Plan], entry: Entry | None) -> tuple[ArgChange, ...]:
    if request.auto:
        return (reservation(plans[entry.index if entry else None].values), *request.arguments)
    if request.values is None:
        return request.arguments
    return (reservation(request.values), *request.arguments)


def admitted(
    request: Request, machine: Machine, config: BootConfig, selection: Selection, planned: ChangeSet
) -> Iterator[Notice]:
    """What the kernels would do with their new lines, for every entry whose value changes.

    What would not boot is refused, and what a value of grubkd's own choice would not reserve; a value that a person
    gave is written with a warning. --force writes either.
    """
    told: set[tuple[str, str | None]] = set()
    for entry, arguments in _revalued(selection, planned):
        verdict = advice.verdict(" ".join(arguments), entry, machine)
        for problem in _problems(request, entry, verdict):
            if isinstance(problem, Notice):
                if (problem.code, entry.version) not in told:
                    told.add((problem.code, entry.version))
                    yield problem
            else:
                raise problem


def _revalued(selection: Selection, planned: ChangeSet) -> Iterator[tuple[Entry, Sequence[str]]]:
    """The entries that will hold a crashkernel value, with their new arguments."""
    for entry in selection.entries:
        boot = main_boot(entry.boots)
        if boot is not None:
            arguments = planned.expected[boot.line.key]
            if any(map(cmdline.is_crashkernel, arguments)):
                yield entry, arguments


def _problems(request: Request, entry: Entry, verdict: advice.Verdict) -> Iterator[Notice | GrubkdError]:
    subject = f"entry {entry.index} ({entry.title})"
    if verdict.status == "hang" or verdict.may_hang:
        how = "would not boot" if verdict.status == "hang" else "might not boot"
        message = f"{subject} {how}: {verdict.reason}"
        if not request.force:
            hint = "choose a smaller value; --force writes it all the same"
            yield WouldNotBoot(message, hint=hint, place=entry.source)
        yield Notice(
            WouldNotBoot.code, message, "grubkd rollback takes it back; do so before the next boot", entry.source
        )
    if verdict.lacks_high_low:
        yield Notice(
            "lacks-high-low",
            f"the kernel of {subject} does not know ,high and ,low: it reads the value without them",
            hint="give such an entry a value of its own: --kernel",
            place=entry.source,
        )
    if verdict.status == "failed":
        if request.auto and not request.force:
            yield WouldNotReserve(
                f"{subject} would reserve nothing: {verdict.reason}",
                hint="give a value yourself; grubkd predict shows what the kernel does with it",
                place=entry.source,
            )
        yield Notice(
            "reserves-nothing",
            f"{subject} would reserve nothing: {verdict.reason}",
            hint="grubkd plan names a value that fits",
            place=entry.source,
        )
