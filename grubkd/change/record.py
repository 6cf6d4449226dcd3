"""The record of a transaction, and its text in the journal.

The text is two lines of JSON: the version with a SHA-256 of the second line, and the record. It is read as if an
attacker had written it: the type, range and form of every member is checked, old files are checked against their
digests, and every path must be one that grubkd edits.
"""

from __future__ import annotations

import re
from binascii import a2b_base64, b2a_base64
from dataclasses import dataclass
from typing import TYPE_CHECKING

from grubkd.change import disk, places
from grubkd.change.disk import FileImage
from grubkd.tree.root import LARGEST_FILE

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, TypeVar

    T = TypeVar("T")


VERSION = 1
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


@dataclass(frozen=True, slots=True)
class FileRecord:
    """One file of a transaction: its old image (None: it did not exist), and its new SHA-256 (None: removed).

    `link`: the place (see places) whose symbolic link led to `path` when it was changed; None where the path itself
    is such a place.
    """

    path: str
    before: FileImage | None
    after: str | None
    link: str | None = None


@dataclass(frozen=True, slots=True)
class Record:
    """One transaction.

    `time`: when, UTC, ISO 8601. `command`: the verb. `wanted`: what was asked for, as people write it (see
    grubkd.text): names to texts, numbers, or lists of them; `by`: "auto" or "given".
    `undoes`: for a rollback, the transaction that it took back. `directories`: those that it made, outermost first.
    `followups`: the commands that have to run after it, and after its rollback.
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


def encode(record: Record) -> bytes:
    """The journal's text."""
    import json

    body = json.dumps(
        {
            "id": record.id,
            "time": record.time,
            "command": record.command,
            "wanted": dict(record.wanted),
            "by": record.by,
            "undoes": record.undoes,
            "followups": [list(each) for each in record.followups],
            "directories": list(record.directories),
            "files": [_file_members(each) for each in record.files],
        }
    ).encode("ascii")
    head = json.dumps({"grubkd": VERSION, "sha256": disk.digest(body)}).encode("ascii")
    return head + b"\n" + body + b"\n"


def decode(data: bytes) -> Record:
    """The record of a journal's text. Raises Malformed."""
    import json

    head, _, rest = data.partition(b"\n")
    body = rest.removesuffix(b"\n")
    try:
        first = _members(json.loads(head), "grubkd", "sha256")
        if first["grubkd"] != VERSION:
            raise Malformed(f"version {first['grubkd']!a:.20}, where grubkd knows {VERSION}")
        if first["sha256"] != disk.digest(body):
            raise Malformed("its checksum does not fit: it was damaged or changed")
        return _record(json.loads(body))
    except Malformed:
        raise
    except (ValueError, RecursionError) as problem:
        raise Malformed(
            f"not a text that grubkd wrote: {str(problem).encode('ascii', 'backslashreplace').decode():.100}"
        ) from None


def _record(value: Any) -> Record:
    names = ("id", "time", "command", "wanted", "by", "undoes", "followups", "directories", "files")
    members = _members(value, *names)
    files = tuple(_file(each) for each in _list(members["files"], "files"))
    paths = [each.path for each in files]
    if len(set(paths)) != len(paths):
        raise Malformed("a file twice")
    record = Record(
        id=_matching(ID, members["id"], "id"),
        time=_matching(_TIME, members["time"], "time"),
        command=_matching(_WORD, members["command"], "command"),
        wanted=_wanted(_dict(members["wanted"], "wanted")),
        by=_matching(_WORD, members["by"], "by"),
        files=files,
        directories=tuple(_typed(str, each, "directory") for each in _list(members["directories"], "directories")),
        followups=tuple(_followup(each) for each in _list(members["followups"], "followups")),
        undoes=None if members["undoes"] is None else _matching(ID, members["undoes"], "undoes"),
    )
    for path in record.directories:
        if not any(other.startswith(path + "/") for other in paths) or path in ("", "/"):
            raise Malformed("a directory that holds none of its files")
    return record


