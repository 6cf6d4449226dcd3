"""Errors: one class for each cause, with a stable code for programs and an exit code; and warnings.

The message says what was found, the place says where, the hint says how to fix it. Exit codes: 1 failed and rolled
back, 2 usage, 3 a file was not understood, 4 refused, 5 rollback failed, 130 interrupted.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any, ClassVar


class Place(NamedTuple):
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


class Notice(NamedTuple):
    """A warning. The run continues. `commands` fix it, if commands can: argument lists, run in order."""

    code: str
    message: str
    hint: str = ""
    place: Place | None = None
    commands: tuple[tuple[str, ...], ...] = ()


class GrubkdError(Exception):
    """The base class. `code`: a stable word for programs; `exit`: the exit code; `remedy`: the default hint.

    `commands` fix it, if commands can: argument lists, run in order. `warnings`: what was found or done before it.

    A subclass states them as arguments of the class statement, or inherits them.
    """

    code: ClassVar[str] = "error"
    exit: ClassVar[int] = 1
    remedy: ClassVar[str] = ""

    def __init_subclass__(cls, **stated: Any) -> None:
        super().__init_subclass__()
        for name, value in stated.items():
            setattr(cls, name, value)

    def __init__(
        self,
        message: str,
        *,
        hint: str = "",
        place: Place | None = None,
        commands: tuple[tuple[str, ...], ...] = (),
    ) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint or self.remedy
        self.place = place
        self.commands = commands
        self.warnings: tuple[Notice, ...] = ()

    def __str__(self) -> str:
        return f"{self.place}: {self.message}" if self.place else self.message


@contextmanager
def carrying(warnings: tuple[Notice, ...]) -> Iterator[None]:
    """A context whose errors carry warnings: an interrupted change was undone, say, and then the command failed."""
    try:
        yield
    except GrubkdError as problem:
        problem.warnings = warnings + problem.warnings
        raise


class Failed(GrubkdError, code="failed", exit=1):
    """The system refused it. What was begun is undone."""


class PermissionDenied(Failed, code="permission-denied", remedy="run grubkd as root"):
    """The process has no permission; usually it does not run as root."""


class InputOutput(Failed, code="io-error", remedy="fix the reported error, then retry"):
    """A system call failed: no space left, a read-only file system, an I/O error."""


class LockBusy(Failed, code="lock-busy"):
    """Another grubkd holds the lock of this tree."""


class CommandFailed(Failed, code="command-failed", remedy="run that command by hand to see why it fails"):
    """A command that grubkd ran (a follow-up, a generator) failed."""


class VerificationFailed(
    Failed,
    code="verification-failed",
    remedy="this is a defect of grubkd; no file is changed; please report it with the output of `grubkd show --json`",
):
    """The tree, read again, is not as planned: a defect, found before the write, or undone after it."""


class Usage(GrubkdError, code="usage", exit=2, remedy="see: grubkd --help"):
    """The command line of grubkd is wrong."""


class BadValue(Usage, code="bad-value"):
    """A malformed crashkernel value. `column` counts from 1 within the value."""

    def __init__(self, message: str, *, hint: str = "", column: int = 0) -> None:
        super().__init__(message, hint=hint)
        self.column = column


class NotUnderstood(GrubkdError, code="not-understood", exit=3):
    """A file that the grammar does not accept. It is reported, and never edited."""


class Refused(GrubkdError, code="refused", exit=4):
    """grubkd does not do it, for the reason given. Nothing was written."""


class NoSuchEntry(Refused, code="no-such-entry", remedy="grubkd show lists the entries"):
    """No entry matches the selector, or the default entry cannot be determined."""


class NoBootloader(Refused, code="no-bootloader"):
    """The tree has no boot configuration."""


class NoDefaultPlace(Refused, code="no-default-place"):
    """No file in which grubkd writes says which entry boots by default."""


class RamUnknown(Refused, code="ram-unknown"):
    """The value depends on the amount of RAM, which is not known."""


class ArchitectureUnknown(Refused, code="architecture-unknown"):
    """The value depends on the architecture, which is not known."""


class WouldNotReserve(
    Refused, code="would-not-reserve", remedy="give a value; grubkd predict shows what the kernel does with it"
):
    """The kernel would reserve nothing for this value."""


class WouldNotBoot(Refused, code="would-not-boot"):
    """The kernel would not boot with this value."""


class TooLong(Refused, code="too-long"):
    """A kernel command line, or the block that holds it, would be longer than its reader accepts."""


class CannotHold(Refused, code="cannot-hold"):
    """The format cannot hold the argument in a way that the kernel receives it."""


class ForeignValue(Refused, code="foreign-value"):
    """The kernel reads a crashkernel value in a text that is not an argument of that name, and it would win."""


class ChangedSinceRead(Refused, code="changed-since-read"):
    """Another program changed a file after grubkd read it."""


class NothingToRollBack(Refused, code="nothing-to-roll-back"):
    """There is no such transaction, or none is left to undo."""


class UntrustedJournal(Refused, code="untrusted-journal"):
    """A journal, or its directory, belongs to another user than root and the caller, or others may write to it."""


class Sealed(Refused, code="sealed"):
    """Only the own tool of the image can change its boot arguments."""


class NothingToEdit(
    Refused,
    code="nothing-to-edit",
    remedy="grubkd show lists the entries; a menu in another place is named by --grub-cfg PATH",
):
    """No entry boots a Linux kernel of this system, and nothing feeds new kernels."""


class ArgumentsNotKnown(
    Refused,
    code="arguments-not-known",
    remedy="write the linux line into the entry, or select the other entries with --kernel",
):
    """An entry boots Linux with arguments that only its boot loader knows."""


class VariableNotKnown(
    Refused,
    code="variable-not-known",
    remedy="set the variable once, at the top level of the file, without the argument; then run grubkd again",
):
    """A variable of the boot loader's script may hold the argument."""


class TunedValue(
    Refused,
    code="tuned-value",
    remedy="remove it from the profile's [bootloader] cmdline, then run: tuned-adm profile PROFILE",
):
    """tuned's profile sets the argument, and grubkd does not write what tuned owns."""


class RollbackFailed(GrubkdError, code="rollback-failed", exit=5):
    """Undoing failed too. The message says what to do by hand."""


class Interrupted(
    GrubkdError, code="interrupted", exit=130, remedy="run the same command again if you still want the change"
):
    """A signal ended the run. What was begun is undone."""
