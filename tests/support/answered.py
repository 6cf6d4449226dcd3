"""What a verb answers, run in this process."""

import io
import json
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from typing import Any, NamedTuple


class Run(NamedTuple):
    exit: int
    text: str
    stderr: str

    @property
    def json(self) -> Any:
        return json.loads(self.text)


def answer(call: Callable[[], int]) -> Run:
    """What a verb prints and returns."""
    out, err = io.TextIOWrapper(io.BytesIO(), "utf-8"), io.TextIOWrapper(io.BytesIO(), "utf-8", "surrogateescape")
    with redirect_stdout(out), redirect_stderr(err):
        status = call()
    out.flush()
    err.flush()
    return Run(
        status,
        out.buffer.getvalue().decode("utf-8", "surrogateescape"),
        err.buffer.getvalue().decode("utf-8", "surrogateescape"),
    )
