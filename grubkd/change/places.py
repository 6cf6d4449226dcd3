"""The files that grubkd writes: the paths of the formats, and menus of GRUB 2 by their name in any directory.

A change of another file, or a journal of one, is refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from grubkd.boot.loaders import FORMATS
from grubkd.boot.loaders.format import expanded, name_matches, path_matches
from grubkd.change import disk

if TYPE_CHECKING:
    from grubkd.tree.root import Root

# A `*` matches part of one name.
PLACES = tuple(dict.fromkeys(path for each in FORMATS for path in each.paths))
# The menus that --grub-cfg may name, in any directory.
_NAMED_MENU = "grub*.cfg"


def is_normal(path: str) -> bool:
    """Whether a path is absolute and plain: no empty, `.` or `..` component, no NUL, one byte a character."""
    names = path.split("/")
    return (
        path.startswith("/")
        and len(path) < 4096
        and not set(names[1:]) & {"", ".", ".."}
        and "\0" not in path
        and all(char <= "\xff" for char in path)
    )


def is_place(path: str) -> bool:
    """Whether a path is one of the places, whether or not a file exists there."""
    return is_normal(path) and (is_named_menu(path) or path_matches(path, PLACES))


def is_named_menu(path: str) -> bool:
    """Whether --grub-cfg may name the path: by the name of the file."""
    return path.endswith("/grub.cfg") or name_matches(path.rpartition("/")[2], _NAMED_MENU)


def link_to(root: Root, path: str) -> str | None:
    """The place whose symbolic link leads to a real path; None where there is no such link. Raises InputOutput."""
    if not is_normal(path):
        return None
    found = (each for place in PLACES for each in expanded(root, place))
    return next((each for each in found if path in (root.resolve(each), _missing_file(root, each))), None)


def may_write(root: Root, path: str) -> bool:
    """Whether a real path is one of the places, or the target of a link at one of them. Raises InputOutput."""
    return is_place(path) or link_to(root, path) is not None


def _missing_file(root: Root, path: str) -> str | None:
    """The real path that a new file at a path gets; None where its directory is missing."""
    above = root.resolve(disk.parent(path))
    return f"{above.rstrip('/')}/{path.rpartition('/')[2]}" if above else None
