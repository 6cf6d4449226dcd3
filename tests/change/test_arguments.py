"""Lists of arguments through Augeas: what comes out is what was wanted, or it is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grubkd.change import arguments
from grubkd.errors import CannotHold

LISTS = st.lists(
    st.sampled_from(
        ["ro", "a:b=1", "a,b=1", "ip=a::b", 'dyndbg="file a.c +p"', "x=*[/=", "caf\xe9=\xff", 'x="a\nb"', "#"]
    ),
    max_size=6,
)


@given(st.lists(st.tuples(LISTS, LISTS), min_size=1, max_size=8))
def test_any_list_becomes_any_other(changes: list[tuple[list[str], list[str]]]) -> None:
    arguments.change(changes)


def test_more_lists_than_one_batch() -> None:
    arguments.change([(["ro", f"n={number}"], ["ro", "crashkernel=1M", f"n={number}"]) for number in range(250)])


def test_a_change_in_the_middle_of_many_arguments() -> None:
    arguments.change(
        [
            ([f"a{number}", "b", "c", "crashkernel=1M", "d", f"e{number}"], [f"a{number}", "b", "c", "d", f"e{number}"])
            for number in range(3)
        ]
    )


@pytest.mark.parametrize("byte", ["\0", "\1", "\2", "\3", "\4"])
def test_bytes_that_augeas_cannot_carry_are_refused(byte: str) -> None:
    with pytest.raises(CannotHold, match="control byte"):
        arguments.change([(["ro"], ["ro", f"x={byte}"])])


def test_such_bytes_are_refused_in_an_argument_that_stays_too() -> None:
    with pytest.raises(CannotHold, match="control byte"):
        arguments.change([(["x=\1", "a", "b", "ro"], ["x=\1", "a", "b", "ro", "crashkernel=1M"])])


@pytest.mark.parametrize(
    ("argument", "held"),
    [("ro", True), ('a="b c"', True), ("", False), ("a b", False), ('a="b', False), ("a\nb", False), ('"a b"', True)],
)
def test_what_the_lens_holds(argument: str, held: bool) -> None:
    assert arguments.holds(argument) is held
