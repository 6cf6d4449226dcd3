"""/etc/default/grub and /etc/default/grub.d/*.cfg: shell that grub-mkconfig sources, and never grubkd.

The assignments of the GRUB_CMDLINE_* family are read, where nothing but they decides what the variable holds; every
other statement is kept as it stands. grub-mkconfig pastes the values into grub.cfg unquoted, so a value is undone
twice: as shell, and then as GRUB script.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from grubkd.boot.loaders.format import Format
from grubkd.boot.loaders.grubwords import held, quoted
from grubkd.boot.loaders.shellslot import FORMAT_NAME, absent, slot_of
from grubkd.boot.loaders.shellvalue import ITSELF, Quotes, decode
from grubkd.boot.model import Assignment, Document
from grubkd.errors import CannotHold, GrubkdError, Notice, NotUnderstood, place_at
from grubkd.parsing.grammar import Token
from grubkd.parsing.grammar import parse as parse_grammar
from grubkd.text import from_bytes
from grubkd.tree import osrelease

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from grubkd.boot.loaders.shellvalue import Value
    from grubkd.boot.model import Slot
    from grubkd.errors import Place
    from grubkd.tree.tree import Tree

FILE = "/etc/default/grub"
DROP_INS = "/etc/default/grub.d"
GENERATORS = tuple(
    f"{directory}/{name}"
    for directory in ("/usr/sbin", "/usr/bin", "/sbin")
    for name in ("grub-mkconfig", "grub2-mkconfig")
)

FAMILY = (
    "GRUB_CMDLINE_LINUX",
    "GRUB_CMDLINE_LINUX_DEFAULT",
    "GRUB_CMDLINE_LINUX_RECOVERY",
    "GRUB_CMDLINE_LINUX_XEN_REPLACE",
    "GRUB_CMDLINE_LINUX_XEN_REPLACE_DEFAULT",
    "GRUB_CMDLINE_XEN",
    "GRUB_CMDLINE_XEN_DEFAULT",
)
_SETTINGS = ("GRUB_DEFAULT", "GRUB_DISABLE_RECOVERY", "GRUB_ENABLE_BLSCFG", "GRUB_SAVEDEFAULT")

_NAMES = "|".join(sorted(FAMILY, key=len, reverse=True))
_ASSIGNMENT = re.compile(r"(?P<name>\w+)(?P<adds>\+?)=")
_SETS = re.compile(
    rf"(?<![\w${{])(?:{_NAMES})(?:\[[^]]*\])?\+?="
    rf"|\A(?:unset|read|readonly|declare|typeset|local|for|getopts|mapfile)\b.*?(?<![\w$])(?:{_NAMES})(?!\w)"
)
_SETS_BY_DEFAULT = re.compile(rf"\$\{{(?:{_NAMES}):?=")
_ENDS = re.compile(r"(?:exit|return|exec)(?![^ \t])")
_SOURCES = re.compile(r"(?:\.|source)[ \t]")
_OPENING = frozenset({"IF", "WHILE", "UNTIL", "FOR", "CASE", "BRACE", "PAREN"})
_CLOSING = frozenset({"FI", "DONE", "ESAC", "UNBRACE", "UNPAREN"})
_EXPANDED = frozenset({"ASSIGNMENT", "CASE", "COMMAND"})
_SIMPLE = frozenset({"ASSIGNMENT", "EXPORT", "EXPORTED", "COMMAND"})


def find(tree: Tree) -> tuple[str, ...]:
    """/etc/default/grub, then the drop-ins, where the tree's grub-mkconfig reads them: that is Debian's own addition.

    A tree without grub-mkconfig is taken for Debian's or not by its os-release.
    """
    paths = [FILE]
    if _reads_drop_ins(tree):
        paths += [f"{DROP_INS}/{name}" for name in tree.list(DROP_INS) if name.endswith(".cfg") and name[0] != "."]
    resolved = (tree.resolve(path) for path in paths)
    return tuple(dict.fromkeys(real for real in resolved if real is not None))


def _reads_drop_ins(tree: Tree) -> bool:
    generators = [path for path in GENERATORS if tree.exists(path)]
    if generators:
        return any("default/grub.d" in from_bytes(tree.read(path)) for path in generators)
    release = osrelease.read(tree)
    return "debian" in [release.get("ID", ""), *release.get("ID_LIKE", "").split()]


def parse(file: str, text: str) -> Document:
    """The family's assignments in file order, and the plain settings that inventory needs.

    Where /etc/default/grub has no plain GRUB_CMDLINE_LINUX, it gets an absent slot of style "absent": at the end, or
    before the first assignment that extends it. Raises NotUnderstood where an assignment of the family depends on
    anything but the file's text.
    """
    tokens = [token for token in parse_grammar("default_grub", text, file=file).children if isinstance(token, Token)]
    return _Reading(file, text, tokens).document()


def quote(slot: Slot, argument: str) -> str:
    """The argument, first as GRUB script, then as the slot's shell quotes hold it. Raises CannotHold."""
    script = quoted(held(argument))
    if slot.style != "single":
        return re.sub(r'[\\"$`]', r"\\\g<0>", script)
    if "'" in script:
        raise CannotHold(f"{argument!r} cannot stand between apostrophes", hint="put the value in double quotes")
    return script


