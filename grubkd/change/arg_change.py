"""What is wanted of the arguments of a kernel command line."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from grubkd.boot import cmdline


class Verb(Enum):
    """How a wish treats the arguments it is about."""

    SET = "set"
    ADD = "add"
    REMOVE = "remove"


@dataclass(frozen=True, slots=True)
class ArgChange:
    """One wish about one argument name; the arguments are tokens, verbatim as the kernel is to receive them.

    HOLD: the line holds exactly `tokens` under that name (none: the name goes). ADD: `tokens` (one) stands in the
    line, appended where it does not yet. REMOVE: no argument of that name, or, where `tokens` names one with a value,
    none equal to it.
    """

    verb: Verb
    name: str
    tokens: tuple[str, ...] = ()

    @property
    def reserves(self) -> bool:
        """Whether it is about the reservation, which Xen makes in its own line."""
        return self.name == cmdline.CRASHKERNEL

    def matches(self, argument: str) -> bool:
        """Whether an argument is one of those the wish is about; by exact name, never by pattern."""
        if self.verb is Verb.ADD:
            return cmdline.meaning(argument) == cmdline.meaning(self.tokens[0])
        # The first test is the quicker one, and most arguments fail it.
        if self.name not in argument or cmdline.name_of(argument) != self.name:
            return False
        if self.verb is Verb.REMOVE and self.tokens:
            return cmdline.value_of(argument) == cmdline.value_of(self.tokens[0])
        return True


def reservation(values: tuple[str, ...]) -> ArgChange:
    """The wish that the line holds exactly these crashkernel values, given without the name."""
    return ArgChange(Verb.SET, cmdline.CRASHKERNEL, tuple(f"{cmdline.CRASHKERNEL}={value}" for value in values))
