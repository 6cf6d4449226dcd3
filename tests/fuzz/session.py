"""Runs a target for some time."""

import time
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from random import Random
from types import ModuleType

from fuzz.mutation import mutate

HERE = Path(__file__).parent
# Longer than any input may take: an input that takes this long counts as a hang.
PATIENCE = 10.0  # seconds of processor time


def targets() -> list[str]:
    """The names of all targets."""
    return sorted(each.stem for each in (HERE / "targets").glob("*.py") if each.stem != "__init__")


def load(name: str) -> tuple[ModuleType, list[bytes]]:
    """A target and its corpus."""
    corpus = [each.read_bytes() for each in sorted((HERE / "corpus" / name).iterdir())]
    assert corpus
    return import_module(f"fuzz.targets.{name}"), corpus


def fuzz(name: str, seconds: float, seed: int) -> int:
    """Run a target for some seconds of processor time; returns the number of inputs tried.

    Raises AssertionError with the input that failed.
    """
    module, corpus = load(name)
    random = Random(seed)
    tokens: Sequence[bytes] = getattr(module, "TOKENS", [])
    until = time.process_time() + seconds
    tried = 0
    for data in corpus:
        _attempt(module.attempt, data)
        tried += 1
    own = getattr(module, "mutate", mutate)
    while time.process_time() < until:
        _attempt(module.attempt, random.choice((own, mutate))(random, corpus, tokens))
        tried += 1
    return tried


def _attempt(attempt: Callable[[bytes], None], data: bytes) -> None:
    started = time.process_time()
    try:
        attempt(data)
    except Exception as problem:
        raise AssertionError(f"{type(problem).__name__}: {problem}\nfor the input\n{data!r}") from problem
    took = time.process_time() - started
    assert took < PATIENCE, f"{took:.1f} s for the input\n{data!r}"
