"""The kernel command line: splits it into arguments by the kernel's own quoting, without loss.

The kernel (lib/cmdline.c next_arg, the same since 2.6) ends an argument at white space outside double quotes. A quote
anywhere opens or closes; there is no escape; a quote that is never closed reaches to the end of the line. White space
is the kernel's isspace(): six ASCII characters and the byte 0xA0. ` -- ` ends what the kernel reads as parameters.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

BLANKS = " \t\n\v\f\r\xa0"
_ARGUMENT = re.compile(rf'(?:[^{BLANKS}"]|"[^"]*(?:"|\Z))+')

CRASHKERNEL = "crashkernel"
# What people write so that nothing is reserved, and so that no tool takes the argument for missing.
_OFF = re.compile(r"no|0[KMG]?(?:@0[KMG]?)?", re.IGNORECASE)
_CRASHKERNEL_STARTS = (f"{CRASHKERNEL}=", f'"{CRASHKERNEL}=')


def spans(text: str) -> list[tuple[int, int]]:
    """Where the arguments of a line begin and end, in order."""
    return [found.span() for found in _ARGUMENT.finditer(text)]


def tokens(text: str) -> list[str]:
    """The arguments of a line in order, quotes kept."""
    return _ARGUMENT.findall(text)


def unbalanced(text: str) -> int:
    """The offset of the double quote that is never closed, or -1."""
    return text.rfind('"') if text.count('"') % 2 else -1


def name_of(argument: str) -> str:
    """The parameter's name: the text before the first `=`, without a quote that opens the argument."""
    return argument.removeprefix('"').partition("=")[0]


def value_of(argument: str) -> str | None:
    """The parameter's value as the kernel passes it on (without enclosing quotes), or None for a flag."""
    quoted = argument.startswith('"')
    body = argument[1:] if quoted else argument
    _, equals, value = body.partition("=")
    if not equals:
        return None
    if value.startswith('"'):
        value = value[1:]
        quoted = True
    return value.removesuffix('"') if quoted else value


def meaning(argument: str) -> tuple[str, str | None]:
    """What the kernel makes of an argument: equal for two arguments whose enclosing quotes differ in place only.

    GRUB 2 passes `dyndbg="file a.c +p"` on as `"dyndbg=file a.c +p"`. The meaning of a crashkernel argument is its
    bytes: the kernel reads it from the raw line, quotes included.
    """
    name = name_of(argument)
    return (argument, None) if name == CRASHKERNEL else (name, value_of(argument))


def is_crashkernel(argument: str) -> bool:
    """Whether the argument is a crashkernel argument of its own, not a text that contains one."""
    return argument.startswith(_CRASHKERNEL_STARTS)


def is_off(values: Sequence[str]) -> bool:
    """Whether the crashkernel values, without the name, ask for no reservation on purpose: `no`, `0`, `0M`, `0@0`."""
    return len(values) == 1 and _OFF.fullmatch(values[0]) is not None


def crashkernel_values(words: Iterable[str]) -> tuple[str, ...]:
    """The crashkernel values among arguments, without the name, as written."""
    return tuple(word.partition("=")[2] for word in words if is_crashkernel(word))
