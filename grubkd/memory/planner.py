"""Which value to write for a kernel on a machine, and why: the vendor's row, in the form that this kernel reads."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from grubkd.errors import Notice, RamUnknown, WouldNotReserve
from grubkd.memory import amount, offsets, policy
from grubkd.memory.case import Draft, Reason
from grubkd.memory.crashkernel import Value, parse_value
from grubkd.memory.estimate import STEP
from grubkd.memory.forecast import problem
from grubkd.memory.plan import Plan
from grubkd.memory.size import format_size, round_down

if TYPE_CHECKING:
    from grubkd.memory.case import Case

_RAM_HINT = "give the memory of the machine: --ram=SIZE, or --this-machine"


def plan(case: Case, *, offset: int | None = None, with_offset: bool = False) -> Plan:
    """The value to write. `with_offset` asks for SIZE@OFFSET, `offset` for that very place.

    Raises RamUnknown where the value depends on the RAM, WouldNotReserve where nothing fits.
    """
    reader = policy.Reader(case.release, case.machine, case.pages_64k, case.needs.fadump)
    choice = policy.choose(case.system, reader)
    draft = _published(case, choice)
    draft = amount.surcharges(case, choice.row, draft)
    draft = amount.applying(case, draft)
    draft = amount.enough(case, choice.row, draft)
    draft = _form(case, draft, with_offset or offset is not None)
    draft = offsets.settle(case, draft, wanted=offset, asked=with_offset)
    draft = _fitting(case, draft)
    return Plan(
        values=draft.values,
        source=choice.row.source,
        reasons=draft.reasons,
        warnings=choice.warnings + draft.warnings,
        size=amount.asked(case, draft),
        cases=(case,),
        refused=draft.refused,
    )


def _published(case: Case, choice: policy.Choice) -> Draft:
    """The vendor's value; of a table with a step for each amount of RAM the one that holds here."""
    row = choice.row
    text = row.text
    if row.steps:
        ram = case.rounded_ram
        if ram is None:
            raise RamUnknown(f"the value of {row.source} depends on the amount of RAM", hint=_RAM_HINT)
        text = next((value for top, value in row.steps if ram <= top), row.steps[-1][1])
    said = f"{choice.reason}: {text}" + (f" on {format_size(case.rounded_ram or 0)}" if row.steps else "")
    return Draft(text, parse_value(text), reasons=(Reason(said, row.source),))


def _form(case: Case, draft: Draft, with_offset: bool) -> Draft:
    """The form that this kernel, or hypervisor, reads; ranges wherever it does, since they stay right."""
    value = draft.value
    if value.suffix and with_offset:
        said = "a place is asked for, which no value with ,high can have"
        return replace(draft.because(said, case.reader, Value(size=value.size)), beside=())
    if not value.spans:
        return draft
    if not case.reads_ranges:
        xen, linux = "Xen before 4.0 reads no ranges", "kernels before 2.6.31 may read past the end of a list of ranges"
        why = xen if case.hypervisor else linux
    elif with_offset:
        why = "a place is asked for, which one size has to fit"
    else:
        return draft
    sizes = {span.size for span in value.spans}
    ram = case.rounded_ram
    if ram is None and len(sizes) > 1:
        raise RamUnknown(f"{why}, and which size of {draft.text} holds depends on the RAM", hint=_RAM_HINT)
    size = value.size_for(ram) if ram is not None else sizes.pop()
    said = f"{why}: {format_size(size)}" + (f" for {format_size(ram)}" if ram else "")
    return draft.because(said, case.reader, Value(size=size, offset=value.offset))


def _fitting(case: Case, draft: Draft) -> Draft:
    """The draft as it is where the kernel will place it, else with the largest size that it will, by STEP.

    Raises WouldNotReserve where not even the least that the estimate supports has room.
    """
    if case.hypervisor is not None or not case.ram:
        return draft
    why = problem(case, draft.values)
    if not why:
        return draft
    wanted = amount.asked(case, draft) or draft.value.size or 0
    least = min(amount.estimated(case).total, wanted)
    size = round_down(max(wanted - 1, 0), STEP)
    while size >= max(least, STEP):
        value = Value(size=size, offset=draft.value.offset)
        if not problem(case, (str(value),)):
            said = f"{format_size(wanted)} would not be reserved ({why}): {format_size(size)} is"
            return draft.warned(Notice("reduced", said, offsets.LESS)).because(said, case.reader, value)
        size -= STEP
    raise WouldNotReserve(
        f"{' '.join(draft.values)}: {why}",
        hint="give the machine more memory; a VALUE can be given in place of --auto",
    )
