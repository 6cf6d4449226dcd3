"""`grubkd plan`: what `set --auto` would choose, and why."""

import locale
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from grubkd import advice, octets, render, render_map, render_plan, render_svg
from grubkd.advice import PlanOptions
from grubkd.advice.drawing import draw
from grubkd.boot import inventory
from grubkd.boot.selector import select
from grubkd.commands import auto, options
from grubkd.errors import InputOutput, NoSuchEntry, Usage
from grubkd.machine import machine as machines
from grubkd.machine.machine import Machine
from grubkd.memory.picture import Picture
from grubkd.root import Root


@click.command("plan")
@options.root_option
@options.plan_options
@options.kernel_option
@click.option("--explain", is_flag=True, help="Tell every step that led to each value, and whose rule it is.")
@click.option(
    "--map",
    "style",
    type=click.Choice(["auto", "unicode", "ascii"]),
    is_flag=False,
    flag_value="auto",
    metavar="[STYLE]",
    help="Draw physical memory, to scale: unicode, ascii, or what the locale knows.",
)
@click.option("--svg", metavar="FILE", help="Write the same picture to a file.")
@options.json_option
def command(root: str, kernel: tuple[str, ...], style: str | None, json: bool, **given: Any) -> int:
    """Say what `set --auto` would choose for each entry, what its kernel would do with it, and why."""
    if style and json:
        raise Usage("--map is for people: it and --json exclude each other", hint="--svg goes with both")
    explain, svg = given.pop("explain"), given.pop("svg")
    asked = PlanOptions(**given)
    tree = Root(root)
    machine = machines.read(tree, ram=asked.ram, arch=asked.arch, this_machine=asked.this_machine)
    config = inventory.read(tree)
    selection = select(config, kernel)
    plans = auto.plans(config, selection, machine, asked)
    rows = [
        (entry, plans[entry.index], advice.foreseen(entry, plans[entry.index], machine)) for entry in selection.entries
    ]
    warnings = tuple(dict.fromkeys(notice for plan in plans.values() for notice in plan.warnings))
    pictures = _pictures(rows, machine, every=bool(kernel)) if style or svg else []
    if svg:
        if not pictures:
            raise NoSuchEntry(
                "no entry starts Linux, so there is nothing to draw", hint="grubkd show lists the entries"
            )
        _save(svg, render_svg.svg(pictures[0]))
    if json:
        render.document(render_plan.answer(machine, rows, plans.get(None), warnings, config.errors))
    else:
        for line in render_plan.table(machine, rows, plans.get(None), explain=explain):
            render.text(line)
        for picture in pictures if style else []:
            render.text("")
            for line in render_map.text(picture, width=_width(), ascii_only=_ascii_only(style)):
                render.text(line)
        render.warnings(warnings)
        for problem in config.errors:
            render.complain(problem, "error")
    return max((problem.exit for problem in config.errors), default=0)


def _pictures(rows: Sequence[render_plan.Row], machine: Machine, *, every: bool) -> list[Picture]:
    """A picture for each kernel and value that was asked for by name; else that of the default entry, or the first."""
    chosen = {(entry.version, plan.values): (entry, plan, verdict) for entry, plan, verdict in reversed(rows)}
    found = list(reversed(chosen.values()))
    if not every:
        found = [row for row in rows if row[0].default][:1] or found[:1]
    return [draw(entry, plan, verdict, machine) for entry, plan, verdict in found]


def _width() -> int:
    return min(max(render.terminal_width() - 1, 40), 120)


def _ascii_only(style: str | None) -> bool:
    """Whether the locale's encoding has no block characters."""
    return style == "ascii" or (style == "auto" and "utf" not in locale.getpreferredencoding(False).lower())


def _save(file: str, text: str) -> None:
    try:
        Path(file).write_text(text, encoding="utf-8")
    except OSError as problem:
        raise InputOutput(f"--svg: {octets.from_person(file)}: {problem.strerror}") from None
