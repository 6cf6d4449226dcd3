"""What every JSON answer has, and the answers of verbs that change files: declared as in grubkd.render.reports."""

from __future__ import annotations

from typing import Any, Literal, TypedDict


class NoticeAnswer(TypedDict):
    """A warning or an error. `fix_commands`: argument lists, to run in order; empty if no command is the fix."""

    code: str
    message: str
    fix: str | None
    fix_commands: list[list[str]]
    file: str | None
    line: int | None
    column: int | None


class AnyAnswer(TypedDict):
    """The members of every object. `version`: of the form of this object."""

    version: Literal[1]
    warnings: list[NoticeAnswer]
    errors: list[NoticeAnswer]


class FailureAnswer(AnyAnswer):
    """The answer of a command that fails. `exit`: its exit status."""

    error: NoticeAnswer
    exit: int


class _ChangedFile(TypedDict):
    """A file that is changed, or would be, as a unified diff."""

    path: str
    diff: str


class ChangeAnswer(AnyAnswer):
    """`followups`: the commands that are left to run."""

    changed: bool
    dry_run: bool
    files: list[_ChangedFile]
    transaction: str | None
    followups: list[list[str]]
    reboot_required: bool


class KeepAnswer(ChangeAnswer):
    """What `keep` gave the entries of a kernel; `reason`: why nothing."""

    release: str
    values: list[str]
    reason: str | None


class _Transaction(TypedDict):
    """A change that was made. `wanted`: what was asked for, by the names of history."""

    id: str
    time: str
    command: str
    wanted: dict[str, Any]
    undone_by: str | None
    files: list[str]


class HistoryAnswer(AnyAnswer):
    """The changes made, oldest first."""

    transactions: list[_Transaction]
