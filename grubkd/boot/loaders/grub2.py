"""GRUB 2: grub.cfg, a script that grub-mkconfig writes and people edit, and the scripts that it loads."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from grubkd.boot.document import Assignment, Document, Image, Slot, Stanza, Word
from grubkd.boot.loaders.format import ESPS, Format, path_matches, real_paths
from grubkd.boot.loaders.grub_commands import FIRST
from grubkd.boot.loaders.grub_menu import Menu
from grubkd.boot.loaders.grub_script import (
    KERNEL_VARIABLES,
    delivered,
    held,
    pasted,
    quoted,
    received,
    reference,
    unquoted,
)
from grubkd.boot.words import LineNumbers, Mapped, span
from grubkd.errors import CannotHold, NotUnderstood
from grubkd.text import in_quotes

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from grubkd.boot.loaders.grub_commands import Assigned, LoaderCommand, MenuEntry
    from grubkd.parsing.grammar import Token
    from grubkd.tree.tree import Tree

FILES = ("/boot/grub2/grub.cfg", "/boot/grub/grub.cfg")
LINKS = ("/etc/grub2.cfg", "/etc/grub2-efi.cfg")
_STANDARD = (*FILES, *(f"{esp}/EFI/*/grub.cfg" for esp in ESPS), *LINKS)
# Where scripts are that others load: GRUB's directory, its partition, and the ESP.
_LOADED = ("/boot/grub2/*.cfg", "/boot/grub/*.cfg", "/boot/grub2/*/*.cfg", "/boot/grub/*/*.cfg", "/boot/*.cfg")

_GENERATED = ("10_linux", "20_linux_xen")
_VALUE = re.compile(
    r"(?P<name>\w+)=(?:(?P<bare>[^'\"\\\r]*+)|\"(?P<double>(?:[^\"\\\r]|\\[^\r]|\\?\r+\n)*)\"|'(?P<single>[^'\r]*+)')"
)
_IN_DOUBLE = re.compile(r'(?P<nothing>\\\r*\n|\r+(?=\n))|\\[$\\"]|[\s\S]')
_VARIABLE = r"\$(?:(\w+)|\{(\w+)\})"


def parse(file: str, text: str) -> Document:
    """The menu entries of a grub.cfg, its variables, and kernelopts and tuned_params as slots.

    Every value of a variable is an assignment. That of a variable which an entry sets for itself is named with the
    entry. `settings` has "blscfg" if the script calls it. Raises NotUnderstood.
    """
    return _Reading(file, text).document()


def quote(slot: Slot, argument: str) -> str:
    """The argument as GRUB script. Raises CannotHold."""
    if slot.style == "":
        return quoted(held(argument))
    if slot.style.startswith("plain"):
        return _plain(slot, argument)
    safe = pasted(argument)
    return safe if slot.style == "single" else re.sub(r'([\\"$])', r"\\\1", safe)


def _plain(slot: Slot, argument: str) -> str:
    """The argument in a variable that the script uses as `$name`: GRUB splits its value at blanks."""
    if held(argument) != argument or " " in argument or (slot.style == "plain-single" and "'" in argument):
        raise CannotHold(
            f"{in_quotes(argument)}: GRUB splits the value of the variable {slot.variable} at blanks",
            hint="write the argument behind the variable, into the linux line",
        )
    return argument if slot.style == "plain-single" else re.sub(r'([\\"$])', r"\\\1", argument)


class _Reading:
    """Turn the menu of a file into a Document."""

    def __init__(self, file: str, text: str) -> None:
        self._file, self._text, self._menu = file, text, Menu(file, text)
        self._defined = frozenset(self._menu.defined)
        self._line_of = LineNumbers(text).of
        self._known: dict[str, tuple[str, str | None]] = {}

    def document(self) -> Document:
        menu, assigned = self._menu, self._menu.commands.assigned
        return Document(
            self._file,
            "grub2",
            stanzas=tuple(self._stanza(entry) for entry in menu.entries),
            assignments=tuple(
                self._pasted(name, each.word) for name in KERNEL_VARIABLES for each in assigned.get(name, ())
            ),
            settings=menu.settings,
            warnings=tuple(menu.warnings),
            includes=tuple(each._replace(path=self._expanded(each.path)) for each in menu.includes),
            variables=tuple(each for name, found in assigned.items() for each in self._variables(name, found)),
            environments=tuple(self._expanded(path) for path in menu.environments),
        )

    def _expanded(self, path: str) -> str:
        """The path with the variables expanded that the file sets, five levels deep."""
        values = {"prefix": self._file.rpartition("/")[0]}
        values |= {"config_directory": values["prefix"], **self._menu.settings}
        for _ in range(5):
            path = re.sub(_VARIABLE, lambda found: values.get(found[1] or found[2], found[0]), path)[:4096]
        return path

    def _stanza(self, entry: MenuEntry) -> Stanza:
        script = (entry.section or "").rpartition("/")[2]
        return Stanza(
            entry.title,
            self._line_of(entry.start),
            tuple(self._image(loader, entry) for loader in entry.loaders),
            tuple(entry.initrds),
            entry.id,
            entry.nesting,
            entry.section,
            script.startswith(_GENERATED),
            self._device(entry),
            "loads its kernel through a function" if self._menu.commands.loads_in_a_function(entry) else "",
        )

    def _device(self, entry: MenuEntry) -> dict[str, str]:
        """The device of the first image; "searched" where the entry itself finds it."""
        path = self._menu.commands.path(entry.loaders[0].path) if entry.loaders else ""
        device = self._menu.commands.device_of(path, entry)
        own = ":" not in device or device != self._menu.commands.device_of(path, None)
        return {"device": device, **({"searched": "1"} if own else {})} if device else {}

    def _image(self, loader: LoaderCommand, entry: MenuEntry) -> Image:
        """The loaded file, with the words behind its path as the slot.

        The word `placeholder` of Xen's commands is an argument like others: GRUB passes it, and Xen skips it.
        """
        line = self._line_of(loader.start)
        received = ((word, *self._received(word.text)) for word in loader.arguments)
        words = tuple(
            Word(word.start, word.end, text, name and self._scoped(name, entry)) for word, text, name in received
        )
        start, end = span(words, loader.path.end)
        before = "" if words else " "
        slot = Slot(self._file, "grub2", loader.name, start, end, self._line_of(start), words, before=before)
        return Image(self._menu.commands.path(loader.path), (slot,), line, module=loader.name not in FIRST)

    def _scoped(self, name: str, entry: MenuEntry | None) -> str:
        """The name of a variable; with the entry in it, if the entry itself gives the variable its one value."""
        found = [each.always for each in self._menu.commands.assigned.get(name, ()) if each.entry is entry]
        own = found == [True] and name not in KERNEL_VARIABLES
        return f"{name} of {self._file}:{entry.start}" if entry and own else name

    def _received(self, raw: str) -> tuple[str, str | None]:
        """What the kernel receives of a word, and the variable that it refers to. Most entries have the same words."""
        if raw not in self._known:
            self._known[raw] = received(raw, self._defined), reference(raw)
        return self._known[raw]

    def _variables(self, name: str, found: Sequence[Assigned]) -> Iterator[Assignment]:
        for each in found if name not in KERNEL_VARIABLES else ():
            value = _VALUE.fullmatch(each.word.text)
            slot = self._split(name, each.word, value)
            always = each.always and value is not None
            yield Assignment(self._scoped(name, each.entry), slot, extends=False, always=always)

    def _pasted(self, name: str, word: Token) -> Assignment:
        """`set kernelopts="..."`: GRUB's blscfg pastes the value into a script, so its words are kernel text."""
        found = _VALUE.fullmatch(word.text)
        if found is None:
            raise NotUnderstood(
                f"the quotes in the value of {name} are not understood",
                hint=f'write it in one pair of quotes: set {name}="..."',
                place=self._menu.place(word.start),
            )
        begin, mapped = _decoded(word, found)
        return Assignment(name, self._slot(name, begin, found, mapped.kernel_words()), extends=False)

    def _split(self, name: str, word: Token, found: re.Match[str] | None) -> Slot:
        """The value of any other variable: `$name` in a command gives one argument for each run without blanks."""
        if found is None:
            words = [Word(word.start, word.end, each) for each in unquoted(word.text).partition("=")[2].split()]
            return Slot(self._file, "grub2", name, word.start, word.end, self._line_of(word.start), tuple(words))
        begin, mapped = _decoded(word, found)
        made = []
        for piece in re.finditer(r"[^ \t\n]+", mapped.text):
            start, end = mapped.span(*piece.span())
            variable = reference(piece[0]) if found.lastgroup != "single" else None
            made.append(Word(start, end, piece[0] if variable else delivered(piece[0]), variable))
        return self._slot(name, begin, found, tuple(made), "plain-")

    def _slot(self, name: str, begin: int, found: re.Match[str], words: tuple[Word, ...], kind: str = "") -> Slot:
        start, end = span(words, begin)
        quotes = '"' if found.lastgroup == "bare" else ""
        style = kind + ("single" if found.lastgroup == "single" else "double")
        return Slot(self._file, "grub2", name, start, end, self._line_of(start), words, style, quotes, quotes)


