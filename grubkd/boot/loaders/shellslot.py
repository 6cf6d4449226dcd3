"""The slot in the value of a shell assignment: the words that GRUB will make of it, each with its span in the file.

A span may be replaced only where the shell's quotes are the same before and after it; so every word must begin and end
between the slot's own quotes. `X="foo="bar" baz"` is fine: the word `foo="bar"` leaves the double quotes and returns.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING

from grubkd.boot.loaders.grubwords import delivered, reference, spans, value
from grubkd.boot.loaders.shellvalue import ITSELF, Quotes
from grubkd.boot.model import Slot, Word

if TYPE_CHECKING:
    from grubkd.boot.loaders.shellvalue import Value
    from grubkd.errors import NotUnderstood

FORMAT_NAME = "default-grub"

_BLANK = r"(?:[ \t]|\\?\r*\n)"
_GAP = re.compile(rf"(?P<left>['\"]*){_BLANK}*(?P<right>['\"]*)")
_HEAD = re.compile(rf"(?P<quote>['\"]?){_BLANK}*(?P<right>['\"]*)")
_TAIL = re.compile(rf"(?P<left>['\"]*?){_BLANK}*(?P<quote>['\"]?)")
_EMPTY = re.compile(rf"(?P<quote>['\"]){_BLANK}*(?P=quote)|")
_BARE = re.compile(r"[^'\"\\`]++")
_SCRIPT_BLANKS = re.compile(r"(?:[ \t]|\\\r*\n)*")


def slot_of(decoded: Value) -> Slot:
    """The slot of an assignment's value.

    Raises NotUnderstood where GRUB would not read the value as words, where a word is glued to the variable's earlier
    value, and where the quotes change between words.
    """
    words, home = _words(decoded)
    bare = home is Quotes.NONE
    begin = decoded.start + (not bare)
    start, end = (words[0].start, words[-1].end) if words else (begin, begin)
    quotes = '"' if bare else ""
    line = decoded.text.count("\n", 0, start) + 1
    style = "single" if home is Quotes.SINGLE else "double"
    return Slot(decoded.file, FORMAT_NAME, decoded.variable, start, end, line, words, style, quotes, quotes)


def absent(file: str, text: str, variable: str, at: int) -> Slot:
    """The slot of an assignment that is not there, to be written at an offset where a statement may begin.

    Its value ends in a blank where more follows, for a `+=` there may add to it without one.
    """
    blank = " " if at < len(text) else ""
    end = "\r\n" if "\r\n" in text else "\n"
    lead = end if at == len(text) and text and not text.endswith("\n") else ""
    line = text.count("\n", 0, at) + 1
    return Slot(file, FORMAT_NAME, variable, at, at, line, (), "absent", f'{lead}{variable}="', f'{blank}"{end}')


def _words(decoded: Value) -> tuple[tuple[Word, ...], Quotes]:
    """The words, and the quotes that the slot stands between."""
    mapped = decoded.mapped
    found = list(spans(mapped.text, 0, len(mapped.text)))
    _check_rest(decoded, found[-1].end if found else 0)
    if not found:
        empty = _EMPTY.fullmatch(decoded.text, decoded.start, decoded.end)
        if empty is None:
            raise _mixed(decoded, decoded.start)
        return (), Quotes(empty["quote"] or "")
    words = [_word(decoded, mapped.text[a:b], *mapped.span(a, b)) for a, b in found]
    home = _home(decoded, [decoded.quotes[i] for one, other in pairwise(found) for i in range(one.end, other.start)])
    return _spread(decoded, words, home), home


def _word(decoded: Value, raw: str, start: int, end: int) -> Word:
    if raw == ITSELF:
        return Word(start, end, decoded.text[start:end], decoded.variable)
    if ITSELF in raw:
        message = f"a part of an argument is the earlier value of {decoded.variable}"
        raise decoded.problem(start, message, "put a blank between the variable and the arguments")
    name = reference(raw)
    if name is not None:
        return Word(start, end, raw, name if name != decoded.variable else None)
    return Word(start, end, delivered(value(raw)))


def _check_rest(decoded: Value, at: int) -> None:
    """Everything behind the last word must be blank for GRUB."""
    text = decoded.mapped.text
    rest = _SCRIPT_BLANKS.match(text, at)
    at = rest.end() if rest else at
    if "\n#" in text:
        # GRUB drops such a line while it reads the file, before it knows of quotes.
        at = text.index("\n#") + 1
    if at < len(text):
        what = "the line end" if text[at] == "\n" else repr(text[at])
        raise decoded.problem(
            decoded.mapped.starts[at],
            f"GRUB, into whose script the value is pasted, would not take {what} as part of an argument",
            'give such an argument quotes of its own: VARIABLE="... \\"name=a;b\\""',
        )


def _home(decoded: Value, blanks: list[Quotes]) -> Quotes:
    """The quotes that the slot stands between: those around the blanks, or around the only word."""
    if blanks:
        if blanks.count(blanks[0]) < len(blanks):
            raise _mixed(decoded, decoded.start)
        return blanks[0]
    last = decoded.text[decoded.end - 1]
    return Quotes(last) if last in "'\"" and decoded.text[decoded.start] in (last, "$") else Quotes.NONE


def _spread(decoded: Value, words: list[Word], home: Quotes) -> tuple[Word, ...]:
    """The words with the quotes that touch them, so that outside them stand blanks between the slot's own quotes."""
    text = decoded.text
    for index in range(1, len(words)):
        gap = _GAP.fullmatch(text, words[index - 1].end, words[index].start)
        if gap is None:
            raise _mixed(decoded, words[index].start)
        words[index - 1] = words[index - 1]._replace(end=gap.end("left"))
        words[index] = words[index]._replace(start=gap.start("right"))
    head = _HEAD.fullmatch(text, decoded.start, words[0].start)
    tail = _TAIL.fullmatch(text, words[-1].end, decoded.end)
    if head is None or tail is None or tail["quote"] != home.value:
        raise _mixed(decoded, decoded.start)
    if head["quote"] == home.value:
        words[0] = words[0]._replace(start=head.start("right"))
    elif words[0].reference != decoded.variable or len(words) == 1:
        raise _mixed(decoded, decoded.start)
    words[-1] = words[-1]._replace(end=tail.end("left"))
    if home is Quotes.NONE and not _BARE.fullmatch(text, words[0].start, words[-1].end):
        raise _mixed(decoded, decoded.start)
    return tuple(words)


def _mixed(decoded: Value, offset: int) -> NotUnderstood:
    message = f"the quotes in the value of {decoded.variable} change between arguments"
    return decoded.problem(offset, message, "write the value in one pair of double quotes")
