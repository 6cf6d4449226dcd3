r"""The value of a shell assignment as a slot: the words that GRUB makes of it, each with its span in the file.

A value is decoded twice: as shell, and then as the GRUB script into which grub-mkconfig pastes it. The shell part
decodes only what needs no execution: quotes, backslashes, line continuations, and the earlier value of the variable
(`$VAR`, `${VAR}`, `${VAR:-}`, `${VAR:+$VAR }`).

An edit replaces a span where the shell's quotes are the same before and behind it. So every word must begin and end
between the slot's own quotes. `X="foo="bar" baz"` is accepted: the word `foo="bar"` leaves the double quotes and
returns to them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import Enum
from itertools import pairwise

from grubkd.boot.document import Slot, Word
from grubkd.boot.loaders.format import line_end
from grubkd.boot.loaders.grub_script import delivered, reference, unquoted, words
from grubkd.boot.words import Mapped, span
from grubkd.errors import NotUnderstood, place_at

FORMAT_NAME = "default-grub"
# Stands for the earlier value of the variable. No file contains it: each character of a text is one byte.
ITSELF = "\ue000"
# The style of a slot whose value is not followed: it has no words and takes none. Its `before` holds the plain
# arguments at the start of the value, by which the value is found in a generated entry.
UNFOLLOWED = "unfollowed"


class NotFollowed(NotUnderstood):
    """The value of a variable depends on something other than the text of the file."""


class Quotes(Enum):
    """The shell's quotes around a character."""

    NONE = ""
    SINGLE = "'"
    DOUBLE = '"'


_PIECES = {
    Quotes.NONE: (
        r"""(?P<nothing>\\\r*\n)|\\(?P<escaped>[\s\S])|(?P<quote>['"])|(?P<plain>:(?!(?:\\\r*\n)*~)|[^'"\\$`:]++)"""
    ),
    Quotes.SINGLE: r"""(?P<nothing>\r+(?=\n))|(?P<quote>')|(?P<plain>[^'\r]++)""",
    Quotes.DOUBLE: r"""(?P<nothing>\\\r*\n|\r+(?=\n))|\\(?P<escaped>[$`"\\])|(?P<quote>")|(?P<plain>[^"\\$`\r]++|\\)""",
}
# The shell expands a ~ where a value begins and behind a colon that is neither quoted nor escaped.
_FIRST_TILDE = r"(?:\\\r*\n)*~"
_LONE_DOLLAR = r"\$(?![A-Za-z0-9_?#*@!$({'-]|\\\r*\n)"
_BLANK = r"(?:[ \t]|\\?\r*\n)"
_GAP = rf"(?P<left>['\"]*){_BLANK}*(?P<right>['\"]*)"
_HEAD = rf"(?P<quote>['\"]?){_BLANK}*(?P<right>['\"]*)"
_TAIL = rf"(?P<left>['\"]*?){_BLANK}*(?P<quote>['\"]?)"
_EMPTY = rf"(?P<quote>['\"]){_BLANK}*(?P=quote)|"
_NEEDS_NO_QUOTES = r"[^'\"\\`]++"


@dataclass(slots=True)
class Value:
    """The decoded value text[start:end] of `variable`: its characters, their spans, and the quotes around each."""

    file: str
    text: str
    start: int
    end: int
    variable: str
    mapped: Mapped = field(default_factory=Mapped)
    quotes: list[Quotes] = field(default_factory=list)

    def add(self, text: str, start: int, end: int, quotes: Quotes) -> None:
        """Append decoded characters of the file's bytes start:end."""
        self.mapped.add(text, start, end)
        self.quotes.extend([quotes] * len(text))

    def problem(self, offset: int, message: str, hint: str) -> NotFollowed:
        """The error about an offset of the file."""
        return NotFollowed(message, hint=hint, place=place_at(self.file, self.text, offset))

    def mixed_quotes(self, offset: int) -> NotFollowed:
        """The error about quotes that are not the same between all words."""
        message = f"the quotes in the value of {self.variable} change between arguments"
        return self.problem(offset, message, "write the value in one pair of double quotes")

    def slot(self, form: str, found: tuple[Word, ...], quotes: Quotes) -> Slot:
        """The slot of these words, which the quotes enclose; a value without quotes gets some with an edit."""
        bare = quotes is Quotes.NONE
        start, end = span(found, self.start + (not bare))
        line = self.text.count("\n", 0, start) + 1
        style = "single" if quotes is Quotes.SINGLE else "double"
        around = '"' if bare else ""
        return Slot(self.file, form, self.variable, start, end, line, found, style, around, around)


def decode(file: str, text: str, start: int, end: int, variable: str) -> Value:
    """The decoded value text[start:end] of an assignment to `variable`.

    Raises NotFollowed for a command, for any variable but itself, for a `~` that the shell expands, and for an array.
    """
    itself = re.compile(
        rf"\$(?:{variable}(?!\w|\\\r*\n)|\{{{variable}(?P<blank>:?\+\$(?:{variable}|\{{{variable}\}})[ ])?(?::?-)?\}})"
    )
    made = Value(file, text, start, end, variable)
    if text.startswith("(", start, end):
        raise made.problem(start, f"the value of {variable} is an array", "write it in one pair of double quotes")
    if re.compile(_FIRST_TILDE).match(text, start, end):
        raise _computed(made, start)
    quotes = Quotes.NONE
    at = start
    while at < end:
        if found := itself.match(text, at, end) if quotes is not Quotes.SINGLE else None:
            made.add(ITSELF, at, found.end(), quotes)
            at = found.end()
            made.add(" " if found["blank"] else "", at, at, quotes)
            continue
        piece = re.compile(_PIECES[quotes]).match(text, at, end)
        if piece is None:
            if not re.compile(_LONE_DOLLAR).match(text, at, end):
                raise _computed(made, at)
            made.add("$", at, at + 1, quotes)
            at += 1
            continue
        if piece["quote"]:
            quotes = Quotes(piece["quote"]) if quotes is Quotes.NONE else Quotes.NONE
        elif not piece["nothing"]:
            made.add(piece["plain"] or piece["escaped"], at, piece.end(), quotes)
        at = piece.end()
    return made


