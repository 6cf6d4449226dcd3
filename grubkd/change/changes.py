"""BootConfig + what is wanted -> the slot edits, in the order the files must be written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from grubkd.boot import cmdline
from grubkd.boot.model import Feeds, Role
from grubkd.change import targets
from grubkd.change.arg_change import ArgChange, Verb
from grubkd.change.draft import Draft, new_word
from grubkd.errors import NoBootloader, Notice

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import TypeAlias

    from grubkd.boot.model import BootConfig, Entry, Line, LineKey, NewKernelArgs
    from grubkd.boot.selector import Selection
    from grubkd.change.edit import SlotEdit

# The wishes for an entry, or (None) for the future.
ArgChangesFor: TypeAlias = "Callable[[Entry | None], Sequence[ArgChange]]"


@dataclass(frozen=True, slots=True)
class ChangeSet:
    """The slot edits, and what every line of the configuration is to read like afterwards.

    `expected`: key of a line -> its effective arguments; verify compares the tree as it would be with it.
    `valued`: keys of the lines whose crashkernel value was wished for, changed or not.
    """

    edits: tuple[SlotEdit, ...]
    expected: Mapping[LineKey, tuple[str, ...]]
    valued: frozenset[LineKey]
    warnings: tuple[Notice, ...]


def make(config: BootConfig, selection: Selection, wishes_for: ArgChangesFor) -> ChangeSet:
    """The edits that fulfil the wishes in the selected entries, and, where everything is selected, in the future.

    Raises NoBootloader where there is nothing to edit, Refused for an entry that is never edited.
    """
    if not config.entries and not config.new_kernels:
        raise NoBootloader(
            "no boot configuration found",
            hint="--root must name the root of an installed system, with its /boot mounted",
        )
    targets.check(selection)
    futures = targets.editable_futures(config) if selection.everything else []
    draft = Draft(targets.closed(config, selection), (key for future in futures for key in future.line.reach()))
    coming = wishes_for(None) if selection.everything else ()
    valued = _fulfil_in_futures(draft, futures, coming)
    for entry in selection.entries:
        source = targets.fed_by_source(config, entry) if selection.everything else None
        wishes = wishes_for(entry)
        if source and _remade(draft, entry, source, wishes):
            if any(wish.reserves and _reaches(draft, entry, source, wish) for wish in wishes):
                valued.update(boot.line.key for boot in entry.boots)
            continue
        xen = any(boot.role is Role.HYPERVISOR for boot in entry.boots)
        bound = source if entry.rescue and source else None
        for wish in wishes:
            granted = _as_generated(draft, bound, wish) if bound and not (xen and wish.reserves) else wish
            if granted is None:
                continue
            for line in targets.lines_of(entry, granted):
                draft.fulfil(line, granted)
                if granted.reserves:
                    valued.add(line.key)
    if all(wish.verb is Verb.REMOVE or not wish.tokens for wish in coming):
        _drop_idle_seeds(draft, futures)
    warnings = _warnings(config, selection, draft)
    return ChangeSet(tuple(draft.edits()), _expected(draft, config), frozenset(valued), warnings)


def _remade(draft: Draft, entry: Entry, source: NewKernelArgs, wishes: Sequence[ArgChange]) -> bool:
    """As generated.remake; most entries are not generated."""
    from grubkd.change import generated

    return generated.remake(draft, entry, source, wishes)


def _reaches(draft: Draft, entry: Entry, source: NewKernelArgs, wish: ArgChange) -> bool:
    """Whether the wish is about this entry: a recovery entry gets what its own variables leave it."""
    return not entry.rescue or any(wish.matches(text) for text in draft.texts(source.line))


def _fulfil_in_futures(draft: Draft, futures: Sequence[NewKernelArgs], wishes: Sequence[ArgChange]) -> set[LineKey]:
    """Fulfil the wishes for kernels to come; returns the keys of the lines whose value was wished for."""
    valued: set[LineKey] = set()
    for future in futures:
        if future.seed is not None:
            draft.put(future.line.home, [new_word(word) for word in future.seed])
        for wish in wishes:
            # A recovery line is what its variables leave it: it is asked nothing of its own.
            if future.feeds is not Feeds.RECOVERY and (future.feeds is not Feeds.XEN or wish.reserves):
                draft.fulfil(future.line, wish)
                if wish.reserves:
                    valued.add(future.line.key)
    return valued


def _as_generated(draft: Draft, source: NewKernelArgs, wish: ArgChange) -> ArgChange | None:
    """The wish for a recovery entry, so that its generator would change nothing afterwards; None: leave it alone.

    The entry gets what its source line now has under that name, if the wish changed that line at all or the line
    already is as wished.
    """
    mine = [text for text in draft.texts(source.line) if wish.matches(text)]
    before = [word for word in source.line.arguments() if wish.matches(word)]
    if wish.verb is Verb.SET:
        if [cmdline.meaning(text) for text in mine] == [cmdline.meaning(token) for token in wish.tokens]:
            return wish
        return ArgChange(Verb.SET, wish.name, tuple(mine)) if mine != before else None
    if wish.verb is Verb.ADD:
        return wish if mine else None
    return wish if not mine else None


def _drop_idle_seeds(draft: Draft, futures: Sequence[NewKernelArgs]) -> None:
    """Take a new file back out where nothing else changes: removing what stands nowhere leaves no file behind."""
    for future in futures:
        if future.seed is not None and draft.texts(future.line) == list(future.seed):
            others = [slot for slot, _ in draft.edits() if slot.key != future.line.home.key]
            if not others:
                draft.put(future.line.home, ())


def _expected(draft: Draft, config: BootConfig) -> dict[LineKey, tuple[str, ...]]:
    lines: list[Line] = [boot.line for entry in config.entries for boot in entry.boots]
    lines += [future.line for future in config.new_kernels]
    return {line.key: tuple(draft.texts(line)) for line in lines}


def _warnings(config: BootConfig, selection: Selection, draft: Draft) -> tuple[Notice, ...]:
    found = []
    if selection.everything and not config.entries:
        message = "no boot entry exists yet; kernels installed later will get the value"
        found.append(Notice("no-entries", message, hint="install a kernel, then see: grubkd show"))
    for entry in selection.entries:
        if draft.expanded and any(boot.line.key in draft.expanded for boot in entry.boots):
            found.append(
                Notice(
                    "shared-slot",
                    f"entry {entry.index} shared its arguments with entries that were not selected: they now stand in"
                    " the entry itself",
                    hint="later changes of the shared arguments no longer reach this entry",
                    place=entry.source,
                )
            )
        source = None if selection.everything else targets.fed_by_source(config, entry)
        if source and any(_differs(draft, boot.line) for boot in entry.boots):
            file = source.line.home.file
            found.append(
                Notice(
                    "lost-at-regeneration",
                    f"entry {entry.index} is generated from {file}: the next update of the boot menu loses this",
                    hint="without --kernel the source is edited too",
                    place=entry.source,
                )
            )
    return tuple(found)


def _differs(draft: Draft, line: Line) -> bool:
    return draft.pieces(line) != line.pieces()