class _Reading:
    """One pass over the statements of a file."""

    def __init__(self, file: str, text: str, tokens: Sequence[Token]) -> None:
        self._file, self._text = file, text
        self._main = not file.rpartition("/")[0].endswith("grub.d")
        self._assignments: list[Assignment] = []
        self._starts: list[int] = []
        self._settings: dict[str, str] = {}
        self._warnings: list[Notice] = []
        # Variables to which `+=` may add without a blank: those that hold nothing so far, or end in a blank.
        self._open = set(FAMILY) if self._main else set()
        depth = 0
        for before, statement, after in _statements(tokens):
            kind = statement[0].kind
            if kind in _OPENING or kind in _CLOSING:
                depth += 1 if kind in _OPENING else -1
            alone = depth == 0 and before not in ("AND_OR", "PIPE", "NOT") and after not in ("AND_OR", "PIPE")
            self._statement(statement, alone=alone and after != "AMPERSAND")

    def document(self) -> Document:
        plain = any(each.variable == FAMILY[0] and not each.extends for each in self._assignments)
        if self._main and not plain:
            self._assignments.insert(*self._absent())
        return Document(self._file, FORMAT_NAME, (), tuple(self._assignments), self._settings, tuple(self._warnings))

    def _statement(self, tokens: Sequence[Token], *, alone: bool) -> None:
        for token in tokens:
            found = _ASSIGNMENT.match(token.text) if token.kind == "ASSIGNMENT" else None
            sets = _SETS.search(token.text) if token.kind in ("COMMAND", "FOR") else None
            if sets or (token.kind in _EXPANDED and _SETS_BY_DEFAULT.search(token.text)):
                raise self._refusal(token, "this may set a variable that feeds the kernel command line")
            if found is None:
                self._opaque(token, alone=alone)
            elif found["name"] in FAMILY:
                if not alone or tokens[-1].kind == "COMMAND":
                    raise self._refusal(token, f"{found['name']} is set only sometimes, or only for a command")
                self._assignment(token, found, tokens[0])
            elif found["name"] in _SETTINGS and alone:
                self._setting(token, found)

    def _opaque(self, token: Token, *, alone: bool) -> None:
        if token.kind != "COMMAND":
            return
        if alone and _ENDS.match(token.text):
            raise self._refusal(token, "what follows is never read")
        if _SOURCES.match(token.text):
            message = "another file is read here, which grubkd does not: it may set other arguments"
            hint = "see that it sets no GRUB_CMDLINE_LINUX"
            self._warnings.append(Notice("sources-another-file", message, hint, self._place(token)))

    def _refusal(self, token: Token, message: str) -> NotUnderstood:
        hint = 'set it once, at the top level of the file: GRUB_CMDLINE_LINUX="..."'
        return NotUnderstood(message, hint=hint, place=place_at(self._file, self._text, token.start))

    def _place(self, token: Token) -> Place:
        return place_at(self._file, self._text, token.start)

    def _setting(self, token: Token, found: re.Match[str]) -> None:
        """A setting whose value needs execution is left out: nothing here depends on it alone."""
        name = found["name"]
        self._settings.pop(name, None)
        try:
            value = decode(self._file, self._text, token.start + found.end(), token.end, name)
        except GrubkdError:
            return
        if ITSELF not in value.mapped.text and not found["adds"]:
            self._settings[name] = value.mapped.text

    def _assignment(self, token: Token, found: re.Match[str], first: Token) -> None:
        name, start = found["name"], token.start + found.end()
        value = decode(self._file, self._text, start, token.end, name)
        text = value.mapped.text
        if first.kind == "EXPORT" and _splits(value):
            raise self._refusal(token, "after export the shell splits an unquoted variable")
        if found["adds"] and ITSELF in text:
            raise self._refusal(token, "+= with the variable in its own value holds the earlier value twice")
        if found["adds"] and text and text[0] not in " \t" and name not in self._open:
            raise self._refusal(token, "+= without a blank at the start of the value glues it to what stands before")
        if not (found["adds"] and not text):
            (self._open.add if not text or text[-1] in " \t" else self._open.discard)(name)
        slot = slot_of(value)
        self._starts.append(first.start)
        self._assignments.append(Assignment(name, slot, extends=bool(found["adds"]) or ITSELF in text))

    def _absent(self) -> tuple[int, Assignment]:
        """A place for GRUB_CMDLINE_LINUX: before what extends it, since a plain assignment behind that undoes it."""
        name = FAMILY[0]
        index = next((i for i, each in enumerate(self._assignments) if each.variable == name), len(self._assignments))
        at = self._starts[index] if index < len(self._starts) else len(self._text)
        return index, Assignment(name, absent(self._file, self._text, name, at), extends=False)


def _statements(tokens: Sequence[Token]) -> Iterator[tuple[str, Sequence[Token], str]]:
    """Simple commands and single tokens in order, each with the kinds of the tokens before and behind it."""
    index = 0
    while index < len(tokens):
        end = index + 1
        while end < len(tokens) and tokens[index].kind in _SIMPLE and tokens[end].kind in _SIMPLE:
            end += 1
        before = tokens[index - 1].kind if index else ""
        yield before, tokens[index:end], tokens[end].kind if end < len(tokens) else ""
        index = end


def _splits(value: Value) -> bool:
    """Whether the variable stands outside quotes in its own value."""
    pairs = zip(value.mapped.text, value.quotes, strict=True)
    return any(character == ITSELF and quotes is Quotes.NONE for character, quotes in pairs)


_LENSES = {"single": "Shell_value_args.single"}
FORMAT = Format(FORMAT_NAME, find, parse, quote, lens="Shell_value_args.double", lens_by_style=_LENSES)
