"""Run as a program: `parallel.py ROOT COUNT`: COUNT processes at once, each `grubkd set` with a value of its own.

Prints their exit codes, as JSON. The processes are forked when everything is loaded, so that they really meet.
"""

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))


def quiet(act: Callable[[], int]) -> int:
    """Do something whose answer on stdout is of no interest."""
    kept = os.dup(1)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    try:
        return act()
    finally:
        os.dup2(kept, 1)


def main(top: str, count: str) -> None:
    from grubkd import cli

    quiet(lambda: cli.main(["set", "99M", "--dry-run", "--root", top]))
    waiting, starting = os.pipe()
    children = []
    for number in range(int(count)):
        pid = os.fork()
        if pid == 0:
            os.close(starting)
            os.read(waiting, 1)  # ends for all at once, when the other end is closed
            status = 70
            try:
                status = quiet(lambda value=number: cli.main(["set", f"{100 + value}M", "--root", top]))
            finally:
                os._exit(status)
        children.append(pid)
    os.close(waiting)
    os.close(starting)
    print(json.dumps([os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in children]))


if __name__ == "__main__":
    main(*sys.argv[1:])
