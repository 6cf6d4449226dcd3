"""`grubkd plan`: what `set --auto` would choose, and why."""

from __future__ import annotations

import os
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import click

from grubkd import advice
from grubkd.advice import PlanOptions
from grubkd.advice.verdict import draw
from grubkd.boot import inventory
from grubkd.boot.selector import select
from grubkd.commands import completion, options
from grubkd.commands.decide import plan_all, without_value
from grubkd.commands.group import message_options
from grubkd.errors import InputOutput, NoSuchEntry, Usage
from grubkd.machine import machine as machines
from grubkd.machine.machine import Machine
from grubkd.memory.architecture import architecture, implied
from grubkd.memory.release import Release
from grubkd.render import memory_map, output, plan, snippet
from grubkd.text import from_user
from grubkd.tree.root import Root

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

    from grubkd.advice import Plan
    from grubkd.errors import GrubkdError
    from grubkd.memory.picture import Picture


@click.command("plan")
@options.ROOT
@options.PLAN
@options.KERNEL
@options.RELEASE
@click.option("--explain", is_flag=True, help="Print every step that led to each value, and its source.")
@click.option(
    "--map",
    "style",
    type=click.Choice(["auto", "unicode", "ascii"]),
    is_flag=False,
    flag_value="auto",
    metavar="[STYLE]",
    help="Draw physical memory to scale: unicode, ascii, or what the locale supports.",
)
@click.option("--svg", metavar="FILE", shell_complete=completion.files, help="Write the same picture to a file.")
@click.option(
    "--as",
    "form",
    type=click.Choice(list(snippet.STYLES)),
    metavar="FORM",
    help="Print the value in the syntax of another tool: kickstart, blueprint, kargs.d, grubby; or value: bare.",
)
@options.JSON
@message_options
def plan_command(root: str, kernel: tuple[str, ...], **given: Any) -> int:
    """Show what `set --auto` would choose for each entry, what its kernel would do with it, and why."""
    _check(kernel, **given)
    form, release, json = given["form"], given["release"], given["json"]
    asked = PlanOptions(**{name: given[name] for name in ("ram", "arch", "this_machine", "offset")})
    if release is not None:
        machine, single = _not_installed(release, root, asked)
        if form:
            return _print_snippet(form, single, machine, (), json=json)
        return _print(plan.Answer(machine, (), single, ()), given)
    tree = Root(root)
    machine = machines.read(tree, ram=asked.ram, arch=asked.arch, this_machine=asked.this_machine)
    config = inventory.read(tree)
    selection = select(config, kernel, running=machine.running_release)
    plans = plan_all(config, selection, machine, asked)
    if form:
        shared = plans.get(None) or advice.largest(list(plans.values()))
        return _print_snippet(form, shared, machine, config.errors, json=json)
    verdicts = advice.Verdicts(machine)
    left_out = without_value(config, selection, plans)
    planned = [entry for entry in selection.entries if entry not in left_out]
    rows = [(entry, plans[entry.index], verdicts.foreseen(entry, plans[entry.index])) for entry in planned]
    pictures = _pictures(rows, machine, every=bool(kernel)) if given["style"] or given["svg"] else []
    if given["svg"]:
        _save(given["svg"], pictures)
    return _print(plan.Answer(machine, rows, plans.get(None), config.errors, left_out), given, pictures)


def _check(kernel: tuple[str, ...], *, style: str | None, json: bool, **given: Any) -> None:
    """Raises Usage for options that exclude each other."""
    if style and json:
        raise Usage("--map and --json exclude each other", hint="use --svg, which goes with both")
    if given["form"] and (style or given["svg"] or given["explain"]):
        raise Usage("--as excludes --map, --svg and --explain", hint="leave them out: another tool reads the output")
    if given["release"] is not None and (kernel or style or given["svg"]):
        raise Usage("--release excludes --kernel, --map and --svg", hint="leave them out: no entry is read")


def _not_installed(release: str, root: str, asked: PlanOptions) -> tuple[Machine, Plan]:
    """The plan for a kernel that need not be installed, and the machine that it is for.

    With RAM given and no tree, nothing of this machine counts. Raises Usage for a bad release, and as
    advice.plan_entry does.
    """
    parsed = Release.parse(from_user(release))
    if root == "/" and asked.ram is not None:
        machine = other_machine(parsed, asked.arch, ram=asked.ram, ram_source="given")
    else:
        machine = machines.read(Root(root), ram=asked.ram, arch=asked.arch, this_machine=asked.this_machine)
    return machine, advice.plan_release(parsed, machine, asked)


def other_machine(release: Release, arch: str | None, **facts: Any) -> Machine:
    """A machine of which only these facts are known, and the architecture, as given or implied by the release."""
    known = architecture(arch) if arch else implied(release.text)
    return Machine(live=False, architecture=known, given=known is not None, **facts)


def _print_snippet(form: str, found: Plan, machine: Machine, errors: Sequence[GrubkdError], *, json: bool) -> int:
    """Print the plan in the syntax of another tool; returns the exit code."""
    kernels = {case.machine for case in found.cases}
    text = snippet.snippet(form, found, kernels.pop() if len(kernels) == 1 else machine.architecture)
    answer = {"as": form, **output.members(found, "values", "warnings"), "text": text + "\n", "errors": errors}
    return output.report(answer if json else None, [text], warnings=found.warnings, errors=errors, whole=True)


def _print(found: plan.Answer, given: dict[str, Any], pictures: Sequence[Picture] = ()) -> int:
    """Print the plans; returns the exit code."""
    drawn = _drawn(pictures, given["style"]) if given["style"] else ()
    return output.report(
        plan.answer(found) if given["json"] else None,
        chain(plan.lines(found, explain=given["explain"]), drawn),
        warnings=found.warnings,
        errors=found.errors,
    )


def _drawn(pictures: Sequence[Picture], style: str) -> Iterator[str]:
    ascii_only = style == "ascii" or (style == "auto" and not _has_blocks())
    width = min(max(output.terminal_width() - 1, 40), 120)
    for picture in pictures:
        yield ""
        yield from memory_map.text(picture, width=width, ascii_only=ascii_only)


def _has_blocks() -> bool:
    """Whether the locale's encoding has block characters. Python reads UTF-8 in the C locale, which promises ASCII."""
    named = next(filter(None, map(os.environ.get, ("LC_ALL", "LC_CTYPE", "LANG"))), "")
    return "utf" in named.lower() or os.environ.get("PYTHONUTF8") == "1"


def _pictures(rows: Sequence[plan.Row], machine: Machine, *, every: bool) -> list[Picture]:
    """With `every`, a picture for each kernel and value; else that of the default entry, or of the first."""
    kinds = {(entry.version, chosen.values): (entry, chosen, verdict) for entry, chosen, verdict in reversed(rows)}
    found = list(reversed(kinds.values()))
    if not every:
        found = [row for row in rows if row[0].default][:1] or found[:1]
    return [draw(entry, chosen, verdict, machine) for entry, chosen, verdict in found]


def _save(file: str, pictures: Sequence[Picture]) -> None:
    """Write the first picture as SVG. Raises NoSuchEntry if there is none, InputOutput."""
    if not pictures:
        raise NoSuchEntry("no entry starts Linux: there is nothing to draw", hint="grubkd show lists the entries")
    try:
        Path(file).write_text(memory_map.svg(pictures[0]), encoding="utf-8")
    except OSError as problem:
        raise InputOutput(f"--svg: {from_user(file)}: {problem.strerror}") from None
