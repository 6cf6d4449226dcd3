"""Manual pages as plain text, where nothing else formats them: an installer has no man(1).

Only the part of mdoc(7) that grubkd's own pages use; a macro beyond it is an error that the tests find.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

_ARGUMENT = re.compile(r'"([^"]*)"|((?:\\ |\S)+)')
_ESCAPES = (("\\(dq", '"'), ("\\:", ""), ("\\&", ""), ("\\ ", " "), ("\\e", "\\"))
_CLOSING = frozenset(".,;:!?)]")
_OPENING = frozenset("([")
# In-line macros: what stands before and after each run of their words.
_WRAPPED = {"Ql": ("'", "'"), "Dq": ('"', '"'), "Sq": ("'", "'")}
_PLAIN = frozenset(("Ar", "Cm", "Dv", "Em", "Ev", "Ic", "Li", "No", "Pa", "Sx", "Sy", "Va"))
# These take the rest of the line, but for punctuation at its end.
_AROUND = {"Op": ("[", "]"), "Pq": ("(", ")")}
_INLINE = frozenset((*_WRAPPED, *_PLAIN, *_AROUND, "Fl", "Nm", "Xr", "Ns", "Po", "Pc"))
_IGNORED = frozenset(("Dd", "Dt", "Os"))


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A piece of a page. `section`: the heading it stands under; `head`: the tag of a list's item, or ""."""

    section: str
    text: str
    head: str = ""
    depth: int = 0
    literal: bool = False


@dataclass(slots=True)
class _Page:
    """A page while it is read."""

    section: str = ""
    name: str = ""
    head: str = ""
    verbatim: bool = False
    rows: list[list[str]] = field(default_factory=list)
    lists: list[str] = field(default_factory=list)
    counts: list[int] = field(default_factory=list)
    pieces: list[str] = field(default_factory=list)
    done: list[Paragraph] = field(default_factory=list)

    def flush(self, *, literal: bool = False) -> None:
        text = _join(self.pieces)
        if text or self.head or literal:
            self.done.append(Paragraph(self.section, text, self.head, len(self.lists), literal))
        self.pieces, self.head = [], ""


def paragraphs(source: str) -> tuple[Paragraph, ...]:
    """What a page says, in order. Raises ValueError for a macro that is not known here."""
    page = _Page()
    for line in source.splitlines():
        if line.startswith('.\\"') or line == ".":
            continue
        if line.startswith("."):
            macro, _, rest = line[1:].partition(" ")
            _macro(page, macro, rest)
        else:
            page.pieces.append(_unescaped(line))
        if page.verbatim and page.pieces:
            page.flush(literal=True)
    page.flush()
    return tuple(page.done)


def _macro(page: _Page, macro: str, rest: str) -> None:  # noqa: PLR0912 - one branch a macro
    words = [quoted or bare for quoted, bare in _ARGUMENT.findall(rest)]
    if macro in _IGNORED:
        return
    if macro in ("Sh", "Ss"):
        page.flush()
        if page.section and page.section not in (each.section for each in page.done):
            page.done.append(Paragraph(page.section, ""))  # a section that begins with a subsection
        page.section = " ".join(words)
    elif macro == "Pp":
        page.flush()
    elif macro == "Bl":
        page.flush()
        page.lists.append(words[0])
        page.counts.append(0)
    elif macro == "El":
        page.flush()
        _columns(page)
        page.lists.pop()
        page.counts.pop()
    elif macro == "It" and page.lists[-1] == "-column":
        cells = " ".join(words).split(" Ta ")
        page.rows.append([_join(_inline(page, cell.split())) for cell in cells])
    elif macro == "It":
        page.flush()
        page.counts[-1] += 1
        numbered = {"-enum": f"{page.counts[-1]}.", "-bullet": "o"}
        page.head = numbered.get(page.lists[-1]) or _join(_inline(page, words))
    elif macro in ("Bd", "Ed"):
        page.flush()
        page.verbatim = macro == "Bd"
    elif macro in ("Dl", "D1"):
        page.flush()
        page.pieces = [_unescaped(rest)]
        page.flush(literal=True)
    elif macro == "Nd":
        page.pieces += ["-", *map(_unescaped, words)]
    elif macro not in _INLINE:
        raise ValueError(f"the macro {macro} is not known")
    else:
        if macro == "Nm" and page.section == "SYNOPSIS":
            page.flush()
        if macro == "Nm" and words and not page.name:
            page.name = words[0]
        page.pieces += _inline(page, [macro, *words])


def _columns(page: _Page) -> None:
    """The rows of a table, if the list was one, each as a line."""
    widths = [max(map(len, column)) for column in zip(*page.rows, strict=True)]
    for row in page.rows:
        page.pieces = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()]
        page.flush(literal=True)
    page.rows.clear()


# Between two pieces stands a blank, unless one of them is this.
_TIGHT = "\0"


def _inline(page: _Page, words: Sequence[str]) -> Iterator[str]:  # noqa: PLR0912 - a branch for each kind of word
    """The pieces of a line of in-line macros."""
    words, tail = list(words), list[str]()
    while len(words) > 1 and words[-1] in _CLOSING:
        tail.insert(0, words.pop())
    current, open_ends = "No", list[str]()
    at = 0
    while at < len(words):
        word = words[at]
        at += 1
        if word == "Ns":
            yield _TIGHT
        elif word in ("Po", "Pc"):
            yield from ("(", _TIGHT) if word == "Po" else (_TIGHT, ")")
        elif word in _AROUND:
            before, after = _AROUND[word]
            open_ends.append(after)
            yield from (before, _TIGHT)
        elif word == "Xr":
            yield f"{words[at]}({words[at + 1]})"
            at += 2
            current = "No"
        elif word == "Nm" and (at == len(words) or words[at] in _INLINE or words[at] in _CLOSING):
            yield page.name
        elif word in _INLINE:
            current = word
        elif current in _WRAPPED and word not in _CLOSING:
            # One pair of quotes for words that follow each other.
            start = at - 1
            while at < len(words) and words[at] not in _INLINE and words[at] not in _CLOSING:
                at += 1
            before, after = _WRAPPED[current]
            yield f"{before}{' '.join(map(_unescaped, words[start:at]))}{after}"
        else:
            yield from _word(current, word)
    for after in reversed(open_ends):
        yield from (_TIGHT, after)
    for word in tail:
        yield from (_TIGHT, word)


def _word(macro: str, word: str) -> Iterator[str]:
    if word in _CLOSING:
        yield from (_TIGHT, word)
    elif word in _OPENING:
        yield from (word, _TIGHT)
    elif word == "|":
        yield word
    elif macro == "Fl":
        yield f"-{_unescaped(word)}"
    else:
        yield _unescaped(word)


def _join(pieces: Iterable[str]) -> str:
    return " ".join(pieces).replace(f" {_TIGHT} ", "").replace(f"{_TIGHT} ", "").replace(f" {_TIGHT}", "")


def _unescaped(text: str) -> str:
    for escape, meaning in _ESCAPES:
        text = text.replace(escape, meaning)
    return text
