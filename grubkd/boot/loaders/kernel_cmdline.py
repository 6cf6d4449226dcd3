"""/etc/kernel/cmdline and /usr/lib/kernel/cmdline: what kernel-install writes into the entries of new kernels.

The file holds one command line, on any number of lines. kernel-install makes one blank of each run of blanks, tabs and
newlines, inside quotes too (90-loaderentry.install: `tr -s "$IFS" ' '`), so no value can hold such a run.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from grubkd.boot import cmdline
from grubkd.boot.document import Assignment, Document, Slot, Word
from grubkd.boot.entry import main_boot
from grubkd.boot.loaders.format import Format, slots_of
from grubkd.boot.model import Feeds, Line, NewKernelArgs
from grubkd.boot.words import held, open_quotes, span, words
from grubkd.errors import CannotHold, Notice, place_at
from grubkd.parsing.grammar import parse
from grubkd.text import in_quotes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from grubkd.boot.model import Entry
    from grubkd.parsing.grammar import Token
    from grubkd.tree.tree import Tree

# kernel-install reads the first of them only.
FILE = "/etc/kernel/cmdline"
VENDOR_FILE = "/usr/lib/kernel/cmdline"

_OF_TUNED = "tuned_params"
_RUN = r"[ \t\n]+"


def parse_cmdline(file: str, text: str) -> Document:
    """The arguments as one assignment of `cmdline`, whose slot is the span from the first to the last of them.

    Comment lines are allowed in between. In a file without arguments the slot is empty, at its end.
    Raises NotUnderstood at a NUL byte.
    """
    comments = list(parse("kernel_cmdline", text, file=file).tokens("COMMENT"))
    masked = _blanked(text, comments)
    found = words(masked, 0, len(masked), _squeezed)
    start, end = span(found, len(text))
    before, after = "", ""
    if not found:
        before = "\n" if text and not text.endswith("\n") else ""
        after = "\n"
    line = text.count("\n", 0, start) + 1
    slot = Slot(file, "kernel-cmdline", "cmdline", start, end, line, found, before=before, after=after)
    warnings = [
        Notice(
            "cmdline-comment",
            "a comment: kernel-install of systemd 257 drops it, but older ones and Fedora's 20-grub.install "
            "make arguments of its words",
            "remove the comment",
            place_at(file, text, comment.start),
        )
        for comment in comments[:1]
    ]
    return Document(
        file,
        "kernel-cmdline",
        assignments=(Assignment("cmdline", slot, extends=False),),
        warnings=(*warnings, *open_quotes(file, masked, 0, len(masked))),
    )


def quote(_slot: Slot, argument: str) -> str:
    """The argument as the file holds it. Raises CannotHold where kernel-install would change it."""
    if _squeezed(argument) != argument:
        raise CannotHold(
            f"{in_quotes(argument)}: kernel-install makes one blank of each run of blanks, tabs and "
            "newlines, in quotes too",
            hint="write it with single blanks",
        )
    if argument.startswith("#"):
        raise CannotHold(f"{in_quotes(argument)}: at the start of a line it would be a comment", hint="drop the `#`")
    return held(argument)


def _blanked(text: str, comments: Sequence[Token]) -> str:
    """The text with blanks instead of the comments, so that all offsets stay."""
    parts, at = [], 0
    for comment in comments:
        parts += [text[at : comment.start], " " * (comment.end - comment.start)]
        at = comment.end
    return "".join([*parts, text[at:]])


def _squeezed(raw: str) -> str:
    return re.sub(_RUN, " ", raw)


def new_kernel_args(documents: Sequence[Document]) -> tuple[NewKernelArgs, ...]:
    """The line of new kernels: the administrator's file, else the vendor's, which is not edited."""
    for file in (FILE, VENDOR_FILE):
        slots = slots_of([each for each in documents if each.file == file], "cmdline")
        if slots:
            line = Line(slots, slots[0])
            return (NewKernelArgs("cmdline", line, Feeds.NONE, "bls", read_only=file == VENDOR_FILE),)
    return ()


def missing_file(documents: Sequence[Document], entries: Sequence[Entry], tree: Tree) -> tuple[NewKernelArgs, ...]:
    """The line for a new /etc/kernel/cmdline if that file is missing. kernel-install reads no other file beside it.

    It is the line of /usr/lib/kernel/cmdline, which kernel-install reads next, else that of the default entry, but
    never of a rescue entry. `entries`: those of the snippets; if they refer to `$kernelopts`, the file is not used.
    """
    if tree.resolve(FILE) is not None or any(_uses_kernelopts(entry) for entry in entries):
        return ()
    vendor = slots_of([each for each in documents if each.file == VENDOR_FILE], "cmdline")
    ordinary = [entry for entry in entries if entry.linux and not entry.rescue]
    chosen = next((entry for entry in ordinary if entry.default), ordinary[0] if ordinary else None)
    boot = main_boot(chosen.boots) if chosen else None
    if vendor:
        arguments = Line(vendor, vendor[0]).arguments()
    elif boot:
        arguments = _as_written(boot.line)
    else:
        return ()
    # The boot loader adds these two itself, for the kernel it starts.
    seed = tuple(each for each in arguments if cmdline.name_of(each) not in ("BOOT_IMAGE", "initrd"))
    slot = Slot(FILE, "kernel-cmdline", "cmdline", 0, 0, 1, (), after="\n")
    return (NewKernelArgs("cmdline", Line((slot,), slot), Feeds.NONE, "bls", seed=seed),)


def _as_written(line: Line) -> tuple[str, ...]:
    """The arguments of a line. The reference to those of tuned stays a reference, since its profile may change."""

    def words_of(slot: Slot) -> list[Word]:
        return [word._replace(reference=None) if word.reference == _OF_TUNED else word for word in slot.words]

    return tuple(piece.word.text for piece in line.pieces(words_of))


def _uses_kernelopts(entry: Entry) -> bool:
    slots = [slot for boot in entry.boots for slot in boot.line.slots]
    return any(word.reference in ("kernelopts", "default_kernelopts") for slot in slots for word in slot.words)


FORMAT = Format(
    "kernel-cmdline",
    parse_cmdline,
    paths=(FILE,),
    read_only=(VENDOR_FILE,),
    quote=quote,
    lens="Kernel_args.file",
)
