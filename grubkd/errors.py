"""Errors: one class for each cause, with a stable code for programs and an exit code; and warnings.

The message says what was found, the place says where, the hint says how to fix it. Exit codes: 1 failed and rolled
back, 2 usage, 3 a file was not understood, 4 refused, 5 rollback failed, 130 interrupted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import ClassVar


@dataclass(frozen=True, slots=True)
class Place:
    """A place in the tree: the path inside the root (from "/"), line and column from 1 (0: the whole file)."""

    file: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        parts = [self.file] + [str(number) for number in (self.line, self.column) if number]
        return ":".join(parts)


def place_at(file: str, text: str, offset: int) -> Place:
    """The place of a byte offset in the text of a file."""
    line = text.count("\n", 0, offset) + 1
    column = offset - (text.rfind("\n", 0, offset) + 1) + 1
    return Place(file, line, column)


@dataclass(frozen=True, slots=True)
class Notice:
    """A warning. The run continues."""

    code: str
    message: str
    hint: str = ""
    place: Place | None = None


class GrubkdError(Exception):
    """The base class. `code`: a stable word for programs; `exit`: the exit code; `remedy`: the default hint."""

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
    """The system refused it. What was begun is undone."""

    code = "failed"
    exit = 1


class PermissionDenied(Failed):
    """The process has no permission; usually it does not run as root."""

    code = "permission-denied"
    remedy = "run grubkd as root"


class InputOutput(Failed):
    """A system call failed: no space left, a read-only file system, an I/O error."""

    code = "io-error"
    remedy = "fix the reported error, then retry"


class LockBusy(Failed):
    """Another grubkd holds the lock of this tree."""

    code = "lock-busy"


class CommandFailed(Failed):
    """A command that grubkd ran (a follow-up, a generator) failed."""

    code = "command-failed"
    remedy = "run that command by hand to see why it fails"


class VerificationFailed(Failed):
    """The tree, read again, is not as planned: a defect, found before the write, or undone after it."""

    code = "verification-failed"
    remedy = "this is a defect of grubkd; no file is changed; please report it with the output of `grubkd show --json`"


class Usage(GrubkdError):
    """The command line of grubkd is wrong."""

    code = "usage"
    exit = 2
    remedy = "see: grubkd --help"


class BadValue(Usage):
    """A malformed crashkernel value. `column` counts from 1 within the value."""

    code = "bad-value"

    def __init__(self, message: str, *, hint: str = "", column: int = 0) -> None:
        super().__init__(message, hint=hint)
        self.column = column


class NotUnderstood(GrubkdError):
    """A file that the grammar does not accept. It is reported, and never edited."""

    code = "not-understood"
    exit = 3


class Refused(GrubkdError):
    """grubkd does not do it, for the reason given. Nothing was written."""

    code = "refused"
    exit = 4


class NoSuchEntry(Refused):
    """No entry matches the selector, or the default entry cannot be determined."""

    code = "no-such-entry"
    remedy = "grubkd show lists the entries"


class NoBootloader(Refused):
    """The tree has no boot configuration."""

    code = "no-bootloader"


class RamUnknown(Refused):
    """The value depends on the amount of RAM, which is not known."""

    code = "ram-unknown"


class ArchitectureUnknown(Refused):
    """The value depends on the architecture, which is not known."""

    code = "architecture-unknown"


class WouldNotReserve(Refused):
    """The kernel would reserve nothing for this value."""

    code = "would-not-reserve"
    remedy = "give a value; grubkd predict shows what the kernel does with it"


class WouldNotBoot(Refused):
    """The kernel would not boot with this value."""

    code = "would-not-boot"


class TooLong(Refused):
    """A kernel command line, or the block that holds it, would be longer than its reader accepts."""

    code = "too-long"


class CannotHold(Refused):
    """The format cannot hold the argument in a way that the kernel receives it."""

    code = "cannot-hold"


class ForeignValue(Refused):
    """The kernel reads a crashkernel value in a text that is not an argument of that name, and it would win."""

    code = "foreign-value"


class ChangedSinceRead(Refused):
    """Another program changed a file after grubkd read it."""

    code = "changed-since-read"


class NothingToRollBack(Refused):
    """There is no such transaction, or none is left to undo."""

    code = "nothing-to-roll-back"


class UntrustedJournal(Refused):
    """A journal, or its directory, belongs to another user than root and the caller, or others may write to it."""

    code = "untrusted-journal"


class Sealed(Refused):
    """Only the own tool of the image can change its boot arguments."""

    code = "sealed"


class NothingToEdit(Refused):
    """No entry boots a Linux kernel of this system, and nothing feeds new kernels."""

    code = "nothing-to-edit"
    remedy = "grubkd show lists the entries; a menu in another place is named by --grub-cfg PATH"


class ArgumentsNotKnown(Refused):
    """An entry boots Linux with arguments that only its boot loader knows."""

    code = "arguments-not-known"
    remedy = "write the linux line into the entry, or select the other entries with --kernel"


class VariableNotKnown(Refused):
    """A variable of the boot loader's script may hold the argument."""

    code = "variable-not-known"
    remedy = "set the variable once, at the top level of the file, without the argument; then run grubkd again"


class TunedValue(Refused):
    """tuned's profile sets the argument, and grubkd does not write what tuned owns."""

    code = "tuned-value"
    remedy = "remove it from the profile's [bootloader] cmdline, then run: tuned-adm profile PROFILE"


class RollbackFailed(GrubkdError):
    """Undoing failed too. The message says what to do by hand."""

    code = "rollback-failed"
    exit = 5


class Interrupted(GrubkdError):
    """A signal ended the run. What was begun is undone."""

    code = "interrupted"
    exit = 130
    remedy = "run the same command again if you still want the change"
