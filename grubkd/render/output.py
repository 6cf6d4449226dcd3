"""What is written to stdout and stderr: the answer to stdout; progress messages, warnings and errors to stderr.

With --json the answer is one object with a version, made from values as they are inside grubkd.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Mapping, Set
from contextlib import contextmanager
from dataclasses import fields, is_dataclass
from enum import Enum
from json import dumps
from math import isfinite
from typing import TYPE_CHECKING

from grubkd.errors import GrubkdError, InputOutput, Notice
from grubkd.log import WAITING, logger
from grubkd.render import fix
from grubkd.render.tables import BAD, DOUBT, coloured, fitted, mark, plain, wanted, wrapped
from grubkd.text import escaped, to_display, to_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from typing import IO, Any

    from grubkd.advice.finding import Finding

VERSION = 1
# The levels of the journal, by syslog's numbers.
ERROR, WARNING, INFO, DEBUG = 3, 4, 6, 7

_colour = "auto"


class ProgressHandler(logging.Handler):
    """Writes progress messages to stderr, each line once: a change reads its files before, as planned, and after."""

    def __init__(self) -> None:
        super().__init__()
        self._shown: set[str] = set()

    def emit(self, record: logging.LogRecord) -> None:
        """Write one message."""
        line = record.getMessage()
        if record.levelno == WAITING:
            if sys.stderr is None or not sys.stderr.isatty():
                return
            line += " ..."
        elif line in self._shown:
            return
        self._shown.add(line)
        message(line, DEBUG if record.levelno < logging.INFO else INFO)


def begin() -> None:
    """Start a run: colours by the terminal, no progress messages; a closed stdout (`>&-`) goes nowhere."""
    if sys.stdout is None:
        sys.stdout = os.fdopen(os.open(os.devnull, os.O_WRONLY), "w")
    for handler in logger.handlers[:]:
        logger.removeHandler(handler)
    logger.addHandler(ProgressHandler())
    logger.propagate = False
    logger.setLevel(WAITING)
    choose_colour("auto")


def end() -> None:
    """End a run: the next one in this process is about another tree."""
    fix.forget()


def choose_colour(choice: str) -> None:
    """Colour answers and messages: "auto", "always" or "never"."""
    global _colour  # noqa: PLW0603 - one process has one stdout and one stderr
    _colour = choice


def more_verbose(steps: int) -> None:
    """Show more progress messages: one step INFO, two DEBUG; -v before and after the verb add up."""
    for _ in range(steps):
        logger.setLevel(logging.INFO if logger.level > logging.INFO else logging.DEBUG)


def text(answer: str) -> None:
    """Print a part of the answer, one or more lines without the last newline."""
    _write(sys.stdout, answer + "\n")


def message(line: str, level: int = INFO) -> None:
    """Write one line to stderr, with grubkd's name before it."""
    _stderr([f"grubkd: {to_line(line)}"], level)


def plain_message(line: str) -> None:
    """Write one line to stderr without grubkd's name: where grubkd takes the place of another program."""
    _stderr([to_line(line)], INFO)


def complain(found: Notice | GrubkdError, kind: str) -> None:
    """Write a warning or an error (`kind`) to stderr: what, where, and how to fix it."""
    column = getattr(found, "column", 0)
    where = f"{found.place}: " if found.place else f"column {column} of VALUE: " if column else ""
    level, colour = (ERROR, BAD) if kind == "error" else (WARNING, DOUBT)
    with fitted(_room(sys.stderr)):
        lines = wrapped(f"grubkd: {mark(kind, colour)}: {to_line(f'{where}{found.message}')}")
        said = fix.shown(found)
        _stderr([*lines, *wrapped(f"  {said}", 2)] if said else lines, level)


def complain_of(found: Iterable[Notice | GrubkdError], kind: str) -> None:
    """Write warnings or errors to stderr."""
    for each in found:
        complain(each, kind)


def relay(part: bytes) -> None:
    """Write to stderr what a command prints, unchanged, so that its progress can be seen. A lost stderr is ignored."""
    if sys.stderr is None:
        return
    try:
        sys.stderr.flush()
        sys.stderr.buffer.write(part)
        sys.stderr.flush()
    except OSError:
        _send_nowhere(sys.stderr)


def help_text(found: str) -> None:
    """Write a help text to stderr, as the answer to a command line without a verb."""
    _stderr(found.split("\n"), INFO)


def report(
    answer: Mapping[str, Any] | None,
    lines: Iterable[str],
    *,
    warnings: Iterable[Notice] = (),
    errors: Sequence[GrubkdError] = (),
    whole: bool = False,
) -> int:
    """Print an answer as JSON if there is one, else its lines, warnings and errors; returns the exit code.

    `errors`: the files that the answer lacks, because they could not be read. `whole`: no line is made to fit.
    """
    if answer is not None:
        document(answer)
    else:
        with fitted(None if whole else _room(sys.stdout)):
            for line in lines:
                text("\n".join(wrapped(line, _hanging(line))))
        complain_of(warnings, "warning")
        complain_of(errors, "error")
    return max((each.exit for each in errors), default=0)


