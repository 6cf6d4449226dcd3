"""/etc/os-release: which distribution a tree holds."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from grubkd.text import from_bytes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from grubkd.tree.tree import Tree

_ASSIGNMENT = re.compile(r"""^([A-Z0-9_]+)=(?:"([^"\n]*)"|'([^'\n]*)'|([^\s"'#]*))\s*$""", re.MULTILINE)


def read(tree: Tree) -> Mapping[str, str]:
    """The variables of /etc/os-release, else /usr/lib/os-release; empty where the tree has neither.

    Values are plain or quoted as os-release(5) has them; a line that is neither is passed over, for the file is never
    edited and only ID, ID_LIKE and VERSION_ID are wanted.
    """
    for path in ("/etc/os-release", "/usr/lib/os-release"):
        if tree.exists(path):
            text = from_bytes(tree.read(path))
            return variables(text)
    return {}


def variables(text: str) -> Mapping[str, str]:
    """The variables of an os-release file's text, as read tells them."""
    return {match[1]: match[2] or match[3] or match[4] or "" for match in _ASSIGNMENT.finditer(text)}
