"""`predict --batch`: JSON lines in, JSON lines out, one answer a line, in order."""

from __future__ import annotations

import json
from functools import lru_cache
from math import isfinite
from typing import TYPE_CHECKING

from grubkd.errors import GrubkdError, Usage
from grubkd.memory.architecture import architecture
from grubkd.memory.case import Observed
from grubkd.memory.forecast import observed_placement
from grubkd.memory.kernel_parser import read
from grubkd.memory.memory_map import MOST_RANGES, from_firmware
from grubkd.memory.placement.boot_facts import counted_ram
from grubkd.memory.placement.early import changes_ram, node_borders
from grubkd.memory.placement.initrd import LOADERS, UnknownInitrd
from grubkd.memory.placement.place import place_line
from grubkd.memory.release import Release
from grubkd.memory.size import LIMIT
from grubkd.render import output, plan
from grubkd.text import from_json, to_display

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from typing import Any, BinaryIO, TypeGuard

    from grubkd.memory.memory_map import Extent, MemoryMap

_CHUNK = 1 << 16
_LONGEST = 1 << 20  # bytes of a line
_LONGEST_CMDLINE = 1 << 16  # bytes; no kernel takes more
_MOST_NODES = 128  # ranges of nodes; the largest machines have 64 nodes
_NODES = f"a list of up to {_MOST_NODES} [start, end, node], in bytes, the end exclusive"
_EVIDENCE = 'an object with "size" in bytes and, if known, "regions", a list of [start, end]'
_REPORT = "the kernel did something else than grubkd predicts: please report this request and its answer"
_EXTENT = "[start, end] in bytes, the end exclusive and above the start"


class BadRequest(Usage, code="bad-request"):
    """A line that is not a request."""


def run(stream: BinaryIO) -> None:
    """Answer every line of the stream. Lines are answered as they arrive; a bad line does not stop the run."""
    parse = lru_cache(maxsize=1024)(Release.parse)
    for lines in _arrivals(stream):
        output.text("\n".join(answers(lines, parse)))


def _arrivals(stream: BinaryIO) -> Iterator[list[bytes]]:
    """The lines of a stream, in groups as they arrive; the last line may lack its newline.

    Of a line that is longer than _LONGEST only the beginning is kept, which is longer too.
    """
    parts: list[bytes] = []
    kept = 0
    while chunk := stream.read1(_CHUNK):  # type: ignore[attr-defined]  # every buffered stream has it
        whole, newline, rest = chunk.rpartition(b"\n")
        if newline:
            yield b"".join((*parts, whole)).split(b"\n")
            parts.clear()
            kept = 0
        if rest and kept <= _LONGEST:
            parts.append(rest)
            kept += len(rest)
    if parts:
        yield [b"".join(parts)]


def answers(lines: Iterable[bytes], parse: Callable[[str], Release] = Release.parse) -> Iterator[str]:
    """The answer to each line, as a line of JSON without its newline."""
    for line in lines:
        yield _DUMP(_answer_line(line, parse))


def answer(request: Mapping[str, Any], parse: Callable[[str], Release] = Release.parse) -> dict[str, Any]:
    """The answer to one request: {"id", "request", "placement"}. Raises GrubkdError for an invalid request.

    Unknown fields are ignored. Optional ones that are left out or null are unknown; an initrd that is null is none.
    Sizes and addresses are bytes, ends exclusive. A `ram` that is not the sum of the map is what the kernel counts.
    """
    cmdline = _text(request, "cmdline", _LONGEST_CMDLINE)
    release = parse(_text(request, "release"))
    arch = architecture(_text(request, "arch"))
    ram = _field(request, "ram", _is_address, "a whole number of bytes below 2^64", required=True)
    memory, facts = _memory(request), _boot_facts(request)
    if memory is not None and (release.counts_span or ram == memory.ram_total or changes_ram(cmdline)):
        ram = counted_ram(release, arch, memory, cmdline)
    wanted = read(cmdline, release, arch, ram)
    found = None if memory is None else place_line(cmdline, release, arch, ram, memory, **facts)
    contradicted = False
    if (seen := _evidence(request)) is not None:
        found, contradicted = observed_placement(seen, found)
    result = {
        "id": request.get("id"),
        "request": {**plan.request(wanted), "reason": to_display(wanted.reason)},
        "placement": None if found is None else {**plan.placement(found), "reason": to_display(found.reason)},
    }
    return {**result, "report": _REPORT} if contradicted else result


