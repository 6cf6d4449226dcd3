"""The value of crashkernel= as the user writes it: strict, so that every kernel that knows its form reads it as meant.

kernel_parser.read says what a kernel does with any command line.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from grubkd.errors import BadValue, NotUnderstood
from grubkd.memory.kernel_parser import KernelRequest, read
from grubkd.memory.size import GIB, KIB, MIB, parse_size
from grubkd.parsing import grammar
from grubkd.text import to_display

if TYPE_CHECKING:
    from collections.abc import Sequence

    from grubkd.parsing.grammar import Node, Token


__all__ = ["CrashkernelValue", "KernelRequest", "RamRange", "parse_value", "parse_values", "read"]

AUTO = "auto"
SUFFIXES = ("high", "low", "cma")
_NAME = "crashkernel="
_BARE_ZERO = "0"


class RamRange(NamedTuple):
    """An entry of a list: `size` bytes if start <= RAM < stop (None: no end)."""

    start: int
    stop: int | None
    size: int

    def __str__(self) -> str:
        stop = "" if self.stop is None else _written(self.stop)
        return f"{_written(self.start)}-{stop}:{_written(self.size)}"


class CrashkernelValue(NamedTuple):
    """One value: a size or a list of ranges, in bytes, or neither for `auto`. offset None: automatic placement.

    suffix: "", "high", "low" or "cma". `str()` is the canonical text, without the name.
    """

    size: int | None = None
    spans: tuple[RamRange, ...] = ()
    offset: int | None = None
    suffix: str = ""

    @property
    def is_auto(self) -> bool:
        """Whether it is the word `auto`, which only RHEL 6 to 8 know."""
        return self.size is None and not self.spans

    def size_for(self, ram: int) -> int:
        """Bytes for that much RAM (as the kernel counts it); 0 if no range matches. Not for `auto`."""
        if self.size is not None:
            return self.size
        for span in self.spans:
            if span.start <= ram and (span.stop is None or ram < span.stop):
                return span.size
        return 0

    def __str__(self) -> str:
        if self.is_auto:
            return AUTO
        text = ",".join(map(str, self.spans)) if self.size is None else _written(self.size)
        if self.offset is not None:
            text += f"@{_written(self.offset)}"
        return f"{text},{self.suffix}" if self.suffix else text


def _written(size: int) -> str:
    """A size as every kernel reads it: without T, which 3.x introduced; hexadecimal if no suffix divides it."""
    for letter, unit in (("G", GIB), ("M", MIB), ("K", KIB)):
        if size and size % unit == 0:
            return f"{size // unit}{letter}"
    return hex(size) if size else _BARE_ZERO


def parse_value(text: str) -> CrashkernelValue:
    """Parse a value, with or without `crashkernel=` before it. Raises BadValue with the column, from 1."""
    try:
        tree = grammar.parse("crashkernel", text, file="crashkernel=")
    except NotUnderstood as problem:
        column = problem.place.column if problem.place and problem.place.line == 1 else len(text) + 1
        raise _explained(text, column) from None
    if any(tree.nodes("single")):
        return _single(next(tree.nodes("single")))
    return _list(next(tree.nodes("list")))


def parse_values(texts: Sequence[str]) -> tuple[CrashkernelValue, ...]:
    """Parse the values of one command line. Raises BadValue if kernels would ignore one of them.

    Allowed: one plain value, or `,high` with or without `,low`; and `,cma` beside either.
    """
    values = tuple(parse_value(text) for text in texts)
    kinds = [value.suffix for value in values]
    for kind in kinds:
        if kinds.count(kind) > 1:
            what = f"with ,{kind}" if kind else "without a suffix"
            raise BadValue(f"two values {what}: kernels take the last one only", hint="give one", column=1)
    if "" in kinds and "high" in kinds:
        raise BadValue(
            "a value without a suffix makes kernels ignore the one with ,high", hint="give one of them", column=1
        )
    if "low" in kinds and "high" not in kinds:
        raise BadValue(
            "a value with ,low reserves nothing without one with ,high", hint="add a value with ,high", column=1
        )
    if "cma" in kinds and not {"", "high"} & set(kinds):
        raise BadValue(
            "a value with ,cma reserves nothing on its own",
            hint="add a value without a suffix, or with ,high",
            column=1,
        )
    return values


def _single(node: Node) -> CrashkernelValue:
    amount = next(node.tokens("AMOUNT"))
    suffix = next(node.tokens("SUFFIX"), None)
    if amount.text == AUTO:
        if suffix or any(node.nodes("offset")):
            raise BadValue("nothing may follow 'auto'", hint="write auto alone", column=amount.end + 1)
        return CrashkernelValue()
    size = _positive(amount)
    if suffix is None:
        return CrashkernelValue(size=size, offset=_offset(node))
    if suffix.text not in SUFFIXES:
        raise BadValue(
            f"'{suffix.text}' is not a suffix of crashkernel=",
            hint="known: ,high ,low ,cma; a list needs ranges, like 1G-4G:192M,4G-:256M",
            column=suffix.start + 1,
        )
    return CrashkernelValue(size=size, suffix=suffix.text)


def _list(node: Node) -> CrashkernelValue:
    spans = []
    entries = list(node.nodes("entry"))
    for entry in entries:
        amounts = list(entry.tokens("AMOUNT"))
        start = 0 if amounts[0].text == _BARE_ZERO else _amount(amounts[0])
        stop = _amount(amounts[1]) if len(amounts) == 3 else None
        size = _positive(amounts[-1])
        column = amounts[0].start + 1
        if stop is not None and stop <= start:
            raise BadValue("the range ends before it begins", hint="write the smaller size first", column=column)
        if stop is not None and size >= stop:
            raise BadValue(
                f"no machine of this range has {amounts[-1].text} to spare: kernels then ignore the whole list",
                hint="reserve less than the RAM of the range",
                column=amounts[-1].start + 1,
            )
        spans.append(RamRange(start, stop, size))
    for (before, after), entry in zip(pairwise(spans), entries[1:], strict=True):
        column = next(entry.tokens("AMOUNT")).start + 1
        if before.stop is None or after.start < before.stop:
            raise BadValue(
                "the range overlaps the one before it, or is in the wrong order: the first match wins",
                hint="write ranges in ascending order, without overlap",
                column=column,
            )
    return CrashkernelValue(spans=tuple(spans), offset=_offset(node))


def _offset(node: Node) -> int | None:
    found = next(node.nodes("offset"), None)
    if found is None:
        return None
    token = next(found.tokens("AMOUNT"))
    offset = 0 if token.text == _BARE_ZERO else _amount(token)
    if offset == 0:
        raise BadValue("an offset of 0 means automatic placement", hint="leave the @0 out", column=token.start + 1)
    return offset


def _positive(token: Token) -> int:
    size = 0 if token.text == _BARE_ZERO else _amount(token)
    if size == 0:
        raise BadValue(
            "a size of 0 reserves nothing", hint="use `grubkd unset` to reserve nothing", column=token.start + 1
        )
    return size


def _amount(token: Token) -> int:
    try:
        size = parse_size(token.text)
    except BadValue as problem:
        raise BadValue(problem.message, hint=problem.hint, column=token.start + problem.column) from None
    if token.text.isdigit():
        raise BadValue(
            f"'{token.text}' without a suffix is {size} bytes",
            hint=f"write {token.text}M for megabytes",
            column=token.end + 1,
        )
    return size


_QUOTES = "\"'`\u00b4\u2018\u2019\u201c\u201d"


def _explained(text: str, column: int) -> BadValue:
    """The error for the character at the column, which the grammar does not accept."""
    letter = to_display(text[column - 1 :])[:1]
    # The bytes of the letter, which are the form of every message.
    found = text[column - 1 :][: len(letter.encode("utf-8", "surrogateescape"))]
    before = text[: column - 1].removeprefix(_NAME)
    if not text.removeprefix(_NAME):
        why = "the value is empty", "write a size like 256M"
    elif not found:
        why = f"'{text}' ends too early", "write a size like 256M, or a list like 1G-4G:192M,4G-:256M"
    elif letter in _QUOTES:
        why = "a stray quote", "leave the quotes out: kernels read them as part of the value"
    elif found.isspace():
        why = "a space ends the value", "write it without spaces"
    elif found == "-" and not before:
        why = "a size cannot be negative", "write a size like 256M"
    elif found == ":" and "-" not in before:
        why = "a range needs a '-'", "write 1G-:256M for '1G or more'"
    else:
        why = f"'{found}' is not valid here in '{text}'", "see crashkernel= in grubkd(8)"
    return BadValue(why[0], hint=why[1], column=column)
