"""/etc/default/grub and /etc/default/grub.d/*.cfg: shell that grub-mkconfig runs, and grubkd only reads.

grubkd reads the assignments of the GRUB_CMDLINE_* variables. If the value depends on something else (a command, another
variable, a condition), grubkd does not follow it: a warning says so, and new arguments go behind it. Every other
statement stays as it is. grub-mkconfig pastes the values into grub.cfg unquoted: a value is decoded
as shell, and then as GRUB script.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING

from grubkd.boot.document import Assignment, Document, Slot
from grubkd.boot.loaders.format import Format
from grubkd.boot.loaders.grub_mkconfig import DROP_IN, DROP_INS, FILE, find
from grubkd.boot.loaders.grub_script import held, quoted
from grubkd.boot.loaders.shell import FORMAT_NAME, ITSELF, UNFOLLOWED, NotFollowed, Quotes, absent, decode, slot_of
from grubkd.errors import CannotHold, Notice, NotUnderstood, place_at
from grubkd.parsing.grammar import Node, Token
from grubkd.parsing.grammar import parse as parse_grammar
from grubkd.text import in_quotes

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from grubkd.boot.loaders.shell import Value
    from grubkd.errors import Place
    from grubkd.parsing.grammar import Child

FAMILY = (
    "GRUB_CMDLINE_LINUX",
    "GRUB_CMDLINE_LINUX_DEFAULT",
    "GRUB_CMDLINE_LINUX_RECOVERY",
    "GRUB_CMDLINE_LINUX_XEN_REPLACE",
    "GRUB_CMDLINE_LINUX_XEN_REPLACE_DEFAULT",
    "GRUB_CMDLINE_XEN",
    "GRUB_CMDLINE_XEN_DEFAULT",
)

# Commands that set the variables they name; and what sets a variable anywhere in a word, such as one of eval.
_SETTERS = frozenset(["unset", "read", "readonly", "declare", "typeset", "local", "getopts", "mapfile"])
_NAMES = "|".join(sorted(FAMILY, key=len, reverse=True))
_NAMED = rf"(?<![\w$])(?:{_NAMES})(?!\w)"
_SETS = re.compile(rf"(?<![\w${{])(?:{_NAMES})(?:\[[^]]*\])?\+?=")
_SETS_BY_DEFAULT = re.compile(rf"\$\{{(?:{_NAMES}):?=")
_PLAIN_HEAD = r"\"((?:[\w=.,:/@-]+ +)*)"
_VALUES = ("VALUE", "NESTED_VALUE")
_COMMANDS = ("NAME", "NESTED_NAME")
# The nodes that are parts of a statement.
_PARTS = frozenset({"assignment", "redirection"})


def parse(file: str, text: str) -> Document:
    """The assignments of the family, in file order.

    If /etc/default/grub has no plain GRUB_CMDLINE_LINUX, the document has an absent slot for it: at the end, or before
    the first assignment that extends it. An assignment that depends on anything but the file's text has a slot of style
    UNFOLLOWED, and a warning. Raises NotUnderstood if such an assignment holds a crashkernel value.
    """
    return _Reading(file, text, parse_grammar("default_grub", text, file=file)).document()


def quote(slot: Slot, argument: str) -> str:
    """The argument as GRUB script inside the shell quotes of the slot. Raises CannotHold."""
    script = quoted(held(argument))
    if slot.style != "single":
        return re.sub(r'[\\"$`]', r"\\\g<0>", script)
    if "'" in script:
        raise CannotHold(
            f"{in_quotes(argument)} cannot be written between apostrophes",
            hint="put the value in double quotes",
        )
    return script


def finish(file: str, _before: str, text: str) -> str:
    """The text; "", which removes the file, for grubkd's own drop-in without arguments."""
    itself = f'{FAMILY[0]}="${FAMILY[0]}"'
    return "" if file == DROP_IN and text.strip() == itself else text


