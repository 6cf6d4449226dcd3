"""Signals that end a run, held back while files change or a command runs."""

from __future__ import annotations

import signal
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from grubkd.errors import Interrupted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType
    from typing import Any

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class HeldSignals:
    """A context that holds back SIGINT, SIGTERM and SIGHUP; not those that are ignored, as under nohup.

    `number` is the signal that arrived. `check` raises Interrupted for it between two steps of a change. Inside another
    such context, both get the signal, and one that arrived before. Outside the main thread no handler can be set: there
    the program must end the thread in order itself.
    """

    def __init__(self) -> None:
        self.number: int | None = None
        self._old: dict[int, Any] = {}

    def __enter__(self) -> HeldSignals:
        with suppress(ValueError):  # in another thread
            for number in ENDING:
                if signal.getsignal(number) != signal.SIG_IGN:
                    old = self._old[number] = signal.signal(number, self)
                    if isinstance(old, HeldSignals):
                        self.number = self.number or old.number
        return self

    def __exit__(self, *_problem: object) -> None:
        for number, handler in self._old.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)

    def __call__(self, number: int, frame: FrameType | None) -> None:
        """Note a signal."""
        self.number = number
        if isinstance(outer := self._old.get(number), HeldSignals):
            outer(number, frame)

    def too_late(self) -> None:
        """Pass on to the handlers that come back, if they have such a method, that the change is made."""
        for handler in self._old.values():
            if passed := getattr(handler, "too_late", None):
                passed()

    @property
    def name(self) -> str:
        """The name of the signal that arrived."""
        return signal.Signals(self.number).name if self.number else ""

    def arrived(self) -> bool:
        """Whether a signal arrived."""
        return self.number is not None

    def check(self, hint: str = "") -> None:
        """Raise Interrupted if a signal arrived."""
        if self.number is not None:
            raise Interrupted(f"interrupted by {self.name}; all changes are undone", hint=hint)


@contextmanager
def deferred() -> Iterator[Callable[[], bool]]:
    """A context in which a signal waits: what it gives says whether one arrived, which takes its effect at the end."""
    held = HeldSignals()
    try:
        with held:
            yield held.arrived
    finally:
        if held.number is not None:
            signal.raise_signal(held.number)
