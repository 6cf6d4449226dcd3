"""The JSON answers of verbs that only read, and the answers of each verb.

`python docs/schemas.py` makes the schema files in docs/schema from this declaration, and tests compare every answer
with them. Sizes and addresses are bytes, absent is null. The docstring of a class describes its object.
"""

from __future__ import annotations

from typing import Literal, TypedDict

from grubkd.advice.enable import State  # noqa: TC001 - the schemas are made from the types at run time
from grubkd.advice.finding import Status  # noqa: TC001
from grubkd.machine.dump_target import TargetKind  # noqa: TC001
from grubkd.render.answers import AnyAnswer, ChangeAnswer, FailureAnswer, HistoryAnswer, KeepAnswer

Region = tuple[int, int]


class _Source(TypedDict):
    """The place of an entry; `line` counts from 1, 0 is the whole file."""

    file: str
    line: int


class _Bootloader(TypedDict):
    format: str
    files: list[str]


class _Module(TypedDict):
    path: str
    args: list[str]


class _Entry(TypedDict):
    """An entry of the boot menu. `cmdline` is null where the arguments are not known."""

    index: int
    id: str | None
    title: str
    kernel: str | None
    version: str | None
    initrd: list[str]
    cmdline: str | None
    args: list[str]
    crashkernel: list[str]
    modules: list[_Module]
    default: bool
    rescue: bool
    linux: bool
    foreign: bool
    source: _Source


class _Future(TypedDict):
    """A place that new kernels take their arguments from."""

    file: str
    variable: str
    crashkernel: list[str]


class _Booted(TypedDict):
    release: str
    cmdline: str
    crashkernel: list[str]
    reserved_bytes: int | None


class _Recommended(TypedDict):
    values: list[str]
    source: str


class _Show(AnyAnswer):
    bootloaders: list[_Bootloader]
    entries: list[_Entry]
    future: list[_Future]
    running: _Booted | None
    recommended: _Recommended | None


class _Machine(TypedDict):
    """The machine that a plan is for."""

    architecture: str | None
    ram_bytes: int | None
    ram_estimated: bool
    ram_source: str | None
    distribution: str | None


class _Reason(TypedDict):
    """A step that led to a value, and the source of its rule or fact."""

    text: str
    source: str


class _Placement(TypedDict):
    """Where the kernel puts the reservation. A region is [start, end exclusive].

    `chance`: the probability of `regions`, from 0 to 1; `chances`: those of the alternatives.
    """

    status: Literal["none", "reserved", "uncertain", "failed", "hang", "unknown"]
    regions: list[Region]
    alternatives: list[list[Region]]
    chance: float
    chances: list[float]
    reason: str | None


class _Prediction(_Placement):
    size_bytes: int | None


class _Plan(TypedDict):
    values: list[str]
    source: str
    reasons: list[_Reason]


class _PlannedEntry(_Plan):
    index: int
    title: str
    version: str | None
    prediction: _Prediction


class _Plans(AnyAnswer):
    machine: _Machine
    entries: list[_PlannedEntry]
    future: _Plan | None


_Snippet = TypedDict("_Snippet", {"as": str, "values": list[str], "text": str})


class _PlanAs(AnyAnswer, _Snippet):
    """With --as. `text` is for the other tool."""


class _Request(TypedDict):
    """What the kernel reads. `base`: the wanted address, 0 for any; `low_bytes`: wanted below 4G, with `high`."""

    status: Literal["ok", "none", "invalid"]
    size_bytes: int
    base: int
    low_bytes: int
    high: bool
    cma_bytes: int
    reason: str | None


class _Predicted(TypedDict):
    """What a kernel does with a command line; null where too little is known."""

    cmdline: str
    request: _Request | None
    placement: _Placement | None
    assumption: str | None
    note: str | None
    reason: str | None


class _PredictedEntry(_Predicted):
    index: int
    title: str
    version: str | None


class _PredictedLine(AnyAnswer, _Predicted):
    """With --release."""

    release: str
    arch: str
    ram_bytes: int | None


class _Predictions(AnyAnswer):
    entries: list[_PredictedEntry]


class _Finding(TypedDict):
    """What was checked, and what was found."""

    check: str
    status: Status
    code: str
    message: str
    why: str | None
    fix: str | None
    fix_commands: list[list[str]]
    file: str | None
    line: int | None


class _WillDump(TypedDict):
    """Whether a crash leaves a dump, now and after the next boot; null if it is not known."""

    now: bool | None
    next: bool | None


class _Running(TypedDict):
    """The running kernel, and whether a capture kernel is loaded."""

    release: str
    crashkernel: list[str]
    reserved_bytes: int | None
    loaded: bool


class _Service(TypedDict):
    name: str | None
    enabled: bool


class _Target(TypedDict):
    """Where dumps go. `directory`: in the tree, null if it is on no mounted file system of it."""

    kind: TargetKind
    where: str | None
    path: str | None
    directory: str | None
    free_bytes: int | None


class _Check(AnyAnswer):
    will_dump: _WillDump
    checks: list[_Finding]
    running: _Running | None
    service: _Service
    target: _Target


class _Step(TypedDict):
    """A command that puts in order what `reason` says. `output`: its end, if it failed."""

    command: list[str]
    reason: str
    state: Literal["planned", "done", "failed"]
    output: str | None


class _Enable(AnyAnswer):
    """`left`: the problems that no command solves. `transaction`: of the value, if it was set."""

    state: State
    dry_run: bool
    steps: list[_Step]
    will_dump: _WillDump
    reboot_required: bool
    left: list[_Finding]
    transaction: str | None


class _Dump(TypedDict):
    """A dump. `complete` is null for a form whose end cannot be checked; `fault` says what is missing."""

    path: str
    files: list[str]
    size_bytes: int
    time: str
    complete: bool | None
    fault: str | None
    format: str | None
    release: str | None
    panic: str | None


class _Dumps(AnyAnswer):
    target: _Target
    dumps: list[_Dump]


VERBS: dict[str, tuple[type, ...]] = {
    "show": (_Show,),
    "plan": (_Plans, _PlanAs),
    "predict": (_Predictions, _PredictedLine),
    "set": (ChangeAnswer,),
    "unset": (ChangeAnswer,),
    "rollback": (ChangeAnswer,),
    "history": (HistoryAnswer,),
    "keep": (KeepAnswer,),
    "enable": (_Enable,),
    "check": (_Check,),
    "dumps": (_Dumps,),
}
"""Verb -> the objects that it may print; each may print FAILURE instead."""
FAILURE = FailureAnswer
