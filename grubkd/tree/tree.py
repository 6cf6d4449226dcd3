"""What the readers need of an operating-system tree; a tree with changed files; a tree that does not change."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping


class Tree(Protocol):
    """A tree that can be read: the one on disk (root.Root), or the one after an edit (Overlay).

    Every path begins with "/" and is resolved inside the tree; so are symbolic links, absolute ones too.
    """

    @property
    def live(self) -> bool:
        """Whether this is the root of the running system."""
        ...

    def exists(self, path: str) -> bool:
        """Whether a file or directory exists at the path, links followed."""
        ...

    def resolve(self, path: str) -> str | None:
        """The real path inside the tree, all links followed, or None if nothing exists."""
        ...

    def read(self, path: str) -> bytes:
        """The bytes of a regular file. Raises InputOutput, PermissionDenied (errors say which path)."""
        ...

    def part(self, path: str, start: int, size: int) -> bytes:
        """At most `size` bytes of a regular file of any size, from offset `start`. Raises as read does."""
        ...

    def list(self, path: str) -> tuple[str, ...]:
        """The names in a directory, sorted by byte; () if no directory exists."""
        ...


class Overlay:
    """A tree with other contents for some files; None for a file that is removed."""

    def __init__(self, tree: Tree, texts: Mapping[str, bytes | None]) -> None:
        self._tree = tree
        self._texts = texts
        self._names: dict[str, dict[str, bool]] = {}
        for file, text in texts.items():
            parent, _, name = file.rpartition("/")
            self._names.setdefault(parent, {})[name] = text is not None

    @property
    def live(self) -> bool:
        """As in Tree."""
        return self._tree.live

    def exists(self, path: str) -> bool:
        """As in Tree."""
        return self.resolve(path) is not None

    def resolve(self, path: str) -> str | None:
        """As in Tree; a file that only the overlay has resolves to itself."""
        real = self._tree.resolve(path)
        if real is None:
            return path if self._texts.get(path) is not None else None
        return None if real in self._texts and self._texts[real] is None else real

    def read(self, path: str) -> bytes:
        """As in Tree."""
        text = self._texts.get(self.resolve(path) or path)
        return self._tree.read(path) if text is None else text

    def part(self, path: str, start: int, size: int) -> bytes:
        """As in Tree."""
        text = self._texts.get(self.resolve(path) or path)
        return self._tree.part(path, start, size) if text is None else text[start : start + size]

    def list(self, path: str) -> tuple[str, ...]:
        """As in Tree, with the new files and without the removed ones."""
        names = dict.fromkeys(self._tree.list(path), True)
        changed = self._names.get((self._tree.resolve(path) or path).rstrip("/"), {})
        return tuple(sorted(name for name, present in {**names, **changed}.items() if present))


class Snapshot:
    """A tree as it was at first sight: it repeats its answers, so that a later reading sees what an earlier one saw.

    Errors are not kept: the tree is asked again.
    """

    def __init__(self, tree: Tree) -> None:
        self.live = tree.live
        self.exists = cache(tree.exists)
        self.resolve = cache(tree.resolve)
        self.read = cache(tree.read)
        self.part = cache(tree.part)
        self.list = cache(tree.list)
