"""The answer of `enable`: the plan, what was run, and what is left to do."""

from __future__ import annotations

from shlex import join
from typing import TYPE_CHECKING

from grubkd.advice.enable import State
from grubkd.render import fix
from grubkd.render.check import finding
from grubkd.render.tables import BAD, DOUBT, GOOD, mark, solid
from grubkd.text import to_line

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import Any

    from grubkd.advice.check import Report
    from grubkd.advice.enable import Ran, SetupStep
    from grubkd.advice.finding import Finding

_SAID = {
    State.READY: ("ready: nothing prevents a dump", GOOD),
    State.REBOOT: ("reboot now: systemctl reboot; then run grubkd enable again", DOUBT),
    State.INCOMPLETE: ("no dump will be saved after the next boot", BAD),
    State.UNKNOWN: ("whether a dump will be saved cannot be checked from here; see: grubkd check", DOUBT),
}


def plan(steps: Sequence[SetupStep], first: int = 1) -> Iterator[str]:
    """The steps for a person: under each reason its commands, numbered from `first`."""
    reason = ""
    for number, each in enumerate(steps, first):
        if each.reason != reason:
            reason = each.reason
            yield to_line(f"{reason}:")
        yield f"{number:3}. {solid(shown(each))}"


def shown(step: SetupStep) -> str:
    """The command of a step as it can be pasted."""
    return to_line(join(fix.command(step.command)))


def verdict(found: State) -> Iterator[str]:
    """The last line for a person; none if an error says it."""
    if found in _SAID:
        yield mark(*_SAID[found])


def answer(
    report: Report, found: State, ran: Sequence[Ran], remaining: Sequence[Finding], **others: Any
) -> Mapping[str, Any]:
    """The JSON object of `enable`."""
    return {
        "state": found,
        "steps": [
            {
                "command": fix.command(each.step.command),
                "reason": each.step.reason,
                "state": each.state,
                "output": each.output or None,
            }
            for each in ran
        ],
        "will_dump": {"now": report.now, "next": report.next},
        "reboot_required": found is State.REBOOT,
        "left": [finding(each) for each in remaining],
        **others,
    }
