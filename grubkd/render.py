"""Results to what people and programs read: the only writer to stdout.

stdout is the answer, stderr the story. Under --json stdout is one versioned object, errors included.
"""

import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import IO, Any

from grubkd import octets
from grubkd.errors import GrubkdError, Notice
from grubkd.lazily import expression

JSON_VERSION = 1
_CONTROLS = expression("[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def _write(stream: IO[str], text: str) -> None:
    """Write a person's text, whatever its bytes and whatever the locale.

    A terminal obeys control characters, and a title or a file name may hold any: there they are shown, not sent.
    """
    if stream.isatty():
        text = _CONTROLS.sub(lambda found: f"\\x{ord(found[0]):02x}", text)
    stream.flush()
    stream.buffer.write(text.encode("utf-8", "surrogateescape"))  # type: ignore[attr-defined]
    stream.flush()


def text(answer: str) -> None:
    """Print a part of the answer, one or more lines without the last newline."""
    _write(sys.stdout, answer + "\n")


def document(answer: Mapping[str, Any]) -> None:
    """Print the answer of a --json run: one object with its version first, a line for each field and element."""
    from json import dumps

    # Python's own indentation takes ten times as long as its encoder without.
    fields = []
    for name, value in {"version": JSON_VERSION, **answer}.items():
        if isinstance(value, list | tuple) and any(isinstance(each, dict) for each in value):
            rows = ",\n    ".join(map(dumps, value))
            fields.append(f"{dumps(name)}: [\n    {rows}\n  ]")
        else:
            fields.append(f"{dumps(name)}: {dumps(value)}")
    _write(sys.stdout, "{\n  " + ",\n  ".join(fields) + "\n}\n")


def story(line: str) -> None:
    """Tell what happens, on stderr."""
    _write(sys.stderr, line + "\n")


def notice(found: Notice | GrubkdError) -> dict[str, Any]:
    """A warning or an error as a JSON object; line and column are null where they are not known."""
    place = found.place
    return {
        "code": found.code,
        "message": octets.to_person(found.message),
        "hint": octets.to_person(found.hint) or None,
        "file": octets.to_person(place.file) if place else None,
        "line": (place.line or None) if place else None,
        "column": (place.column or None) if place else getattr(found, "column", 0) or None,
    }


def complain(found: Notice | GrubkdError, kind: str) -> None:
    """Tell a warning or an error on stderr: what, where, and what to do."""
    column = getattr(found, "column", 0)
    where = f"{found.place}: " if found.place else f"column {column}: " if column else ""
    story(octets.to_person(f"grubkd: {kind}: {where}{found.message}"))
    if found.hint:
        story(octets.to_person(f"  {found.hint}"))


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
    widths = [max(len(row[column]) for row in [heads, *rows]) for column in range(len(heads))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in [heads, *rows]
    )


def terminal_width() -> int:
    """The width to fold at: the terminal's, or 100 where stdout is none."""
    try:
        return os.get_terminal_size(sys.stdout.fileno()).columns
    except (OSError, ValueError):
        return 100
