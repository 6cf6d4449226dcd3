"""The manual for a terminal: whole pages, and the part of grubkd(8) that is about one verb."""

from __future__ import annotations

import re
from textwrap import wrap
from typing import TYPE_CHECKING

from grubkd.render_colour import HEAD, mark, plain

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from grubkd.mdoc import Paragraph

_STEP = 4
_OPTION = re.compile(r"--[a-z0-9-]+")


def text(found: Sequence[Paragraph], *, width: int) -> Iterator[str]:
    """Paragraphs as lines of at most `width` columns, under their headings; words longer than that stay whole."""
    section, before = None, False
    for each in found:
        if each.section != section:
            if section is not None:
                yield ""
            section = each.section
            yield mark(section, HEAD)
        elif not (each.literal and before) and section != "SYNOPSIS":
            yield ""
        before = each.literal
        yield from _paragraph(each, width)


def _paragraph(each: Paragraph, width: int) -> Iterator[str]:
    indent = " " * (_STEP * max(each.depth, 1))
    if each.literal:
        yield f"{indent}  {each.text}"
        return
    bullet = each.head in ("", "o") or each.head.rstrip(".").isdigit()
    first = indent
    if each.head and bullet:
        first = indent + each.head.ljust(_STEP)
    elif each.head:
        yield indent + mark(each.head, HEAD)
        first = indent + " " * _STEP
    rest = " " * len(plain(first)) if each.head else indent + " " * (_STEP if each.depth else 0)
    if each.section == "SYNOPSIS":
        rest += " " * _STEP
    if not each.head and each.depth:
        first = rest
    yield from wrap(
        each.text, width, initial_indent=first, subsequent_indent=rest, break_long_words=False, break_on_hyphens=False
    )


def verbs(page: Sequence[Paragraph]) -> list[str]:
    """The verbs that grubkd(8) describes, in its order."""
    return list(dict.fromkeys(each.head for each in page if each.section == "COMMANDS" and each.head))


def of_verb(page: Sequence[Paragraph], verb: str) -> list[Paragraph]:
    """How a verb is called, what it does, and the options that it takes."""
    synopsis = [each for each in page if each.section == "SYNOPSIS" and f"{each.text} ".startswith(f"grubkd {verb} ")]
    options = {option for each in synopsis for option in _OPTION.findall(each.text)}
    told = list(_items(page, "COMMANDS", lambda head: head == verb))
    return [*synopsis, *told, *_items(page, "Options", lambda head: not options.isdisjoint(_OPTION.findall(head)))]


def _items(page: Sequence[Paragraph], section: str, wanted: Callable[[str], bool]) -> Iterator[Paragraph]:
    """The items of a section's list whose tags are wanted, with the paragraphs that continue them."""
    taken = False
    for each in page:
        if each.section != section:
            taken = False
        elif each.head:
            taken = wanted(each.head)
        if taken and each.section == section:
            yield each
