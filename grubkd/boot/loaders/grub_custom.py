"""The scripts of /etc/grub.d that print their own text, such as 40_custom: grub.cfg has a copy of it.

Such a script begins with `#!/bin/sh` and `exec tail -n +3 $0`. grub-mkconfig puts marks around what each script prints.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from grubkd.boot.document import Document
from grubkd.boot.loaders.format import Format, real_paths
from grubkd.text import from_bytes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from grubkd.boot.document import Slot
    from grubkd.tree.tree import Tree

NAME = "grub.d"
_DIRECTORY = "/etc/grub.d"
_HEAD = r"#![^\n]*\n[ \t]*exec[ \t]+tail[ \t]+-n[ \t]*\+3[ \t]+(['\"]?)\$\{?0\}?\1[ \t]*\n"
_BEGIN = re.compile(r"^### BEGIN (\S+) ###[ \t\r]*\n", re.MULTILINE)


class Section(NamedTuple):
    """What a script printed: text[start:end] of a grub.cfg."""

    script: str
    start: int
    end: int


def find(tree: Tree) -> tuple[str, ...]:
    """The scripts that print their own text."""
    found = real_paths(tree, (f"{_DIRECTORY}/*",))
    return tuple(path for path in found if re.match(_HEAD, from_bytes(tree.part(path, 0, 4096))))


def parse(file: str, _text: str) -> Document:
    """An empty document: what the script prints is read in grub.cfg."""
    return Document(file, NAME)


def section_of(slot: Slot, texts: Mapping[str, str]) -> Section | None:
    """The section of a grub.cfg that a slot is in."""
    text = texts.get(slot.file, "") if slot.format == "grub2" else ""
    for begin in _BEGIN.finditer(text, 0, slot.start):
        end = text.find(f"### END {begin[1]} ###", begin.end())
        if end > slot.start:
            return Section(begin[1], begin.end(), end)
    return None


def moved_by(slot: Slot, section: Section, texts: Mapping[str, str]) -> int | None:
    """What the offsets in a section differ by in its script; None unless the section is the script's text."""
    script = texts.get(section.script, "")
    head = re.match(_HEAD, script)
    if head is None or script[head.end() :] != texts[slot.file][section.start : section.end]:
        return None
    return head.end() - section.start


FORMAT = Format(NAME, parse, paths=(f"{_DIRECTORY}/*",), choose=find)