class _Reading:
    """The statements of a file, read in file order."""

    def __init__(self, file: str, text: str, tree: Node) -> None:
        self._file, self._text = file, text
        self._main = not file.rpartition("/")[0].endswith("grub.d")
        self._assignments: list[Assignment] = []
        self._starts: list[int] = []
        self._warnings: list[Notice] = []
        # Variables to which `+=` may add without a blank: those that are empty so far, or end in a blank.
        self._open = set(FAMILY) if self._main else set()
        # Whether another variable, from which an unfollowed value may come, holds a crashkernel value.
        self._elsewhere = False
        found = list(_statements(tree))
        unfollowed = [self._statement(node, alone=alone) for node, alone in found]
        problem = next((each for each in unfollowed if each), None)
        if problem and self._elsewhere:
            raise problem

    def document(self) -> Document:
        plain = any(each.variable == FAMILY[0] and not each.extends for each in self._assignments)
        if self._main and not plain:
            self._assignments.insert(*self._absent())
        return Document(self._file, FORMAT_NAME, assignments=tuple(self._assignments), warnings=tuple(self._warnings))

    def _statement(self, node: Node, *, alone: bool) -> NotUnderstood | None:
        """Read a statement. Returns why it is not followed, if it may set a variable of the family."""
        tokens, unfollowed = list(_own_tokens(node)), None
        if _may_set(node, tokens):
            unfollowed = self._refusal(tokens[0], "this may set a variable that feeds the kernel command line")
            named = [name for token in tokens for name in re.findall(_NAMED, token.text)] or FAMILY[:1]
            for name in dict.fromkeys(named):
                self._not_followed(name, unfollowed, tokens, extends=True)
        for assignment in node.nodes("assignment"):
            variable = next(assignment.tokens("VARIABLE"))
            if variable.text in FAMILY:
                usual = alone and node.name != "command"
                try:
                    if not usual:
                        message = f"{variable.text} is set only sometimes, or only for a command"
                        raise self._refusal(variable, message)
                    self._assignment(assignment, tokens[0])
                except NotFollowed as problem:
                    unfollowed, parts = problem, list(_own_tokens(assignment))
                    extends = not usual or any(variable.text in part.text or part.text == "+=" for part in parts[1:])
                    self._not_followed(variable.text, problem, parts, extends=extends)
            elif any("crashkernel" in token.text for token in _own_tokens(assignment)):
                self._elsewhere = True
        words = _command_words(node)
        if words:
            self._command(words, alone=alone)
        return unfollowed

    def _not_followed(self, name: str, problem: NotUnderstood, tokens: Sequence[Token], *, extends: bool) -> None:
        """Add an assignment whose value is not known. `extends`: the earlier value may remain."""
        if any("crashkernel" in token.text for token in tokens):
            raise problem
        start, place = tokens[0].start, problem.place
        self._open.discard(name)
        self._starts.append(start)
        head = re.match(_PLAIN_HEAD, tokens[-1].text)
        line, before = place.line if place else 0, head[1] if head and tokens[-1].kind in _VALUES else ""
        slot = Slot(self._file, FORMAT_NAME, name, start, start, line, (), UNFOLLOWED, before)
        self._assignments.append(Assignment(name, slot, extends))
        self._warnings.append(Notice("source-not-followed", problem.message, problem.hint, place))

    def _command(self, words: Sequence[Token], *, alone: bool) -> None:
        name = words[0]
        if name.text in ("exit", "return", "exec") and alone:
            raise self._refusal(name, "what follows is never read")
        if name.text in (".", "source") and len(words) > 1:
            message = "another file is read here, which grubkd does not read: it may set other arguments"
            hint = "check that it sets no GRUB_CMDLINE_LINUX"
            self._warnings.append(Notice("sources-another-file", message, hint, self._place(name)))

    def _refusal(self, token: Token, message: str) -> NotFollowed:
        hint = 'set it once, at the top level of the file: GRUB_CMDLINE_LINUX="..."'
        return NotFollowed(message, hint=hint, place=self._place(token))

    def _place(self, token: Token) -> Place:
        return place_at(self._file, self._text, token.start)

    def _assignment(self, assignment: Node, first: Token) -> None:
        """Add the assignment. `first`: the first token of the statement, which may be `export`."""
        variable, sign, *given = assignment.tokens()
        end, adds = given[0].end if given else sign.end, sign.text == "+="
        value = decode(self._file, self._text, sign.end, end, variable.text)
        text = value.mapped.text
        if first.kind == "EXPORT" and _splits(value):
            raise self._refusal(variable, "after export the shell splits an unquoted variable")
        if adds and ITSELF in text:
            raise self._refusal(variable, "+= with the variable in its own value adds the earlier value twice")
        if adds and text and text[0] not in " \t" and variable.text not in self._open:
            raise self._refusal(variable, "+= without a blank at the start of the value joins two arguments")
        if text or not adds:
            (self._open.add if not text or text[-1] in " \t" else self._open.discard)(variable.text)
        slot = slot_of(value)
        self._starts.append(first.start)
        self._assignments.append(Assignment(variable.text, slot, extends=adds or ITSELF in text))

    def _absent(self) -> tuple[int, Assignment]:
        """A place for GRUB_CMDLINE_LINUX: before what extends it, since a plain assignment behind that replaces it."""
        name = FAMILY[0]
        index = next((i for i, each in enumerate(self._assignments) if each.variable == name), len(self._assignments))
        at = self._starts[index] if index < len(self._starts) else len(self._text)
        return index, Assignment(name, absent(self._file, self._text, name, at), extends=False)


