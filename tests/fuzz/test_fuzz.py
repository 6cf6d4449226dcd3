"""A few seconds of each fuzzing target; fuzz/__init__.py has the command for longer runs."""

import pytest

from fuzz.session import fuzz, targets


@pytest.mark.parametrize("name", targets())
def test_a_few_seconds(name: str) -> None:
    tried = fuzz(name, 2.0, seed=1)
    print(f"{name}: {tried} inputs")
    assert tried >= 20


@pytest.mark.long
@pytest.mark.parametrize("name", targets())
def test_ten_minutes(name: str) -> None:
    tried = fuzz(name, 600.0, seed=2)
    print(f"{name}: {tried} inputs")
    assert tried >= 10_000
