"""GRUB 2: grub.cfg, a script that grub-mkconfig writes and people edit, and how it joins its sources.

A custom.cfg beside it, which 41_custom loads, is not read: its entries belong to the administrator, and no generator
changes it.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from typing import TYPE_CHECKING

from grubkd.boot.entry import is_xen
from grubkd.boot.loaders.format import Format, LoaderMenu, MenuItem, SnippetReader, setting, slots_of
from grubkd.boot.loaders.grub_menu import FIRST, Menu
from grubkd.boot.loaders.grub_mkconfig import new_kernels
from grubkd.boot.loaders.grub_script import (
    KERNEL_VARIABLES,
    Mapped,
    held,
    pasted,
    quoted,
    received,
    reference,
    unquoted,
)
from grubkd.boot.model import Assignment, Document, Image, Slot, Stanza, Word
from grubkd.errors import NotUnderstood
from grubkd.tree import osrelease

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from grubkd.boot.loaders.format import Sources
    from grubkd.boot.loaders.grub_menu import LoaderCommand, MenuEntry
    from grubkd.parsing.grammar import Token
    from grubkd.tree.tree import Tree

_FILES = ("/boot/grub2/grub.cfg", "/boot/grub/grub.cfg")
_ESPS = ("/boot/efi/EFI", "/efi/EFI", "/boot/EFI")
_LINKS = ("/etc/grub2.cfg", "/etc/grub2-efi.cfg")
# The directory on the ESP that a distribution's packages use, where it is not the ID of os-release.
_ESP_NAMES = {"rhel": "redhat", "ol": "redhat", "opensuse-leap": "opensuse", "opensuse-tumbleweed": "opensuse"}

_GENERATED = ("10_linux", "20_linux_xen")
_VALUE = re.compile(
    r"(?P<name>\w+)=(?:(?P<bare>[^'\"\\\r]*+)|\"(?P<double>(?:[^\"\\\r]|\\[^\r]|\\?\r+\n)*)\"|'(?P<single>[^'\r]*+)')"
)
_IN_DOUBLE = re.compile(r'(?P<nothing>\\\r*\n|\r+(?=\n))|\\[$\\"]|[\s\S]')
_VARIABLE = re.compile(r"\$(?:(\w+)|\{(\w+)\})")


def parse(file: str, text: str) -> Document:
    """Returns the menu entries of a grub.cfg, its variables, and kernelopts and tuned_params as slots.

    `settings` has "blscfg" where the script calls it, and "stub" where the file has no entry and only loads another
    script: the path of that script, with the variables expanded that this file sets. Raises NotUnderstood.
    """
    return _Reading(file, text).document()


def quote(slot: Slot, argument: str) -> str:
    """Returns the argument as GRUB script. Raises CannotHold."""
    if slot.style == "":
        return quoted(held(argument))
    safe = pasted(argument)
    return safe if slot.style == "single" else re.sub(r'([\\"$])', r"\\\1", safe)


class _Reading:
    """Turns the menu of a file into a Document."""

    def __init__(self, file: str, text: str) -> None:
        self._file, self._text, self._menu = file, text, Menu(file, text)
        self._defined = frozenset(self._menu.defined)
        self._newlines = [found.start() for found in re.finditer("\n", text)]
        self._known: dict[str, tuple[str, str | None]] = {}

    def document(self) -> Document:
        menu = self._menu
        settings = dict(menu.settings)
        if not menu.entries and "blscfg" not in settings and menu.loaded_files and not menu.has_sections:
            settings["stub"] = _expanded(menu.loaded_files[0], menu.settings)
        return Document(
            self._file,
            "grub2",
            tuple(self._stanza(entry) for entry in menu.entries),
            tuple(self._assignment(name, word) for name, word in menu.kernel_variables),
            settings,
            tuple(menu.warnings),
        )

    def _line_of(self, offset: int) -> int:
        return bisect_left(self._newlines, offset) + 1

    def _stanza(self, entry: MenuEntry) -> Stanza:
        script = (entry.section or "").rpartition("/")[2]
        return Stanza(
            entry.title,
            self._line_of(entry.start),
            tuple(self._image(loader) for loader in entry.loaders),
            tuple(entry.initrds),
            entry.id,
            entry.nesting,
            entry.section,
            script.startswith(_GENERATED),
        )

    def _image(self, loader: LoaderCommand) -> Image:
        """The loaded file, with the words behind its path as the slot.

        The word `placeholder` of Xen's commands is an argument like others: GRUB passes it, and Xen skips it.
        """
        line = self._line_of(loader.start)
        words = tuple(Word(word.start, word.end, *self._received(word.text)) for word in loader.arguments)
        start, end = (words[0].start, words[-1].end) if words else (loader.path.end, loader.path.end)
        before = "" if words else " "
        slot = Slot(self._file, "grub2", loader.name, start, end, self._line_of(start), words, before=before)
        return Image(unquoted(loader.path.text), (slot,), line, module=loader.name not in FIRST)

    def _received(self, raw: str) -> tuple[str, str | None]:
        """What the kernel receives of a word, and the variable that it refers to. Most entries have the same words."""
        if raw not in self._known:
            self._known[raw] = received(raw, self._defined), reference(raw)
        return self._known[raw]

    def _assignment(self, name: str, word: Token) -> Assignment:
        """`set kernelopts="..."`: GRUB's blscfg pastes the value into a script, so its words are kernel text."""
        found = _VALUE.fullmatch(word.text)
        style = found.lastgroup if found else None
        if found is None or style is None:
            raise NotUnderstood(
                f"the quotes in the value of {name} are not understood",
                hint=f'write it in one pair of quotes: set {name}="..."',
                place=self._menu.place(word.start),
            )
        begin = word.start + found.start(style)
        mapped = Mapped()
        if style == "double":
            for piece in _IN_DOUBLE.finditer(found[style]):
                decoded = "" if piece["nothing"] else piece[0][-1]
                mapped.add(decoded, begin + piece.start(), begin + piece.end())
        else:
            mapped.add(found[style], begin, begin + len(found[style]))
        words = mapped.kernel_words()
        start, end = (words[0].start, words[-1].end) if words else (begin, begin)
        quotes = '"' if style == "bare" else ""
        style = "single" if style == "single" else "double"
        slot = Slot(self._file, "grub2", name, start, end, self._line_of(start), words, style, quotes, quotes)
        return Assignment(name, slot, extends=False)


