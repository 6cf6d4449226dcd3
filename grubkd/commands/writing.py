"""Options that the verbs which change files share, as one decorator."""

from __future__ import annotations

import click

from grubkd.commands import options

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


def change_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """--kernel, --root, --dry-run, --force, --run-followups, --unchanged-exit-77 and --json."""
    for option in (
        options.json_option,
        click.option("--unchanged-exit-77", is_flag=True, help="Exit 77 instead of 0 where nothing had to change."),
        click.option("--run-followups", is_flag=True, help="With --root: run follow-ups such as zipl in the tree."),
        click.option("--force", is_flag=True, help="Write also what would not boot or not reserve."),
        click.option("--dry-run", is_flag=True, help="Print the unified diff that would be applied; write nothing."),
        options.root_option,
        options.kernel_option,
    ):
        function = option(function)
    return function
