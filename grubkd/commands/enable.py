"""`grubkd enable`: everything that a dump needs, from the packages to the value, by the distribution's own commands."""

from __future__ import annotations

import sys
from contextlib import nullcontext
from select import select
from typing import TYPE_CHECKING, NamedTuple

import click

from grubkd.advice import PlanOptions, enable
from grubkd.advice import check as checks
from grubkd.advice.enable import Ran, State
from grubkd.boot import cmdline
from grubkd.boot.entry import reboot_required
from grubkd.boot.model import ManagedBy
from grubkd.change.request import ArgChange, Verb
from grubkd.commands import change, completion, options
from grubkd.commands.change import Request
from grubkd.commands.decide import decide
from grubkd.commands.group import message_options
from grubkd.commands.set import checked_values
from grubkd.errors import Failed, GrubkdError, Interrupted, Notice, Refused, RollbackFailed, Usage
from grubkd.machine import kdump as kdumps
from grubkd.machine import machine as machines
from grubkd.render import enable as render
from grubkd.render import output
from grubkd.run import run
from grubkd.signals import HeldSignals
from grubkd.text import from_bytes
from grubkd.tree.root import Root

if TYPE_CHECKING:
    from typing import Any

    from grubkd.advice.check import Report
    from grubkd.advice.enable import SetupStep
    from grubkd.advice.finding import Finding
    from grubkd.commands.change import Outcome

_CRASH = ("/usr/bin/crash", "/bin/crash", "/usr/sbin/crash")
_PATIENCE = 3600.0  # seconds: packages are downloaded
_GRACE = 60.0  # seconds: rpm ends a transaction that it has begun
_PAUSE = 0.05  # seconds
_OUTPUT = 4000  # bytes of the output of a failed step, for JSON


class Asked(NamedTuple):
    """What the command line asks for. `values`: None if grubkd chooses."""

    values: tuple[str, ...] | None = None
    auto: bool = False
    analysis: bool = False
    dry_run: bool = False
    yes: bool = False
    run_followups: bool = False
    json: bool = False
    plan: PlanOptions = PlanOptions()


class _Found(NamedTuple):
    """What is there, and what has to be done. `reboot`: as advice.enable.state takes it."""

    report: Report
    findings: tuple[Finding, ...]
    steps: tuple[SetupStep, ...]
    warnings: tuple[Notice, ...]
    reboot: bool


@click.command("enable")
@click.argument("values", nargs=-1, metavar="[VALUE]...", shell_complete=completion.values)
@click.option("--auto", is_flag=True, help="Set the value that grubkd chooses, even if there is one that works.")
@click.option("--with-analysis", is_flag=True, help="Install the program crash as well, which opens dumps.")
@options.MACHINE
@options.ROOT
@click.option("--dry-run", is_flag=True, help="Print the steps; run none.")
@click.option("--yes", is_flag=True, help="Run the steps without asking.")
@options.RUN_FOLLOWUPS
@options.JSON
@message_options
def enable_command(*, values: tuple[str, ...], auto: bool, with_analysis: bool, root: str, **given: Any) -> int:
    """Do what is missing for a dump: install the packages, enable the service, set the value.

    The steps are printed first, and run after you agree. The first step that fails ends the run. A value that works
    stays, unless VALUE or --auto asks for another.
    """
    if auto and values:
        raise Usage("VALUE and --auto exclude each other", hint="give one of them")
    plan = PlanOptions(**{name: given.pop(name) for name in ("ram", "arch", "this_machine")})
    checked = checked_values(values) if values else None
    if checked and cmdline.is_off(checked):
        raise Usage(f"crashkernel={checked[0]} reserves nothing", hint="to reserve nothing: grubkd unset")
    return carry_out(Root(root), Asked(checked, auto, with_analysis, plan=plan, **given))


