"""What every boot loader module provides: its file formats, and the menu that their documents make."""

from __future__ import annotations

from enum import Enum
from fnmatch import fnmatchcase
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from grubkd.boot import cmdline
from grubkd.boot.document import DefaultSetting
from grubkd.boot.words import held
from grubkd.errors import CannotHold
from grubkd.text import in_quotes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from grubkd.boot.document import Document, Slot, Stanza
    from grubkd.boot.model import ManagedBy, NewKernelArgs
    from grubkd.errors import Notice
    from grubkd.tree.tree import Tree


# Where the EFI system partition is mounted.
ESPS = ("/boot/efi", "/efi", "/boot")


def unchanged(_slot: Slot, argument: str) -> str:
    """The quoting of a format that has none: the file holds the argument as the kernel receives it."""
    return argument


def on_one_line(_slot: Slot, argument: str) -> str:
    """The quoting of a file that holds all arguments, as they are, on one line. Raises CannotHold for a line end."""
    if "\n" in argument or "\r" in argument:
        message = f"{in_quotes(argument)}: the arguments are on one line, which cannot hold a line end"
        raise CannotHold(message, hint="write it without line ends")
    return held(argument)


def as_it_is(_file: str, _before: str, after: str) -> str:
    """The finish of a format whose file has no outer form."""
    return after


def nothing_more(_text: str, slot: Slot) -> tuple[int, int]:
    """The vacate of a format in which a statement needs no arguments."""
    return slot.start, slot.end


class Format(NamedTuple):
    """One configuration file format. Formats do not import each other.

    `parse(file, text)`: what the file says; raises NotUnderstood with the place.
    `paths`: the files that grubkd reads and may write; a `*` matches part of one name, but no leading dot.
    `read_only`: further files that grubkd reads and never writes.
    `choose(tree)`: the real paths of the files to read, for a format that does not read all files at its paths.
    `further(document, tree)`: the names of formats and the real paths of other files that the document's file loads.
    `quote(slot, argument)`: the bytes that make the boot loader pass the argument to the kernel; raises CannotHold.
    If its result is put into the slot, parsing the file again must give the argument.
    `finish(file, before, after)`: the edited text in the file's outer form (the size of a grubenv stays); raises
    TooLong, CannotHold.
    `vacate(text, slot)`: the span to remove when the slot loses its last argument.
    `lens`: the Augeas lens that parses the text of a slot; `lens_by_style`: that of slots with another style.
    """

    name: str
    parse: Callable[[str, str], Document]
    paths: tuple[str, ...] = ()
    read_only: tuple[str, ...] = ()
    choose: Callable[[Tree], tuple[str, ...]] | None = None
    further: Callable[[Document, Tree], Iterable[tuple[str, str]]] | None = None
    quote: Callable[[Slot, str], str] = unchanged
    finish: Callable[[str, str, str], str] = as_it_is
    vacate: Callable[[str, Slot], tuple[int, int]] = nothing_more
    lens: str = "Kernel_args.line"
    lens_by_style: Mapping[str, str] = MappingProxyType({})

    def find(self, tree: Tree) -> tuple[str, ...]:
        """The real paths of the format's files in the tree, each once, in the order of the paths."""
        return self.choose(tree) if self.choose else real_paths(tree, (*self.paths, *self.read_only))


def real_paths(tree: Tree, patterns: Iterable[str]) -> tuple[str, ...]:
    """The real paths of what exists at the patterns, each once. A `*` matches part of one name, but no leading dot."""
    found = (tree.resolve(path) for pattern in patterns for path in expanded(tree, pattern))
    return tuple(dict.fromkeys(path for path in found if path is not None))


def expanded(tree: Tree, pattern: str) -> Iterator[str]:
    """The paths that a pattern names, whether or not they exist; `*` is replaced by the names in the tree."""
    head, star, rest = pattern.partition("*")
    if not star:
        yield pattern
        return
    directory, _, prefix = head.rpartition("/")
    suffix, slash, below = rest.partition("/")
    for name in tree.list(directory or "/"):
        if name_matches(name, prefix + "*" + suffix):
            yield from expanded(tree, f"{directory}/{name}{slash}{below}")