def _statements(tree: Node) -> Iterator[tuple[Node, bool]]:
    """The nodes of a tree, outer before inner, in file order, and whether each is a statement that runs always, once.

    Such a statement is at the top level, no part of a pipeline or of an && or || list, and not in the background. The
    body of a function that no statement calls never runs, and is left out.
    """
    pending = [(child, not isinstance(after, Token)) for child, after in pairwise((*tree.children, None))]
    pending.reverse()
    called = {token.text for token in _tokens(tree) if token.kind in _COMMANDS}
    while pending:
        child, alone = pending.pop()
        if not isinstance(child, Node) or child.name in _PARTS:
            continue
        if child.name != "function" or any(token.text in called for token in _own_tokens(child)):
            yield child, alone
            pending.extend((each, False) for each in reversed(child.children))


def _tokens(node: Node) -> Iterator[Token]:
    """The tokens of a node and of all nodes in it."""
    pending: list[Child] = [node]
    while pending:
        child = pending.pop()
        if isinstance(child, Token):
            yield child
        else:
            pending.extend(child.children)


def _own_tokens(node: Node) -> Iterator[Token]:
    """The tokens of a statement, without those of the statements in it."""
    for child in node.children:
        if isinstance(child, Token):
            yield child
        elif child.name in _PARTS:
            yield from _own_tokens(child)


def _may_set(node: Node, tokens: Sequence[Token]) -> bool:
    """Whether a statement that is no plain assignment may set a variable of the family."""
    if any(_SETS_BY_DEFAULT.search(token.text) for token in tokens):
        return True
    if node.name == "for_clause":
        return any(token.text in FAMILY for token in node.tokens("LOOP_VARIABLE"))
    words = [word.text for word in _command_words(node)]
    if words and words[0] in _SETTERS and any(re.search(_NAMED, word) for word in words):
        return True
    return any(map(_SETS.search, words))


def _command_words(node: Node) -> Sequence[Token]:
    """The name and the arguments of a command; none for any other statement."""
    return list(node.tokens()) if node.name == "command" else []


def _splits(value: Value) -> bool:
    """Whether the variable is outside quotes in its own value."""
    pairs = zip(value.mapped.text, value.quotes, strict=True)
    return any(character == ITSELF and quotes is Quotes.NONE for character, quotes in pairs)


FORMAT = Format(
    FORMAT_NAME,
    parse,
    paths=(FILE, f"{DROP_INS}/*.cfg"),
    choose=find,
    quote=quote,
    finish=finish,
    lens="Shell_value_args.double",
    lens_by_style={"single": "Shell_value_args.single"},
)
