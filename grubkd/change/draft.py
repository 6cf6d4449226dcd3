"""The words of slots as they would be, while changes are made to them.

A draft holds the words of every slot that was changed so far. A word that stays has its span in the file, a new one has
none (start -1). Lines are read through the draft: a change of a shared slot, made for one line, is seen by the next
line, which then needs no change.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from grubkd.boot import cmdline, findings
from grubkd.boot.document import Word
from grubkd.boot.loaders.blscfg import FALLBACK
from grubkd.boot.model import Line, Piece
from grubkd.change.request import ArgChange, Verb

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence, Set

    from grubkd.boot.document import Slot, SlotKey
    from grubkd.boot.model import LineKey


def new_word(text: str) -> Word:
    """A word that is not in any file yet."""
    return Word(-1, -1, text)


class Draft:
    """The words of slots after the changes so far.

    `closed`: the slots that must not be edited. `lasting`: the slots that new kernels read too. `expanded`: the keys of
    the lines in which the words of a closed slot have replaced the reference to it.
    """

    def __init__(self, closed: Iterable[SlotKey] = (), lasting: Iterable[SlotKey] = ()) -> None:
        self._closed = frozenset(closed)
        self._lasting = frozenset(lasting)
        self.expanded: set[LineKey] = set()
        self._made: dict[SlotKey, tuple[Slot, tuple[Word, ...]]] = {}

    def words(self, slot: Slot) -> tuple[Word, ...]:
        """The words that the slot would have."""
        return self._made.get(slot.key, (slot, slot.words))[1]

    def put(self, slot: Slot, words: Sequence[Word]) -> None:
        """Give the slot these words."""
        self._made[slot.key] = (slot, tuple(words))

    def edits(self) -> list[tuple[Slot, tuple[Word, ...]]]:
        """The slots whose words differ from the file's, in the order of their first change."""
        return [(slot, words) for slot, words in self._made.values() if words != slot.words]

    def pieces(self, line: Line) -> tuple[Piece, ...]:
        """The effective words that the line would have."""
        return line.pieces(self.words)

    def texts(self, line: Line) -> list[str]:
        """The effective arguments that the line would have."""
        return [word.text for _, word in self.pieces(line)]

    def change(self, line: Line, change: ArgChange) -> None:
        """Make the line's effective arguments as asked, in slots that may be edited.

        Nothing changes where the arguments are as asked. All arguments of a name are one value. It takes the place of
        the first of them in the last slot of the line that holds one; other slots lose theirs. A slot that new kernels
        read too (`kernelopts` behind a snippet's own arguments) keeps the value before others do. A new argument goes
        to the line's home, before any ` -- `: behind it, it would be an argument of init. Where tuned sets the argument
        too, it goes behind tuned's, since the last one wins. Raises TunedValue where tuned's would have to go.
        """
        tuned = self._of_tuned(line, change)
        mine, behind = self._found(line, change)
        if change.verb is Verb.ADD:
            if not mine and not tuned:
                self._append(line, change.tokens)
            return
        wanted = change.tokens if change.verb is Verb.SET else ()
        if tuned and not wanted:
            raise findings.tuned_value(tuned[0])
        loses = bool(tuned) and self._loses(line, mine, tuned)
        if not behind and not loses and _meanings(piece.word.text for piece in mine) == _meanings(wanted):
            return
        in_the_way = {piece.slot.key for piece in (*mine, *behind)} & self._closed
        if in_the_way:
            self._expand(line, in_the_way)
            mine, behind = self._found(line, change)
        for piece in behind:
            self._replace(piece.slot, [piece.word], ())
        if not mine or loses:
            for piece in mine:
                self._replace(piece.slot, [piece.word], ())
            self._append(line, wanted, own=loses)
            return
        self._keep_once(line, mine, wanted)

    def _keep_once(self, line: Line, mine: Sequence[Piece], wanted: Sequence[str]) -> None:
        """Put the tokens in the place of one of the present words; remove the others."""
        keeper = next((piece.slot for piece in mine if self._outlasts(piece.slot, line)), mine[-1].slot)
        by_slot: dict[SlotKey, tuple[Slot, list[Word]]] = {}
        for piece in mine:
            by_slot.setdefault(piece.slot.key, (piece.slot, []))[1].append(piece.word)
        for slot, words in by_slot.values():
            self._replace(slot, words, wanted if slot.key == keeper.key else ())

    def _of_tuned(self, line: Line, change: ArgChange) -> list[Piece]:
        pieces = self.pieces(line) if any(map(findings.is_tuned, line.every_slot())) else ()
        return [piece for piece in pieces if findings.is_tuned(piece.slot) and change.matches(piece.word.text)]

    def _loses(self, line: Line, mine: Sequence[Piece], tuned: Sequence[Piece]) -> bool:
        """Whether the first of mine is before the last of tuned's, or missing."""
        words = [id(piece.word) for piece in self.pieces(line)]
        return not mine or words.index(id(mine[0].word)) < words.index(id(tuned[-1].word))

    def _outlasts(self, slot: Slot, line: Line) -> bool:
        return slot.key in self._lasting and slot not in line.slots

    def _found(self, line: Line, change: ArgChange) -> tuple[list[Piece], list[Piece]]:
        """The words that the change is for, and those behind `--`, where the kernel looks for crashkernel too.

        tuned's words do not count, nor do those of shared slots before them: these lose, and other lines need them.
        """
        mine: list[Piece] = []
        behind: list[Piece] = []
        ended = False
        lost = len(self._of_tuned(line, change))
        for slot, word in self.pieces(line):
            if word.text == "--":
                ended = True
            if (not ended or change.reserves) and change.matches(word.text):
                if findings.is_tuned(slot):
                    lost -= 1
                elif not lost or slot in line.slots:
                    (behind if ended else mine).append(Piece(slot, word))
        return mine, behind

    def _replace(self, slot: Slot, old: Sequence[Word], tokens: Sequence[str]) -> None:
        """Put the tokens in the place of the first of the old words, and remove all old words.

        A token that means the same as one of the old words keeps its bytes.
        """
        words: list[Word] = []
        first = True
        for word in self.words(slot):
            # Two new words may be equal, one of them behind `--`.
            if not any(word is each for each in old):
                words.append(word)
            elif first:
                kept = {cmdline.meaning(each.text): each for each in reversed(old)}
                words.extend(kept.get(cmdline.meaning(token)) or new_word(token) for token in tokens)
                first = False
        self.put(slot, words)

    def _append(self, line: Line, tokens: Sequence[str], *, own: bool = False) -> None:
        """Add arguments to the line's home; with `own` to the slot of the line itself, never to a shared one."""
        if not tokens:
            return
        pieces = self.pieces(line)
        # Where the kernel stops reading parameters.
        end = next((index for index, piece in enumerate(pieces) if piece.word.text == "--"), len(pieces))
        new = [new_word(token) for token in tokens]
        if end < len(pieces):
            if pieces[end].slot.key in self._closed:
                self._expand(line, {pieces[end].slot.key})
                pieces = self.pieces(line)
            slot, mark = pieces[end]
            words = self.words(slot)
            at = next(index for index, word in enumerate(words) if word is mark)
            self.put(slot, [*words[:at], *new, *words[at:]])
            return
        slot = line.home if not own or line.home in line.slots else line.slots[0]
        if slot.key in self._closed:
            # Arguments of its own replace the shared ones that fill an empty slot, so it gets a copy of these.
            last = line.slots[-1]
            shared = [word.reference for word in last.words if word.start == word.end or word.reference == FALLBACK]
            implied = {each.key for name in shared if name for each in line.references.get((last.key, name), ())}
            self._expand(line, implied)
            slot = last
        self.put(slot, [*self.words(slot), *new])

    def _expand(self, line: Line, unwanted: Set[SlotKey]) -> None:
        """Replace references to these slots by the words in them, so that the line's own slots can be edited."""
        for slot in line.slots:
            words: list[Word] = []
            for word in self.words(slot):
                inner = line.references.get((slot.key, word.reference)) if word.reference else None
                if inner and any(each.key in unwanted for each in inner):
                    inside = Line(inner, inner[-1], line.references)
                    words.extend(new_word(piece.word.text) for piece in self.pieces(inside))
                else:
                    words.append(word)
            if tuple(words) != self.words(slot):
                self.put(slot, words)
                self.expanded.add(line.key)


def _meanings(arguments: Iterable[str]) -> list[tuple[str, str | None]]:
    return [cmdline.meaning(argument) for argument in arguments]
