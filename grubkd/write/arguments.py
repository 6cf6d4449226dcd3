"""Lists of arguments edited by Augeas, in memory: the only user of it.

Each list goes through one small lens of our own as one line of text; Augeas never sees a file name and never writes.
It is told to look for nothing else: no stock lenses, no files, a root that does not exist.
"""

from __future__ import annotations

from collections.abc import Sequence

from grubkd.errors import CannotHold, VerificationFailed
from grubkd.lazily import expression

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import TypeAlias

    from augeas import Augeas

# What stood, what is wanted.
ListChange: TypeAlias = tuple[Sequence[str], Sequence[str]]

_LENS = "Kernel_args.lns"
# Augeas finds a node by walking its siblings: the time grows with the square of what one store holds.
_BATCH = 100
# text_retrieve fails on the bytes 1 to 3, byte 4 can end the process, and NUL ends the text.
_UNSAFE = expression(r"[\0-\4]")
_ARGUMENT = expression(r'(?:[^ \n"]|"[^"]*")+')


def holds(argument: str) -> bool:
    """Whether the lens can hold the argument: not empty, quotes balanced, blanks and newlines inside quotes only."""
    return _ARGUMENT.fullmatch(argument) is not None


def change(lists: Sequence[ListChange]) -> None:
    """Make each list of arguments, by Augeas, what is wanted, and see that it came out so.

    Raises CannotHold for bytes that Augeas cannot carry, VerificationFailed where its answer is another than wanted.
    """
    if not lists:
        return  # nothing to change: Augeas is not loaded
    for before, after in lists:
        for argument in (*before, *after):
            if _UNSAFE.search(argument):
                raise CannotHold(f"the argument {argument!r} holds a control byte (0 to 4)", hint="remove that byte")
    augeas = _augeas()
    for start in range(0, len(lists), _BATCH):
        batch = lists[start : start + _BATCH]
        made = _changed(augeas, batch)
        wanted = "".join(" ".join(after) + "\n" for _, after in batch)
        if made != wanted:
            raise VerificationFailed("the edited arguments are not the ones wanted", hint="nothing was written")


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
    head = sum(1 for _ in _common(before, after))
    tail = sum(1 for _ in _common(before[head:][::-1], after[head:][::-1]))
    for position in range(len(before) - tail, head, -1):
        augeas.remove(f"{slot}/arg[{position}]")
    for position, argument in enumerate(after[head : len(after) - tail], head + 1):
        if position > 1:
            augeas.insert(f"{slot}/arg[{position - 1}]", "arg", False)
        elif tail:
            augeas.insert(f"{slot}/arg[1]", "arg", True)
        augeas.set(f"{slot}/arg[{position}]", argument)


def _common(first: Sequence[str], second: Sequence[str]) -> Iterator[str]:
    for one, other in zip(first, second, strict=False):
        if one != other:
            return
        yield one


def _complaint(augeas: Augeas) -> str:
    """What Augeas says of the last failure; its exceptions say "No error", its error nodes tell."""
    nodes = augeas.match("/augeas/text//error/message")
    return "; ".join(str(augeas.get(node)) for node in nodes) or "no reason given"
