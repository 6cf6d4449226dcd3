"""Run in the copy: freeze /boot, and be killed (`kill`) or stopped (`stop`) before it is thawed, or neither (`go`)."""

import fcntl
import os
import signal
import sys
import time
from pathlib import Path

from grubkd.change import sync

REQUESTS: list[int] = []
GRANDPARENT = os.getpid()
ioctl = fcntl.ioctl


def watched(fd: int, request: int, argument: int) -> int:
    done = ioctl(fd, request, argument)
    REQUESTS.append(request)
    if len(REQUESTS) == 1 and sys.argv[1] != "go" and os.getppid() == GRANDPARENT:  # not in the one that stands by
        os.kill(os.getpid(), signal.SIGKILL if sys.argv[1] == "kill" else signal.SIGSTOP)
    return done


def main() -> None:
    child = os.fork()
    boot = os.open("/boot", os.O_RDONLY | os.O_DIRECTORY)
    if child == 0:
        fcntl.ioctl = watched
        os._exit(0 if sync.freeze_and_thaw(boot) else 3)
    _, status = os.waitpid(child, os.WUNTRACED)
    started = time.monotonic()
    # Waits, with no way to interrupt it, for as long as the file system is frozen.
    Path("/boot/written").write_text("x\n")
    print(f"{time.monotonic() - started:.3f}")
    if os.WIFSTOPPED(status):
        os.kill(child, signal.SIGCONT)
        _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == (-9 if sys.argv[1] == "kill" else 0)


if __name__ == "__main__":
    main()