def _boot_facts(request: Mapping[str, Any]) -> dict[str, Any]:
    """What the request says of the boot, as place_line takes it. Raises BadRequest."""
    flags = {name: _field(request, name, _is_flag, "true or false") for name in ("kaslr", "efi")}
    image, initrd = (_extent(request, name) for name in ("kernel_image", "initrd"))
    loader = _field(request, "loader", LOADERS.__contains__, f"one of {', '.join(LOADERS)}") or ""
    return {
        **flags,
        "kernel_image": image,
        # A field that is left out is unknown; null means that there is no initrd.
        "initrd": initrd if "initrd" in request else UnknownInitrd(loader=loader),
        "borders": node_borders(_field(request, "numa_nodes", _are_nodes, _NODES) or []),
    }


def _refuse_constant(name: str) -> object:
    raise ValueError(f"{name} is not JSON")


def _finite(digits: str) -> float:
    number = float(digits)
    if not isfinite(number):
        raise ValueError(f"the number {digits} is too large")
    return number


_LOAD = json.JSONDecoder(parse_constant=_refuse_constant, parse_float=_finite).decode
_DUMP = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode


def _answer_line(line: bytes, parse: Callable[[str], Release]) -> dict[str, Any]:
    name = None
    try:
        if len(line) > _LONGEST:
            raise BadRequest(f"the line is longer than {_LONGEST >> 20} MiB")
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


def _text(request: Mapping[str, Any], name: str, most: int = _LONGEST) -> str:
    value: str = _field(request, name, _is_text, "a string", required=True)
    if len(value) > most:
        raise BadRequest(f"'{name}' is longer than {most >> 10} KiB, which no kernel takes")
    try:
        return value if value.isascii() else from_json(value)
    except UnicodeEncodeError:
        raise BadRequest(f"'{name}' holds a code point that is not a character") from None


def _field(
    request: Mapping[str, Any], name: str, accepts: Callable[[object], bool], what: str, *, required: bool = False
) -> Any:
    """The value of a field; None if it is optional and missing or null. Raises BadRequest for any other value."""
    value = request.get(name)
    if accepts(value) or (value is None and not required):
        return value
    raise BadRequest(f"'{name}' must be {what}" if name in request else f"'{name}' is missing")


def _is_list(value: object, most: int = MOST_RANGES) -> TypeGuard[list[Any]]:
    return isinstance(value, list) and len(value) <= most


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_flag(value: object) -> bool:
    return isinstance(value, bool)


def _is_address(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < LIMIT


def _extent(request: Mapping[str, Any], name: str) -> Extent | None:
    found = _field(request, name, _is_extent, _EXTENT)
    return None if found is None else (found[0], found[1])


def _are_nodes(value: object) -> bool:
    return _is_list(value, _MOST_NODES) and all(
        isinstance(each, list) and len(each) == 3 and _is_address(each[0]) and _is_end(each[1]) and _is_address(each[2])
        for each in value
    )


def _is_end(value: object) -> bool:
    return value == LIMIT or _is_address(value)


def _is_extent(value: object) -> bool:
    if not (isinstance(value, list) and len(value) == 2 and _is_address(value[0]) and _is_end(value[1])):
        return False
    return bool(value[0] < value[1])


def _evidence(request: Mapping[str, Any]) -> Observed | None:
    """What the kernel is known to have done with this line: the size of its main region, and its regions."""
    value = _field(request, "evidence", lambda found: isinstance(found, dict), _EVIDENCE)
    if value is None:
        return None
    size, regions = value.get("size"), value.get("regions") or []
    if not _is_address(size) or not _is_list(regions) or not all(map(_is_extent, regions)):
        raise BadRequest(f"'evidence' must be {_EVIDENCE}")
    found = tuple(sorted((start, end) for start, end in regions))
    if found and size not in {end - start for start, end in found}:
        raise BadRequest("'evidence': no region has that size")
    return Observed((), size, found)


def _memory(request: Mapping[str, Any]) -> MemoryMap | None:
    what = f"a list of up to {MOST_RANGES} [start, end, type]"
    value = _field(request, "firmware_map", _is_list, what)
    if value is None:
        return None
    ranges = []
    for number, each in enumerate(value, 1):
        if not (isinstance(each, list) and len(each) == 3 and _is_address(each[0]) and _is_end(each[1])):
            raise BadRequest(f"'firmware_map', range {number}: must be [start, end, type], in bytes, the end exclusive")
        if not isinstance(each[2], str):
            raise BadRequest(f"'firmware_map', range {number}: the type must be a string")
        ranges.append((each[0], each[1], each[2].strip()))
    return from_firmware(ranges)
