"""Options that several verbs share, and the types of their values."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from grubkd.commands import completion
from grubkd.errors import ArchitectureUnknown, BadValue
from grubkd.memory.architecture import architecture
from grubkd.memory.size import parse_size
from grubkd.text import from_user, to_display

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    # click's decorators take a function, or the command that another decorator made of it.
    Decorator = Callable[[Any], Any]

AUTOMATIC = "auto"


class Size(click.ParamType):  # type: ignore[type-arg] # click 8.1 takes no type argument
    """A size in bytes, written as `2G`, `2048M` or a plain number."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """As click.ParamType."""
        try:
            found = parse_size(from_user(value))
        except BadValue as problem:
            self.fail(f"{to_display(problem.message)}; write 2G, 2048M or a number of bytes", param, ctx)
        if found <= 0:
            self.fail("the size must not be 0", param, ctx)
        return found


class Offset(Size):
    """A physical address in bytes, or AUTOMATIC: grubkd chooses one."""

    name = "offset"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """As click.ParamType."""
        return AUTOMATIC if value == AUTOMATIC else super().convert(value, param, ctx)


class Arch(click.ParamType):  # type: ignore[type-arg] # click 8.1 takes no type argument
    """The name of an architecture, in any usual spelling; the value is grubkd's own name for it."""

    name = "arch"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """As click.ParamType."""
        try:
            return architecture(from_user(value)).value
        except ArchitectureUnknown as problem:
            self.fail(to_display(f"{problem.message}; {problem.hint}"), param, ctx)


def together(*decorators: Decorator) -> Decorator:
    """One decorator that adds several options, in this order."""

    def decorate(function: Any) -> Any:
        for each in reversed(decorators):
            function = each(function)
        return function

    return decorate


ROOT = click.option(
    "--root",
    default="/",
    metavar="DIR",
    shell_complete=completion.directories,
    help="Act on the operating system tree in DIR instead of the running system.",
)

JSON = click.option("--json", is_flag=True, help="Print one JSON object.")


def _as_bytes(_ctx: click.Context, _param: click.Parameter, given: tuple[str, ...]) -> tuple[str, ...]:
    """Texts that are compared with those of the tree, which have one character for each byte."""
    return tuple(map(from_user, given))


KERNEL = click.option(
    "--kernel",
    multiple=True,
    callback=_as_bytes,
    metavar="SEL",
    shell_complete=completion.selectors,
    help="Select entries: ALL, DEFAULT, an index, title=TITLE, a path, or an id. May be repeated.",
)


def _menu_path(_ctx: click.Context, _param: click.Parameter, given: str | None) -> str | None:
    """A path inside the tree, with a name that grubkd may write."""
    if given is None:
        return None
    from grubkd.change.places import is_named_menu

    path = f"/{from_user(given).lstrip('/')}"
    if not is_named_menu(path):
        raise click.BadParameter("the name of a menu of GRUB 2 begins with grub and ends in .cfg")
    return path


GRUB_CFG = click.option(
    "--grub-cfg",
    callback=_menu_path,
    metavar="PATH",
    help="Act on this menu of GRUB 2 alone: a path inside the tree.",
)

RELEASE = click.option(
    "--release",
    metavar="RELEASE",
    shell_complete=completion.releases,
    help="Use this kernel release, as uname -r prints it; the kernel need not be installed.",
)

RAM = click.option("--ram", type=Size(), metavar="SIZE", help="The RAM of the machine, such as 16G.")

ARCH = click.option(
    "--arch",
    type=Arch(),
    metavar="ARCH",
    shell_complete=completion.architectures,
    help="The architecture of the kernels, if the tree does not show it.",
)

DRY_RUN = click.option("--dry-run", is_flag=True, help="Print the changes as a unified diff; write nothing.")

RUN_FOLLOWUPS = click.option(
    "--run-followups", is_flag=True, help="With --root: run follow-up commands such as zipl in the tree."
)

# What the choice of a value depends on.
PLAN = together(
    RAM,
    ARCH,
    click.option("--this-machine", is_flag=True, help="The tree is for this machine, which runs an installer."),
    click.option(
        "--offset",
        type=Offset(),
        is_flag=False,
        flag_value=AUTOMATIC,
        metavar="[auto|ADDRESS]",
        help="Request an address as well (SIZE@OFFSET): this one, or one that grubkd chooses.",
    ),
)

# What set and unset share.
CHANGE = together(
    KERNEL,
    ROOT,
    GRUB_CFG,
    DRY_RUN,
    click.option(
        "--force", is_flag=True, help="Write the value even if the kernel would not boot or would reserve nothing."
    ),
    RUN_FOLLOWUPS,
    click.option("--unchanged-exit-77", is_flag=True, help="Exit 77 instead of 0 if nothing had to change."),
    JSON,
)