def document(answer: Mapping[str, Any]) -> None:
    """Print the answer of a --json run. Text in it has one character for each byte; sizes are integers in bytes."""
    missing = {name: () for name in ("warnings", "errors") if name not in answer}
    text(dumps({"version": VERSION, **encode({**answer, **missing})}, indent=2))


def encode(value: Any) -> Any:
    """The value as json.dumps takes it: text in the form of the operating system, tuples as lists, enums as values.

    A named tuple or a dataclass becomes an object with its fields.
    """
    if isinstance(value, Enum):
        value = value.value
    elif isinstance(value, Notice | GrubkdError):
        value = _notice(value)
    if isinstance(value, str):
        return to_display(value)
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        value = value._asdict()
    if isinstance(value, Mapping):
        return {name: encode(each) for name, each in value.items()}
    if isinstance(value, list | tuple | Set):
        return [encode(each) for each in value]
    if isinstance(value, float) and not isfinite(value):
        return None  # JSON has no such number
    if is_dataclass(value):
        return {each.name: encode(getattr(value, each.name)) for each in fields(value)}
    return value


def members(value: object, *names: str) -> dict[str, Any]:
    """An object with some fields of a value."""
    return {name: getattr(value, name) for name in names}


def fix_and_place(found: Finding | Notice | GrubkdError) -> dict[str, Any]:
    """How to fix something, and where it is; null if that is not known."""
    place = found.place
    said, commands = fix.of(found)
    return {
        "fix": said or None,
        "fix_commands": commands,
        "file": place.file if place else None,
        "line": (place.line or None) if place else None,
    }


def _notice(found: Notice | GrubkdError) -> dict[str, Any]:
    """A warning or an error."""
    column = found.place.column if found.place else getattr(found, "column", 0)
    return {**members(found, "code", "message"), **fix_and_place(found), "column": column or None}


def at_terminal() -> bool:
    """Whether the answer goes to a terminal."""
    return sys.stdout.isatty()


def terminal_width() -> int:
    """The columns of the terminal: COLUMNS if that is set, else what the terminal says, or 80."""
    from shutil import get_terminal_size

    return get_terminal_size((80, 24)).columns


def _room(stream: IO[str] | None) -> int | None:
    """The columns that lines have to fit into; None for a pipe, and with -v: all is shown."""
    if stream is None or not stream.isatty() or logger.isEnabledFor(logging.INFO):
        return None
    return max(terminal_width(), 20)


def _hanging(line: str) -> int:
    """The indent of a line's continuation: the column of its text behind a word and blanks, as in check's lines."""
    shown = plain(line)
    start = len(shown) - len(shown.lstrip(" "))
    column = shown.find("  ", start)
    if 0 < column < 16:
        start = column + len(shown[column:]) - len(shown[column:].lstrip(" "))
    return start or 4


def discard() -> None:
    """Discard the rest of the answer: stdout failed, and the interpreter would try again when it ends."""
    _send_nowhere(sys.stdout)


@contextmanager
def optional() -> Iterator[None]:
    """A context for an answer that does not decide the exit code. If it cannot be written, only a message says so."""
    try:
        yield
    except OSError as problem:
        discard()
        if not isinstance(problem, BrokenPipeError):  # a reader that has gone needs no message
            complain(InputOutput(f"the answer cannot be written: {problem.strerror}"), "error")


def _send_nowhere(stream: IO[str]) -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _stderr(found: Sequence[str], level: int) -> None:
    """Write lines to stderr; where that is the journal, each with its level, as sd-daemon(3) describes.

    A stderr that is closed (`2>&-`) or cannot be written changes nothing: not the change, not the exit code.
    """
    if sys.stderr is None:
        return
    prefix = f"<{level}>" if in_journal() else ""
    try:
        _write(sys.stderr, "".join(f"{prefix}{line}\n" for line in found))
    except OSError:
        _send_nowhere(sys.stderr)


def _write(stream: IO[str], text: str) -> None:
    """Write display text, whatever its bytes and whatever the locale.

    A terminal obeys control characters, and a title or a file name may hold any: they are shown as escapes. On stderr,
    which may be the journal, they always are.
    """
    terminal = stream.isatty()
    if terminal or stream is sys.stderr:
        text = escaped(text)
    text = coloured(text) if wanted(_colour, os.environ, terminal=terminal) else plain(text)
    stream.flush()
    stream.buffer.write(text.encode("utf-8", "surrogateescape"))  # type: ignore[attr-defined]
    stream.flush()


def in_journal() -> bool:
    """Whether stderr is connected to the journal: systemd names the socket's device and inode."""
    named = os.environ.get("JOURNAL_STREAM")
    if not named:
        return False
    try:
        status = os.fstat(sys.stderr.fileno())
    except (OSError, ValueError):
        return False
    return named == f"{status.st_dev}:{status.st_ino}"
