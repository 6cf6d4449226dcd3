"""What is wrong with a GRUB legacy menu, in the words of its manual."""

from __future__ import annotations

import re

from grubkd.errors import NotUnderstood


def explained(problem: NotUnderstood, text: str) -> NotUnderstood:
    """The same error, saying what a reader of GRUB's manual would say."""
    place = problem.place
    if place is None:
        return problem
    line = text.split("\n")[place.line - 1]
    rest = line[place.column - 1 :]
    message, hint = problem.message, problem.hint
    if rest.startswith("\r"):
        message = "a carriage return inside a line, which GRUB drops"
    elif rest[:1] not in ("", "\0") and not line[: place.column - 1].strip(" \t"):
        command = re.split(r"[ \t=\r]", rest, maxsplit=1)[0]
        message, hint = f"unknown command {command!r}", "GRUB 0.97 skips this line: correct it or make it a comment"
    return NotUnderstood(message, hint=hint, place=place)
