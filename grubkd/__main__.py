"""The process: `grubkd` and `python3 -m grubkd`.

Nothing is imported before `run` can report a failure: a signal or a lack of memory may come with the first module.
"""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import NoReturn


def run() -> NoReturn:
    """Run grubkd as a command: ends the process with the exit code."""
    try:
        from grubkd import cli

        # To the end of the process: what comes after a change must not end it with another code.
        cli.Signals().__enter__()
        status = cli.run(sys.argv[1:])
    except KeyboardInterrupt:
        status = _fail("interrupted", 130)
    except (ImportError, MemoryError, OverflowError, SystemError) as problem:  # Python's clock ends in 2262
        status = _fail(f"grubkd cannot be loaded: {str(problem) or 'not enough memory'}", 1)
    sys.exit(status)


def _fail(why: str, status: int) -> int:
    with suppress(OSError, AttributeError):  # stderr may be unwritable, or closed
        sys.stderr.write(f"grubkd: error: {why}\n")
    return status


if __name__ == "__main__":
    run()
