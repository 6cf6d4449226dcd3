"""Slot changes -> new texts: only changed arguments are encoded anew, every other byte stays."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grubkd.boot.loaders import FORMATS
from grubkd.change import arguments
from grubkd.errors import CannotHold, Place

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import TypeAlias

    from grubkd.boot.model import Slot, Word

# A slot and the words it is to have: words of its own keep their bytes, others are encoded by its format.
SlotEdit: TypeAlias = "tuple[Slot, Sequence[Word]]"

_FORMATS = {each.name: each for each in FORMATS}


def apply(texts: Mapping[str, str], edits: Sequence[SlotEdit]) -> dict[str, str]:
    """The new texts of the files in which the edited slots stand; a file that is not in `texts` is created.

    Raises CannotHold (with the place) where a format cannot write an argument, TooLong where a file cannot grow so
    far, VerificationFailed where the edit did not come out as wanted.
    """
    arguments.change([_lists(slot, words) for slot, words in edits])
    by_file: dict[str, list[SlotEdit]] = {}
    for slot, words in edits:
        by_file.setdefault(slot.file, []).append((slot, words))
    return {file: _edited(file, texts.get(file, ""), found) for file, found in by_file.items()}


def _lists(slot: Slot, words: Iterable[Word]) -> arguments.ListChange:
    """The slot's arguments before and after, without words that stay and that no argument list can hold.

    Those are words that give nothing, and one whose quote is never closed.
    """
    after = []
    for word in words:
        if arguments.holds(word.text):
            after.append(word.text)
        elif word.start < 0:
            raise CannotHold(
                f"not one argument: {word.text!r}",
                hint='close its quotes; put blanks inside double quotes: name="a b"',
                place=Place(slot.file, slot.line),
            )
    return [word.text for word in slot.words if arguments.holds(word.text)], after


def _edited(file: str, text: str, edits: Sequence[SlotEdit]) -> str:
    form = _FORMATS[edits[0][0].format]
    pieces: list[str] = []
    at = 0
    for slot, words in sorted(edits, key=lambda edit: edit[0].start):
        start, end = (slot.start, slot.end) if words else form.vacate(text, slot)
        pieces += (text[at:start], _encoded(text, slot, words))
        at = end
    return form.finish(file, "".join((*pieces, text[at:])))


def _encoded(text: str, slot: Slot, words: Sequence[Word]) -> str:
    """The slot's new bytes.

    Kept words come with the blanks that stood before them, new ones with those of the word whose place they take, else
    after one blank.
    """
    ends = [slot.start, *(word.end for word in slot.words)]
    blanks = [text[end : word.start] for end, word in zip(ends, slot.words, strict=False)]
    position = {word.start: index for index, word in enumerate(slot.words)}
    kept = {word.start for word in words}
    made = ""
    at = 0
    for word in words:
        if word.start >= 0:
            at = position[word.start]
            blank, piece = blanks[at], text[word.start : word.end]
            at += 1
        else:
            takes_place = at < len(slot.words) and slot.words[at].start not in kept
            blank, piece = blanks[at] if takes_place else " ", _quoted(slot, word)
            at += takes_place
        made += (blank or " " if made else "") + piece
    return slot.before + made + slot.after if made or not slot.before else ""


def _quoted(slot: Slot, word: Word) -> str:
    try:
        return _FORMATS[slot.format].quote(slot, word.text)
    except CannotHold as problem:
        place = problem.place or Place(slot.file, slot.line)
        raise CannotHold(problem.message, hint=problem.hint, place=place) from None
