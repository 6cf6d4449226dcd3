"""makedumpfile's flattened form: a dump as a stream of pieces, each with its place, for a pipe cannot seek."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

_HEAD = 4096
_SIGNATURE = b"makedumpfile\0\0\0\0"
_MOST_PIECES = 2000
_END = b"\xff" * 16


class _Piece(NamedTuple):
    """`size` bytes of the dump from `start` on stand in the file at `place`."""

    start: int
    size: int
    place: int


class Flattened:
    """The first pieces of a flattened file, read as the dump that they make. `ended`: the end mark is there."""

    # The pieces stand latest first.
    def __init__(self, part: Callable[[int, int], bytes], pieces: tuple[_Piece, ...], *, ended: bool) -> None:
        self._part = part
        self._pieces = pieces
        self.ended = ended

    @classmethod
    def read(cls, part: Callable[[int, int], bytes], size: int) -> Flattened | None:
        """The dump in a file of that many bytes; None where it is not flattened."""
        if part(0, 16) != _SIGNATURE:
            return None
        pieces: list[_Piece] = []
        at = _HEAD
        head = part(at, 16)
        while len(head) == 16 and head != _END and len(pieces) < _MOST_PIECES:
            # Big-endian on every machine.
            start, length = struct.unpack(">qq", head)
            if start < 0 or length <= 0:
                break
            pieces.append(_Piece(start, length, at + 16))
            at += 16 + length
            head = part(at, 16)
        # Of a large file not every piece is visited: then the last bytes are what tells, which a bitmap may hold too.
        ended = head == _END or (len(pieces) == _MOST_PIECES and part(size - 16, 16) == _END)
        return cls(part, tuple(reversed(pieces)), ended=ended)

    def part(self, offset: int, size: int) -> bytes:
        """The bytes of the dump there; what a later piece says again counts, what none says ends them."""
        found = b""
        while len(found) < size:
            at = offset + len(found)
            piece = next((each for each in self._pieces if each.start <= at < each.start + each.size), None)
            if piece is None:
                break
            skipped = at - piece.start
            more = self._part(piece.place + skipped, min(size - len(found), piece.size - skipped))
            if not more:
                break
            found += more
        return found
