"""Selects entries of the menu, by what `show` prints of them: index, kernel, title, id; or by role: ALL, DEFAULT."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple
from unicodedata import normalize

from grubkd.boot.entry import file_name, release_of
from grubkd.errors import NoSuchEntry
from grubkd.text import to_display

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from grubkd.boot.model import BootConfig, Entry

ALL, DEFAULT, RUNNING = "ALL", "DEFAULT", "RUNNING"
_HINT = "grubkd show lists the entries with their indexes, kernels and titles"
# Only ASCII digits are an index: \d would take others too.
_INDEXES = r"([0-9]{1,9})(?:-([0-9]{1,9}))?"
# Not the one in a device of GRUB's, (hd0,1).
_COMMA = r",(?![^()]*\))"
_PREFIX = r"(?is)(title|id)=(.*)"


class Selection(NamedTuple):
    """The selected entries in show's order; `everything`: all entries of this system, and new kernels."""

    entries: tuple[Entry, ...]
    everything: bool


def select(config: BootConfig, selectors: Sequence[str], *, running: str | None = None) -> Selection:
    """The entries that match any of the selectors; without selectors, ALL.

    A selector is, in this order: an id; ALL, DEFAULT or RUNNING, in any case; an index, or a range of them; `title=` or
    `id=` and the whole text; a kernel release; a kernel's path or file name; or several of these with commas between.
    `running`: the release of the running kernel. Raises NoSuchEntry if a selector matches nothing, or the entry that it
    means cannot be determined.
    """
    ids = {entry.id for entry in config.entries}
    if not selectors or any(each.upper() == ALL and each not in ids for each in selectors):
        return Selection(tuple(entry for entry in config.entries if entry.own_linux), True)
    chosen = {entry.index for selector in selectors for entry in _selected(config, selector, running)}
    return Selection(tuple(entry for entry in config.entries if entry.index in chosen), False)


def _selected(config: BootConfig, selector: str, running: str | None) -> list[Entry]:
    found = _matches(config, selector, running)
    # A title may hold commas: a text is a list only if it means nothing as a whole.
    parts = [part.strip(" ") for part in re.split(_COMMA, selector)]
    if not found and len(parts) > 1 and all(parts):
        return [entry for part in parts for entry in _matches(config, part, running) or _nothing(config, part)]
    return found or _nothing(config, selector)


def _matches(config: BootConfig, selector: str, running: str | None) -> list[Entry]:
    """The entries that one selector means. Raises NoSuchEntry if it has a meaning, but that is not known here."""
    entries = config.entries
    named = _where(entries, lambda entry: entry.id == selector)
    if named:
        return named
    if selector.upper() == DEFAULT:
        return _where(entries, lambda entry: entry.default) or _unknown("which entry boots by default")
    if selector.upper() == RUNNING:
        return _of_running(entries, running)
    indexes = re.fullmatch(_INDEXES, selector)
    if indexes:
        wanted = range(int(indexes[1]), int(indexes[2] or indexes[1]) + 1)
        found = _where(entries, lambda entry: entry.index in wanted)
        return found if len(found) == len(wanted) else []
    prefixed = re.fullmatch(_PREFIX, selector)
    if prefixed:
        text = _decoded(prefixed[2])
        title = prefixed[1].lower() == "title"
        return _where(entries, lambda entry: _decoded((entry.title if title else entry.id) or "") == text)
    found = _where(entries, lambda entry: entry.version == selector)
    # Of a path only the end counts, which must not hide the rest of a list.
    return found or ([] if re.search(_COMMA, selector) else _where(entries, lambda entry: _loads(entry, selector)))


def _where(entries: Iterable[Entry], true: Callable[[Entry], bool]) -> list[Entry]:
    return [entry for entry in entries if true(entry)]


def _decoded(text: str) -> str:
    """The text as people see it: the same letters are equal, however they are composed."""
    return normalize("NFC", to_display(text))


def _of_running(entries: Sequence[Entry], running: str | None) -> list[Entry]:
    if running is None:
        raise NoSuchEntry("RUNNING: this tree is not that of the running kernel", hint="give its release instead")
    found = _where(entries, lambda entry: entry.version == running and entry.own_linux)
    if not found:
        raise NoSuchEntry(f"no entry boots the running kernel {running}", hint=_HINT)
    return found


def _unknown(what: str) -> list[Entry]:
    raise NoSuchEntry(f"{what} cannot be determined", hint=_HINT)


def _nothing(config: BootConfig, selector: str) -> list[Entry]:
    """Raise NoSuchEntry with the names that are nearest to the selector."""
    from difflib import get_close_matches

    names = {"RUNNING": "RUNNING", "DEFAULT": "DEFAULT", "ALL": "ALL"}
    for entry in config.entries:
        for prefix, text in (("", entry.version), ("title=", entry.title), ("", entry.id)):
            if text:
                names[text] = names[f"{prefix}{text}"] = f"{prefix}{text}"
    near = list(dict.fromkeys(names[each] for each in get_close_matches(selector, names, n=6)))[:3]
    hint = f"the nearest: {', '.join(near)}; grubkd show lists the entries" if near else _HINT
    raise NoSuchEntry(f"no entry matches '{selector}'", hint=hint)


def _loads(entry: Entry, path: str) -> bool:
    """Whether the entry loads the kernel at that path: its file name and release decide, never its directory.

    For a file name without a release (`/lib/modules/RELEASE/vmlinuz`, `/TOKEN/RELEASE/linux`) the release in the path
    decides.
    """
    release = release_of(path)
    for boot in entry.boots:
        same_name = file_name(boot.path) == file_name(path)
        if release is None:
            if same_name:
                return True
        elif release in (release_of(boot.path), entry.version) and (
            same_name or "-" not in file_name(path) or "-" not in file_name(boot.path)
        ):
            return True
    return False
