"""Completion values: entries, values, arguments and transactions of the tree that the command line names.

A function reads no more than it needs: the boot configuration without the machine, the history without the files.
A tree that cannot be read has no values: a shell has no place for a message.
"""

from __future__ import annotations

import os
import re
from functools import wraps
from typing import TYPE_CHECKING

from click.shell_completion import CompletionItem

from grubkd.boot.entry import main_boot
from grubkd.errors import GrubkdError
from grubkd.text import to_user
from grubkd.tree.root import Root

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    import click

    from grubkd.boot.model import Entry

    # A value and what it is, as text of the tree.
    Named = tuple[str, str]
    Completer = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]

# click's scripts do not quote a value for the shell, and split it at commas: others are not offered.
_PLAIN = r"[A-Za-z0-9_./:=@%+-]+"


def _completer(values: Callable[[Root], Iterable[Named]]) -> Completer:
    """A function for click's `shell_complete` that offers these values, each once."""

    @wraps(values)
    def complete(ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        try:
            found = dict(reversed([(to_user(text), to_user(note)) for text, note in values(_root(ctx))]))
        except (GrubkdError, OSError):
            return []
        return [
            # zsh with click 8.1 takes a colon in the value for the start of the help.
            CompletionItem(text, help=note if note and note.isprintable() and ":" not in text else None)
            for text, note in reversed(found.items())
            if text.startswith(incomplete) and re.fullmatch(_PLAIN, text)
        ]

    return complete


def _root(ctx: click.Context) -> Root:
    """The tree of --root; the shell has not expanded a tilde yet."""
    given = ctx.params.get("root") or "/"
    try:
        return Root(os.path.expanduser(given))  # noqa: PTH111 - pathlib costs a start-up
    except RuntimeError:  # no such user
        return Root(given)


@_completer
def selectors(tree: Root) -> Iterator[Named]:
    """What --kernel takes; not titles, which have blanks."""
    yield "ALL", "every entry, and new kernels"
    entries = _entries(tree)
    yield from [("DEFAULT", entry.title) for entry in entries if entry.default][:1]
    yield from ((str(entry.index), entry.title) for entry in entries)
    yield from ((entry.id, entry.title) for entry in entries if entry.id and "/" not in entry.id)
    for entry in entries:
        boot = main_boot(entry.boots)
        if boot and "/" in boot.path:
            yield boot.path, entry.title


@_completer
def values(tree: Root) -> Iterator[Named]:
    """The crashkernel values of the entries, without the name."""
    for entry, argument in _arguments(tree):
        name, _, value = argument.partition("=")
        if name == "crashkernel" and value:
            yield value, entry.title


@_completer
def argument_names(tree: Root) -> Iterator[Named]:
    """The names of the entries' arguments."""
    return ((argument.partition("=")[0], entry.title) for entry, argument in _arguments(tree))


@_completer
def releases(tree: Root) -> Iterator[Named]:
    """The releases of the entries' kernels."""
    return ((entry.version, entry.title) for entry in _entries(tree) if entry.version)


@_completer
def transactions(tree: Root) -> Iterator[Named]:
    """The ids of the transactions, latest first."""
    from grubkd.change import history

    for past in reversed(history.read(tree).transactions):
        undone = f", undone by {past.undone_by}" if past.undone_by else ""
        yield past.id, f"{past.record.command} at {past.record.time}{undone}"


@_completer
def architectures(_tree: Root) -> Iterator[Named]:
    """The architectures whose kernels grubkd knows."""
    from grubkd.memory.architecture import Architecture

    return ((each.value, "") for each in Architecture)


def directories(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """A directory, which the shell completes."""
    return [CompletionItem(incomplete, type="dir")]


def files(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """A file, which the shell completes."""
    return [CompletionItem(incomplete, type="file")]


def _entries(tree: Root) -> list[Entry]:
    """The Linux entries of this installation."""
    from grubkd.boot import inventory

    return [entry for entry in inventory.read(tree).entries if entry.own_linux]


def _arguments(tree: Root) -> Iterator[tuple[Entry, str]]:
    for entry in _entries(tree):
        boot = main_boot(entry.boots)
        for piece in boot.line.pieces() if boot else ():
            yield entry, piece.word.text
