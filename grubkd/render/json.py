"""The JSON of every answer: one object with a version, written from values as they are inside grubkd."""

from __future__ import annotations

from collections.abc import Mapping, Set
from enum import Enum
from json import dumps
from typing import TYPE_CHECKING

from grubkd.errors import GrubkdError, Notice
from grubkd.render import output
from grubkd.text import to_display

if TYPE_CHECKING:
    from typing import Any

VERSION = 1


def document(answer: Mapping[str, Any]) -> None:
    """Print the answer of a --json run. Text in it has one character for each byte; sizes are integers in bytes."""
    output.text(dumps({"version": VERSION, **encode(answer)}, indent=2))


def encode(value: Any) -> Any:
    """The value as json.dumps takes it: text in the form of the operating system, tuples as lists, enums as values."""
    if isinstance(value, Enum):
        return encode(value.value)
    if isinstance(value, str):
        return value if value.isascii() else _display(value)
    if isinstance(value, Mapping):
        return {name: encode(each) for name, each in value.items()}
    if isinstance(value, list | tuple | Set):
        return [encode(each) for each in value]
    if isinstance(value, Notice | GrubkdError):
        return encode(_notice(value))
    return value


def _display(text: str) -> str:
    try:
        return to_display(text)
    except UnicodeEncodeError:  # text of a JSON file that somebody wrote: it was never bytes
        return text


def _notice(found: Notice | GrubkdError) -> dict[str, Any]:
    """A warning or an error; line and column are null where they are not known."""
    place = found.place
    return {
        "code": found.code,
        "message": found.message,
        "hint": found.hint or None,
        "file": place.file if place else None,
        "line": (place.line or None) if place else None,
        "column": (place.column or None) if place else getattr(found, "column", 0) or None,
    }


def failure(problem: GrubkdError) -> None:
    """Print why a --json run failed."""
    document({"error": problem, "exit": problem.exit})
