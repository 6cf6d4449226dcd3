"""One plan for several kernels that share one place in a configuration file."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from grubkd.errors import WouldNotReserve
from grubkd.memory import offsets
from grubkd.memory.crashkernel import parse_value
from grubkd.memory.forecast import problem
from grubkd.memory.plan import Reason
from grubkd.memory.size import GIB, MIB, format_size

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from grubkd.memory.case import Case
    from grubkd.memory.plan import Plan

_SCALE = tuple(GIB << power for power in range(11))
_OFFSETS = range(16 * MIB, 512 * MIB, 16 * MIB)


def largest(plans: Sequence[Plan]) -> Plan:
    """The largest of the plans whose values each of the kernels can read and place.

    Where none of them suits all, the largest amount of a plan at one address that does. Raises WouldNotReserve where
    there is none. `plans` must not be empty.
    """
    cases = tuple(dict.fromkeys(case for plan in plans for case in plan.cases))
    warnings = tuple(dict.fromkeys(notice for plan in plans for notice in plan.warnings))
    ranked = sorted(plans, key=_weight, reverse=True)
    problems: dict[str, None] = {}
    for plan in ranked:
        why = next((why for case in cases if (why := unsuited(case, plan.values))), "")
        if not why:
            return replace(plan, cases=cases, warnings=warnings)
        problems[f"{' '.join(plan.values)}: {why}"] = None
    for plan in ranked:
        for text in _at_one_address(plan):
            if not any(unsuited(case, (text,)) for case in cases):
                why = f"no other value suits all kernels that share it ({'; '.join(problems)})"
                return replace(
                    plan,
                    values=(text,),
                    cases=cases,
                    warnings=warnings,
                    reasons=(*plan.reasons, Reason(f"{text}: {why}", "one value for all")),
                )
    names = ", ".join(dict.fromkeys(case.release.text for case in cases))
    raise WouldNotReserve(
        f"no value suits all kernels that share one place: {names}",
        hint="choose entries with --kernel, and give each its own value",
    )


def _weight(plan: Plan) -> tuple[int, ...]:
    """How much a plan asks for: on this machine, then on machines of every size."""
    values = [parse_value(text) for text in plan.values]
    return (plan.size, *(sum(value.size_for(ram) for value in values) for ram in _SCALE))


def _at_one_address(plan: Plan) -> Iterator[str]:
    """The plan's amount at each address that every kernel reads alike."""
    if plan.size:
        yield from (f"{format_size(plan.size)}@{format_size(offset)}" for offset in _OFFSETS)


def unsuited(case: Case, values: Sequence[str]) -> str:
    """Why that kernel cannot read or place the values, "" where it can, or nothing is known against it."""
    for text in values:
        value = parse_value(text)
        if value.spans and not case.reads_ranges:
            return f"{case.reader} is not to be given ranges"
        if value.offset is None:
            if case.needs_offset:
                return f"{case.reader} reserves nothing without an offset"
        elif why := offsets.obstacle(case, value.offset, value.size or 0):
            return f"{case.reader}: {why}"
    return problem(case, values)
