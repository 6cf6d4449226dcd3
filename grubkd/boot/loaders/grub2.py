"""GRUB 2: grub.cfg, a script that grub-mkconfig writes and people edit.

A custom.cfg beside it, which 41_custom sources, is not read: a generator never touches it, and its entries are the
administrator's own.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from typing import TYPE_CHECKING

from grubkd.boot import words as kernel_words
from grubkd.boot.loaders.format import Format
from grubkd.boot.loaders.grubmenu import FIRST, Menu, tokens
from grubkd.boot.loaders.grubwords import held, pasted, quoted, received, reference, spans, value
from grubkd.boot.loaders.mapped import Mapped
from grubkd.boot.model import Assignment, Document, Image, Slot, Stanza, Word
from grubkd.errors import NotUnderstood

if TYPE_CHECKING:
    from collections.abc import Mapping

    from grubkd.boot.loaders.grubmenu import MenuEntry, Statement
    from grubkd.boot.loaders.grubwords import Span
    from grubkd.tree.tree import Tree

_FILES = ("/boot/grub2/grub.cfg", "/boot/grub/grub.cfg")
_ESPS = ("/boot/efi/EFI", "/efi/EFI", "/boot/EFI")
_LINKS = ("/etc/grub2.cfg", "/etc/grub2-efi.cfg")

# Characters from which on the ordinary entries are read without the grammar.
_LONG = 16384
_GENERATED = ("10_linux", "20_linux_xen")
_VALUE = re.compile(
    r"(?P<name>\w+)=(?:(?P<bare>[^'\"\\\r]*+)|\"(?P<double>(?:[^\"\\\r]|\\[^\r]|\\?\r+\n)*)\"|'(?P<single>[^'\r]*+)')"
)
_IN_DOUBLE = re.compile(r'(?P<nothing>\\\r*\n|\r+(?=\n))|\\[$\\"]|[\s\S]')
_VARIABLE = re.compile(r"\$(?:(\w+)|\{(\w+)\})")


def find(tree: Tree) -> tuple[str, ...]:
    """The grub.cfg files: of /boot, of the ESPs, and what the links in /etc name; each real file once."""
    paths = list(_FILES)
    for directory in _ESPS:
        paths += [f"{directory}/{name}/grub.cfg" for name in tree.list(directory)]
    resolved = (tree.resolve(path) for path in (*paths, *_LINKS))
    return tuple(dict.fromkeys(real for real in resolved if real is not None))


def parse(file: str, text: str) -> Document:
    """What a grub.cfg says: its menu entries, the variables that it sets, kernelopts and tuned_params as slots.

    `settings` has "blscfg" where the script calls it, and "stub" where the file has no entry and only loads another
    one: that file, with the variables that this one sets put in.
    """
    menu = _long_menu(file, text) if len(text) >= _LONG else None
    return _Reading(file, text, menu or Menu(file, text, tokens(file, text))).document()


def _long_menu(file: str, text: str) -> Menu | None:
    """The menu, None where it is not to be had so: the grammar alone tells what is wrong, if anything is."""
    from grubkd.boot.loaders.menuentries import LongMenu, Unordinary

    try:
        return LongMenu(file, text)
    except (NotUnderstood, Unordinary):
        return None


def quote(slot: Slot, argument: str) -> str:
    """The argument as GRUB script. Raises CannotHold."""
    if slot.style == "":
        return quoted(held(argument))
    safe = pasted(argument)
    if slot.style == "single":
        return safe
    return re.sub(r'([\\"$])', r"\\\1", safe)


class _Reading:
    """A menu turned into the vocabulary of every format."""

    def __init__(self, file: str, text: str, menu: Menu) -> None:
        self._file, self._text, self._menu = file, text, menu
        self._lines = [found.start() for found in re.finditer("\n", text)]
        self._defined = frozenset(menu.defined)
        self._cuts: dict[str, list[tuple[int, int, str, str | None]]] = {}

    def document(self) -> Document:
        menu = self._menu
        settings = dict(menu.settings)
        if not menu.entries and "blscfg" not in settings and menu.enters and not menu.sections:
            settings["stub"] = _expanded(menu.enters[0], menu.settings)
        return Document(
            self._file,
            "grub2",
            tuple(self._stanza(entry) for entry in menu.entries),
            tuple(self._assignment(name, word) for name, word in menu.sets),
            settings,
            tuple(menu.warnings),
        )

    def _line(self, offset: int) -> int:
        return bisect_right(self._lines, offset - 1) + 1

    def _stanza(self, entry: MenuEntry) -> Stanza:
        script = (entry.section or "").rpartition("/")[2]
        return Stanza(
            entry.title,
            self._line(entry.start),
            tuple(self._image(loader) for loader in entry.loaders),
            tuple(entry.initrds),
            entry.id,
            entry.nesting,
            entry.section,
            script.startswith(_GENERATED),
        )

    def _image(self, loader: Statement) -> Image:
        """The file loaded; its slot begins behind the path.

        Of Xen's statements the word `placeholder` is an argument like others: GRUB passes it, and Xen skips it.
        """
        start, end = loader.arguments
        cut, make = self._cut(self._text[start:end]), tuple.__new__
        found = tuple([make(Word, (start + a, start + b, text, name)) for a, b, text, name in cut])
        slot = Slot(self._file, "grub2", loader.name, start, end, self._line(start), found, before="" if found else " ")
        path = value(self._menu.raw(loader.path))
        return Image(path, (slot,), self._line(loader.start), module=loader.name not in FIRST)

    def _cut(self, part: str) -> list[tuple[int, int, str, str | None]]:
        """As Word, within the part alone. Most entries of a menu have the same arguments, which are cut once."""
        known = self._cuts.get(part)
        if known is None:
            known = self._cuts[part] = []
            for start, end in spans(part, 0, len(part)):
                raw = part[start:end]
                known.append((start, end, received(raw, self._defined), reference(raw)))
        return known

    def _assignment(self, name: str, word: Span) -> Assignment:
        """`set kernelopts="..."`: GRUB's blscfg pastes the value into a script, so its words are kernel text."""
        found = _VALUE.fullmatch(self._menu.raw(word))
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
        words = tuple(mapped.placed(each) for each in kernel_words.words(mapped.text, 0, len(mapped.text)))
        start, end = (words[0].start, words[-1].end) if words else (begin, begin)
        quotes = '"' if style == "bare" else ""
        slot = Slot(
            self._file,
            "grub2",
            name,
            start,
            end,
            self._line(start),
            words,
            style="single" if style == "single" else "double",
            before=quotes,
            after=quotes,
        )
        return Assignment(name, slot, extends=False)


def _expanded(path: str, settings: Mapping[str, str]) -> str:
    """The path with the variables put in that the file sets; a chain of more than a few is left as it is."""
    for _ in range(5):
        path = _VARIABLE.sub(lambda found: settings.get(found[1] or found[2], found[0]), path)[:4096]
    return path


_LENSES = {"single": "Kernel_args.line", "double": "Kernel_args.script"}
FORMAT = Format("grub2", find, parse, quote, lens="Grub_script_args.words", lens_by_style=_LENSES)
