"""The dumps in a directory: as kdump-utils, kdump-tools and SUSE's kdump leave them, one directory each."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from grubkd.errors import GrubkdError
from grubkd.machine import messages, vmcore
from grubkd.text import from_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from grubkd.tree.root import Root

_CORE = re.compile(r"vmcore(?:\.flat|\.?\d{1,12})?|dump\.\d{8,14}(?:\.\w{2,4})?")
_UNFINISHED = re.compile(r"vmcore(?:\.flat)?-incomplete|dump-incomplete(?:\.\w{2,4})?")
_MESSAGES = re.compile(r"vmcore-dmesg(?:-incomplete)?\.txt|dmesg(?:\.txt|\.\d{8,14})?")
_HEAD, _TAIL = 64 << 10, 512 << 10


@dataclass(frozen=True, slots=True)
class Dump:
    """`path`: its directory. `files`: those that hold memory, () where only messages were saved; `size`: their bytes.

    `time`: seconds since 1970, of the crash where the dump tells it, else of the last write. `complete` is None for a
    form whose end cannot be checked; `fault` says what is missing. `release` and `panic`, the line that says why, where
    the dump or its messages tell them.
    """

    path: str
    files: tuple[str, ...]
    size: int
    time: int
    complete: bool | None
    fault: str = ""
    form: str = ""
    release: str | None = None
    panic: str | None = None


def read(tree: Root, directory: str) -> tuple[Dump, ...]:
    """The dumps in the directory itself and in those below it, newest first; of one time, by name, latest first."""
    found = [dump for path in _places(tree, directory) if (dump := _dump(tree, path))]
    return tuple(sorted(found, key=lambda dump: (dump.time, dump.path), reverse=True))


def _places(tree: Root, directory: str) -> Iterator[str]:
    top = directory.rstrip("/")
    yield top or "/"
    yield from (f"{top}/{name}" for name in tree.list(directory))


def _dump(tree: Root, path: str) -> Dump | None:
    names = tree.list(path)
    cores = [name for name in names if _CORE.fullmatch(name)]
    unfinished = [name for name in names if _UNFINISHED.fullmatch(name)]
    told = [name for name in names if _MESSAGES.fullmatch(name)]
    if not (cores or unfinished or told):
        return None
    files = tuple(cores or unfinished)
    headers, size, time = [], 0, 0
    for name in files or told[:1]:
        status = tree.stat(f"{path}/{name}")
        if status is not None:
            size += status.st_size if files else 0
            time = max(time, int(status.st_mtime))
    for name in files:
        headers.append(_header(tree, f"{path}/{name}"))
    known = [each for each in headers if each]
    release, panic = _told(tree, [f"{path}/{name}" for name in told])
    fault = _fault(files, headers, unfinished=bool(unfinished and not cores))
    return Dump(
        path=path,
        files=files,
        size=size,
        time=next((each.time for each in known if each.time), time),
        complete=False if fault else None if any(each.form in vmcore.PACKED for each in known) else True,
        fault=fault,
        form=known[0].form if known else "",
        release=next((each.release for each in known if each.release), release),
        panic=panic,
    )


def _fault(files: tuple[str, ...], headers: list[vmcore.Header | None], *, unfinished: bool) -> str:
    if not files:
        return "only the kernel's messages were saved"
    if unfinished:
        return "it was not finished"
    for name, header in zip(files, headers, strict=True):
        if header is None:
            return f"{name} is no dump"
        if header.fault:
            return f"{name}: {header.fault}"
    return ""


def _header(tree: Root, path: str) -> vmcore.Header | None:
    """None for what is no dump, or may not be read."""
    try:
        with tree.open(path) as file:
            fd = file.fileno()
            return vmcore.read(lambda offset, size: os.pread(fd, size, offset), os.fstat(fd).st_size)
    except (GrubkdError, OSError):
        return None


def _told(tree: Root, paths: list[str]) -> tuple[str | None, str | None]:
    """The release and the panic line by the first of these files that tells, of a large one its beginning and end."""
    for path in paths:
        try:
            status = tree.stat(path)
            size = status.st_size if status else 0
            head = from_bytes(tree.part(path, 0, _HEAD))
            tail = from_bytes(tree.part(path, max(size - _TAIL, 0), _TAIL))
        except GrubkdError:
            continue
        release = messages.release(head) or messages.release(tail)
        if release or messages.panic(tail):
            return release, messages.panic(tail)
    return None, None
