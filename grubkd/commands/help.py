"""`grubkd help`: the manual, or the part of it that a topic is about."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from grubkd import mdoc, render, render_manual, run
from grubkd.commands.declared import argument, verb
from grubkd.errors import InputOutput, Usage
from grubkd.text import from_user

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

PAGES = Path(__file__).parent.parent / "manual"
# Topics that are sections of grubkd(8).
SECTIONS = {
    "selectors": ("SELECTORS",),
    "options": ("Options",),
    "json": ("JSON OUTPUT", "JSON LINES"),
    "checks": ("CHECKS",),
    "files": ("FILES",),
    "environment": ("ENVIRONMENT",),
    "exit-codes": ("EXIT STATUS",),
    "examples": ("EXAMPLES",),
}
_WIDEST = 90


def pages() -> dict[str, Path]:
    """Topics that are whole pages: `manual`, `planner`, and each that comes later, by the end of its name."""
    found = {page.stem.rpartition("-")[2]: page for page in sorted(PAGES.glob("*.[1-9]"))}
    return {"manual": found.pop("grubkd"), **found}


@verb(
    "help",
    argument("topic", required=False),
)
def command(topic: str | None) -> int:
    """Show what the manual says of TOPIC: a verb, exit-codes, selectors and others; or a whole page: manual, planner.

    A page is opened by man(1) where there is one and a terminal to read at; else, as in an installer, it is printed.
    Without TOPIC: the topics.
    """
    whole = pages()
    manual = _read(whole["manual"])
    topics = _topics(whole, render_manual.verbs(manual))
    if topic is None:
        render.text(f"grubkd help TOPIC, with one of\n{topics}")
    elif topic in whole:
        _open(whole[topic])
    elif topic in render_manual.verbs(manual):
        _print(render_manual.of_verb(manual, topic))
    elif topic in SECTIONS:
        _print([each for each in manual if each.section in SECTIONS[topic]])
    else:
        raise Usage(f"no topic {from_user(topic)!r}", hint=f"the topics are\n{topics}")
    return 0


def _topics(whole: Iterable[str], verbs: Iterable[str]) -> str:
    kinds = (("pages:", whole), ("verbs:", verbs), ("parts:", SECTIONS))
    return "\n".join(f"  {kind:<7} {' '.join(names)}" for kind, names in kinds)


def _open(page: Path) -> None:
    if sys.stdin.isatty() and render.at_terminal():
        run.become(["man", "-l", from_user(str(page))])
    _print(_read(page))


def _read(page: Path) -> tuple[mdoc.Paragraph, ...]:
    try:
        return mdoc.paragraphs(page.read_text("utf-8"))
    except OSError as problem:
        raise InputOutput(f"{from_user(str(page))}: {problem.strerror}") from None


def _print(found: Sequence[mdoc.Paragraph]) -> None:
    for line in render_manual.text(found, width=min(render.terminal_width() - 1, _WIDEST)):
        render.text(line)
