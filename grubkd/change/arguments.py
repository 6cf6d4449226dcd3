"""Lists of arguments edited by Augeas, in memory: the only user of it.

Each list, or the part of it that changes, goes through one small lens of our own as one line of text, equal ones once.
Augeas never sees a file name and never writes. It is told to look for nothing else: no stock lenses, no files, a root
that does not exist.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

from grubkd.errors import CannotHold, VerificationFailed

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TypeAlias

    from augeas import Augeas

# What stood, what is wanted.
ListChange: TypeAlias = "tuple[Sequence[str], Sequence[str]]"

_LENS = "Kernel_args.lns"
# Augeas finds a node by walking its siblings: the time grows with the square of what one store holds.
_BATCH = 100
# text_retrieve fails on the bytes 1 to 3, byte 4 can end the process, and NUL ends the text.
_UNSAFE = re.compile(r"[\0-\4]")
_ARGUMENT = re.compile(r'(?:[^ \n"]|"[^"]*")+')


@lru_cache(maxsize=4096)
def holds(argument: str) -> bool:
    """Whether the lens can hold the argument: not empty, quotes balanced, blanks and newlines inside quotes only."""
    return _ARGUMENT.fullmatch(argument) is not None


def change(lists: Sequence[ListChange]) -> None:
    """Make each list of arguments, by Augeas, what is wanted, and see that it came out so.

    Raises CannotHold for bytes that Augeas cannot carry, VerificationFailed where its answer is another than wanted.
    """
    if not lists:
        return  # nothing to change: Augeas is not loaded
    # Most entries of a menu have the same arguments, or the same change among arguments of their own.
    parts: dict[ListChange, None] = {}
    for before, after in dict.fromkeys((tuple(before), tuple(after)) for before, after in lists):
        _check_safe(before, after)
        parts[_part(before, after)] = None
    distinct = list(parts)
    augeas = _augeas()
    for start in range(0, len(distinct), _BATCH):
        batch = distinct[start : start + _BATCH]
        made = _changed(augeas, batch)
        wanted = "".join(" ".join(after) + "\n" for _, after in batch)
        if made != wanted:
            raise VerificationFailed("the edited arguments are not the ones wanted", hint="nothing was written")


def _check_safe(*lists: Sequence[str]) -> None:
    if _UNSAFE.search(" ".join(map(" ".join, lists))):
        argument = next(each for arguments in lists for each in arguments if _UNSAFE.search(each))
        raise CannotHold(f"the argument {argument!r} holds a control byte (0 to 4)", hint="remove that byte")


def _part(before: Sequence[str], after: Sequence[str]) -> ListChange:
    """What changes of a list, with one argument before it and one behind: Augeas takes as long as its text is."""
    head, tail = _ends(before, after)
    head, tail = max(head - 1, 0), max(tail - 1, 0)
    return tuple(before[head : len(before) - tail]), tuple(after[head : len(after) - tail])


def _augeas() -> Augeas:
    from augeas import Augeas

    from grubkd import grammars

    # Installed packages are plain files; importlib.resources would cost more than Augeas itself.
    flags = Augeas.NO_LOAD | Augeas.NO_MODL_AUTOLOAD | Augeas.NO_STDINC
    return Augeas(root="/nonexistent", loadpath=grammars.__path__[0], flags=flags)


def _changed(augeas: Augeas, batch: Sequence[ListChange]) -> str:
    augeas.remove("/slots")
    augeas.set("/text/before", "".join(" ".join(before) + "\n" for before, _ in batch))
    if augeas.text_store(_LENS, "/text/before", "/slots") != 0:
        raise VerificationFailed(f"the arguments were not understood: {_complaint(augeas)}")
    for number, (before, after) in enumerate(batch, 1):
        _rewrite(augeas, f"/slots/{number}", before, after)
    if augeas.text_retrieve(_LENS, "/text/before", "/slots", "/text/after") != 0:
        raise VerificationFailed(f"the arguments could not be written: {_complaint(augeas)}")
    # An empty text is handed back as bytes by both bindings.
    return str(augeas.get("/text/after") or "")


def _rewrite(augeas: Augeas, slot: str, before: Sequence[str], after: Sequence[str]) -> None:
    """Replace the arguments between the common beginning and the common end, so that all others stay untouched."""
    head, tail = _ends(before, after)
    for position in range(len(before) - tail, head, -1):
        augeas.remove(f"{slot}/arg[{position}]")
    for position, argument in enumerate(after[head : len(after) - tail], head + 1):
        if position > 1:
            augeas.insert(f"{slot}/arg[{position - 1}]", "arg", False)
        elif tail:
            augeas.insert(f"{slot}/arg[1]", "arg", True)
        augeas.set(f"{slot}/arg[{position}]", argument)


def _ends(before: Sequence[str], after: Sequence[str]) -> tuple[int, int]:
    """How many arguments two lists have in common at their beginning, and how many others at their end."""
    most = min(len(before), len(after))
    head = tail = 0
    while head < most and before[head] == after[head]:
        head += 1
    while tail < most - head and before[-1 - tail] == after[-1 - tail]:
        tail += 1
    return head, tail


def _complaint(augeas: Augeas) -> str:
    """What Augeas says of the last failure; its exceptions say "No error", its error nodes tell."""
    nodes = augeas.match("/augeas/text//error/message")
    return "; ".join(str(augeas.get(node)) for node in nodes) or "no reason given"
