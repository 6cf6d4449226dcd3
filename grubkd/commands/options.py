"""Options that several verbs share, as decorators; sizes and architectures are read here, once."""

from __future__ import annotations

import click

from grubkd import octets
from grubkd.errors import ArchitectureUnknown, BadValue, Usage
from grubkd.memory.architecture import architecture
from grubkd.memory.size import parse_size

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

AUTOMATIC = "auto"
_SIZES = "write sizes like 2G, 2048M, or in bytes"


def size(_ctx: click.Context, parameter: click.Parameter, given: str | None) -> int | None:
    """Bytes of `2G`, `2048M` or a plain number, or None where the option is not given. Raises Usage."""
    if given is None:
        return None
    option = parameter.opts[0]
    try:
        found = parse_size(octets.from_person(given))
    except BadValue as problem:
        raise Usage(f"{option}: {problem.message}", hint=_SIZES) from None
    if found <= 0:
        raise Usage(f"{option}: a size of 0 is none", hint=_SIZES)
    return found


def offset(ctx: click.Context, parameter: click.Parameter, given: str | None) -> int | str | None:
    """A physical address in bytes, or AUTOMATIC: grubkd is to choose one. Raises Usage."""
    return AUTOMATIC if given == AUTOMATIC else size(ctx, parameter, given)


def arch(_ctx: click.Context, _parameter: click.Parameter, given: str | None) -> str | None:
    """The architecture's name as grubkd shows it, however it was spelt. Raises Usage for an unknown one."""
    if given is None:
        return None
    try:
        return architecture(octets.from_person(given)).value
    except ArchitectureUnknown as problem:
        raise Usage(f"--arch: {problem.message}", hint=problem.hint) from None


root_option = click.option(
    "--root",
    default="/",
    metavar="DIR",
    help="Act on the operating system tree in DIR instead of the running system.",
)

json_option = click.option("--json", is_flag=True, help="Print one JSON object.")

kernel_option = click.option(
    "--kernel",
    multiple=True,
    metavar="SEL",
    help="The entries that SEL selects: ALL, DEFAULT, an index, title=TITLE, a path, or an id. May be repeated.",
)

ram_option = click.option(
    "--ram", callback=size, metavar="SIZE", help="The memory of the machine that the tree is for, such as 16G."
)

arch_option = click.option(
    "--arch", callback=arch, metavar="ARCH", help="The architecture of its kernels, where the tree does not tell."
)

_this_machine_option = click.option(
    "--this-machine", is_flag=True, help="The tree is for the machine that grubkd runs on, as in an installer."
)

_offset_option = click.option(
    "--offset",
    callback=offset,
    is_flag=False,
    flag_value=AUTOMATIC,
    metavar="[auto|ADDRESS]",
    help="Ask for a place as well (SIZE@OFFSET): this address, or one that grubkd chooses.",
)


def plan_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """What the choice of a value depends on: --ram, --arch, --this-machine, --offset."""
    for option in (_offset_option, _this_machine_option, arch_option, ram_option):
        function = option(function)
    return function
