"""Options that several verbs share, as decorators; sizes and architectures are read here, once."""

from collections.abc import Callable
from typing import Any

import click

from grubkd import octets
from grubkd.errors import ArchitectureUnknown, BadValue, Usage
from grubkd.memory.architecture import architecture
from grubkd.memory.size import parse_size

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]

AUTOMATIC = "auto"


class Size(click.ParamType):
    """An amount of memory: `2G`, `2048M`, or plain bytes; positive."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Bytes. Raises Usage with the column of what is wrong."""
        if isinstance(value, int):
            return value
        option = param.opts[0] if param else "size"
        try:
            size = parse_size(octets.from_person(value))
        except BadValue as problem:
            raise Usage(f"{option}: {problem.message}", hint="write sizes like 2G, 2048M, or in bytes") from None
        if size <= 0:
            raise Usage(f"{option}: a size of 0 is none", hint="write sizes like 2G, 2048M, or in bytes")
        return size


class Offset(Size):
    """A physical address, or the word `auto`: grubkd is to choose one."""

    name = "offset"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Bytes, or AUTOMATIC. Raises Usage."""
        return value if value == AUTOMATIC else super().convert(value, param, ctx)


class Architectures(click.ParamType):
    """An architecture, however uname, dpkg or RPM spells it."""

    name = "arch"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The name grubkd shows. Raises Usage for an unknown one."""
        try:
            return architecture(octets.from_person(value)).value
        except ArchitectureUnknown as problem:
            raise Usage(problem.message, hint=problem.hint) from None


root_option: Decorator = click.option(
    "--root",
    default="/",
    metavar="DIR",
    help="Act on the operating system tree in DIR instead of the running system.",
)

json_option: Decorator = click.option("--json", is_flag=True, help="Print one JSON object.")

kernel_option: Decorator = click.option(
    "--kernel",
    multiple=True,
    metavar="SEL",
    help="The entries that SEL selects: ALL, DEFAULT, an index, title=TITLE, a path, or an id. May be repeated.",
)

ram_option: Decorator = click.option(
    "--ram", type=Size(), metavar="SIZE", help="The memory of the machine that the tree is for, such as 16G."
)

arch_option: Decorator = click.option(
    "--arch",
    type=Architectures(),
    metavar="ARCH",
    help="The architecture of its kernels, where the tree does not tell.",
)


def plan_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """--ram, --arch, --this-machine and --offset: what the choice of a value depends on."""
    for option in (
        click.option(
            "--offset",
            type=Offset(),
            is_flag=False,
            flag_value=AUTOMATIC,
            metavar="[auto|ADDRESS]",
            help="Ask for a place as well (SIZE@OFFSET): this address, or one that grubkd chooses.",
        ),
        click.option("--this-machine", is_flag=True, help="With --root: the tree is for the machine grubkd runs on."),
        arch_option,
        ram_option,
    ):
        function = option(function)
    return function
