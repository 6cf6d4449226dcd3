"""The answer of a command that changes files: as JSON values, as a unified diff, as a few lines."""

from __future__ import annotations

import re
from shlex import join
from typing import TYPE_CHECKING, NamedTuple

from grubkd.boot import cmdline
from grubkd.boot.model import Feeds
from grubkd.render import fix
from grubkd.render.output import members
from grubkd.render.plan import outcome, prediction
from grubkd.render.show import held, new_kernels
from grubkd.render.tables import BAD, GOOD, HEAD, PLACE, mark, solid
from grubkd.text import from_bytes, to_display, to_line

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

    from grubkd.advice import Verdict
    from grubkd.boot.model import BootConfig, Entry
    from grubkd.change.edit import FileChange

_LINE = r"[^\n]*\n|[^\n]+"
_ESCAPED = r'[\x00-\x1f\x7f"\\]'
_CONTEXT = 3
_MOST_NAMED = 3


def diff(file: FileChange) -> str:
    """The unified diff of one file, for patch(1) at the root of the tree; "" if only its time changes."""
    before, after = _lines(file.before), _lines(file.after)
    source = "/dev/null" if file.before is None else _name(f"a{file.path}")
    target = "/dev/null" if file.after is None else _name(f"b{file.path}")
    if len(before) == len(after):
        lines = _line_by_line(before, after, source, target)
    else:
        from difflib import unified_diff

        lines = unified_diff(before, after, source, target)
    return "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines)


def _name(path: str) -> str:
    """The name in a header, with the quotes and escapes of diff(1) where it could end the line."""
    if not re.search(_ESCAPED, path):
        return path
    return '"' + re.sub(_ESCAPED, lambda found: f"\\{ord(found[0]):03o}", path) + '"'


def _lines(data: bytes | None) -> list[str]:
    """The lines with their newlines. str.splitlines() would also split at other characters."""
    return re.findall(_LINE, from_bytes(data or b""))


def _line_by_line(before: Sequence[str], after: Sequence[str], source: str, target: str) -> Iterator[str]:
    """The unified diff of texts of the same number of lines.

    difflib compares each line with all equal ones, which takes minutes in a menu of thousands of similar entries.
    """
    changed = [number for number, (one, other) in enumerate(zip(before, after, strict=True)) if one != other]
    if changed:
        yield f"--- {source}\n"
        yield f"+++ {target}\n"
    for hunk in _hunks(changed):
        start, end = max(hunk[0] - _CONTEXT, 0), min(hunk[-1] + _CONTEXT + 1, len(before))
        where = f"{start + 1}" if end - start == 1 else f"{start + 1},{end - start}"
        yield f"@@ -{where} +{where} @@\n"
        new: list[str] = []
        for number in range(start, end):
            if before[number] != after[number]:
                yield f"-{before[number]}"
                new.append(f"+{after[number]}")
            else:
                yield from new
                new.clear()
                yield f" {before[number]}"
        yield from new


def _hunks(numbers: Sequence[int]) -> Iterator[Sequence[int]]:
    """The numbers of changed lines in groups whose contexts meet."""
    start = 0
    for at in range(1, len(numbers) + 1):
        if at == len(numbers) or numbers[at] - numbers[at - 1] > 2 * _CONTEXT + 1:
            yield numbers[start:at]
            start = at


def answer(files: Sequence[FileChange], **others: Any) -> dict[str, Any]:
    """The JSON object of `set`, `unset`, `keep` and `rollback`; `others`: the members beside the files."""
    listed = [{"path": each.path, "diff": diff(each)} for each in files if each.rewrites]
    return {"changed": bool(files or others.get("ran")), "files": listed, **others}


def _coloured(unified: str) -> str:
    """A diff, coloured by the first character of each line; its two head lines are bold."""
    head, lines = unified.split("\n")[:2], unified.split("\n")[2:]
    colours = {"-": BAD, "+": GOOD, "@": PLACE}
    return "\n".join(
        [mark(line, HEAD) for line in head]
        + [mark(line, colours[line[0]]) if line[:1] in colours else line for line in lines]
    )


class Held(NamedTuple):
    """What a change leaves, or would leave.

    values: the crashkernel values that were asked for or chosen, None if they stay as they are. config: the
    configuration after the change. indexes: those of the selected entries; everything: new kernels were selected too.
    """

    values: tuple[str, ...] | None
    config: BootConfig
    indexes: tuple[int, ...]
    everything: bool

    @property
    def entries(self) -> tuple[Entry, ...]:
        """The selected entries, as they are after the change."""
        return tuple(entry for entry in self.config.entries if entry.index in self.indexes)


