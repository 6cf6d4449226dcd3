"""Files of memory maps that the user gives: read them, and let memory_map parse them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from grubkd.errors import InputOutput, PermissionDenied, Usage
from grubkd.memory.map_parsers import from_firmware_memmap_files, from_saved, from_saved_firmware
from grubkd.text import from_bytes, from_user

if TYPE_CHECKING:
    from grubkd.memory.memory_map import MemoryMap

_LARGEST = 16 << 20
_FILES = ("start", "end", "type")


def iomem(path: str) -> MemoryMap:
    """The map of a saved /proc/iomem, or of saved boot messages. Raises BadMemoryMap with its line, InputOutput."""
    return from_saved(_text(path), file=from_user(path))


def firmware(path: str) -> MemoryMap:
    """The firmware's map: a copy of the directory /sys/firmware/memmap, or a file as memory_map.from_saved_firmware.

    Raises BadMemoryMap, InputOutput.
    """
    if Path(path).is_dir():
        return _directory(path)
    return from_saved_firmware(_text(path), file=from_user(path))


def _directory(path: str) -> MemoryMap:
    entries = {}
    for each in sorted(Path(path).iterdir()):
        if each.is_dir():
            entries[from_user(each.name)] = {name: _text(str(each / name)) for name in _FILES}
    return from_firmware_memmap_files(entries)


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
