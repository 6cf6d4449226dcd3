"""Run as a program: for each line `VERB ROOT` on standard input one child process that does it to the tree.

The child stops itself first, so that it can be traced from there on, without the interpreter's own start. Printed are
its process id and, when it has ended, its status: the exit code, or the signal's number, negative.
"""

import os
import signal
import sys
import tempfile
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[2]), str(Path(__file__).parents[1])]

from faults.tree import CHANGES, INSTALLED, MANY_CHANGES, build_menu  # noqa: E402
from grubkd.change import transaction  # noqa: E402
from grubkd.change.rollback import rollback  # noqa: E402
from grubkd.cli import Signals, run  # noqa: E402
from grubkd.errors import GrubkdError  # noqa: E402
from grubkd.tree.root import Root  # noqa: E402

COMMANDS = {
    "keep": ["keep", INSTALLED],
    "default": ["default", "7.0.2-200.fc44.x86_64"],
    "enable": ["enable", "256M", "--yes", "--run-followups", "--ram=8G", "--arch=x86_64"],
    "grubby-default": ["grubby", "--set-default=0"],
    "grubby-update": ["grubby", "--update-kernel=ALL", "--args=crashkernel=256M", "--remove-args=ro"],
}


def grubkd(*arguments: str) -> int:
    """As the process grubkd does."""
    with Signals():
        return run(arguments)


def work(verb: str, top: str) -> int:
    try:
        root = Root(top)
        if verb in ("commit", "commit-many"):
            changes = CHANGES if verb == "commit" else MANY_CHANGES
            transaction.commit(root, changes, command="set", wanted={"crashkernel": ["256M"]}, by="given")
        elif verb in COMMANDS:
            return grubkd(*COMMANDS[verb], "--root", top)
        elif verb in ("rollback", "revert"):
            rollback(root)
        else:
            transaction.recover(root)
    except GrubkdError as problem:
        return problem.exit
    return 0


def child(verb: str, top: str) -> int:
    """The yama security module lets a process be traced by its ancestors only, which strace is not: allow it."""
    import ctypes

    ctypes.CDLL(None).prctl(0x59616D61, ctypes.c_ulong(-1), 0, 0, 0)  # PR_SET_PTRACER, PR_SET_PTRACER_ANY
    os.kill(os.getpid(), signal.SIGSTOP)
    return work(verb, top)


def load(top: str) -> None:
    """Let the program read a tree once, so that no child has to load a library or a grammar.

    What the commands print goes to /dev/null from here on.
    """
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    for command in (["set", "99M", "--dry-run"], [*COMMANDS["default"], "--dry-run"], COMMANDS["grubby-update"]):
        grubkd(*command, "--root", top)


def main() -> None:
    told = os.fdopen(os.dup(1), "w")
    with tempfile.TemporaryDirectory(prefix="grubkd-") as top:
        build_menu(Path(top))
        load(top)
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            status = 70
            try:
                status = child(*line.rstrip("\n").split(" ", 1))
            except BaseException:
                import traceback

                traceback.print_exc()
            finally:
                os._exit(status)
        os.waitpid(pid, os.WUNTRACED)
        print(pid, flush=True, file=told)
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True, file=told)


if __name__ == "__main__":
    main()
