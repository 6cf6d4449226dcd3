"""`grubkd --complete SHELL WORD...`: what may stand where the cursor is, for the shells' completion functions.

Asked of the options as they are, so that a new verb or option is completed without a word here. A person waits for
the answer: only the asked verb is imported, and the tree is read only where entries or transactions may stand.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from grubkd import render
from grubkd.commands import bashwords
from grubkd.errors import GrubkdError
from grubkd.text import from_user, to_display

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class Candidate:
    """A word that may stand there, and what to say of it. Without a text, `note` is the kind of file that may."""

    text: str
    note: str = ""


FILES, DIRECTORIES = Candidate("", "files"), Candidate("", "directories")


def answer(group: click.Group, verbs: Mapping[str, str], arguments: Sequence[str]) -> int:
    """Print a line for each candidate: for zsh and fish text, tab, note; for bash what is to be inserted.

    What goes wrong is no candidate: a shell has no place for a message. Returns 0.
    """
    shell, *words = arguments or [""]
    bash = bashwords.read(words) if shell == "bash" else None
    if bash is not None:
        words = bash.words
    try:
        found = [each for each in candidates(group, verbs, words or [""]) if f"{each.text}{each.note}".isprintable()]
    except (GrubkdError, OSError):
        return 0
    if bash is not None:
        lines = bash.insertions([(each.text, each.note) for each in found])
    else:
        lines = [f"{each.text}\t{each.note}" for each in found]
    if lines:
        render.text("\n".join(lines))
    return 0


def candidates(group: click.Group, verbs: Mapping[str, str], words: Sequence[str]) -> Iterator[Candidate]:
    """What may stand in place of the last word, behind the others. Raises GrubkdError, OSError of the tree read."""
    *before, word = words
    top = click.Context(group, info_name="grubkd", resilient_parsing=True)
    name = next((each for each in before if not each.startswith("-")), None)
    if name is None:
        if word.startswith("-"):
            yield from _options(group.get_params(top), word, set())
        else:
            yield from _matching(word, [Candidate(verb, summary) for verb, summary in verbs.items()])
        return
    command = group.get_command(top, name)
    if command is None:
        return
    parameters = command.get_params(click.Context(command, info_name=name, parent=top, resilient_parsing=True))
    line = _read(parameters, before[before.index(name) + 1 :])
    root = _home(line.given.get("root", "/"))
    kinds = _kinds(root, verbs)
    if not line.ended and word.startswith("-"):
        option, equals, start = word.partition("=")
        found = _named(parameters, option)
        if equals and found is not None:
            yield from (
                each if not each.text else Candidate(f"{option}={each.text}", each.note)
                for each in _matching(start, _values(found, start, kinds))
            )
        else:
            yield from _options(parameters, word, set(line.given))
        return
    taker = line.pending
    if taker is None:
        arguments = [each for each in parameters if isinstance(each, click.Argument)]
        taker = next((each for each in arguments[line.positionals :]), arguments[-1] if arguments else None)
        if taker is not None and taker.nargs != -1 and line.positionals >= len(arguments):
            taker = None
    values = list(_matching(word, _values(taker, word, kinds))) if taker is not None else []
    if values or word or line.pending is not None or line.ended:
        yield from values
    else:
        yield from _options(parameters, word, set(line.given))


@dataclass(frozen=True, slots=True)
class _Line:
    """What stands before the cursor: option -> its value, the option that waits for one, how many other words."""

    given: Mapping[str, str]
    pending: click.Parameter | None
    positionals: int
    ended: bool


def _read(parameters: Sequence[click.Parameter], words: Sequence[str]) -> _Line:
    given: dict[str, str] = {}
    pending: click.Parameter | None = None
    positionals, ended = 0, False
    for word in words:
        if pending is not None and not word.startswith("-"):
            given[pending.name or ""] = word
            pending = None
        elif not ended and word == "--":
            ended = True
        elif not ended and word.startswith("-"):
            name, equals, value = word.partition("=")
            option = _named(parameters, name)
            pending = None
            if option is not None:
                given[option.name or ""] = value
                pending = option if not equals and not _flag(option) else None
        else:
            positionals += 1
    return _Line(given, pending, positionals, ended)


def _named(parameters: Sequence[click.Parameter], name: str) -> click.Option | None:
    return next(
        (each for each in parameters if isinstance(each, click.Option) and name in (*each.opts, *each.secondary_opts)),
        None,
    )


def _flag(option: click.Option) -> bool:
    return option.is_flag or option.count


def _options(parameters: Sequence[click.Parameter], word: str, given: set[str]) -> Iterator[Candidate]:
    """The long options that are not there yet, or may be repeated."""
    for each in parameters:
        if isinstance(each, click.Option) and not each.hidden and (each.multiple or each.name not in given):
            names = [name for name in (*each.opts, *each.secondary_opts) if name.startswith("--")]
            yield from _matching(word, [Candidate(name, _sentence(each.help or "")) for name in names])


def _sentence(text: str) -> str:
    """The first sentence of a help text, without its full stop."""
    return re.split(r"\.(?: |$)", " ".join(text.split()), maxsplit=1)[0]


def _matching(word: str, found: Sequence[Candidate] | Iterator[Candidate]) -> Iterator[Candidate]:
    return (each for each in found if not each.text or each.text.startswith(word))


Kinds = Mapping[str, Callable[[str], Iterator[Candidate]]]


def _values(parameter: click.Parameter, word: str, kinds: Kinds) -> Iterator[Candidate]:
    """The values of an option or argument: its choices, or by what its metavar says; its own words in small letters."""
    if isinstance(parameter.type, click.Choice):
        yield from (Candidate(str(each)) for each in parameter.type.choices)
        return
    for name in re.findall(r"[A-Za-z]+", parameter.metavar or (parameter.name or "").upper()):
        if name in kinds:
            yield from kinds[name](word)
        elif name.islower():
            yield Candidate(name)


def _kinds(root: str, verbs: Mapping[str, str]) -> Kinds:
    """Metavar -> the candidates for such a value in that tree, given what is typed of it."""
    from grubkd.commands import standing

    def of(texts: Callable[[], Sequence[tuple[str, str]]]) -> Callable[[str], Iterator[Candidate]]:
        return lambda _word: (Candidate(to_display(text), to_display(note)) for text, note in texts())

    return {
        "FILE": lambda _word: iter([FILES]),
        "DIR": lambda _word: iter([DIRECTORIES]),
        "TOPIC": of(lambda: [*verbs.items(), *_parts_of_the_manual()]),
        "SEL": lambda word: of(lambda: standing.selectors(root, from_user(word)))(word),
        "ID": of(lambda: standing.transactions(root)),
        "RELEASE": of(lambda: standing.releases(root)),
        "VALUE": of(lambda: standing.values(root)),
        "NAME": of(lambda: standing.arguments(root)),
        "ARCH": of(standing.architectures),
    }


def _parts_of_the_manual() -> Iterator[tuple[str, str]]:
    """Those that `help` knows by name, and its whole pages."""
    from grubkd.commands import help as manual

    yield from ((name, "") for name in manual.SECTIONS)
    yield from ((name, page.name) for name, page in manual.pages().items())


def _home(root: str) -> str:
    """A tilde that the shell has not expanded yet."""
    if not root.startswith("~"):
        return root
    from pathlib import Path

    try:
        return str(Path(root).expanduser())
    except RuntimeError:  # nobody of that name
        return root
