"""Slot edits -> new texts. Augeas makes each edit: the text that it gives back is the text that is written.

The bytes of a slot go through a lens, one for each way of writing arguments (grammars/*.aug). The lens makes one node
of each word, with the bytes of the file as its value; the edit sets, inserts and removes nodes; the lens turns them
back into text. The lens owns the blanks: an argument that stays keeps those before it, an argument that takes the place
of another one keeps those of its place, any other new argument gets the lens's own. The format owns the quoting of a
new argument (Format.quote) and what is put around the slot (Slot.before and after, Format.vacate and finish).

Augeas works in memory only: it knows no file name, loads no stock lens and writes nothing.
"""

from __future__ import annotations

import os
import re
from functools import cache, partial
from typing import TYPE_CHECKING, NamedTuple

from grubkd import grammars
from grubkd.boot.loaders import FORMATS
from grubkd.boot.loaders.grub_mkconfig import FILE as DEFAULT_GRUB
from grubkd.boot.loaders.kernel_cmdline import FILE as KERNEL_CMDLINE
from grubkd.errors import CannotHold, InputOutput, NotUnderstood, Place, place_at
from grubkd.text import in_quotes, to_bytes

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from tempfile import TemporaryDirectory
    from typing import TypeAlias

    from augeas import Augeas

    from grubkd.boot.document import Slot, Word
    from grubkd.boot.loaders.format import Format
    from grubkd.tree.tree import Tree

# A slot and the words it is to have: words of its own keep their bytes, others (start -1) are quoted by its format.
SlotEdit: TypeAlias = "tuple[Slot, Sequence[Word]]"
# The wanted words: the number of a present word (from 0), or None for a new one, and the bytes.
_Wanted: TypeAlias = "tuple[tuple[int | None, str], ...]"
_Edit: TypeAlias = "Callable[[str, str, tuple[str, ...], _Wanted], str]"

_FORMATS = {each.name: each for each in FORMATS}
# text_retrieve fails on the bytes 1 to 3, byte 4 can end the process, and NUL ends the text.
_UNSAFE = re.compile(r"[\0-\4]")
# The kernel takes the byte 0xA0 for a blank; a lens cannot name it, for Augeas sees texts in UTF-8. It can name \a.
_SWAP = {0xA0: "\a", 0x07: "\xa0"}


def apply(texts: Mapping[str, str], edits: Sequence[SlotEdit]) -> dict[str, str]:
    """The new texts of the files that hold the edited slots; a file that is not in `texts` is created.

    Raises CannotHold where a format cannot write an argument or Augeas cannot carry a byte, NotUnderstood where the
    lens reads other words than the format, each with the place; TooLong where a file cannot grow so far.
    """
    # Most entries of a menu need the same edit: it is made once.
    edit = cache(partial(_edit, _start()))
    by_file: dict[str, list[SlotEdit]] = {}
    for slot, words in edits:
        by_file.setdefault(slot.file, []).append((slot, words))
    return {file: _edited(edit, file, texts.get(file, ""), found) for file, found in by_file.items()}


def _edited(edit: _Edit, file: str, text: str, edits: Sequence[SlotEdit]) -> str:
    form = _FORMATS[edits[0][0].format]
    pieces: list[str] = []
    at = 0
    for slot, words in sorted(edits, key=lambda edit: edit[0].start):
        start, end = (slot.start, slot.end) if words else form.vacate(text, slot)
        made = _arguments(edit, form, text, slot, words)
        pieces += (text[at:start], slot.before + made + slot.after if made or not slot.before else "")
        at = end
    return form.finish(file, text, "".join((*pieces, text[at:])))


