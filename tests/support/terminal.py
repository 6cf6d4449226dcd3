"""grubkd at a terminal: run under a pseudo-terminal, as a person runs it."""

import os
import pty
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

TOP = Path(__file__).parents[2]
GRUBKD = (sys.executable, "-m", "grubkd")


def at_terminal(
    *arguments: str,
    term: str = "xterm-256color",
    columns: int = 100,
    seen: Callable[[bytes], None] = lambda _sent: None,
    **environment: str,
) -> str:
    """What the terminal is sent, both streams; its line ends are those of a file. Nobody types.

    `seen` gets all that was sent so far, whenever there is more.
    """
    inner, outer = pty.openpty()
    try:
        os.set_blocking(inner, True)
        subprocess.run(["stty", "cols", str(columns), "rows", "50"], stdin=outer, check=True)
        child = subprocess.Popen(
            [*GRUBKD, *arguments],
            stdin=outer,
            stdout=outer,
            stderr=outer,
            cwd=TOP,
            env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "TERM": term, **environment},
        )
    finally:
        os.close(outer)
    sent = b""
    try:
        # When the last holder of the other side has ended, reading fails on Linux.
        while part := os.read(inner, 65536):
            sent += part
            seen(sent)
    except OSError:
        pass
    finally:
        os.close(inner)
        child.wait()
    return sent.decode("utf-8", "surrogateescape").replace("\r\n", "\n")
