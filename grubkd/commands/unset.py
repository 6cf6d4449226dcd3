"""`grubkd unset`: no crashkernel value, wherever it stands."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grubkd.advice import PlanOptions
from grubkd.commands import writing
from grubkd.commands.declared import verb
from grubkd.commands.setting import Request, carry_out

if TYPE_CHECKING:
    from typing import Any


@verb(
    "unset",
    *writing.CHANGE,
)
def command(**given: Any) -> int:
    """Remove every crashkernel value: from the entries, and from what kernels installed later take theirs from."""
    return carry_out(Request(command="unset", selectors=given.pop("kernel"), options=PlanOptions(), values=(), **given))
