"""Where the boot configuration and the machine meet: what each entry should hold, and what it will get."""

from __future__ import annotations

from grubkd.advice.recommend import PlanOptions, largest, plan_entry, plan_future, plan_release, recommended, review
from grubkd.advice.verdict import Simulation, Verdict, foreseen, simulate, verdict
from grubkd.memory.plan import Plan, Reason

__all__ = [
    "Plan",
    "PlanOptions",
    "Reason",
    "Simulation",
    "Verdict",
    "foreseen",
    "largest",
    "plan_entry",
    "plan_future",
    "plan_release",
    "recommended",
    "review",
    "simulate",
    "verdict",
]
