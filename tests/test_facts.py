"""The dataclasses of grubkd behave as Python's own."""

import copy
import dataclasses
import pickle
from collections import namedtuple
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grubkd import facts


def make(module: Any) -> tuple[Any, Any]:
    """A frozen class and one that is not, made by the decorator of a module."""

    @module.dataclass(frozen=True, slots=True)
    class Fact:
        """A fact."""

        name: str
        size: int = 3
        parts: list[int] = module.field(default_factory=list)

        @property
        def double(self) -> int:
            """Twice the size."""
            return self.size * 2

    @module.dataclass(slots=True)
    class Draft:
        name: str
        count: int = 0

        def __repr__(self) -> str:
            return f"<{self.name}>"

    return Fact, Draft


@facts.dataclass(frozen=True, slots=True)
class Kept:
    name: str
    size: int = 1


@pytest.mark.parametrize("module", [facts, dataclasses], ids=["ours", "Python's"])
def test_dataclasses(module: Any) -> None:
    fact, draft = make(module)
    one, other = fact("a"), fact("a", 3, [])
    assert one == other
    assert one != fact("a", 4)
    assert one != draft("a", 3)
    assert (one.name, one.size, one.parts, one.double) == ("a", 3, [], 6)
    assert one.parts is not other.parts
    assert fact(name="b", size=1) == fact("b", 1)
    assert repr(one) == "make.<locals>.Fact(name='a', size=3, parts=[])"
    assert repr(draft("x")) == "<x>"
    assert hash(fact("a", 1, ())) == hash(fact("a", 1, ()))
    assert fact.__doc__ == "A fact."
    assert fact.__match_args__ == ("name", "size", "parts")
    assert not hasattr(one, "__dict__")
    with pytest.raises(dataclasses.FrozenInstanceError, match="cannot assign to field 'size'"):
        one.size = 4
    with pytest.raises(AttributeError):
        del one.size
    with pytest.raises(TypeError):
        fact()
    with pytest.raises(TypeError):
        fact("a", unknown=1)
    with pytest.raises(TypeError):
        hash(draft("a"))
    changed = draft("a")
    changed.count += 1
    assert changed == draft("a", 1)
    assert module.replace(one, size=9) == fact("a", 9)
    assert dataclasses.replace(one, size=9) == fact("a", 9)
    assert dataclasses.asdict(one) == {"name": "a", "size": 3, "parts": []}
    assert [each.name for each in dataclasses.fields(one)] == ["name", "size", "parts"]
    assert copy.deepcopy(one) == one


def test_instances_can_be_copied_and_pickled() -> None:
    kept = Kept("a", 2)
    assert pickle.loads(pickle.dumps(kept)) == copy.copy(kept) == kept


def make_tuple(base: Any) -> Any:
    """A named tuple of that base."""

    class Span(base):  # type: ignore[misc]
        """From here to there."""

        start: int
        end: int
        text: str = ""
        parts: tuple[int, ...] = ()

        @property
        def size(self) -> int:
            return self.end - self.start

    return Span


# Where pickle finds them.
Span, PythonsSpan = make_tuple(facts.NamedTuple), make_tuple(NamedTuple)
for name, each in {"Span": Span, "PythonsSpan": PythonsSpan}.items():
    each.__qualname__ = each.__name__ = name


@pytest.mark.parametrize("kind", [Span, PythonsSpan], ids=["ours", "Python's"])
def test_named_tuples(kind: Any) -> None:
    one: Any = kind(1, end=5)
    assert (type(one), one) == (kind, (1, 5, "", ()))
    assert (one.start, one.end, one.text, one.parts, one.size) == (1, 5, "", (), 4)
    assert one._replace(end=9, text="x") == kind(1, 9, "x")
    assert type(one._replace(end=9)) is kind
    assert hash(one) == hash((1, 5, "", ()))
    assert repr(one) == f"{kind.__name__}(start=1, end=5, text='', parts=())"
    assert kind.__doc__ == "From here to there."
    assert kind._fields == kind.__match_args__ == ("start", "end", "text", "parts")
    assert kind._field_defaults == {"text": "", "parts": ()}
    assert not hasattr(one, "__dict__")
    match one:
        case kind(start=start, parts=parts):
            assert (start, parts) == (1, ())
    with pytest.raises(AttributeError):
        one.start = 4
    with pytest.raises(TypeError):
        kind(1)
    with pytest.raises(TypeError):
        kind(1, 2, unknown=3)
    # A ValueError before 3.13.
    with pytest.raises((TypeError, ValueError)):
        one._replace(unknown=3)
    for copied in (copy.deepcopy(one), pickle.loads(pickle.dumps(one)), copy.copy(one)):
        assert (copied, type(copied)) == (one, kind)


def outcome(kind: Any, args: Sequence[int], kwargs: Mapping[str, int]) -> str:
    try:
        return repr(kind(*args, **kwargs)).rpartition(".")[2]
    except TypeError:
        return "TypeError"


CALLS = st.lists(
    st.tuples(
        st.lists(st.integers(0, 9), max_size=4),
        st.dictionaries(st.sampled_from(["name", "size", "parts", "other"]), st.integers(0, 9), max_size=3),
    ),
    max_size=24,
)


@given(CALLS)
def test_every_call_does_what_it_does_in_pythons_own(calls: list[tuple[list[int], dict[str, int]]]) -> None:
    """The first instances are made in another way than those to come; both refuse the same calls."""
    ours, pythons = make(facts)[0], make(dataclasses)[0]

    class Fact(facts.NamedTuple):
        name: int
        size: int = 3
        parts: int = 4

    own = namedtuple("own", "name size parts", defaults=(3, 4))
    for args, kwargs in calls:
        assert outcome(ours, args, kwargs) == outcome(pythons, args, kwargs)
        assert outcome(Fact, args, kwargs).replace("Fact", "own") == outcome(own, args, kwargs)
