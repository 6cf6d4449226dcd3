"""One file of a change: what stood there, what will stand there."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FileChange:
    """A file to replace, create or remove, by its real path inside the root (no symbolic link on the way).

    `before`: the bytes read, None where the file did not exist. `after`: the bytes wanted, None to remove it.
    `refresh`: write it even though the bytes are equal, to make it newer than the files before it in the change.
    """

    path: str
    before: bytes | None
    after: bytes | None
    refresh: bool = False

    @property
    def rewrites(self) -> bool:
        """Whether any byte changes, not only the time."""
        return self.before != self.after
