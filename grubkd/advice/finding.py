"""A finding of `check` about one thing that a dump depends on."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from grubkd.errors import Notice

if TYPE_CHECKING:
    from grubkd.errors import Place


class Status(StrEnum):
    """PROBLEM: no dump will be saved. NOT_ASKED: it cannot be checked from here."""

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"
    NOT_ASKED = "not-asked"


class Finding(NamedTuple):
    """`check` names the thing and `code` the cause; both are stable words, and equal if nothing is wrong.

    `message` is the fact, `why` says why it matters, and `fix` is the command or the setting that fixes it. `commands`
    fix it, if commands can: argument lists, run in order.
    """

    check: str
    status: Status
    message: str
    code: str = ""
    why: str = ""
    fix: str = ""
    place: Place | None = None
    commands: tuple[tuple[str, ...], ...] = ()

    @property
    def notice(self) -> Notice:
        """The finding as a warning."""
        return Notice(self.code, self.message, self.fix, self.place, self.commands)


def ok(check: str, message: str, place: Place | None = None) -> Finding:
    """Nothing is wrong."""
    return Finding(check, Status.OK, message, check, place=place)


def not_asked(check: str, message: str) -> Finding:
    """It cannot be checked; `message` says why."""
    return Finding(check, Status.NOT_ASKED, message, check)
