"""Runs a verb, and turns every failure into a message and an exit code.

The exit code says what the files are. A change that is made exits 0, even if its answer cannot be written; a failure
keeps its code, even if its message cannot.
"""

from __future__ import annotations

import gc
import signal
import sys
from contextlib import suppress
from importlib.util import find_spec
from typing import TYPE_CHECKING

from grubkd.errors import Failed, GrubkdError, InputOutput, Interrupted, Usage
from grubkd.render import output
from grubkd.signals import ENDING
from grubkd.text import from_user

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    import click

_LIBRARIES = ("augeas", "click", "lark", "psutil")


class _AnswerLost(InputOutput):
    """Standard output cannot be written, so that the error cannot be an answer either."""


class Signals:
    """Handlers of the signals that end a run. When a change is made they ignore them: the exit code says that it is."""

    def __init__(self) -> None:
        self._ignoring = False
        self.number: int | None = None
        self._old: dict[int, Any] = {}

    def __enter__(self) -> Signals:
        for number in ENDING:
            with suppress(ValueError):  # in another thread
                if signal.getsignal(number) != signal.SIG_IGN:
                    self._old[number] = signal.signal(number, self)
        return self

    def __exit__(self, *_problem: object) -> None:
        for number, handler in self._old.items():
            signal.signal(number, handler)

    def __call__(self, number: int, _frame: object) -> None:
        """End the run: what holds a resource gives it back."""
        if not self._ignoring:
            self.number = number
            raise KeyboardInterrupt

    def too_late(self) -> None:
        """Ignore signals from here on. signals.HeldSignals calls it when a change is made."""
        self._ignoring = True


def main(argv: Sequence[str] | None = None) -> int:
    """Run grubkd inside another program: as run, and its handlers of signals go with it.

    SIGTERM and SIGHUP are for the program: when the run has ended they take their effect on it.
    """
    with Signals() as signals:
        status = run(sys.argv[1:] if argv is None else argv)
    if signals.number not in (None, signal.SIGINT):
        signal.raise_signal(signals.number)
    return status


def run(argv: Sequence[str]) -> int:
    """Run grubkd; returns the exit code. Raises nothing: a traceback is a defect."""
    # A run makes many values and keeps them: looking for cycles among them takes a tenth of its time.
    gc.set_threshold(100_000)
    arguments = list(argv)
    output.begin()
    try:
        return _answer(arguments)
    finally:
        output.end()


def _answer(arguments: list[str]) -> int:
    """Run a verb, and report its failure; returns the exit code."""
    try:
        return _run(arguments)
    except SystemExit as ended:
        # click ends a run whose reader has gone (`grubkd show | head`): that needs no message.
        failure = None
        if ended.code in (0, None):
            return 0
    except (Exception, KeyboardInterrupt) as problem:
        failure = _failure(problem)
    if failure is None:
        output.discard()
        return 1
    if "--json" in arguments and not isinstance(failure, _AnswerLost):
        with output.optional():
            output.document({"error": failure, "exit": failure.exit, "errors": [failure], "warnings": failure.warnings})
    else:
        output.complain_of(failure.warnings, "warning")
        output.complain(failure, "error")
    return failure.exit


def _run(arguments: list[str]) -> int:
    """Run a verb; returns the exit code. The exceptions of click become GrubkdError."""
    import click

    from grubkd.commands.group import group

    try:
        status = group.main(arguments, prog_name="grubkd", standalone_mode=False)
        return status if isinstance(status, int) else 0
    except click.ClickException as problem:
        raise _usage(problem, arguments) from None
    except click.Abort:
        raise Interrupted("interrupted") from None


def _usage(problem: click.ClickException, arguments: list[str]) -> Usage:
    """The error of a command line that click refuses."""
    import click

    from grubkd.commands.group import VERBS

    context = problem.ctx if isinstance(problem, click.UsageError) else None
    # click's parser does not say which command an option without its argument belongs to.
    command = context.command_path if context else f"grubkd {arguments[0]}" if arguments[0] in VERBS else "grubkd"
    return Usage(from_user(problem.format_message()), hint=f"see: {command} --help")


def _failure(problem: BaseException) -> GrubkdError | None:
    """The error to report for an exception; None if the reader of the answer has gone. Raises a defect again."""
    if isinstance(problem, GrubkdError):
        return problem
    if isinstance(problem, KeyboardInterrupt):
        return Interrupted("interrupted")
    if isinstance(problem, ImportError):
        return _not_loaded(problem)
    if isinstance(problem, MemoryError):
        return Failed("there is not enough memory", hint="raise the limit of this process (ulimit -v)")
    if isinstance(problem, OSError):
        return None if isinstance(problem, BrokenPipeError) else _system_failure(problem)
    raise problem


def _system_failure(problem: OSError) -> Failed:
    """The error for a system call that failed outside the tree."""
    if problem.filename is not None:
        return InputOutput(f"{from_user(str(problem.filename))}: {problem.strerror}")
    if problem.errno is None:  # from the loader of shared libraries
        return Failed(f"a library cannot be loaded: {problem}", hint="install it again, or raise ulimit -v")
    output.discard()
    return _AnswerLost(f"the answer cannot be written: {problem.strerror}")


def _not_loaded(problem: ImportError) -> Failed:
    """All libraries that are missing; if none is, the module that cannot be loaded."""
    from pathlib import Path

    missing = [name for name in _LIBRARIES if find_spec(name) is None]
    if not missing:
        hint = "install it again, or raise ulimit -v"
        if not Path(__file__).exists():
            hint = "Python loads no compiled module from a zip archive: install psutil and python-augeas outside of it"
        return Failed(f"a Python module cannot be loaded: {problem}", hint=hint)
    which = f"library {missing[0]} is" if len(missing) == 1 else f"libraries {', '.join(missing)} are"
    packages = " ".join(f"python3-{name}" for name in missing)
    return Failed(f"the Python {which} not installed", hint=f"install, on Debian and Fedora: {packages}")
