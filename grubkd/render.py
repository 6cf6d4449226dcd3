"""Results to what people and programs read: the only writer to stdout.

stdout is the answer, stderr the story. Under --json stdout is one versioned object, errors included.
"""

from __future__ import annotations

import logging
import os
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

from grubkd.log import WAITING, logger
from grubkd.render_colour import BAD, DOUBT, HEAD, coloured, mark, plain, shown, wanted
from grubkd.text import to_display

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import IO, Any

    from grubkd.errors import GrubkdError, Notice

JSON_VERSION = 1
# As the journal knows them, with syslog's numbers.
ERROR, WARNING, NOTE, DETAIL = 3, 4, 6, 7

_colour = "auto"


class ProgressHandler(logging.Handler):
    """Writes progress messages to stderr, each line once: a change reads its files before, as planned, and after."""

    def __init__(self) -> None:
        super().__init__()
        self._shown: set[str] = set()

    def emit(self, record: logging.LogRecord) -> None:
        """Write one message. A reader of stderr that is gone does not end a change half-way."""
        line = record.getMessage()
        if record.levelno == WAITING:
            if sys.stderr is None or not sys.stderr.isatty():
                return
            line += " ..."
        elif line in self._shown:
            return
        self._shown.add(line)
        with suppress(OSError):
            tell(f"grubkd: {_one_line(line)}", DETAIL if record.levelno < logging.INFO else NOTE)


def begin() -> None:
    """Start a run: colours by the terminal, no progress messages."""
    for handler in logger.handlers[:]:
        logger.removeHandler(handler)
    logger.addHandler(ProgressHandler())
    logger.propagate = False
    logger.setLevel(WAITING)
    choose_colour("auto")


def choose_colour(choice: str) -> None:
    """Colour answers and messages: "auto", "always" or "never"."""
    global _colour  # noqa: PLW0603 - one process has one stdout and one stderr
    _colour = choice


def more_verbose(steps: int) -> None:
    """Show more progress messages: one step INFO, two DEBUG; -v before and after the verb add up."""
    for _ in range(steps):
        logger.setLevel(logging.INFO if logger.level > logging.INFO else logging.DEBUG)


def _write(stream: IO[str], text: str) -> None:
    """Write a person's text, whatever its bytes and whatever the locale.

    A terminal obeys control characters, and a title or a file name may hold any: there they are shown, not sent. Of
    the story, which may be a line in a journal, they are shown anywhere.
    """
    terminal = stream.isatty()
    if terminal or stream is sys.stderr:
        text = shown(text)
    text = coloured(text) if wanted(_colour, os.environ, terminal=terminal) else plain(text)
    stream.flush()
    stream.buffer.write(text.encode("utf-8", "surrogateescape"))  # type: ignore[attr-defined]
    stream.flush()


def text(answer: str) -> None:
    """Print a part of the answer, one or more lines without the last newline."""
    _write(sys.stdout, answer + "\n")


class Rows(list[str]):
    """Objects in JSON: the texts that `dumps` makes of them. Thousands are written faster by who knows their fields."""

    __slots__ = ()


def document(answer: Mapping[str, Any]) -> None:
    """Print the answer of a --json run: one object with its version first, a line for each field and element."""
    from json import dumps

    # Python's own indentation takes ten times as long as its encoder without.
    parts = ["{"]
    for name, value in {"version": JSON_VERSION, **answer}.items():
        rows: Sequence[str] = ()
        if isinstance(value, Rows):
            rows = value
        elif isinstance(value, list | tuple) and any(isinstance(each, dict) for each in value):
            rows = [*map(dumps, value)]
        parts.append(f"{',' if len(parts) > 1 else ''}\n  {dumps(name)}: ")
        parts += ["[\n    ", ",\n    ".join(rows), "\n  ]"] if rows else [dumps(value)]
    _write(sys.stdout, "".join([*parts, "\n}\n"]))


def tell(text: str, level: int = NOTE) -> None:
    """Tell what happens, on stderr; where that is the journal's, each line with its level, as sd-daemon(3) has it."""
    if sys.stderr is None:  # closed by the caller (`2>&-`): told to nobody
        return
    lines = text.split("\n")
    prefix = f"<{level}>" if _journalled() else ""
    _write(sys.stderr, "".join(f"{prefix}{line}\n" for line in lines))


def _journalled() -> bool:
    """Whether stderr leads straight to the journal: systemd names the socket's device and inode."""
    named = os.environ.get("JOURNAL_STREAM")
    if not named:
        return False
    try:
        status = os.fstat(sys.stderr.fileno())
    except (OSError, ValueError):
        return False
    return named == f"{status.st_dev}:{status.st_ino}"


def _one_line(text: str) -> str:
    """A message as a single line, whatever file name it holds."""
    return to_display(text).replace("\n", "\\x0a")


def notice(found: Notice | GrubkdError) -> dict[str, Any]:
    """A warning or an error as a JSON object; line and column are null where they are not known."""
    place = found.place
    return {
        "code": found.code,
        "message": to_display(found.message),
        "hint": to_display(found.hint) or None,
        "file": to_display(place.file) if place else None,
        "line": (place.line or None) if place else None,
        "column": (place.column or None) if place else getattr(found, "column", 0) or None,
    }


def complain(found: Notice | GrubkdError, kind: str) -> None:
    """Tell a warning or an error on stderr: what, where, and what to do."""
    column = getattr(found, "column", 0)
    where = f"{found.place}: " if found.place else f"column {column}: " if column else ""
    level, colour = (ERROR, BAD) if kind == "error" else (WARNING, DOUBT)
    tell(f"grubkd: {mark(kind, colour)}: {_one_line(f'{where}{found.message}')}", level)
    if found.hint:
        tell(to_display(f"  {found.hint}"), level)


def warnings(found: Iterable[Notice]) -> None:
    """Tell warnings on stderr."""
    for each in found:
        complain(each, "warning")


def failure(problem: GrubkdError, *, json: bool) -> int:
    """Report why the run failed; returns the exit code."""
    if json:
        document({"error": notice(problem), "exit": problem.exit})
    else:
        complain(problem, "error")
    return problem.exit


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns aligned by their widest cell, two blanks between, no blanks at line ends."""
    lines = [[mark(head, HEAD) for head in heads], *rows]
    lengths = [[len(plain(cell)) for cell in row] for row in lines]
    widths = [max(column) for column in zip(*lengths, strict=True)]
    return "\n".join(
        "  ".join(
            cell + " " * (width - length) for cell, width, length in zip(row, widths, sizes, strict=True)
        ).rstrip()
        for row, sizes in zip(lines, lengths, strict=True)
    )


def at_terminal() -> bool:
    """Whether the answer goes to a terminal."""
    return sys.stdout.isatty()


def terminal_width() -> int:
    """The width to fold at: the terminal's, or 100 where stdout is none."""
    try:
        return os.get_terminal_size(sys.stdout.fileno()).columns
    except (OSError, ValueError):
        return 100
