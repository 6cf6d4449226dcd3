"""Trees made of another one: as it would be with some files changed, and as it was found to be."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grubkd.errors import GrubkdError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from grubkd.tree.tree import Tree


class Overlay:
    """A tree with some files as they would be; None marks a file that would be gone."""

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
            real = path if self._texts.get(path) is not None else None
        elif real in self._texts and self._texts[real] is None:
            real = None
        return real

    def read(self, path: str) -> bytes:
        """As in Tree."""
        real = self.resolve(path) or path
        text = self._texts.get(real)
        return self._tree.read(path) if text is None else text

    def part(self, path: str, start: int, size: int) -> bytes:
        """As in Tree."""
        text = self._texts.get(self.resolve(path) or path)
        return self._tree.part(path, start, size) if text is None else text[start : start + size]

    def list(self, path: str) -> tuple[str, ...]:
        """As in Tree, with the overlay's new files and without its removed ones."""
        found = self._tree.list(path)
        mine = self._names.get((self._tree.resolve(path) or path).rstrip("/")) if self._names else None
        if mine:
            others = [name for name in found if name not in mine]
            found = tuple(sorted(others + [name for name, stays in mine.items() if stays]))
        return found


class Asked:
    """A tree that remembers what it was asked and what it said, so that it says the same again, and can be compared.

    Readers are functions of what a tree says: where another tree says the same to every question, they would read the
    same from it.
    """

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self._answers: dict[tuple[Any, ...], Any] = {}

    @property
    def live(self) -> bool:
        """As in Tree."""
        return self._tree.live

    def exists(self, path: str) -> bool:
        """As in Tree."""
        return bool(self._answer("exists", path))

    def resolve(self, path: str) -> str | None:
        """As in Tree."""
        found: str | None = self._answer("resolve", path)
        return found

    def read(self, path: str) -> bytes:
        """As in Tree."""
        return bytes(self._answer("read", path))

    def part(self, path: str, start: int, size: int) -> bytes:
        """As in Tree."""
        return bytes(self._answer("part", path, start, size))

    def list(self, path: str) -> tuple[str, ...]:
        """As in Tree."""
        return tuple(self._answer("list", path))

    def like(self, tree: Tree) -> bool:
        """Whether the tree says the same to every question that was asked here; False also where it says an error."""
        try:
            return tree.live == self.live and all(
                getattr(tree, question[0])(*question[1:]) == answer for question, answer in self._answers.items()
            )
        except GrubkdError:
            return False

    def _answer(self, *question: Any) -> Any:
        if question not in self._answers:
            # An error is no answer that another tree could give: it makes the two unlike.
            self._answers[question] = self
            self._answers[question] = getattr(self._tree, question[0])(*question[1:])
        found = self._answers[question]
        return getattr(self._tree, question[0])(*question[1:]) if found is self else found
