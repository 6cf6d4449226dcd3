"""`grubkd plan`: what `set --auto` would choose, and why."""

from __future__ import annotations

import locale
from pathlib import Path
from typing import TYPE_CHECKING

from grubkd import advice, render, render_map, render_plan, render_snippet, render_svg
from grubkd.advice import PlanOptions
from grubkd.advice.verdict import draw
from grubkd.boot import inventory
from grubkd.boot.selector import select
from grubkd.commands import auto, options, snippet, unlisted
from grubkd.commands.declared import option, verb
from grubkd.errors import InputOutput, NoSuchEntry, Usage
from grubkd.machine import machine as machines
from grubkd.text import from_user
from grubkd.tree.root import Root

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from grubkd.advice import Plan
    from grubkd.errors import GrubkdError, Notice
    from grubkd.machine.machine import Machine
    from grubkd.memory.picture import Picture


@verb(
    "plan",
    options.ROOT,
    *options.PLAN,
    options.KERNEL,
    option("--release", metavar="RELEASE", help="A kernel that need not be installed, as uname -r names it."),
    option("--explain", is_flag=True, help="Tell every step that led to each value, and whose rule it is."),
    option(
        "--map",
        "style",
        choices=("auto", "unicode", "ascii"),
        is_flag=False,
        flag_value="auto",
        metavar="[STYLE]",
        help="Draw physical memory, to scale: unicode, ascii, or what the locale knows.",
    ),
    option("--svg", metavar="FILE", help="Write the same picture to a file."),
    option(
        "--as",
        "form",
        choices=tuple(render_snippet.STYLES),
        metavar="FORM",
        help="Print the value in the words of another tool: kickstart, blueprint, kargs.d, grubby.",
    ),
    options.JSON,
)
def command(root: str, kernel: tuple[str, ...], style: str | None, json: bool, **given: Any) -> int:
    """Say what `set --auto` would choose for each entry, what its kernel would do with it, and why."""
    _check(kernel, style, json=json, **given)
    explain, svg = given.pop("explain"), given.pop("svg")
    form, release = given.pop("form"), given.pop("release")
    asked = PlanOptions(**given)
    if release is not None:
        machine, plan = unlisted.plan(release, root, asked)
        if form:
            return snippet.answer(form, plan, machine, (), json=json)
        return _answer(machine, [], plan, plan.warnings, (), explain=explain, json=json)
    tree = Root(root)
    machine = machines.read(tree, ram=asked.ram, arch=asked.arch, this_machine=asked.this_machine)
    config = inventory.read(tree)
    selection = select(config, kernel)
    plans = auto.plans(config, selection, machine, asked)
    if form:
        shared = plans.get(None) or advice.largest(list(plans.values()))
        return snippet.answer(form, shared, machine, config.errors, json=json)
    verdicts = advice.Verdicts(machine)
    rows = [(entry, plans[entry.index], verdicts.foreseen(entry, plans[entry.index])) for entry in selection.entries]
    warnings = tuple(dict.fromkeys(notice for plan in plans.values() for notice in plan.warnings))
    pictures = _pictures(rows, machine, every=bool(kernel)) if style or svg else []
    if svg:
        if not pictures:
            raise NoSuchEntry(
                "no entry starts Linux, so there is nothing to draw", hint="grubkd show lists the entries"
            )
        _save(svg, render_svg.svg(pictures[0]))
    drawn = pictures if style else []
    return _answer(
        machine, rows, plans.get(None), warnings, config.errors, explain=explain, json=json, drawn=_drawn(drawn, style)
    )


def _check(kernel: tuple[str, ...], style: str | None, *, json: bool, **given: Any) -> None:
    """Raises Usage for options that exclude each other."""
    if style and json:
        raise Usage("--map is for people: it and --json exclude each other", hint="--svg goes with both")
    if given["form"] and (style or given["svg"] or given["explain"]):
        raise Usage("--as prints what another tool reads, and nothing else", hint="leave out --map, --svg, --explain")
    if given["release"] is not None and (kernel or style or given["svg"]):
        raise Usage("--release is about no entry", hint="leave out --kernel, --map and --svg")


def _answer(  # noqa: PLR0913 - the parts of one answer
    machine: Machine,
    rows: Sequence[render_plan.Row],
    future: Plan | None,
    warnings: Sequence[Notice],
    errors: Sequence[GrubkdError],
    *,
    explain: bool,
    json: bool,
    drawn: Sequence[str] = (),
) -> int:
    if json:
        render.document(render_plan.answer(machine, rows, future, warnings, errors))
    else:
        for line in (*render_plan.table(machine, rows, future, explain=explain), *drawn):
            render.text(line)
        render.warnings(warnings)
        for problem in errors:
            render.complain(problem, "error")
    return max((problem.exit for problem in errors), default=0)


def _drawn(pictures: Sequence[Picture], style: str | None) -> list[str]:
    lines: list[str] = []
    for picture in pictures:
        lines += ["", *render_map.text(picture, width=_width(), ascii_only=_ascii_only(style))]
    return lines


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
        raise InputOutput(f"--svg: {from_user(file)}: {problem.strerror}") from None