def _arguments(edit: _Edit, form: Format, text: str, slot: Slot, words: Sequence[Word]) -> str:
    """The slot's new bytes, without what is put around them."""
    # A reference that takes no room is in no text.
    present = [word for word in slot.words if word.end > word.start]
    numbers = {word.start: number for number, word in enumerate(present)}
    wanted: list[tuple[int | None, str]] = []
    for word in words:
        if word.start < 0:
            wanted.append((None, _quoted(form, slot, word)))
        elif word.end > word.start:
            wanted.append((numbers[word.start], text[word.start : word.end]))
    if not wanted:
        return ""
    raw = text[slot.start : slot.end] if present else ""
    unsafe = _UNSAFE.search(raw)
    if unsafe:
        raise _unsafe(place_at(slot.file, text, slot.start + unsafe.start()))
    if any(_UNSAFE.search(piece) for _, piece in wanted):
        raise _unsafe(Place(slot.file, slot.line))
    lens = form.lens_by_style.get(slot.style, form.lens)
    try:
        return edit(lens, raw, tuple(text[word.start : word.end] for word in present), tuple(wanted))
    except _NotTaken as problem:
        raise NotUnderstood(
            f"the arguments cannot be edited: {problem}",
            hint="write them with simpler quotes, one blank between two arguments",
            place=place_at(slot.file, text, slot.start + min(problem.offset, len(raw))),
        ) from None


def _quoted(form: Format, slot: Slot, word: Word) -> str:
    try:
        return form.quote(slot, word.text)
    except CannotHold as problem:
        place = problem.place or Place(slot.file, slot.line)
        raise CannotHold(problem.message, hint=problem.hint, place=place) from None


def _unsafe(place: Place) -> CannotHold:
    return CannotHold("the arguments hold a control byte (0 to 4)", hint="remove that byte", place=place)


class _NotTaken(Exception):
    """The lens does not take a text, or takes it apart into other words. `offset`: where in the text."""

    def __init__(self, reason: str, offset: int) -> None:
        super().__init__(reason)
        self.offset = offset


def _edit(augeas: Augeas, lens: str, raw: str, present: tuple[str, ...], wanted: _Wanted) -> str:
    """The text `raw`, in which the lens finds the words `present`, with the wanted words. Raises _NotTaken."""
    if not present:
        # No lens takes an empty text: an empty slot begins with its first argument.
        raw, present, wanted = wanted[0][1], (wanted[0][1],), ((0, wanted[0][1]), *wanted[1:])
    lens = _store(augeas, lens, raw)
    _check_words(augeas, raw, present)
    _rewrite(augeas, len(present), wanted)
    try:
        augeas.text_retrieve(lens, "/text/before", "/slot", "/text/after")
    except ValueError:
        raise _NotTaken(_complaint(augeas), 0) from None
    return str(augeas.get("/text/after")).translate(_SWAP)


def _start() -> Augeas:
    from augeas import Augeas

    flags = Augeas.NO_LOAD | Augeas.NO_MODL_AUTOLOAD | Augeas.NO_STDINC
    return Augeas(root="/nonexistent", loadpath=_lenses(), flags=flags)


@cache
def _unpacked() -> TemporaryDirectory[str]:
    """The lenses of a zip archive, as files for as long as this process runs. Raises InputOutput."""
    from importlib import resources
    from pathlib import Path
    from tempfile import TemporaryDirectory

    try:
        made = TemporaryDirectory(prefix="grubkd-")
        for lens in resources.files(grammars).iterdir():
            if lens.name.endswith(".aug"):
                Path(made.name, lens.name).write_bytes(lens.read_bytes())
    except OSError as problem:
        hint = "set TMPDIR to a directory that can be written"
        raise InputOutput(f"Augeas's lenses cannot be unpacked: {problem.strerror}", hint=hint) from None
    return made


def _lenses() -> str:
    """The directory of the lenses. Raises InputOutput."""
    directory: str = grammars.__path__[0]
    # Installed packages are plain files; importlib.resources would cost more than Augeas itself.
    return directory if os.path.isdir(directory) else _unpacked().name  # noqa: PTH112 (pathlib costs a start-up)


