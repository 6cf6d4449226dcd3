"""The kernel command line: its arguments by the kernel's own quoting, lossless.

The kernel (lib/cmdline.c next_arg, the same since 2.6) ends an argument at white space outside double quotes; a quote
anywhere opens or closes, there is no escape; an unclosed quote runs to the end of the line. White space is the
kernel's isspace(): the ASCII six and the byte 0xA0. ` -- ` ends what the kernel reads as parameters.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

BLANKS = " \t\n\v\f\r\xa0"
_ARGUMENT = re.compile(rf'(?:[^{BLANKS}"]|"[^"]*(?:"|\Z))+')

CRASHKERNEL = "crashkernel"
_OWN = (f"{CRASHKERNEL}=", f'"{CRASHKERNEL}=')


class Argument(NamedTuple):
    """One argument, verbatim: text[start:end] of the line it was split from."""

    text: str
    start: int
    end: int


def split(text: str) -> list[Argument]:
    """The arguments of a line in order, quotes kept."""
    return [Argument(match.group(), match.start(), match.end()) for match in _ARGUMENT.finditer(text)]


def tokens(text: str) -> list[str]:
    """The arguments of a line in order, verbatim, without their places."""
    return _ARGUMENT.findall(text)


def unbalanced(text: str) -> int:
    """The offset of the double quote that is never closed, or -1."""
    return text.rfind('"') if text.count('"') % 2 else -1


def name_of(argument: str) -> str:
    """The parameter's name: what stands before the first `=`, without the quote that may open the argument."""
    return argument.removeprefix('"').partition("=")[0]


def value_of(argument: str) -> str | None:
    """The parameter's value as the kernel hands it on (enclosing quotes off), or None for a flag."""
    quoted = argument.startswith('"')
    body = argument[1:] if quoted else argument
    _, equals, value = body.partition("=")
    if not equals:
        return None
    if value.startswith('"'):
        value = value[1:]
        quoted = True
    return value.removesuffix('"') if quoted else value


@lru_cache(maxsize=4096)
def meaning(argument: str) -> tuple[str, str | None]:
    """What the kernel makes of an argument: equal for two that differ only in where the enclosing quotes stand.

    GRUB 2 hands `dyndbg="file a.c +p"` on as `"dyndbg=file a.c +p"`. A crashkernel argument means its bytes: the
    kernel reads it from the raw line, quotes and all.
    """
    name = name_of(argument)
    return (argument, None) if name == CRASHKERNEL else (name, value_of(argument))


def is_crashkernel(argument: str) -> bool:
    """Whether the argument is a crashkernel argument of its own (not a text that merely contains one)."""
    return argument.startswith(_OWN)


def crashkernel_values(words: Iterable[str]) -> tuple[str, ...]:
    """The crashkernel values among arguments, without the name, verbatim."""
    return tuple([word.partition("=")[2] for word in words if is_crashkernel(word)])
