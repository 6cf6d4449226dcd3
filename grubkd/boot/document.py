"""Slot, Stanza, Document: what one file of a boot configuration says. All offsets are byte offsets in the file."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping

    from grubkd.errors import Notice

SlotKey: TypeAlias = tuple[str, int, str]
# An item of a menu: its position in that menu from 0, title, id.
Level: TypeAlias = tuple[int, str, str | None]


class Word(NamedTuple):
    """One word of a slot: its bytes are text[start:end] of the file, `text` is what the kernel receives, maybe "".

    `reference`: the variable, where the word is one whole reference (`$kernelopts`); `text` is then as written.
    """

    start: int
    end: int
    text: str
    reference: str | None = None


class Slot(NamedTuple):
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


class Image(NamedTuple):
    """A file that the boot loader loads together with arguments: a kernel, a hypervisor, a Linux module.

    `path`: as written, decoded. `slots`: its arguments, in order; BLS allows several. `module`: loaded beside the first
    image (GRUB legacy `module`, GRUB 2 `module2`). `kernel`: a Linux kernel whatever its name (unified kernel image).
    """

    path: str
    slots: tuple[Slot, ...]
    line: int
    module: bool = False
    kernel: bool = False


class Stanza(NamedTuple):
    """An entry as one file states it, before inventory joins the files.

    `images`: in file order; several that are no modules are alternatives (if/else), and all are set alike.
    `nesting`: how `default=` addresses the entry: its menus from the outermost on, and itself. `section`: the generator
    script that wrote it (`/etc/grub.d/10_linux`), if known. `generated`: the next run of a generator overwrites it.
    `keys`: other statements that order or describe it (BLS: version, machine-id, sort-key, architecture). `not_known`:
    why a Linux entry's arguments are not known, or "".
    """

    title: str
    line: int
    images: tuple[Image, ...]
    initrds: tuple[str, ...] = ()
    id: str | None = None
    nesting: tuple[Level, ...] = ()
    section: str | None = None
    generated: bool = False
    keys: Mapping[str, str] = MappingProxyType({})
    not_known: str = ""


class Assignment(NamedTuple):
    """An assignment. `extends`: it keeps the earlier value (`+=`, `"$VAR more"`). `always`: it runs and is editable."""

    variable: str
    slot: Slot
    extends: bool
    always: bool = True


class Include(NamedTuple):
    """A statement that reads another file: its path, and how many stanzas of its own file precede it.

    For GRUB 2, `submenus`: the menu levels around it, as in Stanza.nesting; `own_menu`: the entries of the file make a
    menu of their own; `guarded`: a condition is around it; `device`: see grub_device.
    """

    path: str
    line: int
    position: int
    submenus: tuple[Level, ...] = ()
    own_menu: bool = False
    guarded: bool = False
    device: str = ""


class DefaultSetting(NamedTuple):
    """Where a file names its default entry: the value text[start:end], as written.

    An edit writes `before` and `after` around the new value: for an absent setting (start == end) they complete the
    statement. `numbers`: the numbers by which a menu of zipl names its items.
    """

    variable: str
    start: int
    end: int
    before: str = ""
    after: str = ""
    numbers: Mapping[str, str] = {}

    @property
    def absent(self) -> bool:
        """Whether the file has no such statement."""
        return bool(self.before or self.after)


class Document(NamedTuple):
    """What one file says. `default`: where it names the default entry.

    Of GRUB 2: `variables`: the assignments of all other variables; `environments`: the environment blocks it loads.
    """

    file: str
    format: str
    stanzas: tuple[Stanza, ...] = ()
    assignments: tuple[Assignment, ...] = ()
    settings: Mapping[str, str] = MappingProxyType({})
    warnings: tuple[Notice, ...] = ()
    includes: tuple[Include, ...] = ()
    variables: tuple[Assignment, ...] = ()
    environments: tuple[str, ...] = ()
    default: DefaultSetting | None = None
