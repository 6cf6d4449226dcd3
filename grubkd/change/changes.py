"""What is asked -> the slot edits, and what every line of the configuration has to hold afterwards.

The law: afterwards the effective line of each selected entry and, if everything is selected, of the new kernels holds
exactly what is asked, once. A slot shared with a line that is not selected is not edited.

A generated entry becomes what its generator will make of the edited source, so that the generator's next run changes
no line. Debian's and Fedora's 10_linux put GRUB_CMDLINE_LINUX before GRUB_CMDLINE_LINUX_DEFAULT, Debian's update-grub
of GRUB legacy kopt before defoptions: an argument that is new in the first comes before those of the second.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from grubkd.boot import cmdline, findings
from grubkd.boot.loaders import grub_custom
from grubkd.boot.loaders.shell import UNFOLLOWED
from grubkd.boot.model import Feeds, Role
from grubkd.change import request
from grubkd.change.draft import Draft, new_word
from grubkd.change.request import ArgChange, Verb
from grubkd.errors import NoBootloader, Notice

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from typing import TypeAlias

    from grubkd.boot.document import Word
    from grubkd.boot.model import BootConfig, Entry, Line, LineKey, NewKernelArgs, Piece
    from grubkd.boot.selector import Selection
    from grubkd.change.edit import SlotEdit

# What is asked of an entry, or (None) of new kernels.
ArgChangesFor: TypeAlias = "Callable[[Entry | None], Sequence[ArgChange]]"


class ChangeSet(NamedTuple):
    """The slot edits, and what the lines have to hold afterwards.

    `expected`: key of each line -> its effective arguments; verify compares the edited tree with them.
    `valued`: the keys of the lines whose crashkernel value was asked for, even if it does not change.
    """

    edits: tuple[SlotEdit, ...]
    expected: Mapping[LineKey, tuple[str, ...]]
    valued: frozenset[LineKey]
    warnings: tuple[Notice, ...]


def make(config: BootConfig, selection: Selection, changes_for: ArgChangesFor) -> ChangeSet:
    """The edits that make the selected entries as asked and, if everything is selected, the lines for new kernels.

    Raises NoBootloader where there is nothing to edit, TunedValue where an argument of tuned's has to go.
    """
    if not config.entries and not config.new_kernels:
        raise NoBootloader(
            "no boot configuration found",
            hint="--root must name the root of an installed system, with its /boot mounted; a menu in another place is"
            " named by --grub-cfg PATH",
        )
    new_kernels = request.editable_new_kernels(config) if selection.everything else []
    lasting = (key for each in new_kernels for key in each.line.reach())
    draft = Draft(request.closed_slots(config, selection), lasting)
    for_new = changes_for(None) if selection.everything else ()
    valued = _change_new_kernels(draft, new_kernels, for_new)
    for entry in selection.entries:
        source = request.fed_by_source(config, entry) if selection.everything else None
        valued |= _change_entry(draft, entry, source, changes_for(entry))
    if all(change.verb is Verb.REMOVE or not change.tokens for change in for_new):
        _drop_unused_files(draft, new_kernels)
    expected = _expected(draft, config)
    tuned = findings.tuned_values(selection.entries) if valued else ()
    warnings = (*tuned, *request.losses(selection, changes_for, expected), *_warnings(config, selection, draft))
    edits = draft.edits()
    return ChangeSet((*edits, *_copied(config, edits)), expected, frozenset(valued), warnings)


def _copied(config: BootConfig, edits: Sequence[SlotEdit]) -> Iterator[SlotEdit]:
    """The edits of grub.cfg that its script in /etc/grub.d needs too, because it prints this text."""
    for slot, words in edits:
        section = grub_custom.section_of(slot, config.texts)
        by = grub_custom.moved_by(slot, section, config.texts) if section else None
        if section and by is not None:
            moved = [word._replace(start=word.start + by, end=word.end + by) for word in slot.words]
            there = {id(word): other for word, other in zip(slot.words, moved, strict=True)}
            copy = slot._replace(file=section.script, start=slot.start + by, end=slot.end + by, words=tuple(moved))
            yield copy, [there.get(id(word), word) for word in words]


def _change_new_kernels(
    draft: Draft, new_kernels: Sequence[NewKernelArgs], changes: Sequence[ArgChange]
) -> set[LineKey]:
    """Change the lines for new kernels; returns the keys of those whose crashkernel value was asked for."""
    valued: set[LineKey] = set()
    for each in new_kernels:
        if each.seed is not None:
            draft.put(each.line.home, [new_word(word) for word in each.seed])
        for change in changes:
            # A recovery line is what its variables leave in it: it gets nothing of its own.
            if each.feeds is not Feeds.RECOVERY and (each.feeds is not Feeds.XEN or change.reserves):
                for_xen = each.feeds is Feeds.XEN and change.reserves
                draft.change(each.line, request.for_hypervisor(change) if for_xen else change)
                if change.reserves:
                    valued.add(each.line.key)
    return valued


def _change_entry(
    draft: Draft, entry: Entry, source: NewKernelArgs | None, changes: Sequence[ArgChange]
) -> set[LineKey]:
    """Change the lines of one entry; returns the keys of those whose crashkernel value was asked for.

    `source`: the line from which a generator makes the entry; it is changed already. Raises VariableNotKnown.
    """
    for change in changes:
        for name, argument in entry.doubtful:
            if change.matches(argument):
                raise findings.doubtful(entry, name, argument)
    if source and follow_source(draft, entry, source, changes):
        asked = any(change.reserves and _reaches(draft, entry, source, change) for change in changes)
        return {boot.line.key for boot in entry.boots} if asked else set()
    valued: set[LineKey] = set()
    xen = any(boot.role is Role.HYPERVISOR for boot in entry.boots)
    for change in changes:
        made: ArgChange | None = request.for_hypervisor(change) if xen and change.reserves else change
        if source and entry.rescue and not (xen and change.reserves):
            made = _as_generated(draft, source, change)
        if made is None:
            continue
        for line in request.lines_of(entry, made):
            at = _place_in_source(draft, line, source.line, made) if source else None
            if at is None:
                draft.change(line, made)
            else:
                words = line.home.words
                draft.put(line.home, [*words[:at], *map(new_word, made.tokens), *words[at:]])
            if made.reserves:
                valued.add(line.key)
    return valued


def follow_source(draft: Draft, entry: Entry, source: NewKernelArgs, changes: Sequence[ArgChange]) -> bool:
    """Let the line of an entry end in the new words of its source, where it ended in the old ones.

    Returns False, and changes nothing, where the line is not what the generator makes of the source, where a change is
    for what the generator puts before these words, and where the words of the source stay.
    """
    old, new = source.line.pieces(), draft.pieces(source.line)
    in_part = any(slot.style == UNFOLLOWED for slot in source.line.slots)
    # The entry has the seed already, where the source itself holds nothing yet.
    unlike = in_part or source.seed is not None or any(boot.role is not Role.KERNEL for boot in entry.boots)
    if old == new or unlike:
        return False
    starts = [_start_of_source(boot.line, old, changes) for boot in entry.boots]
    if None in starts:
        return False
    for boot, start in zip(entry.boots, starts, strict=True):
        slot = boot.line.home
        # A word that the source had before is the entry's own, whose bytes stay.
        own = [(piece.word, word) for piece, word in zip(old, slot.words[start:], strict=True)]
        kept = (next((word for before, word in own if before is piece.word), None) for piece in new)
        words = [word or new_word(piece.word.text) for word, piece in zip(kept, new, strict=True)]
        draft.put(slot, [*slot.words[:start], *words])
    return True


def _start_of_source(line: Line, old: Sequence[Piece], changes: Sequence[ArgChange]) -> int | None:
    """The number of the first word that comes from the source; None where the line does not end in its words."""
    words = line.home.words
    start = len(words) - len(old)
    if line.slots != (line.home,) or any(not word.text for word in words) or start < 0:
        return None
    # A reference is pasted as it is; what it means must not decide against the source.
    inside = [piece.word.text for piece in line.pieces() if piece.slot is not line.home]
    if any(change.matches(text) for text in inside for change in changes):
        return None
    if [word.text for word in words[start:]] != [piece.word.text for piece in old]:
        return None
    if any(change.matches(word.text) for word in words[:start] for change in changes):
        return None
    return start


def _place_in_source(draft: Draft, line: Line, source: Line, change: ArgChange) -> int | None:
    """The position among the words of an entry at which its generator puts the new arguments of a change.

    For a source of which a part is not followed: the words behind the new ones show the place. None for any other
    source, for an entry that has such an argument, and where the place cannot be determined.
    """
    gap = new_word("")
    in_part = any(slot.style == UNFOLLOWED for slot in source.slots)
    words = draft.words(line.home)
    if not in_part or any(change.matches(text) for text in draft.texts(line)) or words != line.home.words:
        return None
    tail: list[str] | None = None
    for slot in source.slots:
        for word in (*map(new_word, slot.before.split()), gap) if slot.style == UNFOLLOWED else draft.words(slot):
            if tail is None or word.text in change.tokens:
                tail = [] if word.text in change.tokens else None
            elif word is gap:
                return _last(words, tail) if tail else None
            else:
                tail.append(word.text)
    at = len(words) - len(tail or ())
    return at if tail is not None and [word.text for word in words[at:]] == tail else None


def _last(words: Sequence[Word], texts: Sequence[str]) -> int | None:
    """Where the texts are in the words, for the last time."""
    places = range(len(words) - len(texts), -1, -1)
    return next((at for at in places if [word.text for word in words[at : at + len(texts)]] == texts), None)


def _reaches(draft: Draft, entry: Entry, source: NewKernelArgs, change: ArgChange) -> bool:
    """Whether the change is for this entry: a recovery entry gets only what its own variables hold."""
    return not entry.rescue or any(change.matches(text) for text in draft.texts(source.line))


def _as_generated(draft: Draft, source: NewKernelArgs, change: ArgChange) -> ArgChange | None:
    """The change of a recovery entry after which its generator changes nothing; None: leave the entry alone.

    The entry gets what its source line now has under that name, if that line was changed or already is as asked.
    """
    mine = [text for text in draft.texts(source.line) if change.matches(text)]
    before = [word for word in source.line.arguments() if change.matches(word)]
    if change.verb is Verb.SET:
        if [cmdline.meaning(text) for text in mine] == [cmdline.meaning(token) for token in change.tokens]:
            return change
        return ArgChange(Verb.SET, change.name, tuple(mine)) if mine != before else None
    if change.verb is Verb.ADD:
        return change if mine else None
    return change if not mine else None


def _drop_unused_files(draft: Draft, new_kernels: Sequence[NewKernelArgs]) -> None:
    """Do not create a file for new kernels where nothing else changes: removing an absent argument leaves no file."""
    for each in new_kernels:
        if each.seed is not None and draft.texts(each.line) == list(each.seed):
            others = [slot for slot, _ in draft.edits() if slot.key != each.line.home.key]
            if not others:
                draft.put(each.line.home, ())


def _script_of(config: BootConfig, entry: Entry) -> str | None:
    """The script that prints an entry with arguments of its own, where grubkd does not edit it."""
    slots = [slot for boot in entry.boots for slot in boot.line.slots]
    section = grub_custom.section_of(slots[0], config.texts) if slots and not entry.generated else None
    if section is None or grub_custom.moved_by(slots[0], section, config.texts) is not None:
        return None
    return section.script


def _expected(draft: Draft, config: BootConfig) -> dict[LineKey, tuple[str, ...]]:
    lines: list[Line] = [boot.line for entry in config.entries for boot in entry.boots]
    lines += [each.line for each in config.new_kernels]
    return {line.key: tuple(draft.texts(line)) for line in lines}


def _warnings(config: BootConfig, selection: Selection, draft: Draft) -> tuple[Notice, ...]:
    found = [each for each in config.warnings if selection.everything and each.code == "source-not-followed"]
    mounted = all(each.code != "menu-not-mounted" for each in config.warnings)
    if selection.everything and not config.entries and mounted:
        message = "no boot entry exists yet; kernels installed later will get the value"
        found.append(Notice("no-entries", message, hint="install a kernel, then see: grubkd show"))
    for entry in selection.entries:
        if any(boot.line.key in draft.expanded for boot in entry.boots):
            found.append(
                Notice(
                    "shared-slot",
                    f"entry {entry.index} shared its arguments with entries that were not selected: it now has a copy"
                    " of its own",
                    hint="later changes of the shared arguments no longer reach this entry",
                    place=entry.source,
                )
            )
        if all(draft.pieces(boot.line) == boot.line.pieces() for boot in entry.boots):
            continue
        script = _script_of(config, entry)
        if script:
            message = f"entry {entry.index} is printed by {script}: the next update of the boot menu loses this"
            found.append(Notice("lost-at-regeneration", message, f"make the same change in {script}", entry.source))
        source = None if selection.everything else request.fed_by_source(config, entry)
        if source:
            found.append(
                Notice(
                    "lost-at-regeneration",
                    f"entry {entry.index} is generated from {source.line.home.file}: the next update of the boot menu"
                    " loses this",
                    hint="without --kernel the source is edited too",
                    place=entry.source,
                )
            )
    return tuple(found)
