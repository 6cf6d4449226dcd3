"""`predict --batch`: JSON lines."""

import json

from grubkd.commands.batch import answers

TOKENS = [
    b'"id"',
    b'"cmdline"',
    b'"release"',
    b'"arch"',
    b'"ram"',
    b'"firmware_map"',
    b"null",
    b"[]",
    b"{}",
    b"1e9",
    b"-1",
    b"\\ud800",
]


def attempt(data: bytes) -> None:
    """Each line gets an answer of one line of JSON."""
    lines = data.split(b"\n")
    found = list(answers(lines))
    assert len(found) <= len(lines)
    for line in found:
        answer = json.loads(line)
        assert {"id", "error"} <= answer.keys() or {"id", "request", "placement"} <= answer.keys()
