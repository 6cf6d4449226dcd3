"""The options of Debian's and Ubuntu's update-grub for GRUB legacy, in comments of menu.lst.

update-grub finds them with sed: lines that begin with `# NAME=` (no indentation, one blank) between the marks of the
default options, which are between `### BEGIN AUTOMAGIC KERNELS LIST` and `### END DEBIAN AUTOMAGIC KERNELS LIST`. The
values pass through an unquoted `echo` of the shell, those of `kopt_VERSION` through `eval` before.
"""

from __future__ import annotations

import re

from grubkd.boot.document import Assignment, Slot
from grubkd.boot.words import span, words
from grubkd.errors import CannotHold
from grubkd.text import in_quotes

BEGIN_LIST = "### BEGIN AUTOMAGIC KERNELS LIST"
END_LIST = "### END DEBIAN AUTOMAGIC KERNELS LIST"
START_OPTIONS = "## ## Start Default Options ##"

_ECHO = "update-grub"
_EVAL = "update-grub eval"

_BLANKS = r"[ \t]+"
_EXPANDED = r"[*?\[\\]"
_EVALUATED = r'[$`"\\]'


class Options:
    """The options of one menu.lst. `generated`: the reader is inside the list that update-grub writes."""

    def __init__(self, file: str, text: str) -> None:
        self.file = file
        self.text = text
        self.generated = False
        self._options = False
        self._seen: set[str] = set()

    def mark(self, text: str) -> None:
        """Enter or leaves the list, or its options."""
        if text in (BEGIN_LIST, END_LIST):
            self.generated = text == BEGIN_LIST
        elif self.generated:
            self._options = text == START_OPTIONS

    def assignment(self, name: str, start: int, end: int, line: int) -> Assignment | None:
        """The option NAME with the value text[start:end]; None if update-grub does not look.

        Several lines of one name add up. Of several `kopt_VERSION` lines the last one counts.
        """
        if not (self.generated and self._options):
            return None
        found = words(self.text, start, end, _echoed)
        start, end = span(found, start)
        custom = name.startswith("kopt_")
        slot = Slot(self.file, "grub-legacy", name, start, end, line, found, style=_EVAL if custom else _ECHO)
        extends = name in self._seen and not custom
        self._seen.add(name)
        return Assignment(name, slot, extends)


def quote(slot: Slot, argument: str) -> str:
    """The argument as such an option holds it; for any other slot, unchanged. Raises CannotHold."""
    if slot.style not in (_ECHO, _EVAL):
        return argument
    changed = re.search(_EXPANDED, argument) or (re.search(_EVALUATED, argument) if slot.style == _EVAL else None)
    if changed or _echoed(argument) != argument:
        what = repr(changed.group()) if changed else "a run of blanks"
        raise CannotHold(
            f"{in_quotes(argument)}: update-grub passes `# {slot.variable}=` through the shell, which "
            f"would change {what}",
            hint="write the argument without it",
        )
    return argument


def _echoed(raw: str) -> str:
    return re.sub(_BLANKS, " ", raw)
