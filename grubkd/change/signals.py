"""Signals that end a run, held back while files change: the change is undone first, then the run ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grubkd.errors import Interrupted

if TYPE_CHECKING:
    import signal
    from types import FrameType
else:
    import _signal as signal  # what `signal` makes enumerations of, which takes its time

_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Held:
    """SIGINT, SIGTERM and SIGHUP, those that are not ignored (nohup), held back until left (`with`).

    Which of them came, if any. Between two steps of a change `check` raises Interrupted for it. Outside the main thread
    no handler can be set, and the program that runs the thread must end it in order itself.
    """

    def __init__(self) -> None:
        self.number: int | None = None
        self._old: dict[int, object] = {}

    def __enter__(self) -> Held:
        try:
            for number in _ENDING:
                if signal.getsignal(number) != signal.SIG_IGN:
                    self._old[number] = signal.signal(number, self)
        except ValueError:
            return self  # in another thread
        return self

    def __exit__(self, *_problem: object) -> None:
        for number, handler in self._old.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)  # type: ignore[arg-type]

    def __call__(self, number: int, _frame: FrameType | None) -> None:
        """Take note of a signal."""
        self.number = number

    def arrived(self) -> bool:
        """Whether the run is to end."""
        return self.number is not None

    def check(self) -> None:
        """Raise Interrupted if the run is to end."""
        if self.number is not None:
            from signal import Signals

            name = Signals(self.number).name
            raise Interrupted(f"interrupted by {name}; what was begun has been undone")
