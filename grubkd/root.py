"""The operating-system tree acted upon: resolve inside it, read, list."""

from collections.abc import Mapping
from typing import Protocol


class Tree(Protocol):
    """What the readers need of a tree: the one on disk, or the one as it would be after an edit.

    Every path is inside the tree and begins with "/"; symbolic links, absolute ones too, resolve inside it.
    """

    @property
    def live(self) -> bool:
        """Whether this is the running system's own root."""
        ...

    def exists(self, path: str) -> bool:
        """Whether a file or directory stands at the path, links followed."""
        ...

    def resolve(self, path: str) -> str | None:
        """The real path inside the tree, all links followed, or None where nothing stands."""
        ...

    def read(self, path: str) -> bytes:
        """The bytes of a regular file. Raises InputOutput, PermissionDenied (errors say which path)."""
        ...

    def list(self, path: str) -> tuple[str, ...]:
        """The names in a directory, sorted by byte; () where no directory stands."""
        ...


class Overlay:
    """A tree with some files as they would be; None marks a file that would be gone."""

    def __init__(self, tree: Tree, texts: Mapping[str, bytes | None]) -> None:
        self._tree = tree
        self._texts = texts

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
            real = path if self._texts.get(path) is not None else None
        elif real in self._texts and self._texts[real] is None:
            real = None
        return real

    def read(self, path: str) -> bytes:
        """As in Tree."""
        real = self.resolve(path) or path
        text = self._texts.get(real)
        return self._tree.read(path) if text is None else text

    def list(self, path: str) -> tuple[str, ...]:
        """As in Tree, with the overlay's new files and without its removed ones."""
        directory = (self._tree.resolve(path) or path).rstrip("/")
        names = set(self._tree.list(path))
        for file, text in self._texts.items():
            parent, _, name = file.rpartition("/")
            if parent == directory:
                (names.discard if text is None else names.add)(name)
        return tuple(sorted(names))
