"""Which value to write for a kernel on a machine, and why.

`plan` takes the vendor's row and adapts it: the amount that this machine needs, a form that the kernel reads, an offset
if one is needed, and a trial of the result. `largest` makes one plan for the kernels that share a line.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING

from grubkd.errors import Notice, RamUnknown, WouldNotReserve
from grubkd.memory import estimate, offsets, vendors
from grubkd.memory.case import Plan, PlanDraft, Reason
from grubkd.memory.estimate import STEP
from grubkd.memory.forecast import chance_of_nothing, problem
from grubkd.memory.placement.search import WORTH_A_WARNING
from grubkd.memory.size import GIB, MIB, format_size, round_down, round_up
from grubkd.memory.value import CrashkernelValue, parse_value

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from grubkd.memory.case import Case


MEASURED = "a measurement on this machine"
"""The source of an amount that a capture kernel of this machine showed to be needed."""
_RAM_HINT = "give the memory of the machine: --ram=SIZE, or --this-machine"


def plan(case: Case, *, offset: int | None = None, with_offset: bool = False) -> Plan:
    """Choose the value to write. `with_offset`: as SIZE@OFFSET; `offset`: at that address.

    Raises RamUnknown if the value depends on unknown RAM, WouldNotReserve if nothing fits.
    """
    choice = vendors.choose(case)
    draft = _published(case, choice)
    draft = estimate.surcharges(case, choice.row, draft)
    draft = estimate.for_initrd(case, choice.row, draft)
    draft = estimate.applying(case, draft)
    estimated = estimate.enough(case, choice.row, draft)
    draft = _learned(case, estimated)
    source = choice.row.source if draft.value == estimated.value else MEASURED
    draft = _form(case, draft, with_offset or offset is not None)
    draft = offsets.settle(case, draft, wanted=offset, asked=with_offset)
    draft = _fitting(case, draft)
    if not with_offset and offset is None:
        draft = _likelier(case, draft)
    return Plan(
        values=draft.values,
        source=source,
        reasons=draft.reasons,
        warnings=choice.warnings + draft.warnings,
        size=estimate.size_asked(case, draft),
        cases=(case,),
        refused=draft.refused,
    )


def _published(case: Case, choice: vendors.Choice) -> PlanDraft:
    """The vendor's value; from a table with steps the one for this amount of RAM."""
    row = choice.row
    text = row.text
    if row.steps:
        ram = case.rounded_ram
        if ram is None:
            raise RamUnknown(f"the value of {row.source} depends on the amount of RAM", hint=_RAM_HINT)
        text = next((value for top, value in row.steps if ram <= top), row.steps[-1][1])
    said = f"{choice.reason}: {text}" + (f" on {format_size(case.rounded_ram or 0)}" if row.steps else "")
    return PlanDraft(text, parse_value(text), reasons=(Reason(said, row.source),))


def _learned(case: Case, draft: PlanDraft) -> PlanDraft:
    """The draft with at least what a capture kernel of this machine needed, and a tenth more.

    The reserved memory of a dump by the firmware (fadump) is of another kind.
    """
    found, asked = case.measured, estimate.least_asked(case, draft)
    if found is None or case.needs.fadump or not asked:
        return draft
    if asked >= found.advised:
        return draft.because(f"{format_size(asked)} is enough: {found}", MEASURED)
    wanted = round_up(found.advised, STEP)
    value = estimate.raised(case, draft.value, wanted, str(found))
    return draft.because(f"{format_size(wanted)}: {found}", MEASURED, value)


def _form(case: Case, draft: PlanDraft, with_offset: bool) -> PlanDraft:
    """The form that this kernel, or hypervisor, reads: ranges if it can, because they stay right when RAM is added."""
    value = draft.value
    if value.suffix and case.hypervisor is not None:
        said = f"Xen does not know ,{value.suffix}"
        draft = draft.because(said, case.reader, value._replace(suffix=""))._replace(beside=())
        value = draft.value
    if value.suffix and with_offset:
        said = "an offset is wanted, which a value with ,high cannot have"
        return draft.because(said, case.reader, CrashkernelValue(size=value.size))._replace(beside=())
    if not value.spans:
        return draft
    if not case.reads_ranges:
        xen, linux = "Xen before 4.0 reads no ranges", "kernels before 2.6.31 may read past the end of a list of ranges"
        why = xen if case.hypervisor else linux
    elif with_offset:
        why = "an offset is wanted, which needs one size"
    else:
        return draft
    sizes = {span.size for span in value.spans}
    ram = case.rounded_ram
    if ram is None and len(sizes) > 1:
        raise RamUnknown(f"{why}, and which size of {draft.text} applies depends on the RAM", hint=_RAM_HINT)
    size = value.size_for(ram) if ram is not None else sizes.pop()
    said = f"{why}: {format_size(size)}" + (f" for {format_size(ram)}" if ram else "")
    return draft.because(said, case.reader, CrashkernelValue(size=size, offset=value.offset))


def _fitting(case: Case, draft: PlanDraft) -> PlanDraft:
    """The draft if the kernel will place it, else with the largest size that it will place, in steps of STEP.

    Raises WouldNotReserve if there is no room for the least that the estimate supports.
    """
    if case.hypervisor is not None or not case.ram:
        return draft
    why = problem(case, draft.values)
    if not why:
        return draft
    wanted = estimate.size_asked(case, draft) or draft.value.size or 0
    needed = case.measured.size if case.measured and not case.needs.fadump else 0
    least = min(max(estimate.estimate_for(case).total, needed), wanted)
    size = round_down(max(wanted - 1, 0), STEP)
    while size >= max(least, STEP):
        value = CrashkernelValue(size=size, offset=draft.value.offset)
        if not problem(case, (str(value),)):
            said = f"{format_size(wanted)} would not be reserved ({why}): {format_size(size)} is"
            return draft.warned(Notice("reduced", said, offsets.LESS)).because(said, case.reader, value)
        size -= STEP
    raise WouldNotReserve(
        f"{' '.join(draft.values)}: {why}",
        hint="give the machine more memory, or give a VALUE instead of --auto",
    )