class Result(NamedTuple):
    """What `set` and `unset` did, or would do.

    reservation: the entry that boots next, if it is selected, else the first selected one, and what its kernel does.
    ran: the commands of other tools. reboot: only a reboot of this machine makes the change take effect.
    """

    held: Held
    reservation: tuple[Entry, Verdict] | None
    ran: tuple[tuple[str, ...], ...]
    reboot: bool


def result_answer(found: Result) -> dict[str, Any]:
    """The members that set and unset add to the JSON object of a change."""
    listed = [
        {**members(each, "index", "id", "title", "version", "default"), "crashkernel": held(each)}
        for each in found.held.entries
    ]
    reservation = None
    if found.reservation:
        entry, verdict = found.reservation
        reservation = {"index": entry.index, **prediction(verdict)}
    return {
        "values": found.held.values,
        "entries": listed,
        "future": new_kernels(found.held.config),
        "reservation": reservation,
        "ran": found.ran,
    }


def _result_lines(found: Result) -> Iterator[str]:
    """The same for a person: which entries hold which value, what will be reserved, and whether to reboot."""
    if found.held.values is not None:
        yield from _holders(found.held)
        if found.reservation:
            entry, verdict = found.reservation
            name = to_line(f"entry {entry.index}" + (f" ({entry.version})" if entry.version else ""))
            yield f"{name} reserves: {_odds(verdict)}"
    if found.reboot:
        yield "reboot to take effect"


def _holders(found: Held) -> Iterator[str]:
    """A line for each value: the entries and new kernels that hold it, as show names them."""
    groups: dict[tuple[str, ...], list[Entry]] = {}
    for each in found.entries:
        groups.setdefault(tuple(held(each)), []).append(each)
    future: dict[tuple[str, ...], None] = {}
    if found.everything:
        for new in found.config.new_kernels:
            if new.feeds in (Feeds.NORMAL, Feeds.NONE) and new.seed is None:
                future[cmdline.crashkernel_values(new.line.arguments())] = None
    for values in dict.fromkeys((*groups, *future)):
        where = [
            *([_named(groups[values])] if values in groups else []),
            *(["new kernels"] if values in future else []),
        ]
        holders = groups.get(values, [])
        # The generator makes recovery entries of other variables.
        why = ", which the generator makes without it" if found.values and not values and _all_made(holders) else ""
        yield f"{mark(to_line(' '.join(values)), GOOD) or 'no value'}: {' and '.join(where)}{why}"


def _all_made(entries: Sequence[Entry]) -> bool:
    return bool(entries) and all(each.rescue and each.generated for each in entries)


def _named(entries: Sequence[Entry]) -> str:
    """Entries by index and kernel: `entries 0-2 (6.1.0-50-amd64)`."""
    numbers = [each.index for each in entries]
    runs: list[list[int]] = []
    for number in numbers:
        if runs and runs[-1][-1] == number - 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    listed = ", ".join(str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in runs)
    versions = list(dict.fromkeys(each.version for each in entries if each.version))
    of = ", ".join(versions) if len(versions) <= _MOST_NAMED else f"{len(versions)} kernels"
    rescue = "recovery " if all(each.rescue for each in entries) else ""
    return f"{rescue}{'entry' if len(entries) == 1 else 'entries'} {listed}" + (f" ({to_line(of)})" if of else "")


def _odds(verdict: Verdict) -> str:
    """What the kernel reserves in a few words, or why nothing, or why it is not known."""
    words = "nothing" if verdict.status == "none" else outcome(verdict)
    if verdict.status in ("failed", "hang", "unknown") and verdict.reason:
        return f"{words}, since {to_line(verdict.reason)}"
    return words


def lines(
    files: Sequence[FileChange], *, dry_run: bool, transaction: str | None, result: Result | None = None
) -> Iterator[str]:
    """The same for a person: the diff of a dry run, else what was written and how to undo it; then what holds."""
    if dry_run:
        for each in files:
            if each.rewrites:
                yield _coloured(to_display(diff(each)).removesuffix("\n"))
        if files:
            yield f"would change {len(files)} {'file' if len(files) == 1 else 'files'}; nothing is written"
    else:
        for each in files:
            done = "created" if each.before is None else "removed" if each.after is None else "changed"
            yield f"{done if each.rewrites else 'kept newer'} {to_line(each.path)}"
    for command in result.ran if result else ():
        yield f"{'would run' if dry_run else 'ran'}: {to_line(join(command))}"
    if not (files or (result and result.ran)):
        yield "nothing to change"
    if result:
        yield from _result_lines(result)
    if transaction:
        undo = join(fix.command(("grubkd", "rollback", transaction)))
        yield f"transaction {transaction}; undo it with: {solid(to_line(undo))}"
