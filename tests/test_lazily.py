"""Expressions that are compiled late, or when the package is built, find what Python's own find."""

import re
from typing import Any

import pytest

from grubkd import kept, lazily
from grubkd.lazily import expression
from grubkd.parsing import compile


@pytest.fixture(scope="module")
def built() -> dict[str, Any]:
    """What the build writes, as a module's variables."""
    space: dict[str, Any] = {}
    exec(compile.expressions(), space)
    return space


def test_the_build_keeps_every_expression(built: dict[str, Any]) -> None:
    assert built["PYTHON"] == kept.PYTHON
    assert set(built["EXPRESSIONS"]) == lazily.sources
    assert len(lazily.sources) > 80
    for (source, flags), found in built["EXPRESSIONS"].items():
        loaded, own = kept.load(source, found), re.compile(source, flags)
        assert loaded == own
        assert (loaded.groups, loaded.groupindex) == (own.groups, own.groupindex)
        for text in ("", "a", "crashkernel=1G", "0x10 "):
            subject = text if isinstance(source, str) else text.encode()
            assert loaded.findall(subject) == own.findall(subject)


def test_names_of_groups_are_told() -> None:
    source = r"(?P<first>a)(b)?(?P<last>c)"
    found = kept.load(source, kept.kept(source)).fullmatch("abc")
    assert found
    assert (found.groupdict(), found.lastgroup) == ({"first": "a", "last": "c"}, "last")


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
