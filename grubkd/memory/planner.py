"""Which value to write for a kernel on a machine, and why: the vendor's row, in the form that this kernel reads."""

from dataclasses import replace

from grubkd.errors import Notice, RamUnknown, WouldNotReserve
from grubkd.memory import offsets, policy
from grubkd.memory.case import Case, Draft, Reason
from grubkd.memory.crashkernel import Span, Value, parse_value
from grubkd.memory.estimate import STEP, Estimate, estimate
from grubkd.memory.plan import Plan
from grubkd.memory.size import MIB, format_size, round_down, round_up

_RAM_HINT = "give the memory of the machine: --ram=SIZE, or --this-machine"


def plan(case: Case, *, offset: int | None = None, with_offset: bool = False) -> Plan:
    """The value to write. `with_offset` asks for SIZE@OFFSET, `offset` for that very place.

    Raises RamUnknown where the value depends on the RAM, WouldNotReserve where nothing fits.
    """
    choice = policy.choose(case.system, case.release, case.machine, pages_64k=case.pages_64k)
    draft = _published(case, choice)
    draft = _applies(case, draft)
    draft = _form(case, draft, with_offset or offset is not None)
    draft = offsets.settle(case, draft, wanted=offset, asked=with_offset)
    draft = _fits(case, draft)
    size = draft.value.size or 0
    if draft.value.size is None and case.rounded_ram:
        size = draft.value.size_for(case.rounded_ram)
    return Plan((draft.text,), choice.row.source, draft.reasons, choice.warnings + draft.warnings, size, (case,))


def _published(case: Case, choice: policy.Choice) -> Draft:
    """The vendor's value; of a table with a step for each amount of RAM the one that holds here."""
    row = choice.row
    text = row.text
    if row.steps:
        ram = case.rounded_ram
        if ram is None:
            raise RamUnknown(f"the value of {row.source} depends on the amount of RAM", hint=_RAM_HINT)
        text = next((value for top, value in row.steps if ram <= top), row.steps[-1][1])
    draft = Draft(text, parse_value(text))
    said = f"{choice.reason}: {text}" + (f" on {format_size(case.rounded_ram or 0)}" if row.steps else "")
    return replace(draft, reasons=(Reason(said, row.source),))


def _applies(case: Case, draft: Draft) -> Draft:
    """Where the vendor's ranges give nothing on the known RAM: one more range with what the estimate supports."""
    if not case.ram or not draft.value.spans or _asked(case, draft.text, draft.value):
        return draft
    least = _least(case)
    first = draft.value.spans[0]
    start = round_down(case.ram, 256 * MIB)
    draft = draft.because(
        f"it reserves nothing on {format_size(round_up(case.ram, MIB))}: its first range begins at "
        f"{format_size(first.start)}",
        "the value itself",
    )
    added = Span(start, first.start if first.start > start else None, least)
    value = Value(spans=(added, *draft.value.spans) if added.stop else (added,), offset=draft.value.offset)
    notice = Notice(
        "vendor-reserves-nothing",
        f"{draft.text} reserves nothing on {format_size(round_up(case.ram, MIB))} of RAM: "
        f"{format_size(least)} is taken, which is what the estimate supports",
        hint="test it: a capture kernel that runs out of memory saves nothing",
    )
    return draft.warned(notice).because(f"{format_size(least)}: {_estimate(case).sum}", "kdumpctl estimate", value)


def _asked(case: Case, text: str, value: Value) -> int:
    """Bytes that the kernel takes from the value on this RAM, 0 for none."""
    if case.hypervisor is not None:
        return value.size_for(case.ram or 0)
    request = case.request((text,))
    return request.size if request and request.status == "ok" else 0


def _estimate(case: Case) -> Estimate:
    return estimate(case.release, case.machine, case.parts)


def _least(case: Case) -> int:
    """The smallest amount that the estimate supports. Raises WouldNotReserve where that is over half of the RAM."""
    found = _estimate(case)
    ram = case.ram or 0
    if found.total > ram // 2:
        raise WouldNotReserve(
            f"a capture kernel needs about {format_size(found.total)} ({found.sum}), "
            f"which is more than half of {format_size(round_up(ram, MIB))}",
            hint="give the machine more memory; a VALUE can be given in place of --auto",
        )
    return found.total


def _form(case: Case, draft: Draft, with_offset: bool) -> Draft:
    """The form that this kernel, or hypervisor, reads; ranges wherever it does, since they stay right."""
    value = draft.value
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
    return draft.because(said, f"Linux {case.release}", Value(size=size, offset=value.offset))


def _fits(case: Case, draft: Draft) -> Draft:
    """The draft as it is where the kernel will place it, else with the largest size that it will, by STEP.

    Raises WouldNotReserve where not even the least that the estimate supports has room.
    """
    if case.hypervisor is not None or not case.ram:
        return draft
    problem = case.problem((draft.text,))
    if not problem:
        return draft
    wanted = _asked(case, draft.text, draft.value) or draft.value.size or 0
    least = min(_estimate(case).total, wanted)
    size = round_down(wanted - 1, STEP) if wanted else 0
    while size >= max(least, STEP):
        value = Value(size=size, offset=draft.value.offset)
        if not case.problem((str(value),)):
            draft = draft.because(f"{draft.text} has no room: {problem}; {format_size(size)} has", "placement", value)
            return draft.warned(
                Notice("reduced", f"{format_size(wanted)} would not be reserved ({problem}): {format_size(size)} is")
            )
        size -= STEP
    raise WouldNotReserve(
        f"{draft.text}: {problem}", hint="give the machine more memory; a VALUE can be given in place of --auto"
    )
