"""The story of a run: what it reads, decides and runs. Whoever has something to tell tells it here.

`level` is 0 unless asked for (-v 1, -vv 2). Who tells much asks it first, so that silence costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

SILENT, DECISIONS, READING = 0, 1, 2

level = SILENT
# Who listens: one function for lines of the story, one for "this takes its time".
_tell: Callable[[int, str], None] | None = None
_wait: Callable[[str], None] | None = None


def listen(tell: Callable[[int, str], None], wait: Callable[[str], None], loudness: int) -> None:
    """Have the story told, up to that level, and what is waited for."""
    global level, _tell, _wait
    level, _tell, _wait = loudness, tell, wait


def decided(line: str) -> None:
    """Tell what was found, decided or run; one line, one character a byte."""
    if _tell is not None and level >= DECISIONS:
        _tell(DECISIONS, line)


def read(line: str) -> None:
    """Tell a detail: a file that was read, a step of a plan."""
    if _tell is not None and level >= READING:
        _tell(READING, line)


def waiting(line: str) -> None:
    """Tell a person at a terminal why nothing happens: called when a step has taken a second."""
    if _wait is not None:
        _wait(line)
