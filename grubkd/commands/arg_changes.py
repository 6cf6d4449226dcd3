"""The argument options of the command line, as wishes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grubkd.boot import cmdline
from grubkd.change.request import ArgChange, Verb
from grubkd.errors import Usage
from grubkd.text import from_user

if TYPE_CHECKING:
    from collections.abc import Sequence


def of_options(holds: Sequence[str], adds: Sequence[str], removes: Sequence[str]) -> tuple[ArgChange, ...]:
    """The wishes that --arg, --add-arg and --remove-arg state, in the order they are fulfilled: remove, hold, add.

    Raises Usage for what is no argument, and for crashkernel, whose value is given by itself.
    """
    found = []
    for option in removes:
        token = _token("--remove-arg", option)
        found.append(ArgChange(Verb.REMOVE, cmdline.name_of(token), (token,) if "=" in token else ()))
    held: dict[str, list[str]] = {}
    for option in holds:
        token = _token("--arg", option)
        held.setdefault(_ordinary("--arg", token), []).append(token)
    found += [ArgChange(Verb.SET, name, tuple(tokens)) for name, tokens in held.items()]
    for option in adds:
        token = _token("--add-arg", option)
        found.append(ArgChange(Verb.ADD, _ordinary("--add-arg", token), (token,)))
    return tuple(found)


def _token(option: str, given: str) -> str:
    text = from_user(given)
    if [text] != cmdline.tokens(text) or cmdline.unbalanced(text) >= 0 or cmdline.name_of(text) in ("", "--"):
        raise Usage(
            f"{option} {given!r} is not one kernel argument",
            hint='give one NAME or NAME=VALUE; a value with blanks is quoted inside: NAME="a b"',
        )
    return text


def _ordinary(option: str, token: str) -> str:
    name = cmdline.name_of(token)
    if name == cmdline.CRASHKERNEL:
        raise Usage(f"{option} is not for crashkernel", hint="give its value by itself: grubkd set 256M")
    return name
