"""os-release(5): the distribution in a tree."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from grubkd.text import from_bytes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from grubkd.tree.tree import Tree

_ASSIGNMENT = re.compile(r"""^([A-Z0-9_]+)=(?:"([^"\n]*)"|'([^'\n]*)'|([^\s"'#]*))\s*$""", re.MULTILINE)


def read(tree: Tree) -> Mapping[str, str]:
    """The variables of /etc/os-release, else /usr/lib/os-release; empty where the tree has neither."""
    for path in ("/etc/os-release", "/usr/lib/os-release"):
        if tree.exists(path):
            return variables(from_bytes(tree.read(path)))
    return {}


def variables(text: str) -> Mapping[str, str]:
    """The variables in the text of an os-release file.

    Values are plain or quoted; any other line is skipped, as grubkd never edits the file and needs a few values only.
    """
    return {match[1]: match[2] or match[3] or match[4] or "" for match in _ASSIGNMENT.finditer(text)}