def name_matches(name: str, pattern: str) -> bool:
    """Whether a name matches a pattern, whose `*` matches one character or more, but no leading dot."""
    if "*" not in pattern:
        return name == pattern
    hidden = name.startswith(".") and pattern.startswith("*")
    return fnmatchcase(name, pattern.replace("*", "?*")) and not hidden


def path_matches(path: str, patterns: Iterable[str]) -> bool:
    """Whether a path matches one of the patterns, whether or not a file exists there."""
    names = path.split("/")
    alike = (pattern.split("/") for pattern in patterns if pattern.count("/") == path.count("/"))
    return any(all(map(name_matches, names, each)) for each in alike)


class Owner(NamedTuple):
    """A tool whose menu grubkd does not read.

    `statement`: the line of its file that holds the arguments, with `{}` in their place. `command`: what makes a change
    of the file take effect, or "".
    """

    name: str
    file: str
    statement: str
    arguments: tuple[str, ...]
    command: str


def absent_default(text: str, at: int, statement: str) -> DefaultSetting:
    """The place of a `default` that a file does not have: a line of its own, where a line begins or the text ends."""
    eol = line_end(text)
    lead = eol if at == len(text) and text and not text.endswith("\n") else ""
    return DefaultSetting("default", at, at, f"{lead}{statement}", eol)


def line_end(text: str) -> str:
    """The line end of a file."""
    return "\r\n" if "\r\n" in text else "\n"


def line_behind(text: str, offset: int) -> tuple[int, str, str]:
    """Where a new line goes that follows the line of an offset, and what to write before and after its statement."""
    newline = text.find("\n", offset)
    return (len(text), line_end(text), "") if newline < 0 else (newline + 1, "", line_end(text))


class Followup(NamedTuple):
    """A command that makes changes of these files take effect (zipl)."""

    command: tuple[str, ...]
    files: frozenset[str]


class SnippetReader(Enum):
    """The boot loader that reads the Boot Loader Specification snippets."""

    GRUB = "grub"
    SYSTEMD_BOOT = "systemd-boot"
    ZIPL = "zipl"


class MenuItem(NamedTuple):
    """A stanza that becomes an entry, and what the menu adds to it. `doubtful`: see Entry."""

    stanza: Stanza
    file: str
    default: bool = False
    foreign: bool = False
    managed_by: ManagedBy | None = None
    doubtful: tuple[tuple[str, str], ...] = ()


class LoaderMenu(NamedTuple):
    """A boot loader's part of the BootConfig. `references`: the slots that a name in its entries' lines means."""

    format: str
    files: tuple[str, ...]
    items: tuple[MenuItem, ...] = ()
    references: Mapping[str, tuple[Slot, ...]] = MappingProxyType({})
    new_kernels: tuple[NewKernelArgs, ...] = ()
    warnings: tuple[Notice, ...] = ()
    followups: tuple[Followup, ...] = ()


class Sources(NamedTuple):
    """Everything the files say: the documents of each format by its name, and the unified kernel images."""

    documents: Mapping[str, Sequence[Document]]
    images: Sequence[MenuItem]
    snippet_reader: SnippetReader


class Loader(NamedTuple):
    """A boot loader: the formats of its files, and the function that makes its menus of what they say."""

    name: str
    formats: tuple[Format, ...]
    menus: Callable[[Sources, Tree], list[LoaderMenu]]


def setting(documents: Sequence[Document], name: str) -> str | None:
    """The last value that the documents give to a setting, or None."""
    for document in reversed(documents):
        if name in document.settings:
            return document.settings[name]
    return None


def slots_of(documents: Sequence[Document], variable: str) -> tuple[Slot, ...]:
    """The slot of the last assignment of a variable in these documents, as a tuple of one, or ()."""
    for document in reversed(documents):
        for assignment in reversed(document.assignments):
            if assignment.variable == variable:
                return (assignment.slot,)
    return ()


def holds_value(slots: Sequence[Slot]) -> bool:
    """Whether any of the slots holds a crashkernel argument: one for Xen counts even if no Xen is installed."""
    return any(cmdline.is_crashkernel(word.text) for slot in slots for word in slot.words)
