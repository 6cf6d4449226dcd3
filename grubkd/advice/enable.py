"""`enable`: the steps that lead from what `check` finds to a machine that saves a dump."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from grubkd.advice.finding import Finding, Status
from grubkd.machine.packages import Fix, install

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from grubkd.advice.check import Report
    from grubkd.memory.vendors import Distribution

# What commands put in order without a question: the check and the cause, in the order of the steps. The value is last:
# a package may bring one of its own.
_ORDER = (
    ("boot", "boot-not-mounted"),
    ("service", "no-service"),
    ("service", "masked"),
    ("service", "disabled"),
    ("service", "off"),
    ("analysis", "no-crash"),
    ("target", "not-mounted"),
    ("target", "no-directory"),
    ("settings", "missing-file"),
    ("boot", "other-initrd"),
    ("loaded", "not-loaded"),
)
_VALUE = "configured"
_RESTART = ("systemctl", "service")
# A reboot is the fix of what the running kernel lacks.
_RUNNING = frozenset({"booted", "reserved", "predicted", "loaded"})


class SetupStep(NamedTuple):
    """A command, and what is found that makes it necessary.

    `staged`: its effect shows after a reboot, as that of `rpm-ostree kargs`, which makes a deployment for it.
    """

    command: tuple[str, ...]
    reason: str
    staged: bool = False


class Ran(NamedTuple):
    """What became of a step: "planned", "done" or "failed". `output`: its end, if it failed."""

    step: SetupStep
    state: str = "planned"
    output: str = ""
    transaction: str | None = None


class State(StrEnum):
    """Where `enable` ends. PLANNED: nothing was run. INCOMPLETE: what is left is for a person to do."""

    READY = "ready"
    REBOOT = "reboot"
    PLANNED = "planned"
    FAILED = "failed"
    INCOMPLETE = "incomplete"
    UNKNOWN = "unknown"


def steps(findings: Sequence[Finding]) -> tuple[SetupStep, ...]:
    """The commands that put in order what is found, each once, in the order in which they are to be run."""
    listed = [each for key in _ORDER for each in findings if (each.check, each.code) == key]
    listed += [each for each in findings if _asks_for_value(each)]
    found: dict[tuple[str, ...], SetupStep] = {}
    for each in listed:
        for command in each.commands:
            # kexec by hand is not what the service does.
            if each.check != "loaded" or command[0] in _RESTART:
                staged = each.check == _VALUE and command[0] != "grubkd"
                found.setdefault(command, SetupStep(command, each.message, staged))
    return tuple(found.values())


def _asks_for_value(found: Finding) -> bool:
    """Whether a value has to be set. A warning, as of a small value, is left to the person who set it."""
    return found.check == _VALUE and (found.status is Status.PROBLEM or found.code == "off")


def advised(findings: Sequence[Finding]) -> Finding:
    """What has to be done about the value; its commands are () where no command of grubkd does it."""
    mine = (each for each in findings if _asks_for_value(each))
    return next((each for each in mine if each.commands[:1] and each.commands[0][0] == "grubkd"), _NOT_AS_WANTED)


_NOT_AS_WANTED = Finding(_VALUE, Status.PROBLEM, "not every place has the wanted value", "not-as-wanted")


def with_value(findings: Sequence[Finding], wanted: Finding | None) -> tuple[Finding, ...]:
    """The findings with this one about the value in place of the one that `check` has."""
    return tuple(each for each in findings if not _asks_for_value(each)) + ((wanted,) if wanted else ())


def no_crash(distribution: Distribution, *, image: bool) -> Finding:
    """The program that opens dumps is missing; its package has its name everywhere. `image`: as advice.packages."""
    fix = Fix("rpm-ostree install crash") if image else install(distribution, "crash")
    why = "nothing opens a dump on this machine"
    return Finding("analysis", Status.PROBLEM, "crash is not installed", "no-crash", why, fix.text, None, fix.commands)


def left(findings: Sequence[Finding]) -> Iterator[Finding]:
    """The problems that no step and no reboot solves."""
    planned = {step.command for step in steps(findings)}
    for each in findings:
        solved = bool(each.commands) and (each.check in _RUNNING or planned.issuperset(each.commands))
        # The service loads the capture kernel, now or after the reboot. What keeps it from that is found by itself.
        solved |= each.code == "not-loaded"
        if each.status is Status.PROBLEM and not solved:
            yield each


def state(report: Report, remaining: Sequence[Finding], *, live: bool, reboot: bool, staged: bool) -> State:
    """Where a machine is for which no step is left.

    `reboot`: the next boot gets another value than the present one. `staged`: a step was run whose effect shows then.
    """
    if remaining or (report.next is False and not staged):
        return State.INCOMPLETE
    if staged:
        return State.REBOOT
    if report.next is None:
        return State.UNKNOWN
    return State.REBOOT if live and (reboot or report.now is not True) else State.READY
