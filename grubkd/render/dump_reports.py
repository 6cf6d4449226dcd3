"""The JSON answers of the verbs about saving dumps: check, enable, dumps, report, measure. See reports.py."""

from __future__ import annotations

from typing import Literal, TypedDict

from grubkd.advice.enable import State  # noqa: TC001 - the schemas are made from the types at run time
from grubkd.advice.finding import Status  # noqa: TC001
from grubkd.machine.dump_target import TargetKind  # noqa: TC001
from grubkd.render.answers import AnyAnswer


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


class CheckReport(AnyAnswer):
    """The answer of `check`."""

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


class EnableReport(AnyAnswer):
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
    build_id: str | None
    panic: str | None
    symbols: _Symbols


class _Symbols(TypedDict):
    """What opens a dump. `other_build`: a kernel of that release that does not. `fix`: what to do first."""

    vmlinux: str | None
    matched_by: Literal["build-id", "release"] | None
    other_build: str | None
    crash: list[str] | None
    fix: str | None
    fix_commands: list[list[str]]


class _TestCrash(TypedDict):
    """The last test crash. `seconds`: from the crash to the last write of the dump."""

    time: str
    release: str
    target: str
    passed: bool
    path: str | None
    seconds: int | None
    reasons: list[str]


class DumpsReport(AnyAnswer):
    """The answer of `dumps`; `test` is null if there was no test crash, or only root may know."""

    target: _Target
    dumps: list[_Dump]
    test: _TestCrash | None


class _ReportedDump(TypedDict):
    path: str
    files: list[str]
    size_bytes: int
    complete: bool | None
    build_id: str | None
    time: str
    fault: str | None


class _Log(TypedDict):
    source: str
    lines: list[str]


class _Memory(TypedDict):
    total_bytes: int
    free_bytes: int


class DumpReport(AnyAnswer):
    """The answer of `report`. `by`: the program that read the dump. `taint`: letters; "" if it is not tainted."""

    dump: _ReportedDump
    by: Literal["crash", "drgn"] | None
    release: str | None
    uptime_seconds: int | None
    taint: str | None
    panic: str | None
    task: str | None
    stack: list[str] | None
    log: _Log | None
    modules: list[str] | None
    memory: _Memory | None


class _Need(TypedDict):
    """What a capture kernel needs, as one said itself. `advised_bytes`: with a tenth to spare."""

    size_bytes: int
    advised_bytes: int
    ran_out_with_bytes: int | None
    log: str
    time: str
    by: str


class _Capture(TypedDict):
    """What one boot of a capture kernel said; `ran_out`: its message that memory ran out."""

    log: str
    time: str
    memory_bytes: int | None
    reserved_bytes: int | None
    lowest_available_bytes: int | None
    used_bytes: int | None
    ran_out: str | None


class MeasureReport(AnyAnswer):
    """The answer of `measure`."""

    target: _Target
    need: _Need | None
    captures: list[_Capture]
