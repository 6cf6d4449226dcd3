"""An interactive shell at a terminal, as a person uses it: keys are sent, what it shows is read."""

import os
import pty
import re
import select
import signal
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

TAB, PRINT = "\t", "\x18"
PATIENCE = 60.0  # seconds; the machine may be busy


class Shell:
    """The shell, until it is closed. `started` is typed first; it binds PRINT to print the line and to empty it."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str], home: Path, started: str) -> None:
        self.command, self.seen = command, ""
        self.process, self.terminal = pty.fork()
        if self.process == 0:  # the child: nothing may come back from here
            try:
                os.chdir(home)
                os.execve(command[0], list(command), dict(environment))
            finally:
                os._exit(127)
        self.send(f"{started}; echo REA''DY\n")
        self.expect(r"READY\r\n")

    def send(self, keys: str) -> None:
        os.write(self.terminal, keys.encode())

    def expect(self, pattern: str) -> re.Match[str]:
        """Read until the pattern is there; what was seen up to its end is forgotten."""
        end = time.monotonic() + PATIENCE
        while not (found := re.search(pattern, self.seen, re.DOTALL)):
            left = max(0.0, end - time.monotonic())
            assert select.select([self.terminal], [], [], left)[0], f"{pattern!r} is not in {self.seen!r}"
            self.seen += os.read(self.terminal, 65536).decode(errors="replace")
        self.seen = self.seen[found.end() :]
        return found

    def completed(self, line: str) -> str:
        """The command line after TAB is pressed behind it."""
        self.send(line + TAB + PRINT)
        return self.expect(r"LINE<(.*?)>\r*\n").group(1)

    def close(self) -> None:
        os.kill(self.process, signal.SIGKILL)
        os.waitpid(self.process, 0)
        os.close(self.terminal)
