"""Slot, Entry, BootConfig: what a boot configuration is, whatever its format.

Texts are grubkd.text texts: one character a byte, so every offset is a byte offset in its file.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import TypeAlias

    from grubkd.boot.managed_by import ManagedBy
    from grubkd.errors import GrubkdError, Notice, Place

SlotKey: TypeAlias = tuple[str, int, str]
LineKey: TypeAlias = tuple[tuple[SlotKey, ...], tuple[tuple[SlotKey, str], ...]]


class Word(NamedTuple):
    """One word of a slot: its bytes are text[start:end] of the file, `text` is what it gives to the kernel.

    A word that is a whole variable reference (`$kernelopts`) names it in `reference`; its `text` is then the reference
    as written. A word that gives nothing to the kernel has the text "".
    """

    start: int
    end: int
    text: str
    reference: str | None = None


@dataclass(frozen=True, slots=True)
class Slot:
    """A place in a file that holds a kernel command line or a part of one.

    `start:end` is the span of the arguments without the blanks around them. When the slot is rewritten, `before` and
    `after` are put around what stands there: they are empty for an ordinary slot; for an absent one (start == end)
    they make the statement (`options `, newline), for an unquoted shell value they are its quotes.
    `style` is the format's own note for its quote function. `variable` names the slot for people: `options`, `linux16`.
    """

    file: str
    format: str
    variable: str
    start: int
    end: int
    line: int
    words: tuple[Word, ...]
    style: str = ""
    before: str = ""
    after: str = ""

    @property
    def key(self) -> SlotKey:
        """Identity within one reading of the tree."""
        return (self.file, self.start, self.variable)


@dataclass(frozen=True, slots=True)
class Image:
    """A file the bootloader loads together with arguments: a kernel, a hypervisor, a Linux module.

    `path` as written, decoded. `slots` hold its arguments, in order; several where the format allows it (BLS).
    `module` is true for what is loaded beside the first image (GRUB legacy `module`, GRUB 2 `module`/`module2`).
    `kernel` is true for what is known to be a Linux kernel whatever its name: a unified kernel image.
    """

    path: str
    slots: tuple[Slot, ...]
    line: int
    module: bool = False
    kernel: bool = False


@dataclass(frozen=True, slots=True)
class Stanza:
    """An entry as one file states it, before inventory joins files into entries.

    `images`: in file order; several that are no modules are alternatives (if/else), and all are set alike.
    `nesting`: for each menu level from the outermost, (position in that menu from 0, title, id): the way `default=`
    addresses it, the last element being the entry itself.
    `section`: the generator script that wrote it (`/etc/grub.d/10_linux`), where the file says so.
    `generated`: between a generator's own marks (menu.lst's automagic list), so that its next run makes it anew.
    `keys`: other statements that order or describe it (BLS: version, machine-id, sort-key, architecture).
    """

    title: str
    line: int
    images: tuple[Image, ...]
    initrds: tuple[str, ...] = ()
    id: str | None = None
    nesting: tuple[tuple[int, str, str | None], ...] = ()
    section: str | None = None
    generated: bool = False
    keys: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Assignment:
    """A shell or script assignment of a variable that feeds kernel command lines, in file order.

    `extends`: the earlier value lives on (`+=`, or a word of the slot refers to the variable itself).
    """

    variable: str
    slot: Slot
    extends: bool


@dataclass(frozen=True, slots=True)
class Document:
    """What one file says, in the vocabulary common to all formats. Unused parts are empty.

    `settings`: plain values that inventory needs (`default`, `saved_entry`, `GRUB_ENABLE_BLSCFG`, ...), decoded.
    """

    file: str
    format: str
    stanzas: tuple[Stanza, ...] = ()
    assignments: tuple[Assignment, ...] = ()
    settings: Mapping[str, str] = field(default_factory=dict)
    warnings: tuple[Notice, ...] = ()


class Piece(NamedTuple):
    """One effective word of a line, and its slot."""

    slot: Slot
    word: Word


@dataclass(frozen=True, slots=True)
class Line:
    """One kernel command line: its own slots in order, and what the references in them stand for.

    `home`: the slot that takes a new argument. `references`: (key of a slot, name) -> the slots that this name stands
    for inside that slot, in order; the same name may mean different slots in different places (`VAR="$VAR more"`).
    A reference that is not listed is literal text. The joins are inventory's; they hold no cycle.
    """

    slots: tuple[Slot, ...]
    home: Slot
    references: Mapping[tuple[SlotKey, str], tuple[Slot, ...]] = field(default_factory=dict)

    @property
    def key(self) -> LineKey:
        """Identity within one reading of the tree: lines with the same key hold the same arguments."""
        return tuple([slot.key for slot in self.slots]), tuple(self.references)

    def pieces(self, words: Callable[[Slot], Sequence[Word]] = lambda slot: slot.words) -> tuple[Piece, ...]:
        """The effective words in the kernel's order, references expanded, words that give nothing left out.

        `words` tells the words of a slot: those it has (default), or those it would have after an edit.
        """
        found, pending = [], [Piece(slot, word) for slot in reversed(self.slots) for word in reversed(words(slot))]
        while pending:
            piece = pending.pop()
            inner = self.references.get((piece.slot.key, piece.word.reference)) if piece.word.reference else None
            if inner is not None:
                pending.extend(Piece(slot, word) for slot in reversed(inner) for word in reversed(words(slot)))
            elif piece.word.text:
                found.append(piece)
        return tuple(found)

    def arguments(self) -> tuple[str, ...]:
        """The texts of the effective words, in the kernel's order: all that most readers of a line want."""
        return tuple([piece.word.text for piece in self.pieces()])

    def every_slot(self) -> tuple[Slot, ...]:
        """Every slot that feeds this line, its own and those behind references, each once."""
        return tuple({slot.key: slot for slot in chain(self.slots, *self.references.values())}.values())

    def reach(self) -> frozenset[SlotKey]:
        """The keys of every slot that feeds this line."""
        return frozenset(slot.key for slot in self.every_slot())

    def text(self) -> str:
        """What the kernel receives: the effective words joined by one space."""
        return " ".join(self.arguments())


