"""The answer of `plan --as`: one value, in the words of another tool."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grubkd import render, render_snippet

if TYPE_CHECKING:
    from collections.abc import Sequence

    from grubkd.advice import Plan
    from grubkd.errors import GrubkdError
    from grubkd.machine.machine import Machine


def answer(form: str, plan: Plan, machine: Machine, errors: Sequence[GrubkdError], *, json: bool) -> int:
    """Print the plan as `form`, one of render_snippet.STYLES; returns the exit code."""
    kernels = {case.machine for case in plan.cases}
    text = render_snippet.snippet(form, plan, kernels.pop() if len(kernels) == 1 else machine.architecture)
    if json:
        render.document(
            {
                "as": form,
                "values": list(plan.values),
                "text": text + "\n",
                "warnings": [render.notice(each) for each in plan.warnings],
                "errors": [render.notice(each) for each in errors],
            }
        )
    else:
        render.text(text)
        render.warnings(plan.warnings)
        for problem in errors:
            render.complain(problem, "error")
    return max((problem.exit for problem in errors), default=0)
