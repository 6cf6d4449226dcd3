"""Slot, Entry, BootConfig: a boot configuration, independent of its format. All offsets are byte offsets in a file."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from grubkd.boot.loaders.format import DefaultSetting, Followup, Include, Owner, SnippetReader
    from grubkd.errors import GrubkdError, Notice, Place

SlotKey: TypeAlias = tuple[str, int, str]
LineKey: TypeAlias = tuple[tuple[SlotKey, ...], tuple[tuple[SlotKey, str], ...]]


class Word(NamedTuple):
    """One word of a slot: its bytes are text[start:end] of the file, `text` is what the kernel receives, maybe "".

    `reference`: the variable, where the word is one whole reference (`$kernelopts`); `text` is then as written.
    """

    start: int
    end: int
    text: str
    reference: str | None = None


@dataclass(frozen=True, slots=True)
class Slot:
    """A place in a file that holds a kernel command line or a part of one.

    `start:end` is the span of the arguments without the blanks around them. An edit writes `before` and `after` around
    the new arguments: for an absent slot (start == end) they complete the statement (`options `, newline), for an
    unquoted shell value they are its quotes; else they are empty. `variable`: the name in messages, such as `options`.
    `style`: a note of the format for its quote function.
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
    """A file that the boot loader loads together with arguments: a kernel, a hypervisor, a Linux module.

    `path`: as written, decoded. `slots`: its arguments, in order; BLS allows several. `module`: loaded beside the first
    image (GRUB legacy `module`, GRUB 2 `module2`). `kernel`: a Linux kernel whatever its name (unified kernel image).
    """

    path: str
    slots: tuple[Slot, ...]
    line: int
    module: bool = False
    kernel: bool = False