class Role(Enum):
    """What an image of an entry is, which decides whose arguments go to it.

    KERNEL takes every argument. Beside a HYPERVISOR, which takes crashkernel, the Linux image is a MODULE, which takes
    all others. OTHER takes none of ours: memtest, tboot itself, an initrd loaded as a module with arguments.
    """

    KERNEL = "kernel"
    HYPERVISOR = "hypervisor"
    MODULE = "module"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Boot:
    """One image of an entry with its line. `arguments`: those of the line, which is asked for them again and again."""

    role: Role
    path: str
    line: Line
    arguments: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Entry:
    """One boot entry of the menu.

    `boots`: what it loads: a kernel (further kernels are alternatives of an if/else and are set alike), or a
    hypervisor followed by modules. Empty for an entry that starts no Linux (`linux` false).
    `foreign`: it belongs to another system and is never edited. `generated`: see Stanza. `managed_by`: what keeps its
    arguments from being edited, None for an ordinary entry.
    """

    index: int
    title: str
    id: str | None
    version: str | None
    boots: tuple[Boot, ...]
    initrds: tuple[str, ...]
    default: bool
    rescue: bool
    linux: bool
    foreign: bool
    generated: bool
    format: str
    source: Place
    managed_by: ManagedBy | None = None

    @property
    def own_linux(self) -> bool:
        """Whether the entry boots a Linux kernel of this system."""
        return self.linux and not self.foreign


class Feeds(Enum):
    """Which present entries a generator would make again from a line for new kernels."""

    NORMAL = "normal"
    RECOVERY = "recovery"
    XEN = "xen"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class NewKernelArgs:
    """A line that kernels installed later will get.

    `format`: the bootloader whose entries it feeds. `copied`: it is a present entry's own line, which new kernels copy
    (GRUB legacy without magic comments), so that editing the entry edits it. `seed`: for a file that does not exist
    yet, the arguments it is to begin with; None for one that exists. `read_only`: shown, never edited.
    """

    variable: str
    line: Line
    feeds: Feeds
    format: str
    copied: bool = False
    read_only: bool = False
    seed: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Bootloader:
    """A bootloader configuration found, and its files as paths inside the root."""

    format: str
    files: tuple[str, ...]


class Followup(NamedTuple):
    """A command that has to run when one of these files was changed: what it makes of them is what boots."""

    command: tuple[str, ...]
    files: frozenset[str]


@dataclass(frozen=True, slots=True)
class BootConfig:
    """How the tree boots, joined over all its files.

    `texts`: every file that was read, real path -> text: what an edit starts from and what must be unchanged when it
    is written. `errors`: the files that were not understood; none of their bootloader's files is edited.
    No entry has `default` set where no rule tells which one boots. `followups`: what has to run after a change.
    `managed_by`: what keeps the whole tree's arguments, of kernels to come too, from being edited.
    """

    bootloaders: tuple[Bootloader, ...]
    entries: tuple[Entry, ...]
    new_kernels: tuple[NewKernelArgs, ...]
    texts: Mapping[str, str]
    errors: tuple[GrubkdError, ...] = ()
    warnings: tuple[Notice, ...] = ()
    followups: tuple[Followup, ...] = ()
    managed_by: ManagedBy | None = None
