"""Options that the verbs which change files share."""

from __future__ import annotations

from grubkd.commands import options
from grubkd.commands.declared import option

CHANGE = (
    options.KERNEL,
    options.ROOT,
    option("--dry-run", is_flag=True, help="Print the unified diff that would be applied; write nothing."),
    option("--force", is_flag=True, help="Write also what would not boot or not reserve."),
    option("--run-followups", is_flag=True, help="With --root: run follow-ups such as zipl in the tree."),
    option("--unchanged-exit-77", is_flag=True, help="Exit 77 instead of 0 where nothing had to change."),
    options.JSON,
)
