"""What the readers need of an operating-system tree, wherever it is."""

from __future__ import annotations

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

    def part(self, path: str, start: int, size: int) -> bytes:
        """At most `size` bytes of a regular file from an offset on, however large it is. Raises as read does."""
        ...

    def list(self, path: str) -> tuple[str, ...]:
        """The names in a directory, sorted by byte; () where no directory stands."""
        ...
