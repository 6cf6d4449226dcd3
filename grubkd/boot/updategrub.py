"""The options of Debian's and Ubuntu's update-grub for GRUB legacy, which stand in comments of menu.lst.

update-grub finds them with sed: between the marks `### BEGIN AUTOMAGIC KERNELS LIST` and `### END DEBIAN AUTOMAGIC
KERNELS LIST`, and there between those of the default options, lines that begin with `# NAME=`: no indentation, one
blank. The values go through an unquoted `echo` of the shell, those of `kopt_VERSION` through `eval` before.
"""

from __future__ import annotations

import re

from grubkd.boot.model import Assignment, Slot
from grubkd.boot.words import words
from grubkd.errors import CannotHold

BEGIN_LIST = "### BEGIN AUTOMAGIC KERNELS LIST"
END_LIST = "### END DEBIAN AUTOMAGIC KERNELS LIST"
START_OPTIONS = "## ## Start Default Options ##"
END_OPTIONS = "## ## End Default Options ##"

_ECHO = "update-grub"
_EVAL = "update-grub eval"

_BLANKS = re.compile(r"[ \t]+")
_EXPANDED = re.compile(r"[*?\[\\]")
_EVALUATED = re.compile(r'[$`"\\]')


class Options:
    """Where in menu.lst a reading is: inside the list that update-grub makes anew, inside its options."""

    def __init__(self, file: str, text: str) -> None:
        self.file = file
        self.text = text
        self.generated = False
        self._options = False
        self._seen: set[str] = set()

    def mark(self, text: str) -> None:
        """Take note of a mark."""
        if text in (BEGIN_LIST, END_LIST):
            self.generated = text == BEGIN_LIST
        elif self.generated:
            self._options = text == START_OPTIONS

    def assignment(self, name: str, start: int, end: int, line: int) -> Assignment | None:
        """The option of a line `# NAME=VALUE`, whose value is text[start:end]; None where update-grub does not look.

        Several lines of one name add up, but for `kopt_VERSION`, of which the last counts.
        """
        if not (self.generated and self._options):
            return None
        found = words(self.text, start, end, _echoed)
        start, end = (found[0].start, found[-1].end) if found else (start, start)
        custom = name.startswith("kopt_")
        slot = Slot(self.file, "grub-legacy", name, start, end, line, found, style=_EVAL if custom else _ECHO)
        extends = name in self._seen and not custom
        self._seen.add(name)
        return Assignment(name, slot, extends)


def quote(slot: Slot, argument: str) -> str:
    """The argument as it stands in a slot of such an option; any other slot's as it is. Raises CannotHold."""
    if slot.style not in (_ECHO, _EVAL):
        return argument
    changed = _EXPANDED.search(argument) or (_EVALUATED.search(argument) if slot.style == _EVAL else None)
    if changed or _echoed(argument) != argument:
        what = repr(changed.group()) if changed else "a run of blanks"
        raise CannotHold(
            f"{argument!r}: update-grub hands `# {slot.variable}=` through the shell, which would change {what}",
            hint="write the argument without it",
        )
    return argument


def _echoed(raw: str) -> str:
    return _BLANKS.sub(" ", raw)
