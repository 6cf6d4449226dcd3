"""Which entries of a newly installed kernel get the value that `set --auto` chose for all kernels."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from grubkd.boot import cmdline
from grubkd.boot.entry import main_boot, release_of
from grubkd.change import request

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from grubkd.boot.model import BootConfig, Entry, Line
    from grubkd.change.history import LastAutoValue


class Keeping(NamedTuple):
    """The entries that get the value; without any, `why` not."""

    entries: tuple[Entry, ...]
    why: str = ""


def keeping(config: BootConfig, release: str, word: LastAutoValue) -> Keeping:
    """The entries of that kernel that have no value.

    If somebody set another value, it stays. If no other kernel has the value any more, nothing changes either. For
    entries that a generator makes from a source, the source decides.
    """
    mine = [entry for entry in config.entries if entry.own_linux and release in _releases(entry)]
    lacking = tuple(entry for entry in mine if not _held(entry) and request.fed_by_source(config, entry) is None)
    why = word.why or _settled(mine, lacking, word) or _forsaken(config, mine, word)
    return Keeping((), why) if why else Keeping(lacking)


def _settled(mine: Sequence[Entry], lacking: Sequence[Entry], word: LastAutoValue) -> str:
    """Why the entries stay as they are; "" if they do not."""
    held = {_held(entry) for entry in mine} - {()}
    foreign = held - {word.values, *word.beside}
    if foreign:
        return f"its entry has crashkernel={' crashkernel='.join(min(foreign))}, which somebody set"
    if any(entry.managed_by for entry in lacking):
        return "only another tool can change its arguments: grubkd set names the command"
    if lacking:
        return ""
    if held:
        return "its entry has the value"
    return "its entry has no value, like the source that it is generated from" if mine else "no entry starts it"


def _forsaken(config: BootConfig, mine: Sequence[Entry], word: LastAutoValue) -> str:
    """Why the value is no longer wanted: no other line has it; "" if it is wanted."""
    others = list(_others(config, mine))
    if not others or any(
        cmdline.crashkernel_values(line.arguments()) in (word.values, *word.beside) for line in others
    ):
        return ""
    return "no other kernel has the value any more: somebody removed it"


def _others(config: BootConfig, mine: Sequence[Entry]) -> Iterator[Line]:
    """The lines of all other kernels, and of new kernels."""
    indices = {entry.index for entry in mine}
    for entry in config.entries:
        boot = main_boot(entry.boots)
        if boot and entry.own_linux and entry.index not in indices:
            yield boot.line
    yield from (future.line for future in config.new_kernels)


def _releases(entry: Entry) -> set[str | None]:
    return {entry.version, *(release_of(boot.path) for boot in entry.boots)}


def _held(entry: Entry) -> tuple[str, ...]:
    boot = main_boot(entry.boots)
    return cmdline.crashkernel_values(boot.arguments) if boot else ()
