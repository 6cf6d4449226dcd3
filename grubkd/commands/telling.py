"""The options of grubkd itself, which every verb takes as well: how much is told, and in which colours."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from grubkd import render

if TYPE_CHECKING:
    from collections.abc import Sequence


def _louder(_ctx: click.Context, _parameter: click.Parameter, count: int) -> None:
    render.more_verbose(count)


def _coloured(_ctx: click.Context, _parameter: click.Parameter, when: str | None) -> None:
    if when:
        render.choose_colour(when)


def options() -> Sequence[click.Option]:
    """New options: -v and --color."""
    return (
        click.Option(
            ["-v", "--verbose"],
            count=True,
            is_eager=True,
            expose_value=False,
            callback=_louder,
            help="Tell what is found, decided and run; twice: also what is read.",
        ),
        click.Option(
            ["--color"],
            type=click.Choice(["auto", "always", "never"]),
            is_eager=True,
            expose_value=False,
            callback=_coloured,
            help="Colours: auto is on a terminal, unless NO_COLOR is set.",
        ),
    )


def with_options(command: click.Command) -> click.Command:
    """The verb, with these options once."""
    known = {name for parameter in command.params for name in parameter.opts}
    command.params.extend(option for option in options() if not known & set(option.opts))
    return command