def _store(augeas: Augeas, lens: str, raw: str) -> str:
    """Make the nodes /slot/1, /slot/2, ... of a text; returns the lens that takes it. Raises _NotTaken."""
    swapped = raw.translate(_SWAP)
    augeas.set("/text/before", swapped)
    lenses = [lens]
    if lens.startswith("Kernel_args."):
        # A quote that is never closed needs a lens of its own, which is slower.
        lenses.append(lens.replace(".", "_unclosed."))
    for each in lenses:
        augeas.remove("/slot")
        try:
            augeas.text_store(each, "/text/before", "/slot")
        except ValueError:
            continue
        return each
    position = augeas.get("/augeas/text/slot/error/pos")
    offset = len(swapped.encode()[: int(position)].decode(errors="ignore")) if position else 0
    raise _NotTaken(_complaint(augeas), offset)


def _check_words(augeas: Augeas, raw: str, present: Sequence[str]) -> None:
    """See that the lens finds the words that the format found. Raises _NotTaken at the first that differs."""
    found = [str(augeas.get(node)).translate(_SWAP) for node in augeas.match("/slot/*")]
    at = 0
    for mine, theirs in zip(found, present, strict=False):
        at = raw.index(theirs, at)
        if mine != theirs:
            raise _NotTaken(f"{in_quotes(theirs)} reads as {in_quotes(mine)}", at)
        at += len(theirs)
    if len(found) != len(present):
        raise _NotTaken(f"{len(found)} words instead of {len(present)}", at)


def _rewrite(augeas: Augeas, present: int, wanted: _Wanted) -> None:
    """Edit the nodes 1 to `present` so that they are the wanted words.

    A new word between two that stay takes the node, and so the blanks, of a word that goes, if there is one.
    """
    staying = {number for number, _ in wanted if number is not None}
    used: set[int] = set()
    free = present + 1  # the labels of new nodes
    behind = ""  # the node behind which the next one comes
    at = 0
    for number, raw in wanted:
        if number is not None and number >= at:
            label, at = number + 1, number + 1
        elif at < present and at not in staying:
            label, at = at + 1, at + 1
        else:
            label, free = free, free + 1
            augeas.insert(behind or "/slot/*[1]", str(label), not behind)
        used.add(label)
        behind = f"/slot/{label}"
        if number is None or label != number + 1:
            augeas.set(behind, raw.translate(_SWAP))
    for label in range(1, present + 1):
        if label not in used:
            augeas.remove(f"/slot/{label}")


def _complaint(augeas: Augeas) -> str:
    """Why Augeas failed: its exceptions do not say it, its error nodes do."""
    nodes = augeas.match("/augeas/text//error/message")
    return "; ".join(str(augeas.get(node)) for node in nodes) or "no reason given"


class FileChange(NamedTuple):
    """A file to replace, create or remove, by its real path inside the root (no symbolic link on the way).

    `before`: the bytes read, None where the file did not exist. `after`: the bytes wanted, None to remove it.
    """

    path: str
    before: bytes | None
    after: bytes | None

    @property
    def rewrites(self) -> bool:
        """Whether any byte changes, not only the time."""
        return self.before != self.after


def file_changes(tree: Tree, read: Mapping[str, str], after: Mapping[str, bytes | None]) -> list[FileChange]:
    """The changes in the order of writing: by path, but /etc/kernel/cmdline last.

    `read`: the texts that the change started from; `after`: the files that differ from the tree. RHEL 10's
    kernel-install lets grub2-mkconfig rewrite /etc/kernel/cmdline when it is older than /etc/default/grub, so it is
    written after it, and also when only the other one changes.
    """
    files = []
    for path, data in sorted(after.items(), key=lambda each: (each[0] == KERNEL_CMDLINE, each[0])):
        present = tree.read(path) if path not in read and tree.exists(path) else None
        files.append(FileChange(path, to_bytes(read[path]) if path in read else present, data))
    if DEFAULT_GRUB in after and KERNEL_CMDLINE in read and KERNEL_CMDLINE not in after:
        same = to_bytes(read[KERNEL_CMDLINE])
        files.append(FileChange(KERNEL_CMDLINE, same, same))
    return files
