"""The record of a transaction, and its text in the journal.

The text is two lines of JSON: the version with a SHA-256 of the second line, and the record. It is read as if an
attacker had written it: the type, range and form of every member is checked, old files are checked against their
digests, and every path must be one that grubkd edits.
"""

from __future__ import annotations

import json
import re
from binascii import a2b_base64, b2a_base64
from bisect import bisect
from typing import TYPE_CHECKING, NamedTuple

from grubkd.change import disk, places
from grubkd.change.disk import FileImage
from grubkd.change.revert import SlotRecord
from grubkd.tree.root import LARGEST_OTHER, MOST_FILES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any, TypeAlias

    # Returns the value of a member. Raises ValueError for one that grubkd would not have written.
    Check: TypeAlias = "Callable[[Any], Any]"

VERSION = 1
# Bytes of a journal, and the lists, objects and commas in it, which make its size in memory.
LARGEST = 16 << 20
_MOST_LISTS = 50_000
_MOST_MEMBERS = 500_000
# The commands that a change may need afterwards. No other is ever run, whatever a journal asks for. zipl writes the
# boot map of s390x, which names the disk blocks of what it boots; proxmox-boot-tool the menus on unmounted ESPs.
KNOWN_FOLLOWUPS: frozenset[tuple[str, ...]] = frozenset({("zipl",), ("proxmox-boot-tool", "refresh")})
ID = re.compile(r"[0-9]{8}-[0-9]{6}-[0-9]{6}", re.ASCII)
_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z", re.ASCII)
_WORD = re.compile(r"[a-z][a-z-]{0,30}", re.ASCII)
_DIGEST = re.compile(r"[0-9a-f]{64}", re.ASCII)
# Seconds are 64 bits for the kernel, and for os.utime.
_LATEST = 2**63 * 10**9 - 1


class Malformed(ValueError):
    """A journal's text is not what grubkd writes; the message says what differs."""


class OtherVersion(Malformed):
    """The journal of another grubkd, in a format that this one does not know."""


class FileRecord(NamedTuple):
    """One file of a transaction: its old image (None: it did not exist), and its new SHA-256 (None: removed).

    `link`: the place (see places) whose symbolic link led to `path` when it was changed; None where the path itself
    is such a place.
    """

    path: str
    before: FileImage | None
    after: str | None
    link: str | None = None

    def is_old_or_new(self, present: FileImage | None) -> bool:
        """Whether the present file has the bytes from before the transaction, or those that it wrote."""
        return (present and present.digest) in (self.after, self.before and self.before.digest)


class Record(NamedTuple):
    """One transaction.

    `time`: when, UTC, ISO 8601. `command`: the verb. `wanted`: what was asked for, as people write it (see
    grubkd.text): names to texts, numbers, or lists of them; `by`: "auto" or "given".
    `undoes`: for a rollback, the transaction that it took back. `directories`: those that it made, outermost first.
    `followups`: the commands that have to run after it, and after its rollback. `slots`: what it changed, by argument;
    `kernels`: those that the entries loaded then. Both are empty in the journals of the first releases.
    """

    id: str
    time: str
    command: str
    wanted: Mapping[str, Any]
    by: str
    files: tuple[FileRecord, ...]
    directories: tuple[str, ...] = ()
    followups: tuple[tuple[str, ...], ...] = ()
    undoes: str | None = None
    slots: tuple[SlotRecord, ...] = ()
    kernels: tuple[str, ...] = ()


def encode(record: Record) -> bytes:
    """The journal's text."""
    members = {name: getattr(record, name) for name in _RECORD}
    members |= {"files": list(map(_file_members, record.files)), "slots": record.slots}
    body = json.dumps(members).encode("ascii")
    head = json.dumps({"grubkd": VERSION, "sha256": disk.digest(body)}).encode("ascii")
    return head + b"\n" + body + b"\n"


def decode(data: bytes, *, whole: bool = True) -> Record:
    """The record of a journal's text; not `whole`: without slots and kernels, for a list of many. Raises Malformed."""
    if len(data) > LARGEST:
        raise Malformed(f"larger than {LARGEST >> 20} MiB")
    head, _, _ = data[:1000].partition(b"\n")
    body = data[len(head) + 1 :].removesuffix(b"\n")
    try:
        first = _members(json.loads(head), _HEAD)
        if first["grubkd"] != VERSION:
            raise OtherVersion(f"version {first['grubkd']!a:.20}, where grubkd knows {VERSION}")
        if first["sha256"] != disk.digest(body):
            raise Malformed("its checksum does not fit: it was damaged or changed")
        if body.count(b"[") + body.count(b"{") > _MOST_LISTS or body.count(b",") > _MOST_MEMBERS:
            raise Malformed("more members than any journal has")
        return _record(json.loads(body), whole)
    except Malformed:
        raise
    except (ValueError, RecursionError) as problem:
        raise Malformed(
            f"not a text that grubkd wrote: {str(problem).encode('ascii', 'backslashreplace').decode():.100}"
        ) from None


def unrecordable(file: FileRecord) -> str:
    """Why a journal cannot hold a file exactly; "" where it can."""
    if file.before and file.before.mode > 0o777:
        return f"its mode is {file.before.mode:04o}, with set-user-ID, set-group-ID or sticky bit"
    strange = [name for name in (file.before.xattrs if file.before else ()) if not disk.is_restored(name)]
    if strange:
        return f"it has the extended attribute {strange[0]}"
    try:
        found = _file(json.loads(json.dumps(_file_members(file))))
    except ValueError as problem:
        return str(problem)
    return "" if found == file else "it reads back differently"


