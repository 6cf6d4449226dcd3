"""Inputs made from a corpus by small and large changes."""

from collections.abc import Callable, Sequence
from random import Random

_RARE = [b"", b"\0", b"\xff", b"\n", b"\r\n", b"'", b'"', b"\\", b"{", b"}", b"[", b"]", b"$", b"`", b"#", b" ", b"\t"]
_NUMBERS = [b"-1", b"0", b"1e400", b"NaN", b"99999999999999999999", b"4294967295", b"true", b"null", b"\xed\xa0\x80"]


def mutate(random: Random, corpus: Sequence[bytes], tokens: Sequence[bytes]) -> bytes:
    """One of the corpus after one to eight changes."""
    data = random.choice(corpus)
    for _ in range(random.choice((1, 1, 1, 2, 3, 8))):
        data = random.choice(_CHANGES)(random, data, corpus, tokens)
        if len(data) > 1 << 20:
            data = data[: 1 << 20]
    return data


_Change = Callable[[Random, bytes, Sequence[bytes], Sequence[bytes]], bytes]


def _span(random: Random, data: bytes, most: int = 64) -> tuple[int, int]:
    start = random.randint(0, len(data))
    return start, min(len(data), start + random.randint(0, most))


def _flip(random: Random, data: bytes, _corpus: Sequence[bytes], _tokens: Sequence[bytes]) -> bytes:
    if not data:
        return data
    at = random.randrange(len(data))
    return data[:at] + bytes([data[at] ^ 1 << random.randrange(8)]) + data[at + 1 :]


def _delete(random: Random, data: bytes, _corpus: Sequence[bytes], _tokens: Sequence[bytes]) -> bytes:
    start, end = _span(random, data)
    return data[:start] + data[end:]


def _repeat(random: Random, data: bytes, _corpus: Sequence[bytes], _tokens: Sequence[bytes]) -> bytes:
    start, end = _span(random, data)
    return data[:end] + data[start:end] * random.choice((1, 2, 50, 2000)) + data[end:]


def _insert(random: Random, data: bytes, _corpus: Sequence[bytes], tokens: Sequence[bytes]) -> bytes:
    start, end = _span(random, data, 8)
    token = random.choice(random.choice((_RARE, _NUMBERS, tokens or _RARE)))
    return data[:start] + token + data[random.choice((start, end)) :]


def _splice(random: Random, data: bytes, corpus: Sequence[bytes], _tokens: Sequence[bytes]) -> bytes:
    other = random.choice(corpus)
    return data[: random.randint(0, len(data))] + other[random.randint(0, len(other)) :]


def _cut(random: Random, data: bytes, _corpus: Sequence[bytes], _tokens: Sequence[bytes]) -> bytes:
    return data[: random.randint(0, len(data))]


_CHANGES: list[_Change] = [_flip, _delete, _repeat, _insert, _insert, _splice, _cut]