def carry_out(tree: Root, asked: Asked) -> int:
    """Show the steps, ask, run them, and look again, until nothing is left; print the answer, return the exit code.

    Raises Refused where the wanted value cannot be set, before anything is run.
    """
    ran: list[Ran] = []
    problem: GrubkdError | None = None
    shown_only = asked.dry_run or not (tree.live or asked.run_followups)
    with HeldSignals() as held:
        found = _look(tree, asked)
        while found.steps and not problem:
            problem = _ended(held, ran) or _again(found.steps, ran)
            if problem is None:
                if not asked.json:
                    with output.optional() if ran else nullcontext():
                        output.report(None, render.plan(found.steps, len(ran) + 1))
                problem = None if shown_only else _disagreement(asked, held, ran)
            if problem or shown_only:
                ran += map(Ran, found.steps)
                if shown_only and not asked.dry_run:
                    output.message("nothing was run: --run-followups runs the steps in the tree")
                break
            problem = _run_all(tree, asked, found.steps, ran, held)
            found = _look(tree, asked)
            found = found._replace(
                steps=tuple(each for each in found.steps if not (each.staged and Ran(each, "done") in ran))
            )
    return _answer(tree, asked, found, ran, problem)


def _answer(tree: Root, asked: Asked, found: _Found, ran: list[Ran], problem: GrubkdError | None) -> int:
    """Print what is done, and what is left; returns the exit code."""
    remaining = tuple(enable.left(found.findings))
    staged = any(each.step.staged and each.state == "done" for each in ran)
    state = enable.state(found.report, remaining, live=tree.live, reboot=found.reboot, staged=staged)
    if problem or any(each.state == "planned" for each in ran):
        state = State.FAILED if isinstance(problem, Failed | Interrupted) else State.PLANNED
    errors = [problem] if problem else []
    answer = None
    if asked.json:
        transaction = next((each.transaction for each in reversed(ran) if each.transaction), None)
        others = {"dry_run": asked.dry_run, "transaction": transaction, "warnings": found.warnings, "errors": errors}
        answer = render.answer(found.report, state, ran, remaining, **others)
    notices = [each.notice for each in remaining]
    with output.optional() if any(each.state == "done" for each in ran) else nullcontext():
        output.report(answer, render.verdict(state), warnings=(*found.warnings, *notices), errors=errors)
    if state in (State.INCOMPLETE, State.UNKNOWN):
        return Refused.exit
    return problem.exit if problem else 0


def _look(tree: Root, asked: Asked) -> _Found:
    """Check the tree, and work out the steps. Raises Refused where the wanted value cannot be set."""
    plan = asked.plan
    config = change.understood(tree)
    machine = machines.read(tree, ram=plan.ram, arch=plan.arch, this_machine=plan.this_machine)
    report = checks.report(config, machine, kdumps.read(tree), tree)
    findings, notices = _valued(tree, asked, report.findings)
    if asked.analysis and not any(map(tree.exists, _CRASH)):
        image = config.managed_by in (ManagedBy.OSTREE, ManagedBy.BOOTC)
        findings = (*findings, enable.no_crash(machine.distribution, image=image))
    reboot = (
        machine.running is not None and reboot_required(config, machine.running.cmdline, {cmdline.CRASHKERNEL}) is True
    )
    return _Found(report, findings, enable.steps(findings), notices, reboot)


def _valued(tree: Root, asked: Asked, findings: tuple[Finding, ...]) -> tuple[tuple[Finding, ...], tuple[Notice, ...]]:
    """The findings with what is to be written about the value, and the warnings about that. Raises as _look."""
    found = enable.advised(findings)
    if asked.auto or asked.values:
        command = ("grubkd", "set", *(asked.values or ("--auto",)))
        found = found._replace(commands=(command,))
    if not found.commands:
        return findings, ()
    if any(each.code == "boot-not-mounted" for each in findings):  # what is on it cannot be read yet
        return enable.with_value(findings, found), ()
    outcome = _set(tree, asked, found.commands[0], dry_run=True)
    if not (outcome.files or outcome.ran):
        return enable.with_value(findings, None), outcome.warnings
    if not outcome.files:
        found = found._replace(commands=outcome.ran)
    elif outcome.held:
        value, files = " ".join(outcome.held.values or ()), ", ".join(each.path for each in outcome.files)
        found = found._replace(message=f"{found.message}; {value} is to be written to {files}")
    return enable.with_value(findings, found), outcome.warnings


def _again(todo: tuple[SetupStep, ...], ran: list[Ran]) -> Failed | None:
    """The error about a step that ran, and did not help."""
    commands = {each.step.command for each in ran}
    for each in todo:
        if each.command in commands:
            what = f"{render.shown(each)} was run, but still: {each.reason}"
            return Failed(what, hint="see: grubkd check", commands=(("grubkd", "check"),))
    return None


