"""A generated entry becomes what its generator will make of the edited source, so that its next run changes nothing.

Debian's and Fedora's 10_linux put GRUB_CMDLINE_LINUX before GRUB_CMDLINE_LINUX_DEFAULT, Debian's update-grub of GRUB
legacy kopt before defoptions: an argument new to the first one comes before those of the second, not at the end.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from grubkd.boot.model import Role
from grubkd.change.draft import new_word

if TYPE_CHECKING:
    from collections.abc import Sequence

    from grubkd.boot.model import Entry, Line, NewKernelArgs, Piece, Word
    from grubkd.change.arg_change import ArgChange
    from grubkd.change.draft import Draft


def remake(draft: Draft, entry: Entry, source: NewKernelArgs, wishes: Sequence[ArgChange]) -> bool:
    """Let the entry's line end in the words that its source now has, where it ended in those that the source had.

    False, and nothing is touched, where the line is not what the generator would have made of the source, where a wish
    is about what the generator puts before these words, or where the source keeps its words.
    """
    old, new = source.line.pieces(), draft.pieces(source.line)
    if old == new or any(boot.role is not Role.KERNEL for boot in entry.boots):
        return False
    starts = [_start(boot.line, old, wishes) for boot in entry.boots]
    if None in starts:
        return False
    for boot, start in zip(entry.boots, starts, strict=True):
        slot = boot.line.home
        kept = slot.words[start:]
        draft.put(slot, [*slot.words[:start], *_words(old, new, kept)])
    return True


def _start(line: Line, old: Sequence[Piece], wishes: Sequence[ArgChange]) -> int | None:
    """Where the source's words begin among those of the line's only slot, or None where they do not end it."""
    words = line.home.words
    start = len(words) - len(old)
    if line.slots != (line.home,) or any(word.reference or not word.text for word in words) or start < 0:
        return None
    if [word.text for word in words[start:]] != [piece.word.text for piece in old]:
        return None
    if any(wish.matches(word.text) for word in words[:start] for wish in wishes):
        return None
    return start


def _words(old: Sequence[Piece], new: Sequence[Piece], kept: Sequence[Word]) -> list[Word]:
    """The source's new words; one that it had before is the entry's own, whose bytes stay."""
    mine = {id(piece.word): word for piece, word in zip(old, kept, strict=True)}
    return [mine.get(id(piece.word)) or new_word(piece.word.text) for piece in new]
