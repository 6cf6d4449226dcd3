"""`grubkd set`: the wanted value or arguments, everywhere it matters."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grubkd.advice import PlanOptions
from grubkd.commands import arg_changes, options, writing
from grubkd.commands.declared import argument, option, verb
from grubkd.commands.setting import Request, carry_out
from grubkd.errors import Usage
from grubkd.memory import value
from grubkd.text import from_user

if TYPE_CHECKING:
    from typing import Any


@verb(
    "set",
    argument("values", nargs=-1, metavar="[VALUE]..."),
    option("--auto", is_flag=True, help="Choose the value by RAM, architecture and kernel (see: grubkd plan)."),
    option("--arg", "holds", multiple=True, metavar="NAME[=V]", help="Let NAME hold exactly this value, or these."),
    option("--add-arg", "adds", multiple=True, metavar="TOKEN", help="Append TOKEN where it is not there yet."),
    option("--remove-arg", "removes", multiple=True, metavar="NAME[=V]", help="Remove every NAME, or every NAME=V."),
    option("--regenerate", is_flag=True, help="Run the tree's own grub-mkconfig instead of editing its grub.cfg."),
    *options.PLAN,
    *writing.CHANGE,
)
def command(
    values: tuple[str, ...],
    auto: bool,
    holds: tuple[str, ...],
    adds: tuple[str, ...],
    removes: tuple[str, ...],
    **given: Any,
) -> int:
    """Set the crashkernel value, and other kernel arguments, everywhere it matters.

    VALUE is a crashkernel value, with or without the name; two for a high and a low region. With arguments alone the
    value stays as it is. The run is one transaction: all files change or none, and `grubkd rollback` takes it back.
    """
    if auto and values:
        raise Usage("VALUE and --auto are two answers to one question", hint="give one of them")
    arguments = arg_changes.of_options(holds, adds, removes)
    if not auto and not values and not arguments:
        raise Usage("nothing to set", hint="give a VALUE, --auto, --arg, --add-arg or --remove-arg")
    if given["regenerate"] and given["kernel"] not in ((), ("ALL",)):
        raise Usage("--regenerate makes every entry anew", hint="leave out --kernel")
    plan = {name: given.pop(name) for name in ("ram", "arch", "this_machine", "offset")}
    return carry_out(
        Request(
            command="set",
            selectors=given.pop("kernel"),
            options=PlanOptions(**plan),
            values=_checked(values) if values else None,
            auto=auto,
            arguments=arguments,
            **given,
        )
    )


def _checked(values: tuple[str, ...]) -> tuple[str, ...]:
    """The values as given, without the name. Raises BadValue with the column."""
    texts = [from_user(value) for value in values]
    value.parse_values(texts)
    return tuple(text.removeprefix("crashkernel=") for text in texts)
