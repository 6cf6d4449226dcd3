"""Expressions that are compiled late find what Python's own find."""

import re

from grubkd.lazily import expression


def test_expressions_work_as_compiled_ones() -> None:
    late, own = (
        expression(r"(?P<name>[a-z]+)=(\d+)", re.IGNORECASE),
        re.compile(r"(?P<name>[a-z]+)=(\d+)", re.IGNORECASE),
    )
    text = "x=1 Y=22"
    assert [found.groups() for found in late.finditer(text)] == [found.groups() for found in own.finditer(text)]
    assert late.findall(text) == own.findall(text)
    assert late.sub("-", text) == own.sub("-", text)
    assert late.split(text) == own.split(text)
    for name in ("match", "search", "fullmatch"):
        one, other = (getattr(each, name)(text, 4) for each in (late, own))
        assert (one and one.span()) == (other and other.span())
    assert (late.groups, late.groupindex, late.pattern, late.flags) == (
        own.groups,
        own.groupindex,
        own.pattern,
        own.flags,
    )
