"""`predict --batch`: JSON lines in, JSON lines out, one answer a line, in order."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import TYPE_CHECKING

from grubkd.errors import GrubkdError, Usage
from grubkd.memory.architecture import architecture
from grubkd.memory.kernel_parser import read
from grubkd.memory.memory_map import from_firmware
from grubkd.memory.placement.early import changes_ram, node_borders
from grubkd.memory.placement.initrd import LOADERS, UnknownInitrd
from grubkd.memory.placement.place import counted_ram, place_line
from grubkd.memory.release import Release
from grubkd.memory.size import LIMIT
from grubkd.render import output, predict
from grubkd.text import from_user, to_display

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from typing import Any, BinaryIO, TypeGuard

    from grubkd.memory.memory_map import Extent, MemoryMap
    from grubkd.memory.placement.place import Placement

_CHUNK = 1 << 16


class BadRequest(Usage):
    """A line that is not a request."""

    code = "bad-request"


def run(stream: BinaryIO) -> None:
    """Answer every line of the stream. Lines are answered as they arrive; a bad line does not stop the run."""
    parse = lru_cache(maxsize=1024)(Release.parse)
    for lines in _arrivals(stream):
        output.text("\n".join(answers(lines, parse)))


def _arrivals(stream: BinaryIO) -> Iterator[list[bytes]]:
    """The lines of a stream, in groups as they arrive; the last line may lack its newline."""
    parts: list[bytes] = []
    while chunk := _read(stream):
        whole, newline, rest = chunk.rpartition(b"\n")
        if newline:
            yield b"".join((*parts, whole)).split(b"\n")
            parts.clear()
        if rest:
            parts.append(rest)
    if parts:
        yield [b"".join(parts)]


def _read(stream: BinaryIO) -> bytes:
    read1 = getattr(stream, "read1", None)
    chunk: bytes = read1(_CHUNK) if read1 else stream.readline()
    return chunk


def answers(lines: Iterable[bytes], parse: Callable[[str], Release] = Release.parse) -> Iterator[str]:
    """The answer to each line, as a line of JSON without its newline."""
    for line in lines:
        yield _DUMP(_answer_line(line, parse))


def answer(request: Mapping[str, Any], parse: Callable[[str], Release] = Release.parse) -> dict[str, Any]:
    """The answer to one request: {"id", "request", "placement"}. Raises GrubkdError for an invalid request.

    Unknown fields are ignored. Optional ones that are left out or null are unknown; an initrd that is null is none.
    Sizes and addresses are bytes, ends exclusive.
    """
    cmdline = _text(request, "cmdline")
    release = parse(_text(request, "release"))
    arch = architecture(_text(request, "arch"))
    ram = _number(request, "ram")
    memory = _memory(request)
    unknown = UnknownInitrd(loader=_loader(request))
    if memory is not None and (release.counts_span or changes_ram(cmdline)):
        ram = counted_ram(release, arch, memory, cmdline)
    found = read(cmdline, release, arch, ram)
    placement = None
    if memory is not None:
        placement = place_line(
            cmdline,
            release,
            arch,
            ram,
            memory,
            kernel_image=_extent(request, "kernel_image"),
            # Left out it is unknown; null means that there is none.
            initrd=_extent(request, "initrd") if "initrd" in request else unknown,
            borders=node_borders(_nodes(request)),
            kaslr=_flag(request, "kaslr"),
            efi=_flag(request, "efi"),
        )
    return {
        "id": request.get("id"),
        "request": {**predict.request(found), "reason": to_display(found.reason)},
        "placement": None if placement is None else _placement_object(placement),
    }


def _refuse_constant(name: str) -> object:
    raise ValueError(f"{name} is not JSON")


_LOAD = json.JSONDecoder(parse_constant=_refuse_constant).decode
_DUMP = json.JSONEncoder(separators=(",", ":")).encode


def _answer_line(line: bytes, parse: Callable[[str], Release]) -> dict[str, Any]:
    name = None
    try:
        try:
            request = _LOAD(line.decode("utf-8"))
        except (ValueError, RecursionError) as problem:
            raise BadRequest(f"the line is not JSON: {problem}") from None
        if not isinstance(request, dict):
            raise BadRequest("the line is not a JSON object")
        name = request.get("id")
        return answer(request, parse)
    except GrubkdError as problem:
        return {"id": name, "error": {"code": problem.code, "message": to_display(str(problem))}}


def _placement_object(placement: Placement) -> dict[str, Any]:
    return {
        "status": placement.status,
        "regions": placement.regions,
        "alternatives": placement.alternatives,
        "chance": round(placement.chance, 6),
        "chances": [round(chance, 6) for chance in placement.chances],
        "reason": to_display(placement.reason),
    }


def _text(request: Mapping[str, Any], name: str) -> str:
    value = request.get(name)
    if not isinstance(value, str):
        raise BadRequest(f"'{name}' must be a string" if name in request else f"'{name}' is missing")
    return value if value.isascii() else _bytes_of(name, value)


def _bytes_of(name: str, value: str) -> str:
    try:
        return from_user(value)
    except UnicodeEncodeError:
        raise BadRequest(f"'{name}' holds a code point that is not a character") from None


def _number(request: Mapping[str, Any], name: str) -> int:
    value = request.get(name)
    if _is_address(value):
        return value
    raise BadRequest(
        f"'{name}' must be a whole number of bytes below 2^64" if name in request else f"'{name}' is missing"
    )


def _is_address(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < LIMIT


def _flag(request: Mapping[str, Any], name: str) -> bool | None:
    value = request.get(name)
    if value is not None and not isinstance(value, bool):
        raise BadRequest(f"'{name}' must be true or false")
    return value


def _extent(request: Mapping[str, Any], name: str) -> Extent | None:
    value = request.get(name)
    if value is None:
        return None
    if isinstance(value, list) and len(value) == 2 and _is_address(value[0]) and _is_end(value[1]):
        start, end = value
        if start < end:
            return start, end
    raise BadRequest(f"'{name}' must be [start, end] in bytes, the end exclusive and above the start")


def _loader(request: Mapping[str, Any]) -> str:
    value = request.get("loader")
    if value is not None and value not in LOADERS:
        raise BadRequest(f"'loader' must be one of {', '.join(LOADERS)}")
    return value or ""


def _nodes(request: Mapping[str, Any]) -> list[tuple[int, int, int]]:
    """The NUMA nodes: (start, end exclusive, node)."""
    value = request.get("numa_nodes")
    if value is None:
        return []
    if isinstance(value, list) and all(
        isinstance(each, list) and len(each) == 3 and _is_address(each[0]) and _is_end(each[1]) and _is_address(each[2])
        for each in value
    ):
        return [(start, end, node) for start, end, node in value]
    raise BadRequest("'numa_nodes' must be a list of [start, end, node], in bytes, the end exclusive")


def _is_end(value: object) -> bool:
    return value == LIMIT or _is_address(value)


def _memory(request: Mapping[str, Any]) -> MemoryMap | None:
    value = request.get("firmware_map")
    if value is None:
        return None
    if not isinstance(value, list):
        raise BadRequest("'firmware_map' must be a list of [start, end, type]")
    ranges = []
    for number, each in enumerate(value, 1):
        if not (isinstance(each, list) and len(each) == 3 and _is_address(each[0]) and _is_end(each[1])):
            raise BadRequest(f"'firmware_map', range {number}: must be [start, end, type], in bytes, the end exclusive")
        if not isinstance(each[2], str):
            raise BadRequest(f"'firmware_map', range {number}: the type must be a string")
        ranges.append((each[0], each[1], each[2].strip()))
    return from_firmware(ranges)