def _disagreement(asked: Asked, held: HeldSignals, ran: list[Ran]) -> GrubkdError | None:
    """Why the steps are not run; None if the person agrees."""
    if asked.yes:
        return None
    if asked.json or sys.stdin is None or not sys.stdin.isatty():
        return Refused("nothing was run: there is nobody to ask", hint="give --yes to run the steps")
    output.text("Run these steps? [y/N]")
    while not select([sys.stdin], [], [], _PAUSE)[0]:
        if held.arrived():
            return _ended(held, ran)
    if sys.stdin.readline().strip().lower() in ("y", "yes"):
        return None
    return Refused("nothing was run", hint="answer y to run the steps")


def _ended(held: HeldSignals, ran: list[Ran]) -> Interrupted | Failed | None:
    """The error for a signal that arrived: Interrupted while the value is as it was, Failed after it was set."""
    if not held.arrived():
        return None
    hint = "run grubkd enable again, which goes on from there"
    for each in ran:
        if each.state == "done" and (each.transaction or each.step.staged):
            what = f"transaction {each.transaction}" if each.transaction else render.shown(each.step)
            return Failed(f"interrupted by {held.name}; the value is set ({what}), and stays", hint=hint)
    return Interrupted(f"interrupted by {held.name}; the value is not set", hint=hint)


def _run_all(
    tree: Root, asked: Asked, todo: tuple[SetupStep, ...], ran: list[Ran], held: HeldSignals
) -> GrubkdError | None:
    """Run the steps in order, up to the first that fails or a signal; adds what became of each, returns the error.

    Raises RollbackFailed.
    """
    problem: GrubkdError | None = None
    total = len(ran) + len(todo)
    for step in todo:
        if problem := _ended(held, ran):
            break
        output.message(f"step {len(ran) + 1} of {total}: {render.shown(step)}")
        done, problem = _run_step(tree, asked, step, held)
        ran.append(done)
        if problem:
            problem = _ended(held, ran) or _failure(len(ran), problem)
            break
    ran += map(Ran, todo[len(todo) - total + len(ran) :])
    return problem


def _run_step(tree: Root, asked: Asked, step: SetupStep, held: HeldSignals) -> tuple[Ran, GrubkdError | None]:
    """Run one step; returns what became of it, and the error. Raises RollbackFailed."""
    said = bytearray()

    def relay(part: bytes) -> None:
        said.extend(part)
        output.relay(part)

    try:
        if step.command[0] == "grubkd":
            outcome = _set(tree, asked, step.command, dry_run=False)
            output.complain_of(() if asked.json else outcome.warnings, "warning")
            return Ran(step, "done", transaction=outcome.transaction), None
        run(step.command, tree, stop=held.arrived, patience=_PATIENCE, grace=_GRACE, show=relay)
    except RollbackFailed:
        raise
    except GrubkdError as problem:
        output.complain_of(() if asked.json else problem.warnings, "warning")
        return Ran(step, "failed", from_bytes(bytes(said[-_OUTPUT:]))), problem
    return Ran(step, "done"), None


def _failure(number: int, problem: GrubkdError) -> Failed:
    """The error of a step, which says what to do; the steps before it stay done."""
    hint = f"{problem.hint}; then run grubkd enable again, which goes on from there"
    return Failed(f"step {number} failed: {problem.message}", hint=hint, place=problem.place, commands=problem.commands)


def _set(tree: Root, asked: Asked, command: tuple[str, ...], *, dry_run: bool) -> Outcome:
    """Set the value by a command of grubkd, as `grubkd set` does. Raises as change.run does."""
    words = list(command[2:])
    removes: list[ArgChange] = []
    while "--remove-arg" in words:
        at = words.index("--remove-arg")
        removes.append(ArgChange(Verb.REMOVE, words[at + 1]))
        del words[at : at + 2]
    plan = asked.plan
    machine = machines.read(tree, ram=plan.ram, arch=plan.arch, this_machine=plan.this_machine)
    request = Request(
        "set",
        values=None if words == ["--auto"] else tuple(words),
        auto=words == ["--auto"],
        arguments=tuple(removes),
        dry_run=dry_run,
        run_followups=True,
        running=machine.running_release,
    )
    return change.run(tree, request, lambda config, selection: decide(request, plan, machine, config, selection))
