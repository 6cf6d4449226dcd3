"""Memory maps that a person saved: /proc/iomem, /sys/firmware/memmap, boot messages, or JSON."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

from grubkd.errors import InputOutput, PermissionDenied, Place, Usage
from grubkd.memory.memory_map import BadMemoryMap, from_e820_log, from_firmware, from_firmware_memmap_files, from_iomem
from grubkd.text import from_bytes, from_user

if TYPE_CHECKING:
    from grubkd.memory.memory_map import MemoryMap

_LARGEST = 16 << 20
_FILES = ("start", "end", "type")
# `grep . /sys/firmware/memmap/*/*` saves all of them in one file.
_LISTED = re.compile(r"(?:.*/)?(\d+)/(start|end|type):(.*)")


def iomem(path: str) -> MemoryMap:
    """The map of a saved /proc/iomem, or of saved boot messages. Raises BadMemoryMap with its line, InputOutput."""
    text = _text(path)
    named = from_user(path)
    return from_e820_log(text, file=named) if "BIOS-e820:" in text else from_iomem(text, file=named)


def firmware(path: str) -> MemoryMap:
    """The firmware's map, in any form that people save it in.

    A copy of the directory /sys/firmware/memmap; what `grep .` prints of it; boot messages with BIOS-e820; JSON: a
    list of [start, end exclusive, type]. Raises BadMemoryMap, InputOutput.
    """
    if Path(path).is_dir():
        return _directory(path)
    text = _text(path)
    named = from_user(path)
    if "BIOS-e820:" in text:
        return from_e820_log(text, file=named)
    if text.lstrip().startswith("["):
        return _json(text, named)
    entries: dict[str, dict[str, str]] = {}
    for number, line in enumerate(text.splitlines(), 1):
        found = _LISTED.fullmatch(line)
        if not found:
            raise BadMemoryMap(
                f"not understood: '{line.strip()[:60]}'",
                hint="save it with: grep . /sys/firmware/memmap/*/*, or: dmesg",
                place=Place(named, number, 1),
            )
        entries.setdefault(found[1], {})[found[2]] = found[3]
    return from_firmware_memmap_files(entries)


def _directory(path: str) -> MemoryMap:
    entries = {}
    for each in sorted(Path(path).iterdir()):
        if each.is_dir():
            entries[from_user(each.name)] = {name: _text(str(each / name)) for name in _FILES}
    return from_firmware_memmap_files(entries)


def _json(text: str, file: str) -> MemoryMap:
    try:
        rows = [(start, end, kind) for start, end, kind in json.loads(text)]
        if any(
            type(start) is not int or type(end) is not int or not isinstance(kind, str) for start, end, kind in rows
        ):
            raise ValueError("each range is [start, end, type], addresses in bytes")
    except (ValueError, TypeError, RecursionError) as problem:
        raise BadMemoryMap(
            f"not understood: {problem}", hint="a JSON list of [start, end exclusive, type]", place=Place(file)
        ) from None
    return from_firmware(rows)


def _text(path: str) -> str:
    named = from_user(path)
    try:
        with Path(path).open("rb") as file:
            data = file.read(_LARGEST + 1)
    except PermissionError as problem:
        raise PermissionDenied(f"{named}: {problem.strerror}") from None
    except OSError as problem:
        raise InputOutput(f"{named}: {problem.strerror}") from None
    if len(data) > _LARGEST:
        raise Usage(f"{named}: too large for a memory map")
    return from_bytes(data)
