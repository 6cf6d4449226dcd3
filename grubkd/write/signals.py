"""Signals that end a run, held back while files change: the change is undone first, then the run ends."""

from __future__ import annotations

import signal
import threading
from contextlib import contextmanager

from grubkd.errors import Interrupted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Held:
    """Which ending signal came, if any. Between two steps of a change `check` raises Interrupted for it."""

    def __init__(self) -> None:
        self.number: int | None = None

    def __call__(self, number: int, _frame: FrameType | None) -> None:
        """Take note of a signal."""
        self.number = number

    def arrived(self) -> bool:
        """Whether the run is to end."""
        return self.number is not None

    def check(self) -> None:
        """Raise Interrupted if the run is to end."""
        if self.number is not None:
            raise Interrupted(f"interrupted by {signal.Signals(self.number).name}; what was begun has been undone")


@contextmanager
def held() -> Iterator[Held]:
    """Hold back SIGINT, SIGTERM and SIGHUP, those that are not ignored (nohup), until left.

    Outside the main thread no handler can be set, and the program that runs the thread must end it in order itself.
    """
    state = Held()
    old = {}
    if threading.current_thread() is threading.main_thread():
        for number in _ENDING:
            if signal.getsignal(number) is not signal.SIG_IGN:
                old[number] = signal.signal(number, state)
    try:
        yield state
    finally:
        for number, handler in old.items():
            signal.signal(number, handler if handler is not None else signal.SIG_DFL)