def _likelier(case: Case, draft: PlanDraft) -> PlanDraft:
    """The draft; if it may reserve nothing, a value that does so in less than 1 of 100 boots, or most rarely."""
    if case.hypervisor is not None or case.needs.fadump or case.needs_offset or not case.ram:
        return draft
    least = risk = chance_of_nothing(case, draft.values)
    if risk < WORTH_A_WARNING:
        return draft
    best = draft.value
    for value in _others(case, draft):
        if (chance := chance_of_nothing(case, (str(value),))) < least:
            best, least = value, chance
        if least < WORTH_A_WARNING:
            break
    if best is draft.value:
        return draft
    said = f"{' '.join(draft.values)} reserves nothing in {100 * risk:.2g} % of boots: {best} in {100 * least:.2g} %"
    result = draft._replace(beside=()).because(said, "the odds on this amount of memory", best)
    if (best.size or 0) == estimate.size_asked(case, draft):
        return result
    others = tuple(notice for notice in draft.warnings if notice.code != "reduced")
    return result._replace(warnings=others).warned(Notice("reduced", said, offsets.LESS))


def _others(case: Case, draft: PlanDraft) -> Iterator[CrashkernelValue]:
    """The values to try instead: without the address, above 4G, then the largest smaller size that is likely enough.

    It covers the need. A present one comes first, because the need varies a little from day to day.
    """
    value, size, memory = draft.value, estimate.size_asked(case, draft), case.memory_map()
    if value.offset is not None:
        yield CrashkernelValue(size=size)
    elif not value.suffix and case.knows_high and memory and memory.span > 4 * GIB:
        yield CrashkernelValue(size=size, suffix="high")
    need = max(estimate.estimate_for(case).exact, case.measured.advised if case.measured else 0)
    smaller = [value._replace(size=each, spans=()) for each in range(round_up(need, _FINER_STEP), size, _FINER_STEP)]
    yield from (each for each in smaller if (str(each),) == case.present)
    # The smaller the likelier.
    likely = bisect_left(smaller, WORTH_A_WARNING, key=lambda each: chance_of_nothing(case, (str(each),)))
    yield from smaller[max(likely - 1, 0) : max(likely, 1)]


_FINER_STEP = 16 * MIB
_SCALE = tuple(GIB << power for power in range(11))
_OFFSETS = range(16 * MIB, 512 * MIB, 16 * MIB)


def largest(plans: Sequence[Plan]) -> Plan:
    """The largest of the plans whose values every kernel of all plans can read and place.

    If there is none, the amount of the largest plan at an address that suits all kernels. Raises WouldNotReserve if
    there is no such address. `plans` must not be empty.
    """
    cases = tuple(dict.fromkeys(case for plan in plans for case in plan.cases))
    warnings = tuple(dict.fromkeys(notice for plan in plans for notice in plan.warnings))
    ranked = sorted(plans, key=_weight, reverse=True)
    problems: dict[str, None] = {}
    # A plan that was made for one kernel suits that kernel.
    suited = {(plan.cases[0], plan.values) for plan in plans if len(plan.cases) == 1}
    for plan in ranked:
        others = (case for case in cases if (case, plan.values) not in suited)
        why = next((why for case in others if (why := unsuited(case, plan.values))), "")
        if not why:
            return plan._replace(cases=cases, warnings=warnings)
        problems[f"{' '.join(plan.values)}: {why}"] = None
    for plan in ranked:
        for text in _at_one_address(plan):
            if not any(unsuited(case, (text,)) for case in cases):
                why = f"no other value suits all kernels that share it ({'; '.join(problems)})"
                return plan._replace(
                    values=(text,),
                    cases=cases,
                    warnings=warnings,
                    reasons=(*plan.reasons, Reason(f"{text}: {why}", "one value for all")),
                )
    names = ", ".join(dict.fromkeys(case.kernel for case in cases))
    raise WouldNotReserve(
        f"no value suits all kernels that share one place: {names}",
        hint="choose entries with --kernel, and give each its own value",
    )


def _weight(plan: Plan) -> tuple[int, ...]:
    """How much a plan reserves: on this machine, then on machines of every size."""
    values = [parse_value(text) for text in plan.values]
    return (plan.size, *(sum(value.size_for(ram) for value in values) for ram in _SCALE))


def _at_one_address(plan: Plan) -> Iterator[str]:
    """The plan's amount at each address to try."""
    if plan.size:
        yield from (f"{format_size(plan.size)}@{format_size(offset)}" for offset in _OFFSETS)


def unsuited(case: Case, values: Sequence[str]) -> str:
    """Why that kernel cannot read or place the values; "" if it can, or if it is not known."""
    for text in values:
        value = parse_value(text)
        if value.spans and not case.reads_ranges:
            return f"{case.reader} does not read ranges correctly"
        if value.offset is None:
            if case.needs_offset:
                return f"{case.reader} reserves nothing without an offset"
        elif why := offsets.obstacle(case, value.offset, value.size or 0):
            return f"{case.reader}: {why}"
    return problem(case, values)
