"""A plan in the words of other tools, for those who apply the value with them."""

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
    """The text for one of STYLES, without its last newline. `architecture`: whose kernels the value is for."""
    return "\n".join(STYLES[style](plan, architecture))


def _arguments(plan: Plan) -> list[str]:
    return [f"crashkernel={value}" for value in plan.values]


def _kickstart(plan: Plan, _architecture: Architecture | None) -> Iterator[str]:
    """Both ways that Anaconda has: the bootloader command, and the kdump addon, which overrules it where it runs."""
    yield "# Into the bootloader command that the file has: there may be only one."
    yield f'bootloader --append="{" ".join(_arguments(plan))}"'
    yield ""
    amount = _megabytes(plan)
    if amount is None:
        # com_redhat_kdump takes every crashkernel= out of the arguments, enabled or not, and adds one of N megabytes.
        yield "# An installer that runs the kdump addon drops this value, and the addon takes one number of megabytes,"
        yield "# which cannot say it: run grubkd in %post, as grubkd-kickstart(7) shows."
        return
    yield "# An installer that runs the kdump addon drops the value above in favour of this one, which is the same on a"
    yield "# machine with this much RAM only."
    yield f"%addon com_redhat_kdump --enable --reserve-mb={amount}"
    yield "%end"


def _megabytes(plan: Plan) -> int | None:
    """What the addon may be given in place of the value; None where no one number says it."""
    values = [parse_value(text) for text in plan.values]
    if len(values) != 1 or values[0].offset is not None or values[0].suffix or not plan.size:
        return None
    return round_up(plan.size, MIB) // MIB


def _blueprint(plan: Plan, _architecture: Architecture | None) -> Iterator[str]:
    yield "# Into the blueprint's own customizations.kernel, where it has one."
    yield "[customizations.kernel]"
    yield f'append = "{" ".join(_arguments(plan))}"'


def _kargs(plan: Plan, architecture: Architecture | None) -> Iterator[str]:
    yield "# /usr/lib/bootc/kargs.d/60-crashkernel.toml, in the image; no other file there may hold a crashkernel=."
    listed = ", ".join(f'"{argument}"' for argument in _arguments(plan))
    yield f"kargs = [{listed}]"
    if architecture:
        # bootc compares with Rust's names, and skips the file elsewhere.
        yield f'match-architectures = ["{architecture.rust_name}"]'


def _grubby(plan: Plan, _architecture: Architecture | None) -> Iterator[str]:
    # One command would do both in an order of its own; and a grubby that takes only the first of two away needs the
    # name twice.
    yield "grubby --update-kernel=ALL --remove-args='crashkernel crashkernel' &&"
    yield f"grubby --update-kernel=ALL --args='{' '.join(_arguments(plan))}'"


STYLES: Mapping[str, Callable[[Plan, Architecture | None], Iterator[str]]] = MappingProxyType(
    {"kickstart": _kickstart, "blueprint": _blueprint, "kargs.d": _kargs, "grubby": _grubby}
)
