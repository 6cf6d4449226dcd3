"""The answer of a command that changes files: as JSON values, as a unified diff, as a few lines."""

from __future__ import annotations

import re
from shlex import join
from typing import TYPE_CHECKING

from grubkd.render import fix
from grubkd.render.tables import BAD, GOOD, HEAD, PLACE, mark, solid
from grubkd.text import from_bytes, to_display, to_line

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

    from grubkd.change.edit import FileChange

_LINE = re.compile(r"[^\n]*\n|[^\n]+")
_ESCAPED = re.compile(r'[\x00-\x1f\x7f"\\]')
_CONTEXT = 3


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
    if not _ESCAPED.search(path):
        return path
    return '"' + _ESCAPED.sub(lambda found: f"\\{ord(found[0]):03o}", path) + '"'


def _lines(data: bytes | None) -> list[str]:
    """The lines with their newlines. str.splitlines() would also split at other characters."""
    return _LINE.findall(from_bytes(data or b""))


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
    return {"changed": bool(files), "files": listed, **others}


def _coloured(unified: str) -> str:
    """A diff, coloured by the first character of each line; its two head lines are bold."""
    head, lines = unified.split("\n")[:2], unified.split("\n")[2:]
    colours = {"-": BAD, "+": GOOD, "@": PLACE}
    return "\n".join(
        [mark(line, HEAD) for line in head]
        + [mark(line, colours[line[0]]) if line[:1] in colours else line for line in lines]
    )


def lines(files: Sequence[FileChange], *, dry_run: bool, transaction: str | None) -> Iterator[str]:
    """The same for a person: the diff of a dry run, else what was written and how to undo it."""
    if not files:
        yield "nothing to change"
        return
    if dry_run:
        for each in files:
            if each.rewrites:
                yield _coloured(to_display(diff(each)).removesuffix("\n"))
        return
    for each in files:
        done = "created" if each.before is None else "removed" if each.after is None else "changed"
        yield f"{done if each.rewrites else 'kept newer'} {to_line(each.path)}"
    undo = join(fix.command(("grubkd", "rollback", transaction or "")))
    yield f"transaction {transaction}; undo it with: {solid(to_line(undo))}"
