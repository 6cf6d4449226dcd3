"""`grubkd help`: a manual page, or the part of grubkd(8) about a topic.

The text of a page is made by mandoc when the package is built. In a source tree mandoc is run when it is needed.
"""

from __future__ import annotations

import re
import sys
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.shell_completion import CompletionItem

from grubkd import run
from grubkd.commands.group import VERBS, group, message_options
from grubkd.errors import CommandFailed, Usage
from grubkd.render import output
from grubkd.text import from_user
from grubkd.tree.root import Root

if TYPE_CHECKING:
    from collections.abc import Iterator
    from importlib.abc import Traversable

# If grubkd runs from a zip archive, these are not paths of the file system.
PAGES = resources.files("grubkd").joinpath("manual")
_SCHEMAS = resources.files("grubkd").joinpath("schema")
# Topics that are sections of grubkd(8).
SECTIONS = {
    "selectors": ("SELECTORS",),
    "options": ("OPTIONS",),
    "json": ("JSON OUTPUT", "JSON LINES"),
    "checks": ("CHECKS",),
    "files": ("FILES",),
    "environment": ("ENVIRONMENT",),
    "exit-codes": ("EXIT STATUS",),
    "examples": ("EXAMPLES",),
}
_MANDOC = ("mandoc", "-T", "ascii", "-O", "width=78")
_OVERSTRIKE = re.compile(".\b")
_OPTION = re.compile(r"--[a-z0-9-]+")


def pages() -> dict[str, Traversable]:
    """Topics that are whole pages: `manual`, and each other page by the end of its name, such as `planner`."""
    sources = [page for page in PAGES.iterdir() if page.name[-1].isdigit()]
    found = {Path(page.name).stem.rpartition("-")[2]: page for page in sorted(sources, key=lambda page: page.name)}
    return {"manual": found.pop("grubkd"), **found}


def _topics(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    found = {**VERBS, **dict.fromkeys(SECTIONS, ""), **{name: page.name for name, page in pages().items()}}
    return [CompletionItem(name, help=text or None) for name, text in found.items() if name.startswith(incomplete)]


@click.command("help")
@click.argument("topic", required=False, shell_complete=_topics)
@click.option("--schema", is_flag=True, help="Print the JSON Schema of the answers of a verb, TOPIC.")
@message_options
def help_command(*, topic: str | None, schema: bool) -> int:
    """Show the part of the manual about TOPIC: a verb, exit-codes, selectors and others; or a page: manual, planner.

    At a terminal a page is opened by man(1) if that is installed. Without TOPIC: list the topics.
    """
    if schema:
        return _print_schema(topic or "")
    whole = pages()
    if topic is None:
        output.text("grubkd help TOPIC, with one of")
        for kind, names in (("pages:", whole), ("verbs:", VERBS), ("parts:", SECTIONS)):
            output.text(f"  {kind:<7} {' '.join(names)}")
        return 0
    if topic not in {*whole, *VERBS, *SECTIONS}:
        raise Usage(f"no topic '{from_user(topic)}'", hint="the topics: grubkd help")
    page = whole.get(topic, whole["manual"])
    if topic in whole and isinstance(page, Path) and sys.stdin and sys.stdin.isatty() and output.at_terminal():
        run.become(["man", "-l", from_user(str(page))])  # returns if there is no man(1)
    text = _text(page)
    if text is None:
        output.message("the manual is not built and mandoc is not installed: this is the help of the command line")
        output.text(_command_help(topic))
    elif topic in whole:
        output.text(text.rstrip("\n"))
    else:
        found = _sections(text, *SECTIONS[topic]) if topic in SECTIONS else _verb(text, topic)
        output.text("\n".join(found).rstrip("\n"))
    return 0


def _print_schema(verb: str) -> int:
    known = {schema.name.removesuffix(".json"): schema for schema in _SCHEMAS.iterdir()}
    if verb not in known:
        raise Usage(f"no schema for '{from_user(verb)}'", hint=f"give one of: {', '.join(sorted(known))}")
    output.text(known[verb].read_text("utf-8").removesuffix("\n"))
    return 0


def _text(page: Traversable) -> str | None:
    """A page as plain text; None if it was not made at the build and mandoc is missing."""
    built = PAGES.joinpath(f"{page.name}.txt")
    if built.is_file():
        return built.read_text("ascii")
    if not isinstance(page, Path):
        return None
    try:
        done = run.run([*_MANDOC, from_user(str(page))], Root("/"))
    except CommandFailed:
        return None
    return _OVERSTRIKE.sub("", done.stdout.decode("ascii", "replace"))


def _command_help(topic: str) -> str:
    context = group.make_context("grubkd", [], resilient_parsing=True)
    command = group.get_command(context, topic)
    if command is None:
        return group.get_help(context)
    return command.get_help(click.Context(command, info_name=topic, parent=context))


def _sections(text: str, *names: str) -> Iterator[str]:
    """The lines of sections of a page. A heading begins in the first column."""
    wanted = False
    # Without the lines at the top and the bottom of a page, which hold its name and date.
    for line in text.splitlines()[1:-1]:
        if line and not line.startswith(" "):
            wanted = line in names
        if wanted:
            yield line


def _verb(text: str, verb: str) -> Iterator[str]:
    """How a verb is called, what it does, and the options that it takes."""
    synopsis = list(_items(_sections(text, "SYNOPSIS"), rf"grubkd {verb}\b"))
    yield "SYNOPSIS"
    yield from synopsis
    yield ""
    yield "COMMANDS"
    yield from _items(_sections(text, "COMMANDS"), rf"{verb}\b")
    options = set(_OPTION.findall(" ".join(synopsis)))
    if options:
        yield "OPTIONS"
        yield from _items(_sections(text, "OPTIONS"), rf".*({'|'.join(sorted(options))})(?![a-z-])")


def _items(lines: Iterator[str], tag: str) -> Iterator[str]:
    """The items whose tag matches. A tag is indented by five columns, the text of its item by more."""
    wanted = False
    pattern = re.compile(f" {{5}}{tag}")
    for line in lines:
        if re.match(r" {5}\S", line):
            wanted = bool(pattern.match(line))
        elif line and not line.startswith(" "):
            wanted = False
        if wanted:
            yield line
