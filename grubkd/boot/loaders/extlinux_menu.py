"""The menu of extlinux, syslinux and U-Boot: a file with the files that it includes, as if they were one.

U-Boot (boot/pxe_utils.c) drops the whole menu where an included file is missing; syslinux passes over the statement.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from grubkd.boot.loaders.extlinux import FILES, GLOBAL, included
from grubkd.boot.loaders.format import LoaderMenu, MenuItem, real_paths, slots_of
from grubkd.boot.model import Feeds, Line, NewKernelArgs
from grubkd.errors import Notice, Place

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from grubkd.boot.document import Document, Slot, Stanza
    from grubkd.boot.loaders.format import Sources
    from grubkd.tree.tree import Tree

# The depth to which U-Boot and syslinux 4 follow includes.
_DEPTH = 16
# The generators that write such a menu, and where each takes the arguments from: shell_options.py edits these files.
_GENERATORS = (
    ("/usr/sbin/u-boot-update", "U_BOOT_PARAMETERS", "/etc/default/u-boot"),
    ("/usr/sbin/extlinux-update", "EXTLINUX_PARAMETERS", "/etc/default/extlinux"),
)


def menus(sources: Sources, tree: Tree) -> list[LoaderMenu]:
    """The labels of each menu in file order. Its global APPEND feeds every label without one of its own."""
    documents = {document.file: document for document in sources.documents["extlinux"]}
    files = [file for file in real_paths(tree, FILES) if file in documents]
    joined = [_JoinedFiles(tree, documents, file) for file in files]
    # A syslinux.cfg that only includes extlinux.conf is the same menu.
    inner = {file for each in joined for file in each.files[1:]}
    return [_menu(each, tree) for each in joined if each.files[0] not in inner]


class _JoinedFiles:
    """A menu and the files that it includes, each once. `shared`: the global arguments."""

    def __init__(self, tree: Tree, documents: Mapping[str, Document], menu: str) -> None:
        self.files: list[str] = []
        self.stanzas: list[tuple[str, Stanza]] = []
        self.settings: dict[str, str] = {}
        self.shared: tuple[Slot, ...] = ()
        self.warnings: list[Notice] = []
        self._tree, self._documents, self._menu = tree, documents, menu
        self._add(documents[menu], ())

    def _add(self, document: Document, above: tuple[str, ...]) -> None:
        self.files.append(document.file)
        slots = slots_of([document], GLOBAL)
        if slots and not self.stanzas:
            self.shared = slots
        elif slots:
            self._give_last(slots)
        at = 0
        for include in document.includes:
            self._stanzas(document, at, include.position)
            at = include.position
            self._follow(include.path, Place(document.file, include.line), (*above, document.file))
        self._stanzas(document, at, len(document.stanzas))
        self.settings |= document.settings

    def _stanzas(self, document: Document, start: int, end: int) -> None:
        self.stanzas += [(document.file, stanza) for stanza in document.stanzas[start:end]]

    def _give_last(self, slots: tuple[Slot, ...]) -> None:
        """An APPEND before the first label of an included file belongs to the label that includes it."""
        file, stanza = self.stanzas[-1]
        images = tuple(image._replace(slots=slots) for image in stanza.images)
        self.stanzas[-1] = (file, stanza._replace(images=images))

    def _follow(self, path: str, place: Place, above: Sequence[str]) -> None:
        file = included(self._tree, self._menu, path)
        if file is None:
            message = f"includes {path}, which does not exist"
            hint = "remove the statement, or mount the partition that has the file"
            self.warnings.append(Notice("include-missing", message, hint, place))
        elif file in above or len(above) > _DEPTH:
            message = f"includes {path} again, or more than {_DEPTH} levels deep: not followed"
            self.warnings.append(Notice("include-too-deep", message, "remove the statement", place))
        elif file in self._documents and file not in self.files:
            self._add(self._documents[file], tuple(above))


def _menu(joined: _JoinedFiles, tree: Tree) -> LoaderMenu:
    default = _default([stanza for _, stanza in joined.stanzas], joined.settings)
    items = tuple(
        MenuItem(stanza, file, default=position == default) for position, (file, stanza) in enumerate(joined.stanzas)
    )
    shared = joined.shared
    warnings = tuple(
        Notice(
            "lost-at-regeneration",
            f"{generator} writes this menu: its next run loses what is changed here",
            hint=f"put the value into {variable} in {file} as well",
            place=Place(joined.files[0]),
        )
        for generator, variable, file in _GENERATORS
        if tree.exists(generator) and not tree.exists(file)
    )
    return LoaderMenu(
        "extlinux",
        tuple(joined.files),
        items,
        {GLOBAL: shared},
        (NewKernelArgs("APPEND", Line(shared, shared[0]), Feeds.NONE, "extlinux"),) if shared else (),
        (*joined.warnings, *warnings),
    )


def _default(stanzas: Sequence[Stanza], settings: Mapping[str, str]) -> int | None:
    """The label that boots if nobody chooses: that of ONTIMEOUT, of MENU DEFAULT, of DEFAULT; else None."""
    names = [stanza.id or "" for stanza in stanzas]
    folded = [name.lower() for name in names]
    for key in ("ontimeout", "menu default", "default"):
        # A label may have blanks, and arguments may follow it; syslinux 3 compares labels without regard to case.
        value = settings.get(key, "")
        for wanted in (value, value.split(" ")[0]) if value else ():
            if wanted in names:
                return names.index(wanted)
            if wanted.lower() in folded:
                return folded.index(wanted.lower())
    return None
