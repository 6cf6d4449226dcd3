"""What a parser hands out: tokens with their spans, and the nodes above them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import TypeAlias


class Token(NamedTuple):
    """A terminal: its kind as the grammar names it, its text, and its span in the text parsed."""

    kind: str
    text: str
    start: int
    end: int


class Node(NamedTuple):
    """A rule: its name and its children in order."""

    name: str
    children: tuple[Child, ...]

    def nodes(self, name: str) -> Iterator[Node]:
        """The direct children of that rule name."""
        return (child for child in self.children if isinstance(child, Node) and child.name == name)

    def tokens(self, kind: str) -> Iterator[Token]:
        """The direct children of that terminal."""
        return (child for child in self.children if isinstance(child, Token) and child.kind == kind)


Child: TypeAlias = Node | Token