def _file_members(file: FileRecord) -> dict[str, Any]:
    image = file.before
    before = image and {
        "mode": image.mode,
        "uid": image.uid,
        "gid": image.gid,
        "mtime_ns": image.mtime_ns,
        "xattrs": {name: _base64(value) for name, value in image.xattrs.items()},
        "sha256": image.digest,
        "data": _base64(image.data),
    }
    return {"path": file.path, "before": before, "after": file.after, "link": file.link}


def _base64(data: bytes) -> str:
    return b2a_base64(data, newline=False).decode("ascii")


def _members(value: Any, table: Mapping[str, Check]) -> dict[str, Any]:
    """The checked members of an object, which has exactly those of the table. Raises Malformed."""
    if not isinstance(value, dict) or value.keys() != table.keys():
        raise Malformed(f"not exactly the members {', '.join(table)}")
    found = {}
    for name, check in table.items():
        try:
            found[name] = check(value[name])
        except Malformed:
            raise
        except ValueError as problem:
            raise Malformed(f"{name}: {str(problem) or 'not of the right form'}") from None
    return found


def _only(kind: type, test: Callable[[Any], object] = lambda value: True) -> Check:
    """A check: the value has this type and passes the test."""

    def check(value: Any) -> Any:
        if not isinstance(value, kind) or isinstance(value, bool) or not test(value):
            raise ValueError
        return value

    return check


def _number(least: int, most: int) -> Check:
    return _only(int, lambda value: least <= value <= most)


def _text(form: re.Pattern[str]) -> Check:
    return _only(str, form.fullmatch)


def _optional(check: Check) -> Check:
    return lambda value: None if value is None else check(value)


def _list(check: Check, most: int = _MOST_MEMBERS) -> Check:
    return lambda value: tuple(map(check, _only(list, lambda found: len(found) <= most)(value)))


def _bytes(most: int) -> Check:
    text = _only(str, lambda value: len(value) <= most * 4 // 3 + 4)
    return lambda value: a2b_base64(text(value), strict_mode=True)


def _wanted(value: Any) -> dict[str, Any]:
    """What was asked for: texts that can be printed, numbers, and lists of them."""
    for each in [*_only(dict)(value), *value.values()]:
        for part in each if isinstance(each, list) else [each]:
            if isinstance(part, str):
                part.encode("utf-8", "surrogateescape")  # UnicodeEncodeError is a ValueError
            elif not isinstance(part, int | None):
                raise ValueError
    return dict(value)


def _xattrs(value: Any) -> dict[str, bytes]:
    """Never file capabilities and the like, whatever the journal says."""
    return {name: _bytes(65536)(each) for name, each in _only(dict)(value).items() if disk.is_restored(name)}


def _image(value: Any) -> FileImage:
    members = _members(value, _IMAGE)
    digest = members.pop("sha256")
    # Never a set-user-ID program, whatever the journal says.
    image = FileImage(**members | {"mode": members["mode"] & 0o777})
    if image.digest != digest:
        raise Malformed("a before-image that does not fit its checksum")
    return image


def _file(value: Any) -> FileRecord:
    # Journals of the first releases do not know the member.
    value = {"link": None, **value} if isinstance(value, dict) else value
    return FileRecord(**_members(value, _FILE))


def _followup(value: Any) -> tuple[str, ...]:
    command: tuple[str, ...] = _list(_only(str))(value)
    if command not in KNOWN_FOLLOWUPS:
        raise Malformed("a follow-up command that grubkd never runs")
    return command


def _slot(value: Any) -> SlotRecord:
    file, entry, kernel, variable, number, before, after = _only(list, lambda each: len(each) == 7)(value)
    return SlotRecord(
        _only(str, places.is_normal)(file),
        _byte_text(entry),
        _byte_text(kernel),
        _byte_text(variable),
        _number(0, 2**31)(number),
        _list(_byte_text)(before),
        _list(_byte_text)(after),
    )


def _record(value: Any, whole: bool) -> Record:
    # Journals of the first releases do not know these members.
    empty: dict[str, Any] = {"slots": [], "kernels": []}
    value = {**empty, **value, **({} if whole else empty)} if isinstance(value, dict) else value
    record = Record(**_members(value, _RECORD))
    paths = sorted(each.path for each in record.files)
    for what, found in (("file", paths), ("directory", record.directories), ("follow-up command", record.followups)):
        if len(set(found)) != len(found):
            raise Malformed(f"a {what} twice")
    for inside in (f"{each}/" for each in record.directories):
        after = bisect(paths, inside)
        if inside in ("/", "//") or not any(path.startswith(inside) for path in paths[after : after + 1]):
            raise Malformed("a directory that holds none of its files")
    return record


_byte_text = _only(str, lambda value: all(char <= "\xff" for char in value))
_HEAD = {"grubkd": lambda value: value, "sha256": _text(_DIGEST)}
_IMAGE = {
    "mode": _number(0, 0o7777),
    "uid": _number(0, 2**32 - 2),
    "gid": _number(0, 2**32 - 2),
    "mtime_ns": _number(-_LATEST - 1, _LATEST),
    "xattrs": _xattrs,
    "sha256": _text(_DIGEST),
    "data": _bytes(LARGEST_OTHER),
}
_FILE = {
    "path": _only(str, places.is_normal),
    "before": _optional(_image),
    "after": _optional(_text(_DIGEST)),
    "link": _optional(_only(str, places.is_place)),
}
_RECORD = {
    "id": _text(ID),
    "time": _text(_TIME),
    "command": _text(_WORD),
    "wanted": _wanted,
    "by": _text(_WORD),
    "undoes": _optional(_text(ID)),
    "followups": _list(_followup),
    "directories": _list(_only(str)),
    "files": _list(_file, MOST_FILES),
    "slots": _list(_slot),
    "kernels": _list(_byte_text),
}
