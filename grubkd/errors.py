"""Every way to fail: one class a cause, each with its stable code and its exit status.

A message says what was found, the hint what to do about it, the place where. Exit codes: 1 failed and rolled back,
2 usage, 3 a file was not understood, 4 refused, 5 rollback failed, 130 interrupted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import ClassVar


@dataclass(frozen=True, slots=True)
class Place:
    """Where in the tree: path inside the root (from "/"), line and column from 1 (0: the file as a whole)."""

    file: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        parts = [self.file] + [str(number) for number in (self.line, self.column) if number]
        return ":".join(parts)


def place_at(file: str, text: str, offset: int) -> Place:
    """The place of a byte offset in a file's text."""
    line = text.count("\n", 0, offset) + 1
    column = offset - (text.rfind("\n", 0, offset) + 1) + 1
    return Place(file, line, column)


@dataclass(frozen=True, slots=True)
class Notice:
    """A warning: something the reader should know that stops nothing."""

    code: str
    message: str
    hint: str = ""
    place: Place | None = None


class GrubkdError(Exception):
    """The root of the tree. `code` is a stable word for programs, `exit` the process's exit status.

    `remedy` is what to do about any error of the class: the hint where no better one is known.
    """

    code: ClassVar[str] = "error"
    exit: ClassVar[int] = 1
    remedy: ClassVar[str] = ""

    def __init__(self, message: str, *, hint: str = "", place: Place | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint or self.remedy
        self.place = place

    def __str__(self) -> str:
        return f"{self.place}: {self.message}" if self.place else self.message


class Failed(GrubkdError):
    """The system would not do it; what was begun has been undone."""

    code = "failed"
    exit = 1


class PermissionDenied(Failed):
    """The process lacks the right; usually: not root."""

    code = "permission-denied"
    remedy = "run grubkd as root"


class InputOutput(Failed):
    """A system call failed: no space, read-only, an I/O error."""

    code = "io-error"
    remedy = "fix the reported error, then retry"


class LockBusy(Failed):
    """Another grubkd holds the lock of this root."""

    code = "lock-busy"


class CommandFailed(Failed):
    """A command that grubkd ran (a follow-up, a generator) ended non-zero."""

    code = "command-failed"
    remedy = "run that command by hand to see what it lacks"


class VerificationFailed(Failed):
    """The tree read again is not the tree that was planned: a defect, found before or undone after the write."""

    code = "verification-failed"
    remedy = "this is a defect of grubkd, which has left no file changed: please report it with `grubkd show --json`"


class Usage(GrubkdError):
    """The command line of grubkd itself is wrong."""

    code = "usage"
    exit = 2
    remedy = "see: grubkd --help"


class BadValue(Usage):
    """A crashkernel value that is malformed; `column` counts from 1 within the value."""

    code = "bad-value"

    def __init__(self, message: str, *, hint: str = "", column: int = 0) -> None:
        super().__init__(message, hint=hint)
        self.column = column


class NotUnderstood(GrubkdError):
    """A file that a grammar cannot read: it is shown as such and never edited."""

    code = "not-understood"
    exit = 3


class Refused(GrubkdError):
    """grubkd will not do it, for the reason given; nothing was written."""

    code = "refused"
    exit = 4


class NoSuchEntry(Refused):
    """A selector that no entry matches, or a default that cannot be determined."""

    code = "no-such-entry"
    remedy = "grubkd show lists the entries"


class NoBootloader(Refused):
    """The tree holds no boot configuration."""

    code = "no-bootloader"


class RamUnknown(Refused):
    """The value depends on the amount of RAM and none is known."""

    code = "ram-unknown"


class ArchitectureUnknown(Refused):
    """The value depends on the architecture and none is known."""

    code = "architecture-unknown"


class WouldNotReserve(Refused):
    """The kernel would reserve nothing for the value."""

    code = "would-not-reserve"
    remedy = "give a value yourself; grubkd predict shows what the kernel does with it"


class WouldNotBoot(Refused):
    """The kernel would not boot with the value."""

    code = "would-not-boot"


class TooLong(Refused):
    """A kernel command line, or the block that holds it, would be longer than its reader takes."""

    code = "too-long"


class CannotHold(Refused):
    """The format has no way to write the argument so that the kernel receives it."""

    code = "cannot-hold"


class ForeignValue(Refused):
    """A text the kernel reads as a crashkernel value, which is no argument of ours and would win."""

    code = "foreign-value"


class ChangedSinceRead(Refused):
    """Somebody else changed a file between our reading and our writing."""

    code = "changed-since-read"


class NothingToRollBack(Refused):
    """No such transaction, or none left to undo."""

    code = "nothing-to-roll-back"


class Sealed(Refused):
    """An image whose boot arguments are changed by its own tool only."""

    code = "sealed"


class RollbackFailed(GrubkdError):
    """Undoing failed as well: what is left to do by hand is in the message."""

    code = "rollback-failed"
    exit = 5


class Interrupted(GrubkdError):
    """A signal ended the run; what was begun has been undone."""

    code = "interrupted"
    exit = 130
    remedy = "run the same command again if it is still wanted"
