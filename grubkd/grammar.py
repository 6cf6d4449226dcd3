"""The only user of Lark: a grammar by name, a text in, a tree with byte spans out; errors with line and column.

Formats see Node and Token only, never Lark, so that the parser behind them can change.
"""

from collections.abc import Iterator
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from grubkd.errors import NotUnderstood, place_at

if TYPE_CHECKING:
    from lark import Lark, Tree
    from lark import Token as LarkToken


class Token(NamedTuple):
    """A terminal: its kind as the grammar names it, its text, and its span in the text parsed."""

    kind: str
    text: str
    start: int
    end: int


class Node(NamedTuple):
    """A rule: its name and its children in order."""

    name: str
    children: "tuple[Child, ...]"

    def nodes(self, name: str) -> "Iterator[Node]":
        """The direct children of that rule name."""
        return (child for child in self.children if isinstance(child, Node) and child.name == name)

    def tokens(self, kind: str) -> Iterator[Token]:
        """The direct children of that terminal."""
        return (child for child in self.children if isinstance(child, Token) and child.kind == kind)


Child: TypeAlias = Node | Token


@cache
def _parser(name: str) -> "Lark":
    from lark import Lark

    source = resources.files("grubkd.grammars").joinpath(f"{name}.lark").read_text("utf-8")
    return Lark(source, parser="lalr", lexer="contextual", maybe_placeholders=False, keep_all_tokens=False)


def _node(tree: "Tree[LarkToken]") -> Node:
    # By hand: Lark's Transformer takes as long as its parser, and there may be thousands of small files.
    children: list[Child] = []
    for child in tree.children:
        if isinstance(child, str):
            start: int = child.start_pos  # type: ignore[assignment]
            children.append(Token(child.type, str(child), start, start + len(child)))
        else:
            children.append(_node(child))
    return Node(str(tree.data), tuple(children))


def parse(name: str, text: str, *, file: str) -> Node:
    """The tree of a text under grammars/<name>.lark (LALR, contextual lexer), start rule `start`.

    Raises NotUnderstood at the first character the grammar has no place for.
    """
    from lark.exceptions import UnexpectedCharacters, UnexpectedInput, UnexpectedToken

    try:
        tree = _parser(name).parse(text)
    except UnexpectedInput as problem:
        offset = problem.pos_in_stream if problem.pos_in_stream is not None else len(text)
        if isinstance(problem, UnexpectedToken) and problem.token.type == "$END":
            offset, found = len(text), "the end of the file"
        elif text.startswith(("\n", "\r\n"), offset):
            found = "the end of the line"
        elif isinstance(problem, UnexpectedCharacters):
            found = repr(text[offset])
        else:
            found = repr(text[offset : offset + 20].partition("\n")[0])
        raise NotUnderstood(
            f"not understood: {found}",
            hint="grubkd edits only what it can read; correct the file, or report the statement",
            place=place_at(file, text, max(offset, 0)),
        ) from None
    return _node(tree)
