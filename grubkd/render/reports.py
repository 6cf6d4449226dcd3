"""The JSON answers of verbs that only read, and the answers of each verb.

`python docs/schemas.py` makes the schema files in docs/schema from this declaration, and tests compare every answer
with them. Sizes and addresses are bytes, absent is null. The docstring of a class describes its object.
"""

from __future__ import annotations

from typing import Literal, TypedDict

from grubkd.render.answers import AnyAnswer, ChangeAnswer, FailureAnswer, HistoryAnswer, KeepAnswer
from grubkd.render.dump_reports import CheckReport, DumpReport, DumpsReport, EnableReport, MeasureReport

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

    `chance`: the probability of `regions`, from 0 to 1; `chances`: those of the alternatives, null if not known.
    """

    status: Literal["none", "reserved", "uncertain", "failed", "hang", "unknown"]
    regions: list[Region]
    alternatives: list[list[Region]]
    chance: float
    chances: list[float | None]
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


class _Reservation(_Prediction):
    index: int


class _Held(TypedDict):
    """An entry and the values that it holds afterwards."""

    index: int
    id: str | None
    title: str
    version: str | None
    default: bool
    crashkernel: list[str]


class _Set(ChangeAnswer):
    """`values`: those asked for or chosen, null where they stay. `ran`: the commands of other tools that were run."""

    values: list[str] | None
    entries: list[_Held]
    future: list[_Future]
    reservation: _Reservation | None
    ran: list[list[str]]


class _Default(TypedDict):
    index: int
    id: str | None
    title: str
    version: str | None


class _DefaultPlace(TypedDict):
    """The setting that names the default entry; `value` as written, null where it is not set."""

    file: str
    variable: str
    value: str | None


class _ShownDefault(AnyAnswer):
    """`place`: null where no file names the default entry; `reason`: why."""

    default: _Default
    place: _DefaultPlace | None
    reason: str | None


class _SetDefault(ChangeAnswer):
    default: _Default


VERBS: dict[str, tuple[type, ...]] = {
    "show": (_Show,),
    "plan": (_Plans, _PlanAs),
    "predict": (_Predictions, _PredictedLine),
    "set": (_Set,),
    "unset": (_Set,),
    "default": (_ShownDefault, _SetDefault),
    "rollback": (ChangeAnswer,),
    "history": (HistoryAnswer,),
    "keep": (KeepAnswer,),
    "enable": (EnableReport,),
    "check": (CheckReport,),
    "dumps": (DumpsReport,),
    "report": (DumpReport,),
    "measure": (MeasureReport,),
}
"""Verb -> the objects that it may print; each may print FAILURE instead."""
FAILURE = FailureAnswer
