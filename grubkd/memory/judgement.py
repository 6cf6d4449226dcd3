"""Several attempts on memory that is not exactly known, and what can be said for certain."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Sequence

    from grubkd.memory.outcome import Outcome

SLACK = 0.05
"""A place that the kernel takes in at least nineteen of twenty boots counts as certain."""


class Judgement(NamedTuple):
    """The likeliest outcome, the others by falling likelihood, whether the first is certain, and why it is not."""

    likeliest: Outcome
    others: tuple[Outcome, ...]
    certain: bool
    why: str


def of_variants(outcomes: Sequence[Outcome], why: str) -> Judgement:
    """The first outcome is the likeliest; it is certain only where all the others agree with it."""
    distinct = _distinct(outcomes)
    return Judgement(distinct[0], distinct[1:], len(distinct) == 1, why if len(distinct) > 1 else "")


def of_chances(counted: Counter[Outcome], *, strict: bool, why: str) -> Judgement:
    """Outcomes with how often each comes; unless strict, an outcome rarer than SLACK does not make it uncertain."""
    ranked = [outcome for outcome, _ in counted.most_common()]
    distinct = _distinct(ranked)
    if len(distinct) == 1:
        return Judgement(distinct[0], (), True, "")
    first = sum(count for outcome, count in counted.items() if _same(outcome, distinct[0]))
    chance = 1 - first / counted.total()
    certain = not strict and chance < SLACK
    return Judgement(distinct[0], distinct[1:], certain, f"{why} (about {max(chance, 0.001):.1%} of boots)")


def combined(first: Judgement, second: Judgement) -> Judgement:
    """Both kinds of doubt together; they share the likeliest outcome or the first one's is taken."""
    others = _distinct([first.likeliest, *first.others, second.likeliest, *second.others])[1:]
    certain = first.certain and second.certain and _same(first.likeliest, second.likeliest)
    why = "; ".join(part for part in (first.why, second.why) if part)
    return Judgement(first.likeliest, others, certain, why)


def _same(one: Outcome, other: Outcome) -> bool:
    return (one.status, one.regions) == (other.status, other.regions)


def _distinct(outcomes: Sequence[Outcome]) -> tuple[Outcome, ...]:
    """One outcome for each status and regions, in order of first appearance."""
    found: dict[object, Outcome] = {}
    for outcome in outcomes:
        found.setdefault((outcome.status, outcome.regions), outcome)
    return tuple(found.values())
