"""Reverting a transaction by argument: the slots that it changed get their old arguments back in the present files.

It is for files that somebody changed since: a package manager, a generator, a person, a later transaction. The record
holds the arguments of each changed slot before and after (SlotRecord). A slot is found again by its file, its entry,
the kernel of the entry and its variable. A kernel that was installed since gets what its source has afterwards.
"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

from grubkd.boot import cmdline
from grubkd.boot.model import Feeds, Role
from grubkd.change import changes, request
from grubkd.change.changes import ChangeSet
from grubkd.change.draft import Draft, new_word
from grubkd.change.request import ArgChange, Verb
from grubkd.errors import Notice, Place

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
    from typing import TypeAlias

    from grubkd.boot.document import Slot, SlotKey, Word
    from grubkd.boot.model import BootConfig, Entry, Line, NewKernelArgs
    from grubkd.change.record import Record

    # File, entry (its id or title), kernel, variable, and the number among the slots that have these four.
    Where: TypeAlias = tuple[str, str, str, str, int]


class SlotRecord(NamedTuple):
    """The arguments of one slot before and after a transaction.

    `entry`: the id or the title of its entry, `kernel`: the image that the entry loads; both are "" for an assignment.
    `number`: counts the slots from 0 that are alike in all this.
    """

    file: str
    entry: str
    kernel: str
    variable: str
    number: int
    before: tuple[str, ...]
    after: tuple[str, ...]

    @property
    def where(self) -> tuple[str, str, str, str, int]:
        """Its identity: two readings of a tree find the same slot there."""
        return (self.file, self.entry, self.kernel, self.variable, self.number)

    def swapped(self) -> SlotRecord:
        """The record of the opposite change."""
        return self._replace(before=self.after, after=self.before)


def slots_of(config: BootConfig) -> dict[Where, Slot]:
    """Every slot of a configuration by the place where a later reading finds it again."""
    found: dict[Where, Slot] = {}
    numbers: dict[tuple[str, str, str, str], int] = {}
    for document in config.documents.values():
        owned = [
            (stanza.id or stanza.title, image.path, slot)
            for stanza in document.stanzas
            for image in stanza.images
            for slot in image.slots
        ]
        for entry, kernel, slot in [*owned, *(("", "", each.slot) for each in document.assignments)]:
            name = (slot.file, entry, kernel, slot.variable)
            numbers[name] = number = numbers.get(name, -1) + 1
            found[*name, number] = slot
    return found


def changed_slots(before: BootConfig, after: BootConfig) -> tuple[SlotRecord, ...]:
    """The slots whose arguments differ between two readings. A new file counts as changed from its seed."""
    old, rows = slots_of(before), []
    seeds = {each.line.home.file: each.seed for each in before.new_kernels if each.seed is not None}
    for where, slot in slots_of(after).items():
        texts = _texts(slot.words)
        earlier = _texts(old[where].words) if where in old else seeds.get(slot.file)
        if earlier is not None and texts != earlier:
            rows.append(SlotRecord(*where, earlier, texts))
    return tuple(rows)


def kernels_of(config: BootConfig) -> tuple[str, ...]:
    """The paths of the kernels that the entries load, as written, each once."""
    return tuple(sorted({boot.path for entry in config.entries for boot in entry.boots}))


def reverted(rows: Iterable[SlotRecord]) -> tuple[SlotRecord, ...]:
    """The rows of the transaction that reverts these."""
    return tuple(each.swapped() for each in rows)


def _texts(words: Iterable[Word]) -> tuple[str, ...]:
    return tuple(word.text for word in words if word.text)


def plan(config: BootConfig, record: Record, restored: Set[str]) -> tuple[ChangeSet, tuple[Notice, ...]]:
    """The edits that revert a transaction, and a notice for each thing that is not reverted or is overwritten.

    `restored`: the files that have their old bytes already in `config`.
    """
    draft, notices = Draft(), []
    present = slots_of(config)
    names: dict[SlotKey, list[str]] = {}
    for row in record.slots:
        slot = present.get(row.where)
        if slot is None:
            if row.file not in restored:
                notices.append(_gone(row))
            continue
        if any(word.startswith("$") for word in row.before if word not in row.after):
            notices.append(_not_undone(row, slot, "it referred to shared arguments before"))
            continue
        names[slot.key] = _names(row)
        notices += _overwritten(row, slot)
        words = _restored(draft.words(slot), row)
        if _texts(words) != _texts(draft.words(slot)):
            draft.put(slot, words)
    _change_new_entries(config, record, draft, names, restored)
    lines: list[Line] = [boot.line for entry in config.entries for boot in entry.boots]
    lines += [each.line for each in config.new_kernels]
    expected = {line.key: tuple(draft.texts(line)) for line in lines}
    return ChangeSet(tuple(draft.edits()), expected, frozenset(), ()), tuple(notices)


def _names(row: SlotRecord) -> list[str]:
    """The names of the arguments that the transaction changed in a slot."""
    found = dict.fromkeys(map(cmdline.name_of, (*row.before, *row.after)))
    return [name for name in found if _of(name, row.before) != _of(name, row.after)]


def _of(name: str, arguments: Iterable[str]) -> list[str]:
    return [each for each in arguments if cmdline.name_of(each) == name]


def _restored(words: Sequence[Word], row: SlotRecord) -> list[Word]:
    """The present words of a slot with the old arguments of each changed name."""
    result = list(words)
    for name in _names(row):
        old, new = _of(name, row.before), _of(name, row.after)
        mine = [word for word in result if word.text and not word.reference and cmdline.name_of(word.text) == name]
        if [word.text for word in mine] == old:
            continue
        going = _ours(mine, new) if new and name != cmdline.CRASHKERNEL else None
        going = mine if going is None else going
        kept = {word.text: word for word in reversed(going)}
        wanted = [kept.get(text) or new_word(text) for text in old]
        at = next((index for index, word in enumerate(result) if any(word is each for each in going)), None)
        if at is None:
            at = _place(result, row.before, old)
        before = [word for word in result[:at] if not any(word is each for each in going)]
        after = [word for word in result[at:] if not any(word is each for each in going)]
        result = [*before, *wanted, *after]
    return result


def _ours(mine: Sequence[Word], new: Sequence[str]) -> list[Word] | None:
    """The words that the transaction wrote, where all of them are still there: others of the name then stay."""
    found: list[Word] = []
    for text in new:
        word = next((each for each in mine if each.text == text and not any(each is one for one in found)), None)
        if word is None:
            return None
        found.append(word)
    return found


def _place(words: Sequence[Word], before: Sequence[str], old: Sequence[str]) -> int:
    """Where an argument that the transaction removed belongs: behind its old neighbour, else before ` -- `."""
    texts = [word.text for word in words]
    if old:
        for neighbour in reversed(before[: before.index(old[0])]):
            if neighbour in texts:
                return texts.index(neighbour) + 1
        if before[0] == old[0] and texts:
            return 0
    return texts.index("--") if "--" in texts else len(texts)


def _change_new_entries(
    config: BootConfig, record: Record, draft: Draft, names: Mapping[SlotKey, Sequence[str]], restored: Set[str]
) -> None:
    """Give entries that were made since the arguments that their source has now."""
    recorded = {row.where for row in record.slots}
    known = {slot.key for where, slot in slots_of(config).items() if where in recorded}
    for entry in config.entries:
        slots = {slot.key for boot in entry.boots for slot in boot.line.slots}
        made_since = any(boot.path not in record.kernels for boot in entry.boots)
        made_since |= entry.generated and entry.source.file not in restored
        if not entry.own_linux or entry.managed_by or slots & known or not made_since:
            continue
        sources = list(_sources(config, entry))
        asked = [change for source in sources for change in _as_source(draft, source, names)]
        fed = request.fed_by_source(config, entry)
        if fed and changes.follow_source(draft, entry, fed, asked):
            continue
        # A file that the transaction created holds nothing any more.
        if not entry.rescue and all(each.seed is not None for each in sources):
            asked = asked or _as_others(record, entry, config)
        for change in asked:
            for line in request.lines_of(entry, change):
                draft.change(line, change)


def _sources(config: BootConfig, entry: Entry) -> Iterator[NewKernelArgs]:
    """The lines from which a tool made this entry."""
    xen = any(boot.role is Role.HYPERVISOR for boot in entry.boots)
    fed = request.fed_by_source(config, entry)
    mine = {slot.key for boot in entry.boots for slot in boot.line.slots}
    for each in config.new_kernels:
        if each.format != entry.format or each.read_only or each.line.home.key in mine:
            continue
        if each is fed or (fed is None and each.feeds is Feeds.NONE) or (xen and each.feeds is Feeds.XEN):
            yield each


def _as_source(draft: Draft, source: NewKernelArgs, names: Mapping[SlotKey, Sequence[str]]) -> list[ArgChange]:
    """The changes after which a line holds what its source holds, for the names that were reverted there."""
    reverted = dict.fromkeys(chain.from_iterable(names.get(key, ()) for key in sorted(source.line.reach())))
    texts = draft.texts(source.line)
    return [
        ArgChange(Verb.SET, name, tuple(_of(name, texts)))
        for name in reverted
        if (name == cmdline.CRASHKERNEL) or source.feeds is not Feeds.XEN
    ]


def _as_others(record: Record, entry: Entry, config: BootConfig) -> list[ArgChange]:
    """The changes that all entries of this boot loader got, for an entry that is a copy of one of them."""
    files = {each.source.file for each in config.entries if each.format == entry.format}
    rows = [row for row in record.slots if row.kernel and (row.file in files or row.file.endswith(".conf"))]
    if not rows:
        return []
    found = []
    for name in _names(rows[0]):
        old, new = _of(name, rows[0].before), _of(name, rows[0].after)
        alike = all((_of(name, row.before), _of(name, row.after)) == (old, new) for row in rows)
        present = [_of(name, boot.arguments) for boot in entry.boots if boot.role is not Role.OTHER]
        if alike and new in present:
            found.append(ArgChange(Verb.SET, name, tuple(old)))
    return found


def _gone(row: SlotRecord) -> Notice:
    what = f"the entry {row.entry} for {row.kernel}" if row.kernel else f"{row.variable} in {row.file}"
    message = f"{what} is gone: nothing to undo there"
    return Notice("not-undone", message, hint="nothing, if it was removed on purpose", place=Place(row.file))


def _not_undone(row: SlotRecord, slot: Slot, why: str) -> Notice:
    message = f"{row.variable} is not undone: {why}"
    hint = "edit it by hand, or see: grubkd rollback --exact --force"
    return Notice("not-undone", message, hint=hint, place=Place(slot.file, slot.line))


def _overwritten(row: SlotRecord, slot: Slot) -> Iterator[Notice]:
    """A notice for each argument that somebody changed since the transaction."""
    texts = _texts(slot.words)
    for name in _names(row):
        present, old = _of(name, texts), _of(name, row.before)
        if present not in (_of(name, row.after), old):
            was, becomes = (" ".join(each) or "nothing" for each in (present, old))
            message = f"somebody changed {name} since: {was} is replaced by {becomes}"
            hint = "set it again if you want the later value"
            yield Notice("changed-since", message, hint=hint, place=Place(slot.file, slot.line))