def _expanded(path: str, settings: Mapping[str, str]) -> str:
    """The path with the variables expanded that the file sets, five levels deep."""
    for _ in range(5):
        path = _VARIABLE.sub(lambda found: settings.get(found[1] or found[2], found[0]), path)[:4096]
    return path


FORMAT = Format(
    "grub2",
    parse,
    paths=(*_FILES, *(f"{directory}/*/grub.cfg" for directory in _ESPS), *_LINKS),
    quote=quote,
    lens="Grub_script_args.words",
    lens_by_style={"single": "Kernel_args.line", "double": "Kernel_args.script"},
)


def references_of(scripts: Sequence[Document], environments: Sequence[Document]) -> Mapping[str, tuple[Slot, ...]]:
    """Returns the slots of `$kernelopts` and `$tuned_params`: of grubenv, else the fallback that grub.cfg sets."""
    found = {name: slots_of(environments, name) or slots_of(scripts, name) for name in KERNEL_VARIABLES}
    return {name: slots for name, slots in found.items() if slots}


def menus(sources: Sources, tree: Tree) -> list[LoaderMenu]:
    """Returns the entries of every grub.cfg and the arguments of new kernels; nothing where the tree has no GRUB 2.

    Where GRUB shows Boot Loader Specification snippets, the shell sources feed new kernels only, and the default entry
    is looked for among the snippets, which the menu shows before other entries.
    """
    scripts, shell_files, environments = (sources.documents[name] for name in ("grub2", "default-grub", "grubenv"))
    bls = sources.snippet_reader is SnippetReader.GRUB
    # Neither a drop-in of some package nor an environment block makes a boot loader.
    if not scripts and not any(source.assignments for source in shell_files):
        return []
    own = [script for script in scripts if not _is_foreign(script.file, scripts, tree)]
    stanzas = [stanza for script in own for stanza in script.stanzas]
    default = None if bls else default_of(stanzas, own, environments)
    items = tuple(
        MenuItem(
            stanza,
            script.file,
            default=stanza is default,
            foreign=script not in own or (stanza.section or "").endswith("/30_os-prober"),
        )
        for script in scripts
        for stanza in script.stanzas
    )
    xen = any(stanza.images and is_xen(stanza.images[0].path) for stanza in stanzas)
    files = tuple(document.file for document in (*scripts, *shell_files, *environments))
    references = references_of(scripts, environments)
    return [LoaderMenu("grub2", files, items, references, new_kernels(shell_files, tree, bls=bls, xen=xen))]


def default_of(
    stanzas: Sequence[Stanza], scripts: Sequence[Document], environments: Sequence[Document]
) -> Stanza | None:
    """Returns the stanza that `set default=` names: an index, a title or an id, with `>` between menu levels.

    GRUB 2.06 boots the first item where nothing matches. None where the value depends on a variable that only GRUB
    knows at boot, or names a submenu.
    """
    value = setting(scripts, "default")
    if value is None or value in ("${saved_entry}", "$saved_entry"):
        value = setting(environments, "saved_entry") or "0"
    elif "$" in value:
        return None
    levels = value.split(">")
    level = [stanza for stanza in stanzas if stanza.nesting]
    for depth, wanted in enumerate(levels):
        matching = [each for each in level if depth < len(each.nesting) and _names(each.nesting[depth], wanted)]
        if not matching and depth == 0:
            matching = [each for each in level if each.nesting[0][0] == 0]
        level = matching
    return next((stanza for stanza in level if len(stanza.nesting) == len(levels)), None)


def _names(level: tuple[int, str, str | None], wanted: str) -> bool:
    position, title, identity = level
    return wanted in (str(position), title, identity)


def _is_foreign(file: str, scripts: Sequence[Document], tree: Tree) -> bool:
    """Whether the grub.cfg of an ESP belongs to another system.

    It is ours where the distribution's own link leads to it, where its directory has the distribution's name, or where
    there is no other.
    """
    if "/EFI/" not in file or len(scripts) == 1:
        return False
    if file in [tree.resolve(link) for link in _LINKS]:
        return False
    identity = osrelease.read(tree).get("ID", "")
    directory = file.rpartition("/")[0].rpartition("/")[2]
    return directory.lower() != _ESP_NAMES.get(identity, identity)