@dataclass(frozen=True, slots=True)
class Stanza:
    """An entry as one file states it, before inventory joins the files.

    `images`: in file order; several that are no modules are alternatives (if/else), and all are set alike.
    `nesting`: how `default=` addresses the entry: for each menu level from the outermost to the entry itself, (position
    in that menu from 0, title, id). `section`: the generator script that wrote it (`/etc/grub.d/10_linux`), if known.
    `generated`: the next run of a generator overwrites it. `keys`: other statements that order or describe it (BLS:
    version, machine-id, sort-key, architecture). `not_known`: why a Linux entry's arguments are not known, or "".
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
    not_known: str = ""


@dataclass(frozen=True, slots=True)
class Assignment:
    """An assignment. `extends`: it keeps the earlier value (`+=`, `"$VAR more"`). `always`: it runs and is editable."""

    variable: str
    slot: Slot
    extends: bool
    always: bool = True


@dataclass(frozen=True, slots=True)
class Document:
    """What one file says. `includes`: path, line, stanzas before it. `scripts`, `environments`: what GRUB 2 loads."""

    file: str
    format: str
    stanzas: tuple[Stanza, ...] = ()
    assignments: tuple[Assignment, ...] = ()
    settings: Mapping[str, str] = field(default_factory=dict)
    warnings: tuple[Notice, ...] = ()
    includes: tuple[tuple[str, int, int], ...] = ()
    scripts: tuple[Include, ...] = ()
    variables: tuple[Assignment, ...] = ()
    environments: tuple[str, ...] = ()
    default: DefaultSetting | None = field(default=None, compare=False)  # where it names the default entry


class Piece(NamedTuple):
    """One effective word of a line, and its slot."""

    slot: Slot
    word: Word


@dataclass(frozen=True, slots=True)
class Line:
    """One kernel command line: its own slots in order, and the slots that its references mean.

    `home`: the slot that takes a new argument. `references`: (key of a slot, name) -> the slots that this name means
    inside that slot, in order; one name may mean different slots in different places (`VAR="$VAR more"`). A reference
    that is not listed is literal text. There are no cycles.
    """

    slots: tuple[Slot, ...]
    home: Slot
    references: Mapping[tuple[SlotKey, str], tuple[Slot, ...]] = field(default_factory=dict)

    @property
    def key(self) -> LineKey:
        """Identity within one reading of the tree: lines with the same key hold the same arguments."""
        return tuple([slot.key for slot in self.slots]), tuple(self.references)

    def pieces(self, words: Callable[[Slot], Sequence[Word]] = lambda slot: slot.words) -> tuple[Piece, ...]:
        """The words that the kernel receives, in its order, references expanded; `words(slot)`: those after an edit."""
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
        """The arguments that the kernel receives, in its order."""
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
    """The role of an image in its entry, which decides which arguments it takes."""

    KERNEL = "kernel"  # takes every argument
    HYPERVISOR = "hypervisor"  # Xen: takes crashkernel
    MODULE = "module"  # the Linux image beside a hypervisor: takes all other arguments
    OTHER = "other"  # takes none of ours: memtest, tboot, an initrd loaded as a module with arguments


@dataclass(frozen=True, slots=True)
class Boot:
    """One image of an entry with its line. `arguments`: those of the line, computed once."""

    role: Role
    path: str
    line: Line
    arguments: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of the boot menu.

    `boots`: what it loads: a kernel (further kernels are alternatives of an if/else and are set alike), or a
    hypervisor followed by modules; empty for an entry that starts no Linux (`linux` false). `foreign`: it belongs to
    another system and is never edited. `generated`, `not_known`: see Stanza. `managed_by`: None for an ordinary entry.
    `doubtful`: variables whose values are not known, each with an argument that it may hold.
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
    not_known: str = ""
    doubtful: tuple[tuple[str, str], ...] = ()

    @property
    def own_linux(self) -> bool:
        """Whether the entry boots a Linux kernel of this system."""
        return self.linux and not self.foreign


class ManagedBy(Enum):
    """What keeps the arguments of an entry from being edited in its file."""

    OSTREE = "ostree"  # a deployment, which its own tool changes
    BOOTC = "bootc"  # the same
    UKI = "uki"  # a unified kernel image holds its arguments in itself, and is often signed
    PARMFILE = "parmfile"  # zipl joins the arguments from two files
    NIXOS = "nixos"  # nixos-rebuild writes the menu
    KERNELSTUB = "kernelstub"
    LIMINE = "limine"  # its image may refuse an edited configuration
    LIMINE_ENTRY_TOOL = "limine-entry-tool"
    TRANSACTIONAL = "transactional-update"
    NAMED = "named"  # a menu that grubkd does not read: BootConfig.owner says whose


class Feeds(Enum):
    """Which of the present entries a generator makes from the line of new kernels."""

    NORMAL = "normal"
    RECOVERY = "recovery"
    XEN = "xen"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class NewKernelArgs:
    """A line that the entries of new kernels get.

    `format`: the boot loader of these entries. `read_only`: never edited. `copied`: the line is that of a present
    entry, which new kernels copy (GRUB legacy without update-grub). `seed`: the arguments of a file to create, or None.
    """

    variable: str
    line: Line
    feeds: Feeds
    format: str
    copied: bool = False
    read_only: bool = False
    seed: tuple[str, ...] | None = None


class Bootloader(NamedTuple):
    """A boot loader that is configured, and its files as paths inside the root."""

    format: str
    files: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class BootConfig:
    """How the tree boots, joined over all its files.

    `texts`: every file that was read, real path -> text: an edit starts from it, and compares it when it writes.
    `errors`: files that were not understood; with any, nothing is edited. No entry is `default` where that is unknown.
    `followups`: what has to run after a change. `managed_by`: what keeps all arguments from being edited, of new
    kernels too; `owner`: the tool of NAMED. `grub_cfg`: the one menu read. `documents`: by format and file.
    `snippet_reader`: the boot loader that reads the snippets.
    """

    bootloaders: tuple[Bootloader, ...]
    entries: tuple[Entry, ...]
    new_kernels: tuple[NewKernelArgs, ...]
    texts: Mapping[str, str]
    errors: tuple[GrubkdError, ...] = ()
    warnings: tuple[Notice, ...] = ()
    followups: tuple[Followup, ...] = ()
    managed_by: ManagedBy | None = None
    owner: Owner | None = None
    grub_cfg: str | None = None
    documents: Mapping[tuple[str, str], Document] = field(default_factory=dict)
    snippet_reader: SnippetReader | None = None
