"""The boot menu as grubby shows and selects it (grubby 8.40, its script for snippets; 7.0 and 8.28 for other menus).

Indices count the snippets only, where there are any. A kernel's path is the one under which the running system finds
it. Selectors are compared as texts, never as patterns.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from grubkd.boot.entry import main_boot

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from grubkd.boot.model import BootConfig, Entry, Line
    from grubkd.tree.tree import Tree

_INDEXES = re.compile(r"[0-9]{1,9}(?:,[0-9]{1,9})*")
_INITRD = re.compile(r"^[ \t]*initrd[ \t]+([^\n\r]*)", re.MULTILINE)
# What grubby puts in for its value; other variables stay as they are written.
_EXPANDED = "kernelopts"


def menu(config: BootConfig) -> list[Entry]:
    """The entries that grubby counts, by their indices."""
    snippets = [entry for entry in config.entries if entry.format == "bls"]
    first = next((entry.format for entry in config.entries if entry.own_linux), "")
    return snippets or [entry for entry in config.entries if entry.format == first]


def selected(tree: Tree, entries: Sequence[Entry], param: str) -> list[int]:
    """The indices of the entries that a parameter means; empty where it means none.

    It is ALL, DEFAULT, an index or several with commas between, TITLE= and the whole title, or a kernel's path.
    """
    own = [index for index, entry in enumerate(entries) if entry.own_linux]
    if param == "ALL":
        return own
    if param == "DEFAULT":
        return [index for index, entry in enumerate(entries) if entry.default][:1]
    if _INDEXES.fullmatch(param):
        wanted = list(dict.fromkeys(map(int, param.split(","))))
        return wanted if max(wanted) < len(entries) else []
    if param.startswith("TITLE="):
        return [index for index, entry in enumerate(entries) if entry.title == param.removeprefix("TITLE=")]
    paths = {index: kernel(tree, entries[index]) for index in own}
    return [index for index, path in paths.items() if path in (param, real_path(tree, param))]


def kernel(tree: Tree, entry: Entry) -> str:
    """The path of the entry's kernel in the tree; "" for an entry without one."""
    boot = main_boot(entry.boots)
    return real_path(tree, boot.path) if boot else ""


def real_path(tree: Tree, path: str) -> str:
    """The path under which the tree has a file that a boot loader names by its own: below /boot, or on its subvolume.

    Where it has none, the path below /boot.
    """
    inside = "/" + path.rpartition(")")[2].lstrip("/")
    parts = inside.split("/")
    # A subvolume, or a /boot on the partition itself, is a part of the boot loader's path.
    ends = ["/".join(["", *parts[number:]]) for number in range(1, len(parts))]
    for end in ends:
        for each in (end, f"/boot{end}"):
            if each.startswith("/boot/") and tree.exists(each):
                return each
    return inside if inside.startswith("/boot/") or tree.exists(inside) else f"/boot{inside}"


def information(tree: Tree, config: BootConfig, index: int, entry: Entry) -> Iterator[str]:
    """The lines of --info: the index, kernel, arguments without root=, root, initrds, title and, for a snippet, id."""
    yield f"index={index}"
    boot = main_boot(entry.boots)
    if not entry.linux or boot is None:
        yield "non linux entry"
        return
    snippet = entry.format == "bls"
    quote = '"' if snippet else ""
    arguments = list(_as_written(boot.line)) if snippet else list(boot.arguments)
    roots = [each for each in arguments if each.startswith("root=")]
    initrds = list(entry.initrds)
    if snippet:
        initrds = [each for found in _INITRD.findall(config.texts[entry.source.file]) for each in found.split()]
    yield f"kernel={quote}{kernel(tree, entry)}{quote}"
    yield f'args="{" ".join(each for each in arguments if each not in roots)}"'
    if roots:
        yield f"root={quote}{roots[-1].removeprefix('root=')}{quote}"
    if initrds:
        paths = " ".join(each if each.startswith("$") else real_path(tree, each) for each in initrds)
        yield f"initrd={quote}{paths}{quote}"
    yield f"title={quote}{entry.title}{quote}"
    if snippet:
        yield f"id={quote}{entry.id}{quote}"


def _as_written(line: Line) -> Iterator[str]:
    """The arguments with the value of $kernelopts in its place."""
    for slot in line.slots:
        for word in slot.words:
            inner = line.references.get((slot.key, _EXPANDED)) if word.reference == _EXPANDED else None
            texts = [each.text for found in inner for each in found.words] if inner is not None else [word.text]
            yield from (text for text in texts if text)