def _computed(value: Value, at: int) -> NotFollowed:
    """The error about what only a shell can expand: it begins at the offset."""
    if value.text[at] not in "$`":
        return value.problem(at, "the shell replaces an unquoted ~ by a directory", "put it in quotes")
    what = "a command" if value.text.startswith(("`", "$("), at) else "another variable"
    message = f"the value of {value.variable} contains {what}: grubkd executes nothing"
    return value.problem(at, message, "write the arguments themselves into the value")


def slot_of(value: Value) -> Slot:
    """The slot of an assignment's value.

    Raises NotUnderstood where GRUB does not read the value as words; NotFollowed where a word is joined to the earlier
    value of the variable, and where the quotes change between words.
    """
    return value.slot(FORMAT_NAME, *_words(value))


def absent(file: str, text: str, variable: str, at: int, *, extends: bool = False) -> Slot:
    """The slot of an assignment that the file does not have, at an offset where a statement may begin.

    Its value ends in a blank where more follows: a `+=` there may begin without one. `extends`: it begins with the
    earlier value.
    """
    blank = " " if at < len(text) else ""
    end = line_end(text)
    lead = end if at == len(text) and text and not text.endswith("\n") else ""
    line = text.count("\n", 0, at) + 1
    before = f'{lead}{variable}="' + (f"${variable} " if extends else "")
    return Slot(file, FORMAT_NAME, variable, at, at, line, (), before=before, after=f'{blank}"{end}')


def _words(value: Value) -> tuple[tuple[Word, ...], Quotes]:
    """The words of a value, and the quotes around the slot."""
    mapped = value.mapped
    found, end = words(mapped.text)
    _check_end(value, end)
    if not found:
        empty = re.compile(_EMPTY).fullmatch(value.text, value.start, value.end)
        if empty is None:
            raise value.mixed_quotes(value.start)
        return (), Quotes(empty["quote"] or "")
    made = [_word(value, each.text, *mapped.span(each.start, each.end)) for each in found]
    blanks = [value.quotes[i] for one, other in pairwise(found) for i in range(one.end, other.start)]
    quotes = _slot_quotes(value, blanks)
    return _widened(value, made, quotes), quotes


def _word(value: Value, raw: str, start: int, end: int) -> Word:
    if raw == ITSELF:
        return Word(start, end, value.text[start:end], value.variable)
    if ITSELF in raw:
        message = f"a part of an argument is the earlier value of {value.variable}"
        raise value.problem(start, message, "put a blank between the variable and the arguments")
    name = reference(raw)
    if name is not None:
        return Word(start, end, raw, name if name != value.variable else None)
    return Word(start, end, delivered(unquoted(raw)))


def _check_end(value: Value, at: int) -> None:
    """Check that GRUB takes the whole value as arguments. `at`: where they end."""
    text = value.mapped.text
    # GRUB drops a line that begins with # when it reads a file, before it looks at quotes.
    dropped = text.find("\n#")
    if dropped >= 0:
        at = dropped + 1
    if at < len(text):
        what = "the line end" if text[at] == "\n" else repr(text[at])
        raise NotUnderstood(
            f"GRUB, into whose script the value is pasted, would not take {what} as part of an argument",
            hint='give such an argument quotes of its own: VARIABLE="... \\"name=a;b\\""',
            place=place_at(value.file, value.text, value.mapped.starts[at]),
        )


def _slot_quotes(value: Value, blanks: list[Quotes]) -> Quotes:
    """The quotes around the slot: those around the blanks between the words, or around the only word."""
    if blanks:
        if blanks.count(blanks[0]) < len(blanks):
            raise value.mixed_quotes(value.start)
        return blanks[0]
    last = value.text[value.end - 1]
    return Quotes(last) if last in "'\"" and value.text[value.start] in (last, "$") else Quotes.NONE


def _widened(value: Value, found: list[Word], quotes: Quotes) -> tuple[Word, ...]:
    """The words with the quotes that touch them: outside them are only blanks between the quotes of the slot."""
    text = value.text
    for index in range(1, len(found)):
        gap = re.compile(_GAP).fullmatch(text, found[index - 1].end, found[index].start)
        if gap is None:
            raise value.mixed_quotes(found[index].start)
        found[index - 1] = found[index - 1]._replace(end=gap.end("left"))
        found[index] = found[index]._replace(start=gap.start("right"))
    head = re.compile(_HEAD).fullmatch(text, value.start, found[0].start)
    tail = re.compile(_TAIL).fullmatch(text, found[-1].end, value.end)
    if head is None or tail is None or tail["quote"] != quotes.value:
        raise value.mixed_quotes(value.start)
    if head["quote"] == quotes.value:
        found[0] = found[0]._replace(start=head.start("right"))
    elif found[0].reference != value.variable or len(found) == 1:
        raise value.mixed_quotes(value.start)
    found[-1] = found[-1]._replace(end=tail.end("left"))
    if quotes is Quotes.NONE and not re.compile(_NEEDS_NO_QUOTES).fullmatch(text, found[0].start, found[-1].end):
        raise value.mixed_quotes(value.start)
    return tuple(found)
