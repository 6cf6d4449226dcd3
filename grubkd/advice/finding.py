"""What `check` found out about one thing that a dump depends on."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from grubkd.errors import Place


class Status(StrEnum):
    """PROBLEM: no dump will be saved. NOT_ASKED: it cannot be told from here, and is not guessed."""

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"
    NOT_ASKED = "not-asked"


@dataclass(frozen=True, slots=True)
class Finding:
    """`check` names the thing, `code` the cause: a stable word each; equal where nothing is wrong.

    `message` says what is the case, `why` why it matters, `fix` the command or the line that mends it.
    """

    check: str
    status: Status
    message: str
    code: str = ""
    why: str = ""
    fix: str = ""
    place: Place | None = None


def ok(check: str, message: str, place: Place | None = None) -> Finding:
    """Nothing is wrong with it."""
    return Finding(check, Status.OK, message, check, place=place)


def not_asked(check: str, message: str) -> Finding:
    """It cannot be told; `message` says why."""
    return Finding(check, Status.NOT_ASKED, message, check)
