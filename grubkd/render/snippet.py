"""A plan in the syntax of other tools: `plan --as`."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from grubkd.memory.size import MIB, round_up
from grubkd.memory.value import parse_value

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from grubkd.advice import Plan
    from grubkd.memory.architecture import Architecture


def snippet(style: str, plan: Plan, architecture: Architecture | None) -> str:
    """The text for one of STYLES, without its last newline. `architecture`: that of the kernels."""
    return "\n".join(STYLES[style](plan, architecture))


def _arguments(plan: Plan) -> list[str]:
    return [f"crashkernel={value}" for value in plan.values]


def _kickstart(plan: Plan, _architecture: Architecture | None) -> Iterator[str]:
    """Both ways of Anaconda: the bootloader command, and the kdump addon, which overrides it."""
    yield "# Merge this into the bootloader command of the file: there must be only one."
    yield f'bootloader --append="{" ".join(_arguments(plan))}"'
    yield ""
    amount = _megabytes(plan)
    if amount is None:
        # com_redhat_kdump removes every crashkernel= argument, enabled or not, and adds one of N megabytes.
        yield "# An installer with the kdump addon drops this value. The addon takes one number of megabytes, which"
        yield "# cannot express it: run grubkd in %post as in grubkd-kickstart(7)."
        return
    yield "# An installer with the kdump addon uses this value instead of the one above. They are the same only on a"
    yield "# machine with this amount of RAM."
    yield f"%addon com_redhat_kdump --enable --reserve-mb={amount}"
    yield "%end"


def _megabytes(plan: Plan) -> int | None:
    """The megabytes for the addon; None if one number cannot express the value."""
    values = [parse_value(text) for text in plan.values]
    if len(values) != 1 or values[0].offset is not None or values[0].suffix or not plan.size:
        return None
    return round_up(plan.size, MIB) // MIB


def _blueprint(plan: Plan, _architecture: Architecture | None) -> Iterator[str]:
    yield "# Merge this into customizations.kernel of the blueprint if it has one."
    yield "[customizations.kernel]"
    yield f'append = "{" ".join(_arguments(plan))}"'


def _kargs(plan: Plan, architecture: Architecture | None) -> Iterator[str]:
    yield "# /usr/lib/bootc/kargs.d/60-crashkernel.toml, in the image; no other file there may hold a crashkernel=."
    listed = ", ".join(f'"{argument}"' for argument in _arguments(plan))
    yield f"kargs = [{listed}]"
    if architecture:
        # bootc compares this with Rust's name of the architecture, and skips the file if it differs.
        yield f'match-architectures = ["{architecture.rust_name}"]'


def _grubby(plan: Plan, _architecture: Architecture | None) -> Iterator[str]:
    # One command would do both in its own order. Some versions of grubby remove one argument for each name given.
    yield "grubby --update-kernel=ALL --remove-args='crashkernel crashkernel' &&"
    yield f"grubby --update-kernel=ALL --args='{' '.join(_arguments(plan))}'"


def _value(plan: Plan, _architecture: Architecture | None) -> Iterator[str]:
    """For scripts: what `grubkd set` takes; two values with a blank between them."""
    yield " ".join(plan.values)


STYLES: Mapping[str, Callable[[Plan, Architecture | None], Iterator[str]]] = MappingProxyType(
    {"kickstart": _kickstart, "blueprint": _blueprint, "kargs.d": _kargs, "grubby": _grubby, "value": _value}
)