def _decoded(word: Token, found: re.Match[str]) -> tuple[int, Mapped]:
    """Where the value of an assignment begins, and its text."""
    style = found.lastgroup or ""
    begin = word.start + found.start(style)
    mapped = Mapped()
    if style == "double":
        for piece in _IN_DOUBLE.finditer(found[style]):
            decoded = "" if piece["nothing"] else piece[0][-1]
            mapped.add(decoded, begin + piece.start(), begin + piece.end())
    else:
        mapped.add(found[style], begin, begin + len(found[style]))
    return begin, mapped


def find(tree: Tree) -> tuple[str, ...]:
    """The real paths of the scripts that the firmware or a boot sector loads."""
    return real_paths(tree, _STANDARD)


def further(document: Document, tree: Tree) -> Iterator[tuple[str, str]]:
    """The scripts and environment blocks that a script loads and the tree has."""
    for include in document.includes:
        path = loaded_path(include.path, document.file, tree)
        if path and include.device != "loopback":
            yield "grub2", path
    for path in document.environments:
        found = loaded_path(path, document.file, tree)
        if found:
            yield "grubenv", found


def loaded_path(path: str, file: str, tree: Tree) -> str | None:
    """The real path in the tree of a file that a script loads, or None.

    GRUB's path is relative to the partition from which it reads: the root, /boot, or the ESP of the script.
    """
    inside = path.rpartition(")")[2]
    esp = file.rpartition("/EFI/")[0]
    tops = ("", "/boot", esp) if "/EFI/" in file else ("", "/boot")
    found = (tree.resolve(f"{top}{inside}") for top in tops) if inside.startswith("/") and "$" not in inside else ()
    return next((each for each in found if each and not tree.list(each)), None)


def is_written(path: str) -> bool:
    """Whether grubkd writes a script at this real path."""
    return path_matches(path, FORMAT.paths)


FORMAT = Format(
    "grub2",
    parse,
    paths=(*_STANDARD, *_LOADED),
    choose=find,
    further=further,
    quote=quote,
    lens="Grub_script_args.words",
    lens_by_style={
        "single": "Kernel_args.line",
        "double": "Kernel_args.script",
        "plain-single": "Kernel_args.line",
        "plain-double": "Kernel_args.script",
    },
)
