"""Options that several verbs share; sizes and architectures are read here, once."""

from __future__ import annotations

from grubkd.commands.declared import option
from grubkd.errors import ArchitectureUnknown, BadValue, Usage
from grubkd.text import from_user

AUTOMATIC = "auto"
_SIZES = "write sizes like 2G, 2048M, or in bytes"


def size(name: str, text: str) -> int:
    """Bytes of `2G`, `2048M` or a plain number, the value of an option. Raises Usage."""
    from grubkd.memory.size import parse_size

    try:
        found = parse_size(from_user(text))
    except BadValue as problem:
        raise Usage(f"{name}: {problem.message}", hint=_SIZES) from None
    if found <= 0:
        raise Usage(f"{name}: a size of 0 is none", hint=_SIZES)
    return found


def offset(name: str, text: str) -> int | str:
    """A physical address in bytes, or AUTOMATIC: grubkd is to choose one. Raises Usage."""
    return AUTOMATIC if text == AUTOMATIC else size(name, text)


def arch(name: str, text: str) -> str:
    """The architecture's name as grubkd shows it, however it was spelt. Raises Usage for an unknown one."""
    from grubkd.memory.architecture import architecture

    try:
        return architecture(from_user(text)).value
    except ArchitectureUnknown as problem:
        raise Usage(f"{name}: {problem.message}", hint=problem.hint) from None


ROOT = option(
    "--root",
    default="/",
    metavar="DIR",
    help="Act on the operating system tree in DIR instead of the running system.",
)

JSON = option("--json", is_flag=True, help="Print one JSON object.")

KERNEL = option(
    "--kernel",
    multiple=True,
    metavar="SEL",
    help="The entries that SEL selects: ALL, DEFAULT, an index, title=TITLE, a path, or an id. May be repeated.",
)

RAM = option("--ram", read=size, metavar="SIZE", help="The memory of the machine that the tree is for, such as 16G.")

ARCH = option(
    "--arch", read=arch, metavar="ARCH", help="The architecture of its kernels, where the tree does not tell."
)

# What the choice of a value depends on.
PLAN = (
    RAM,
    ARCH,
    option("--this-machine", is_flag=True, help="The tree is for the machine that grubkd runs on, as in an installer."),
    option(
        "--offset",
        read=offset,
        is_flag=False,
        flag_value=AUTOMATIC,
        metavar="[auto|ADDRESS]",
        help="Ask for a place as well (SIZE@OFFSET): this address, or one that grubkd chooses.",
    ),
)
