"""What grub-mkconfig reads and makes of it: its files, and the arguments of the entries that it will write."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grubkd.boot.loaders.format import holds_value
from grubkd.boot.loaders.shell import UNFOLLOWED, absent
from grubkd.boot.model import Feeds, Line, NewKernelArgs
from grubkd.text import from_bytes
from grubkd.tree import osrelease

if TYPE_CHECKING:
    from collections.abc import Sequence

    from grubkd.boot.document import Document, Slot, SlotKey
    from grubkd.tree.tree import Tree

FILE = "/etc/default/grub"
DROP_INS = "/etc/default/grub.d"
# The drop-in that grubkd writes if it cannot follow GRUB_CMDLINE_LINUX; without arguments it is removed.
DROP_IN = f"{DROP_INS}/90-crashkernel.cfg"
GENERATORS = tuple(
    f"{directory}/{name}"
    for directory in ("/usr/sbin", "/usr/bin", "/sbin")
    for name in ("grub-mkconfig", "grub2-mkconfig")
)


def find(tree: Tree) -> tuple[str, ...]:
    """/etc/default/grub, then the drop-ins where grub-mkconfig reads them: only Debian's does.

    If the tree has no grub-mkconfig, os-release decides.
    """
    paths = [FILE]
    if reads_drop_ins(tree):
        paths += [f"{DROP_INS}/{name}" for name in tree.list(DROP_INS) if name.endswith(".cfg") and name[0] != "."]
    resolved = (tree.resolve(path) for path in paths)
    return tuple(dict.fromkeys(real for real in resolved if real is not None))


def reads_drop_ins(tree: Tree) -> bool:
    """Whether grub-mkconfig sources DROP_INS."""
    generators = [path for path in GENERATORS if tree.exists(path)]
    if generators:
        return any("default/grub.d" in from_bytes(tree.read(path)) for path in generators)
    release = osrelease.read(tree)
    return "debian" in [release.get("ID", ""), *release.get("ID_LIKE", "").split()]


def new_kernels(sources: Sequence[Document], tree: Tree, *, bls: bool, xen: bool) -> tuple[NewKernelArgs, ...]:
    """The arguments that grub-mkconfig will write: each kind of entry gets GRUB_CMDLINE_LINUX and one more variable.

    Where snippets make the menu there are no recovery entries, and no present entry comes from the sources.
    """
    found = []
    for variable, other, feeds in (
        ("GRUB_CMDLINE_LINUX", "GRUB_CMDLINE_LINUX_DEFAULT", Feeds.NORMAL),
        ("GRUB_CMDLINE_LINUX", "GRUB_CMDLINE_LINUX_RECOVERY", Feeds.RECOVERY),
        ("GRUB_CMDLINE_XEN", "GRUB_CMDLINE_XEN_DEFAULT", Feeds.XEN),
    ):
        line = line_of(sources, [variable, other], _spare(sources, tree, variable))
        if feeds is Feeds.XEN:
            if line is None and xen:
                line = _absent_xen(sources, tree)
            if line is not None and not xen and not holds_value(line.every_slot()):
                line = None
        if line is not None and not (bls and feeds is Feeds.RECOVERY):
            found.append(NewKernelArgs(variable, line, Feeds.NONE if bls else feeds, "grub2"))
    return tuple(found)


def _spare(sources: Sequence[Document], tree: Tree, variable: str) -> Slot | None:
    """A place behind a value that is not followed: in a drop-in of grubkd's own, else at the end of the last source."""
    if not sources:
        return None
    last = sources[-1].file
    if reads_drop_ins(tree) and (last == FILE or last < DROP_IN):
        return absent(DROP_IN, "", variable, 0, extends=True)
    text = from_bytes(tree.read(last))
    return absent(last, text, variable, len(text), extends=True)


def _absent_xen(sources: Sequence[Document], tree: Tree) -> Line | None:
    """A place for GRUB_CMDLINE_XEN if no file has one: at the end of the first source, /etc/default/grub."""
    if not sources:
        return None
    file = sources[0].file
    text = from_bytes(tree.read(file))
    slot = absent(file, text, "GRUB_CMDLINE_XEN", len(text))
    return Line((slot,), slot)


def line_of(documents: Sequence[Document], variables: Sequence[str], spare: Slot | None = None) -> Line | None:
    """The line that the variables give one after the other; None if no file assigns any of them.

    A plain assignment replaces the earlier value; `+=` adds to it; `"$VAR more"` inserts it at that place. A new
    argument goes to the last plain assignment, of the first variable that has one; behind a value that is not followed,
    to the last assignment that extends it. Where nothing extends that of the first variable, it goes to `spare`.
    """
    slots: list[Slot] = []
    references: dict[tuple[SlotKey, str], tuple[Slot, ...]] = {}
    home: Slot | None = None
    for variable in variables:
        value: tuple[Slot, ...] = ()
        plain: Slot | None = None
        for assignment in [each for document in documents for each in document.assignments]:
            if assignment.variable != variable:
                continue
            slot = assignment.slot
            if slot.style == UNFOLLOWED:
                value, plain = (*value, slot) if assignment.extends else (slot,), None
            elif not assignment.extends:
                value, plain = (slot,), slot
            elif any(word.reference == variable for word in slot.words):
                references[(slot.key, variable)] = value
                value = (slot,)
            else:
                value = (*value, slot)
        if value and value[-1].style == UNFOLLOWED and variable == variables[0] and spare:
            value = (*value, spare)
        slots.extend(value)
        home = home or plain or next((slot for slot in value[-1:] if slot.style != UNFOLLOWED), None)
    return Line(tuple(slots), home, references) if home else None
