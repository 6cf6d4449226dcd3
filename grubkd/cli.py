"""The process: runs a verb, turns every failure into a message and an exit code."""

from __future__ import annotations

import gc
import sys
from typing import TYPE_CHECKING

from grubkd.errors import Failed, GrubkdError, InputOutput, Interrupted, Usage
from grubkd.render import output
from grubkd.text import from_user

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import NoReturn

    import click

_LIBRARIES = ("augeas", "click", "lark", "psutil")


def _run(arguments: list[str]) -> int:
    """Run a verb; returns the exit code. The exceptions of click become GrubkdError."""
    import click

    from grubkd.commands.group import group

    try:
        status = group.main(arguments, prog_name="grubkd", standalone_mode=False)
        return status if isinstance(status, int) else 0
    except click.ClickException as problem:
        raise _usage(problem, arguments) from None
    except (click.Abort, KeyboardInterrupt):
        raise Interrupted("interrupted") from None


def _usage(problem: click.ClickException, arguments: list[str]) -> Usage:
    """The error of a command line that click refuses."""
    import click

    from grubkd.commands.group import VERBS

    context = problem.ctx if isinstance(problem, click.UsageError) else None
    # click's parser does not say which command an option without its argument belongs to.
    command = context.command_path if context else f"grubkd {arguments[0]}" if arguments[0] in VERBS else "grubkd"
    return Usage(from_user(problem.format_message()), hint=f"see: {command} --help")


def _answer(arguments: list[str]) -> int:
    """Run a verb and report its failure; returns the exit code."""
    output.begin()
    try:
        return _run(arguments)
    except Exception as problem:
        failure = _failure(problem)
    if "--json" in arguments:
        output.document({"error": failure, "exit": failure.exit})
    else:
        output.complain(failure, "error")
    return failure.exit


def _failure(problem: Exception) -> GrubkdError:
    """The error to report for an exception. Raises it again if it is a defect, or if stdout failed."""
    if isinstance(problem, GrubkdError):
        return problem
    if isinstance(problem, ModuleNotFoundError) and problem.name in _LIBRARIES:
        packages = f"Debian's and Fedora's package is python3-{problem.name}"
        return Failed(f"the Python library {problem.name} is not installed", hint=f"install it: {packages}")
    if isinstance(problem, OSError) and problem.filename is not None:
        return InputOutput(f"{problem.filename}: {problem.strerror}")
    raise problem


def main(argv: Sequence[str] | None = None) -> int:
    """Run grubkd; returns the exit code. Raises nothing: a traceback is a defect."""
    # A run makes many values and keeps them: looking for cycles among them takes a tenth of its time.
    gc.set_threshold(100_000)
    output.replace_closed_stdout()
    try:
        return _answer(list(sys.argv[1:] if argv is None else argv))
    except (OSError, SystemExit) as problem:
        # click turns a broken pipe into SystemExit(1). A reader that has gone (`grubkd show | head`) needs no message.
        if isinstance(problem, SystemExit) and problem.code in (0, None):
            return 0
        output.discard()
        if isinstance(problem, OSError) and not isinstance(problem, BrokenPipeError):
            output.complain(InputOutput(f"the answer cannot be written: {problem.strerror}"), "error")
        return 1


def run() -> NoReturn:
    """Run grubkd as a command: ends the process with the exit code."""
    sys.exit(main())
