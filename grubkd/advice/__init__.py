"""Where the boot configuration meets the machine: what each entry should hold, and what its kernel does with it."""

from __future__ import annotations

from grubkd.advice.recommend import (
    PlanOptions,
    plan_entries,
    plan_entry,
    plan_future,
    plan_release,
    recommended,
    review,
    shortage,
)
from grubkd.advice.verdict import Simulation, Verdict, Verdicts, simulate
from grubkd.memory.case import Plan, Reason
from grubkd.memory.planner import largest

__all__ = [
    "Plan",
    "PlanOptions",
    "Reason",
    "Simulation",
    "Verdict",
    "Verdicts",
    "largest",
    "plan_entries",
    "plan_entry",
    "plan_future",
    "plan_release",
    "recommended",
    "review",
    "shortage",
    "simulate",
]