def _wanted(value: dict[str, Any]) -> dict[str, Any]:
    """What was asked for: texts that can be printed, numbers, and lists of them."""
    for each in [*value, *value.values()]:
        for part in each if isinstance(each, list) else [each]:
            if isinstance(part, str):
                part.encode("utf-8", "surrogateescape")  # UnicodeEncodeError is a ValueError
            elif not isinstance(part, int | None):
                raise Malformed("wanted: not of the right form")
    return value


def unrecordable(file: FileRecord) -> str:
    """Why a journal cannot hold a file exactly; "" where it can."""
    import json

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
    members = {"path": file.path, "before": _image_members(file.before), "after": file.after}
    return members if file.link is None else {**members, "link": file.link}


def _file(value: Any) -> FileRecord:
    linked = isinstance(value, dict) and "link" in value
    members = _members(value, "path", "before", "after", *(["link"] if linked else []))
    path = _typed(str, members["path"], "path")
    if not places.is_normal(path):
        raise Malformed("a path that is not an absolute, plain one")
    before = None if members["before"] is None else _image(members["before"])
    after = None if members["after"] is None else _matching(_DIGEST, members["after"], "after")
    link = _typed(str, members["link"], "link") if linked else None
    if link is not None and not places.is_place(link):
        raise Malformed("a link that is at no place of a boot configuration")
    return FileRecord(path, before, after, link)


def _image_members(image: FileImage | None) -> dict[str, Any] | None:
    if image is None:
        return None
    return {
        "mode": image.mode,
        "uid": image.uid,
        "gid": image.gid,
        "mtime_ns": image.mtime_ns,
        "xattrs": {name: _base64(value) for name, value in image.xattrs.items()},
        "sha256": image.digest,
        "data": _base64(image.data),
    }


def _base64(data: bytes) -> str:
    return b2a_base64(data, newline=False).decode("ascii")


def _image(value: Any) -> FileImage:
    members = _members(value, "mode", "uid", "gid", "mtime_ns", "xattrs", "sha256", "data")
    image = FileImage(
        data=_bytes(members["data"], LARGEST_FILE, "data"),
        # Never a set-user-ID program, whatever the journal says.
        mode=_number(members["mode"], 0o7777, "mode") & 0o777,
        uid=_number(members["uid"], 2**32 - 2, "uid"),
        gid=_number(members["gid"], 2**32 - 2, "gid"),
        mtime_ns=_number(members["mtime_ns"], _LATEST, "mtime_ns", least=-_LATEST - 1),
        # Never file capabilities and the like, whatever the journal says.
        xattrs={
            name: _bytes(each, 65536, "xattr")
            for name, each in _dict(members["xattrs"], "xattrs").items()
            if disk.is_restored(name)
        },
    )
    if image.digest != members["sha256"]:
        raise Malformed("a before-image that does not fit its checksum")
    return image


def _followup(value: Any) -> tuple[str, ...]:
    command = tuple(_typed(str, each, "follow-up") for each in _list(value, "follow-up"))
    if command not in KNOWN_FOLLOWUPS:
        raise Malformed("a follow-up command that grubkd never runs")
    return command


def _members(value: Any, *names: str) -> dict[str, Any]:
    members = _dict(value, "record")
    if set(members) != set(names):
        raise Malformed(f"not exactly the members {', '.join(names)}")
    return members


def _typed(kind: type[T], value: Any, name: str) -> T:
    if not isinstance(value, kind) or isinstance(value, bool):
        raise Malformed(f"{name}: not of the right type")
    return value


def _dict(value: Any, name: str) -> dict[str, Any]:
    return _typed(dict, value, name)


def _list(value: Any, name: str) -> list[Any]:
    return _typed(list, value, name)


def _matching(pattern: re.Pattern[str], value: Any, name: str) -> str:
    if not pattern.fullmatch(_typed(str, value, name)):
        raise Malformed(f"{name}: not of the right form")
    return str(value)


def _number(value: Any, most: int, name: str, least: int = 0) -> int:
    if not least <= _typed(int, value, name) <= most:
        raise Malformed(f"{name}: out of range")
    return int(value)


def _bytes(value: Any, most: int, name: str) -> bytes:
    text = _typed(str, value, name)
    if len(text) > most * 4 // 3 + 4:
        raise Malformed(f"{name}: too long")
    return a2b_base64(text, strict_mode=True)
