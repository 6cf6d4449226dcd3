"""Line, Entry, BootConfig: the boot menu, joined from all files and independent of their formats."""

from __future__ import annotations

from enum import Enum
from itertools import chain
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from grubkd.boot.document import SlotKey

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from grubkd.boot.document import Document, Slot, Word
    from grubkd.boot.loaders.format import Followup, Owner, SnippetReader
    from grubkd.errors import GrubkdError, Notice, Place

LineKey: TypeAlias = tuple[tuple[SlotKey, ...], tuple[tuple[SlotKey, str], ...]]


class Piece(NamedTuple):
    """One effective word of a line, and its slot."""

    slot: Slot
    word: Word


class Line(NamedTuple):
    """One kernel command line: its own slots in order, and the slots that its references mean.

    `home`: the slot that takes a new argument. `references`: (key of a slot, name) -> the slots that this name means
    inside that slot, in order; one name may mean different slots in different places (`VAR="$VAR more"`). A reference
    that is not listed is literal text. There are no cycles.
    """

    slots: tuple[Slot, ...]
    home: Slot
    references: Mapping[tuple[SlotKey, str], tuple[Slot, ...]] = MappingProxyType({})

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


class Boot(NamedTuple):
    """One image of an entry with its line. `arguments`: those of the line, computed once."""

    role: Role
    path: str
    line: Line
    arguments: tuple[str, ...]


class Entry(NamedTuple):
    """One entry of the boot menu.

    `boots`: what it loads: a kernel (further kernels are alternatives of an if/else and are set alike), or a
    hypervisor followed by modules; empty for an entry that starts no Linux (`linux` false). `foreign`: it belongs to
    another system and is never edited. `generated`, `not_known`: see Stanza. `managed_by`: None for an ordinary entry.
    `doubtful`: variables whose values are not known, each with an argument that it may hold.
    """

    index: int  # type: ignore[assignment]  # hides tuple.index()
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


class NewKernelArgs(NamedTuple):
    """A line that the entries of new kernels get.

    `format`: the boot loader of these entries. `read_only`: never edited. `copied`: the line is that of a present
    entry, which new kernels copy (GRUB legacy without update-grub). `seed`: the arguments of a file, or of a
    variable, to create, or None.
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


class BootConfig(NamedTuple):
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
    documents: Mapping[tuple[str, str], Document] = MappingProxyType({})
    snippet_reader: SnippetReader | None = None
