"""What is to change: arguments, in which lines, and which entries have to share one value; and the slots' new words.

A draft holds the words of every slot that was changed so far. A word that stays has its span in the file, a new one has
none (start -1). Lines are read through the draft: a change of a shared slot, made for one line, is seen by the next
line, which then needs no change.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from grubkd.boot import cmdline
from grubkd.boot.model import Feeds, Line, Piece, Role, Word
from grubkd.errors import Refused

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence, Set

    from grubkd.boot.model import BootConfig, Entry, LineKey, NewKernelArgs, Slot, SlotKey
    from grubkd.boot.selector import Selection


class Verb(Enum):
    """What an ArgChange does; see there."""

    SET = "set"
    ADD = "add"
    REMOVE = "remove"


@dataclass(frozen=True, slots=True)
class ArgChange:
    """A change of the arguments of one name. `tokens` are arguments as the kernel is to receive them.

    SET: the line holds exactly `tokens` under that name; without tokens the name goes. ADD: the line holds the one
    token; it is appended where it is missing. REMOVE: no argument of that name stays; if `tokens` has one with a value,
    only arguments equal to it go.
    """

    verb: Verb
    name: str
    tokens: tuple[str, ...] = ()

    @property
    def reserves(self) -> bool:
        """Whether it changes the reservation. Under Xen the hypervisor makes the reservation, from its own line."""
        return self.name == cmdline.CRASHKERNEL

    def matches(self, argument: str) -> bool:
        """Whether an argument is one of those to change; by exact name, never by pattern."""
        if self.verb is Verb.ADD:
            return cmdline.meaning(argument) == cmdline.meaning(self.tokens[0])
        if cmdline.name_of(argument) != self.name:
            return False
        if self.verb is Verb.REMOVE and self.tokens:
            return cmdline.value_of(argument) == cmdline.value_of(self.tokens[0])
        return True


def reservation(values: tuple[str, ...]) -> ArgChange:
    """The change after which the line holds exactly these crashkernel values, given without the name."""
    return ArgChange(Verb.SET, cmdline.CRASHKERNEL, tuple(f"{cmdline.CRASHKERNEL}={value}" for value in values))


def lines_of(entry: Entry, change: ArgChange) -> Iterator[Line]:
    """The lines of an entry that a change is for: Xen's for the reservation, Linux's for all other arguments."""
    beside_kernel = Role.HYPERVISOR if change.reserves else Role.MODULE
    for boot in entry.boots:
        if boot.role in (Role.KERNEL, beside_kernel):
            yield boot.line


def check_editable(selection: Selection) -> None:
    """Raise Refused for the first entry that grubkd never edits."""
    for entry in selection.entries:
        if not entry.own_linux:
            what = "belongs to another system" if entry.foreign else "boots no Linux"
            raise Refused(
                f"entry {entry.index} ({entry.title}) {what}",
                hint="choose another entry; grubkd show lists them",
                place=entry.source,
            )


def editable_new_kernels(config: BootConfig) -> list[NewKernelArgs]:
    """The lines for new kernels that are edited when everything is selected."""
    return [each for each in config.new_kernels if not each.copied and not each.read_only]


def closed_slots(config: BootConfig, selection: Selection) -> frozenset[SlotKey]:
    """The slots that must not be edited: they also feed a line that is not selected."""
    if selection.everything:
        return frozenset(key for each in config.new_kernels if each.read_only for key in each.line.reach())
    chosen = {entry.index for entry in selection.entries}
    keys: set[SlotKey] = set()
    for entry in config.entries:
        if entry.index not in chosen:
            keys.update(key for boot in entry.boots for key in boot.line.reach())
    for each in config.new_kernels:
        if not each.copied:
            keys.update(each.line.reach())
    return frozenset(keys)


def fed_by_source(config: BootConfig, entry: Entry) -> NewKernelArgs | None:
    """The line from which a generator makes the Linux line of this entry; None for an entry that is not generated."""
    if not entry.generated:
        return None
    wanted = Feeds.RECOVERY if entry.rescue else Feeds.NORMAL
    for each in config.new_kernels:
        if each.feeds is wanted and each.format == entry.format:
            return each
    return None


def sharing_groups(config: BootConfig, selection: Selection) -> list[tuple[tuple[Entry, ...], bool]]:
    """The selected entries in groups that share one value, and whether new kernels share it too.

    Entries share a value where an edit of one entry's line changes the other's: both have the same slot, which may be
    edited; or, if everything is selected, a generator makes both from the same source. The groups are in the order of
    their first entries.
    """
    change = reservation(())
    closed = closed_slots(config, selection)
    for_new: frozenset[SlotKey] = frozenset()
    if selection.everything:
        for_new = frozenset().union(*(each.line.reach() for each in editable_new_kernels(config)))
    group_of: dict[SlotKey, int] = {}
    entries: dict[int, list[Entry]] = {}
    keys_of: dict[int, set[SlotKey]] = {}
    for number, entry in enumerate(selection.entries):
        keys = {key for line in lines_of(entry, change) for key in line.reach()} - closed
        source = fed_by_source(config, entry) if selection.everything else None
        if source is not None:
            keys |= source.line.reach()
        met = {group_of[key] for key in keys if key in group_of}
        home = min(met, default=number)
        entries.setdefault(home, []).append(entry)
        for other in met - {home}:
            entries[home] += entries.pop(other)
            keys |= keys_of.pop(other)
        keys_of.setdefault(home, set()).update(keys)
        group_of.update(dict.fromkeys(keys, home))
    return [
        (tuple(sorted(found, key=lambda entry: entry.index)), bool(keys_of[home] & for_new))
        for home, found in sorted(entries.items())
    ]


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
        to the line's home, before any ` -- `: behind it, it would be an argument of init.
        """
        mine, behind = self._found(line, change)
        if change.verb is Verb.ADD:
            if not mine:
                self._append(line, change.tokens)
            return
        wanted = change.tokens if change.verb is Verb.SET else ()
        if not behind and _meanings(piece.word.text for piece in mine) == _meanings(wanted):
            return
        in_the_way = {piece.slot.key for piece in (*mine, *behind)} & self._closed
        if in_the_way:
            self._expand(line, in_the_way)
            mine, behind = self._found(line, change)
        for piece in behind:
            self._replace(piece.slot, [piece.word], ())
        if not mine:
            self._append(line, wanted)
            return
        keeper = next((piece.slot for piece in mine if self._outlasts(piece.slot, line)), mine[-1].slot)
        by_slot: dict[SlotKey, tuple[Slot, list[Word]]] = {}
        for piece in mine:
            by_slot.setdefault(piece.slot.key, (piece.slot, []))[1].append(piece.word)
        for slot, words in by_slot.values():
            self._replace(slot, words, wanted if slot.key == keeper.key else ())

    def _outlasts(self, slot: Slot, line: Line) -> bool:
        return slot.key in self._lasting and slot not in line.slots

    def _found(self, line: Line, change: ArgChange) -> tuple[list[Piece], list[Piece]]:
        """The words that the change is for, and those behind `--`, where the kernel looks for crashkernel too."""
        mine: list[Piece] = []
        behind: list[Piece] = []
        ended = False
        for slot, word in self.pieces(line):
            if word.text == "--":
                ended = True
            if (not ended or change.reserves) and change.matches(word.text):
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

    def _append(self, line: Line, tokens: Sequence[str]) -> None:
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
        slot = line.home
        if slot.key in self._closed:
            # Arguments of its own replace shared ones to which no word of the slot refers, so it gets a copy of these.
            own = line.slots[-1]
            hidden = [word.reference for word in own.words if word.reference and word.start == word.end]
            implied = {each.key for name in hidden for each in line.references.get((own.key, name), ())}
            self._expand(line, implied)
            slot = own
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
