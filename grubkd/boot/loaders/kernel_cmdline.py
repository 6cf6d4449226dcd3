"""/etc/kernel/cmdline and /usr/lib/kernel/cmdline: what kernel-install writes into the entries of kernels to come.

The file holds one command line, over any number of lines. A run of blanks, tabs and newlines comes out as one blank,
inside quotes too (90-loaderentry.install: `tr -s "$IFS" ' '`), so such a run is nothing a value can hold.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from grubkd.boot.loaders.format import Format
from grubkd.boot.model import Assignment, Document, Slot
from grubkd.boot.words import held, quote_notice, words
from grubkd.errors import CannotHold, Notice, place_at
from grubkd.parsing.grammar import parse

if TYPE_CHECKING:
    from grubkd.tree.tree import Tree

# kernel-install reads the first of them only.
FILES = ("/etc/kernel/cmdline", "/usr/lib/kernel/cmdline")

_RUN = re.compile(r"[ \t\n]+")


def find(tree: Tree) -> tuple[str, ...]:
    """The files that the tree has, by their real paths, the one in effect first."""
    found = dict.fromkeys(tree.resolve(file) for file in FILES)
    return tuple(file for file in found if file is not None)


def parse_cmdline(file: str, text: str) -> Document:
    """The arguments as one assignment of `cmdline`, whose slot reaches from the first to the last of them.

    Comment lines may stand in between. In a file without arguments the slot is empty, at its end.
    Raises NotUnderstood at a NUL byte.
    """
    comments = list(parse("kernel_cmdline", text, file=file).tokens("COMMENT"))
    masked = text
    for comment in comments:
        masked = masked[: comment.start] + " " * (comment.end - comment.start) + masked[comment.end :]
    found = words(masked, 0, len(masked), _squeezed)
    if found:
        start, end, before, after = found[0].start, found[-1].end, "", ""
    else:
        start = end = len(text)
        before = "\n" if text and not text.endswith("\n") else ""
        after = "\n"
    line = text.count("\n", 0, start) + 1
    slot = Slot(file, "kernel-cmdline", "cmdline", start, end, line, found, before=before, after=after)
    warnings = [
        Notice(
            "cmdline-comment",
            "a comment: kernel-install of systemd 257 takes it out, but older ones and Fedora's 20-grub.install "
            "make arguments of its words",
            "remove the comment",
            place_at(file, text, comment.start),
        )
        for comment in comments[:1]
    ]
    notice = quote_notice(file, masked, 0, len(masked))
    return Document(
        file,
        "kernel-cmdline",
        assignments=(Assignment("cmdline", slot, extends=False),),
        warnings=(*warnings, *((notice,) if notice else ())),
    )


def quote(_slot: Slot, argument: str) -> str:
    """The argument as it stands in the file. Raises CannotHold where kernel-install would change it."""
    if _squeezed(argument) != argument:
        raise CannotHold(
            f"{argument!r}: kernel-install makes one blank of each run of blanks, tabs and newlines, in quotes too",
            hint="write it with single blanks",
        )
    if argument.startswith("#"):
        raise CannotHold(f"{argument!r}: at the start of a line it would be a comment", hint="drop the `#`")
    return held(argument)


def _squeezed(raw: str) -> str:
    return _RUN.sub(" ", raw)


FORMAT = Format(name="kernel-cmdline", find=find, parse=parse_cmdline, quote=quote, lens="Kernel_args.file")
