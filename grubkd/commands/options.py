"""Options that several verbs share, and the types of their values."""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING

import click

from grubkd.commands import completion
from grubkd.errors import ArchitectureUnknown, BadValue
from grubkd.memory.architecture import architecture
from grubkd.memory.size import MIB, format_size, parse_size
from grubkd.render import fix
from grubkd.text import from_user, to_user

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    # click's decorators take a function, or the command that another decorator made of it.
    Decorator = Callable[[Any], Any]

AUTOMATIC = "auto"
# No machine with less boots a kernel of any distribution.
_LEAST_RAM = 32 * MIB


def size(text: str, *, zero: bool = False) -> int:
    """A size in bytes, written as `2G`, `2048M` or a plain number. Raises click.BadParameter."""
    try:
        found = parse_size(from_user(text))
    except BadValue as problem:
        raise click.BadParameter(f"{to_user(problem.message)}; write 2G, 2048M or a number of bytes") from None
    if found <= 0 and not zero:
        raise click.BadParameter("the size must not be 0")
    return found


def size_or_zero(text: str) -> int:
    """A size in bytes, or 0. Raises click.BadParameter."""
    return size(text, zero=True)


def ram(text: str) -> int:
    """The RAM of a machine in bytes. A small number without a suffix is refused: it is hardly meant in bytes."""
    found = size(text)
    if found < _LEAST_RAM and text.strip().isdecimal():
        raise click.BadParameter(f"{found} bytes are too little for a machine; add a suffix, as in {found}M")
    return found


def offset(text: str) -> int | str:
    """A physical address in bytes, or AUTOMATIC: grubkd chooses one. Raises click.BadParameter."""
    return AUTOMATIC if text == AUTOMATIC else size(text)


def arch(text: str) -> str:
    """Grubkd's own name of an architecture that is given in any usual spelling. Raises click.BadParameter."""
    try:
        return architecture(from_user(text)).value
    except ArchitectureUnknown as problem:
        raise click.BadParameter(to_user(f"{problem.message}; {problem.hint}")) from None


def together(*decorators: Decorator) -> Decorator:
    """One decorator that adds several options, in this order."""
    return lambda function: reduce(lambda decorated, each: each(decorated), reversed(decorators), function)


def _noted(_ctx: click.Context, param: click.Parameter, given: Any) -> Any:
    """An option about the tree or the machine, which the commands in fixes need too."""
    option = param.opts[0]
    if option == "--root":
        if given != "/":
            fix.given(option, from_user(given))
    elif given:
        fix.given(option, "" if given is True else format_size(given) if isinstance(given, int) else given)
    return given


ROOT = click.option(
    "--root",
    default="/",
    callback=_noted,
    metavar="DIR",
    shell_complete=completion.directories,
    help="Act on the operating system tree in DIR instead of the running system.",
)

JSON = click.option("--json", is_flag=True, help="Print one JSON object.")


KERNEL = click.option(
    "--kernel",
    multiple=True,
    # Compared with texts of the tree, which have one character for each byte.
    callback=lambda _ctx, _param, given: tuple(map(from_user, given)),
    metavar="SEL",
    shell_complete=completion.selectors,
    help="Select entries: ALL, DEFAULT, RUNNING, an index, a kernel, title=TITLE or an id. May be repeated.",
)


def _menu_path(_ctx: click.Context, _param: click.Parameter, given: str | None) -> str | None:
    """A path inside the tree, with a name that grubkd may write."""
    if given is None:
        return None
    from grubkd.change.places import is_named_menu

    path = f"/{from_user(given).lstrip('/')}"
    fix.given("--grub-cfg", path)
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

RAM = click.option("--ram", type=ram, callback=_noted, metavar="SIZE", help="The RAM of the machine, such as 16G.")

ARCH = click.option(
    "--arch",
    type=arch,
    callback=_noted,
    metavar="ARCH",
    shell_complete=completion.architectures,
    help="The architecture of the kernels, if the tree does not show it.",
)

DRY_RUN = click.option("--dry-run", is_flag=True, help="Print the changes as a unified diff; write nothing.")

RUN_FOLLOWUPS = click.option(
    "--run-followups", is_flag=True, help="Run what must follow in the tree of --root, and tools that own entries."
)

# The options that describe the machine that the tree is for.
MACHINE = together(
    RAM,
    ARCH,
    click.option(
        "--this-machine",
        is_flag=True,
        callback=_noted,
        help="The tree is for this machine, which runs an installer.",
    ),
)

# The options on which the choice of a value depends.
PLAN = together(
    MACHINE,
    click.option(
        "--offset",
        type=offset,
        is_flag=False,
        flag_value=AUTOMATIC,
        metavar="[auto|ADDRESS]",
        help="Request an address as well (SIZE@OFFSET): this one, or one that grubkd chooses.",
    ),
)

# The options that set and unset share.
CHANGE = together(
    KERNEL,
    ROOT,
    GRUB_CFG,
    DRY_RUN,
    click.option(
        "--force", is_flag=True, help="Change what would reserve nothing, may not boot, or does not boot by default."
    ),
    RUN_FOLLOWUPS,
    click.option("--unchanged-exit-77", is_flag=True, help="Exit 77 instead of 0 if nothing had to change."),
    JSON,
)
