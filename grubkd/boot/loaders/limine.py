"""limine.conf of Limine, and limine.cfg of Limine 7 and older: shown, never edited.

The hash of the configuration may be enrolled in Limine's own image, which then stops at any other configuration; and
limine-entry-tool writes the file again at each kernel update. Facts of Limine's CONFIG.md: keys in any letter case,
comments on lines of their own, default_entry counts visible lines from 1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from grubkd.boot.document import Document, Image, Slot, Stanza
from grubkd.boot.loaders.format import Format, LoaderMenu, MenuItem
from grubkd.boot.model import ManagedBy
from grubkd.boot.words import LineNumbers, span, words
from grubkd.parsing.grammar import Token, parse

if TYPE_CHECKING:
    from grubkd.boot.loaders.format import Sources
    from grubkd.tree.tree import Tree

_ESPS = ("/boot", "/boot/efi", "/efi")
FILES = tuple(
    f"{top}{directory}/limine.{suffix}"
    for top in (*_ESPS, "")
    for directory in ("", "/limine", "/EFI/BOOT", "/EFI/limine")
    for suffix in ("conf", "cfg")
)
_ENTRY_TOOL = ("/etc/default/limine", "/etc/limine-entry-tool.conf", "/etc/limine-entry-tool.d")
_KERNEL_PATHS = ("kernel_path", "path")
_ARGUMENTS = ("cmdline", "kernel_cmdline")


def parse_menu(file: str, text: str) -> Document:
    """The entries as stanzas, directories left out; `settings` has `default_entry`. Raises NotUnderstood."""
    line_of = LineNumbers(text).of
    settings: dict[str, str] = {}
    found: list[tuple[Token, str, dict[str, Token]]] = []
    for node in parse("limine", text, file=file).nodes():
        if node.name == "entry":
            title = next((token.text for token in node.tokens("TITLE")), "")
            found.append((next(node.tokens("DEPTH")), title, {}))
            continue
        key = next(node.tokens("KEY")).text.strip().lower()
        value = next(node.tokens("VALUE"), None)
        if found and value:
            found[-1][2].setdefault(key, value)
        elif value:
            settings[key] = value.text
    stanzas = []
    for (depth, title, keys), number in zip(found, _positions([depth.text for depth, _, _ in found]), strict=True):
        if "protocol" in keys or any(name in keys for name in _KERNEL_PATHS):
            line = line_of(depth.start)
            images = _images(file, text, keys, line)
            initrds = (keys["module_path"].text,) if "module_path" in keys else ()
            stanzas.append(Stanza(title, line, images, initrds, nesting=((number, title, None),)))
    return Document(file, "limine", tuple(stanzas), settings=settings)


def _positions(depths: list[str]) -> list[int]:
    """The number of each line of the menu, from 1; 0 for a line in a closed directory, which is not shown."""
    found = []
    count, hidden = 0, 0
    for index, depth in enumerate(depths):
        level = len(depth.rstrip("+"))
        hidden = hidden if hidden and level > hidden else 0
        count += not hidden
        found.append(0 if hidden else count)
        below = index + 1 < len(depths) and len(depths[index + 1].rstrip("+")) > level
        hidden = level if not hidden and below and not depth.endswith("+") else hidden
    return found


def _images(file: str, text: str, keys: dict[str, Token], line: int) -> tuple[Image, ...]:
    path = next((keys[name] for name in _KERNEL_PATHS if name in keys), None)
    if path is None or keys.get("protocol", path).text.lower() != "linux":
        return ()
    value = next((keys[name] for name in _ARGUMENTS if name in keys), None)
    found = words(text, value.start, value.end) if value else ()
    slot = Slot(file, "limine", "cmdline", *span(found, value.start if value else path.end), line, found)
    return (Image(path.text.partition("#")[0], (slot,), line),)


def menus(sources: Sources, tree: Tree) -> list[LoaderMenu]:
    """The entries of the first file that exists, which is the one that Limine reads."""
    documents = sources.documents["limine"]
    if not documents:
        return []
    document = documents[0]
    by_tool = any(tree.exists(path) for path in _ENTRY_TOOL)
    wanted = document.settings.get("default_entry", "1")
    items = tuple(
        MenuItem(
            stanza,
            document.file,
            default=str(stanza.nesting[0][0]) == wanted,
            managed_by=ManagedBy.LIMINE_ENTRY_TOOL if by_tool else ManagedBy.LIMINE,
        )
        for stanza in document.stanzas
    )
    return [LoaderMenu("limine", (document.file,), items)]


FORMAT = Format("limine", parse_menu, read_only=FILES)
