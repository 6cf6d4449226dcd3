"""The only place that runs a command: a list of arguments, a clean environment, one line of the error on failure."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from contextlib import nullcontext, suppress
from functools import partial
from select import select
from signal import SIGKILL, SIGTERM
from stat import S_ISREG
from typing import TYPE_CHECKING, NamedTuple

from grubkd.errors import CommandFailed, Place, Refused
from grubkd.log import WAITING, logger
from grubkd.signals import deferred
from grubkd.text import from_bytes, to_bytes

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from grubkd.tree.root import Root

PATH = ("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin")
# Nothing of the caller's environment is passed on: no preload, no locale, no shell start-up file.
ENVIRONMENT = {"PATH": ":".join(PATH), "LC_ALL": "C.UTF-8", "HOME": "/", "SHELL": "/bin/sh", "TERM": "dumb"}
# A command gets no standard input: debconf(7) takes its defaults instead of asking.
ENVIRONMENT["DEBIAN_FRONTEND"] = "noninteractive"
PATIENCE = 600.0  # seconds
_PAUSE = 0.05
_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_NOTICEABLE = 1.0  # seconds until a message says what is running
_MOST_OUTPUT = 64 << 20  # bytes
# What the kernel of a machine (uname -m) runs without an emulator: ELF e_machine and EI_DATA (1 little, 2 big endian).
_RUNS = {
    "x86_64": {(62, 1), (3, 1)},
    "i386": {(3, 1)},
    "i486": {(3, 1)},
    "i586": {(3, 1)},
    "i686": {(3, 1)},
    "aarch64": {(183, 1), (40, 1)},
    "armv6l": {(40, 1)},
    "armv7l": {(40, 1)},
    "ppc64le": {(21, 1)},
    "ppc64": {(21, 2), (20, 2)},
    "s390x": {(22, 2)},
    "riscv64": {(243, 1)},
    "loongarch64": {(258, 1)},
}


class Finished(NamedTuple):
    """The standard output and standard error of a command, as bytes."""

    stdout: bytes
    stderr: bytes


def run(  # noqa: PLR0913
    argv: Sequence[str],
    root: Root,
    *,
    stop: Callable[[], bool] | None = None,
    patience: float = PATIENCE,
    grace: float = 2.0,
    called: str = "",
    bound: bool = False,
    show: Callable[[bytes], None] = lambda _part: None,
    limits: Sequence[tuple[int, int]] = (),
) -> Finished:
    """Run a command of the tree: directly on the live one, by chroot in another. It gets no standard input.

    When `stop` returns true, the command and all that it started are ended; by default, when a signal arrives, which
    takes its effect afterwards. `patience`: seconds until it is ended; `grace`: seconds that it may take to end.
    `called`: its name in messages, if that is not argv. `bound`: the kernel kills it when this process ends. `show`
    gets its output. `limits`: resources and their limits, as setrlimit(2) takes them.

    Raises CommandFailed for an exit status other than 0, a missing command, a time-out or a stop; Refused for a tree of
    a foreign architecture.
    """
    if not root.live:
        check_architecture(root, argv[0])
    name = called or " ".join(argv)
    started = time.monotonic()
    with deferred() if stop is None else nullcontext(stop) as ended:
        process = _start(argv, root, name, _before(root, bound, limits))
        try:
            finished = _gather(process, name, ended, started, patience, show)
        finally:
            _end(process, grace)
            logger.info("ran %s: %.2f s, %s", name, time.monotonic() - started, _how(process.returncode))
    if process.returncode:
        # crash says on its standard output what is wrong.
        last = (finished.stderr.strip() or finished.stdout.strip()).decode("latin-1").rpartition("\n")[2]
        raise CommandFailed(f"{name}: {_how(process.returncode)}" + (f": {last}" if last else ""))
    return finished


def _start(argv: Sequence[str], root: Root, name: str, before: Callable[[], None] | None) -> subprocess.Popen[bytes]:
    """Start a command, in a session of its own. Raises CommandFailed."""
    try:
        return subprocess.Popen(  # noqa: S603 - a list, never a shell
            [to_bytes(each) for each in argv],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=ENVIRONMENT,
            cwd="/" if root.live else None,
            start_new_session=True,
            preexec_fn=before,  # noqa: PLW1509 - grubkd has one thread
        )
    except (OSError, subprocess.SubprocessError) as problem:
        raise CommandFailed(f"{name}: cannot be run: {getattr(problem, 'strerror', None) or problem}") from None


def _before(root: Root, bound: bool, limits: Sequence[tuple[int, int]]) -> Callable[[], None] | None:
    """What the child does before it becomes the command."""
    steps = [] if root.live else [root.enter]
    if limits:
        from resource import setrlimit

        steps[:0] = [partial(setrlimit, which, (most, most)) for which, most in limits]
    if bound and (bind := _binding()):
        steps.insert(0, bind)

    def before() -> None:
        for step in steps:
            step()

    return before if steps else None


def _binding() -> Callable[[], None] | None:
    """A step that lets the kernel kill the child when this process ends; None without prctl."""
    try:
        from ctypes import CDLL

        prctl = CDLL(None).prctl
    except (ImportError, OSError, AttributeError):
        return None
    parent = os.getpid()

    def bind() -> None:
        prctl(_PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0)
        if os.getppid() != parent:  # it ended before prctl
            raise ProcessLookupError

    return bind


def installed(name: str) -> bool:
    """Whether this system has a command of that name where run looks for it."""
    return shutil.which(name, path=ENVIRONMENT["PATH"]) is not None


def become(argv: Sequence[str]) -> None:
    """Replace this process by a program of the user, with their terminal and environment; returns if there is none."""
    with suppress(OSError):
        os.execvp(argv[0], [to_bytes(each) for each in argv])  # noqa: S606 - a list, never a shell


def _how(status: int) -> str:
    return f"ended by signal {-status}" if status < 0 else f"exit status {status}"


def _gather(  # noqa: PLR0913, PLR0917 - the arguments of run
    process: subprocess.Popen[bytes],
    name: str,
    stop: Callable[[], bool],
    started: float,
    patience: float,
    show: Callable[[bytes], None],
) -> Finished:
    """Read the output of a command until it ends. Raises CommandFailed when it takes too long or prints too much."""
    assert process.stdout and process.stderr  # noqa: S101 - tells the type checker what PIPE means
    output: dict[int, list[bytes]] = {process.stdout.fileno(): [], process.stderr.fileno(): []}
    reading = set(output)
    total = 0
    noticed = False
    while reading or process.poll() is None:
        # A daemon that the command leaves behind may keep the pipes open: do not wait for them after its end.
        ready = select(reading, [], [], _PAUSE)[0]
        if not ready and process.poll() is not None:
            break
        for fd in ready:
            part = os.read(fd, 65536)
            output[fd].append(part)
            total += len(part)
            show(part)
            if not part:
                reading.discard(fd)
        taken = time.monotonic() - started
        if taken >= _NOTICEABLE and not noticed:
            logger.log(WAITING, "running %s", name)
            noticed = True
        for over, why in (
            (stop(), "the run was interrupted"),
            (taken >= patience, "it took too long"),
            (total > _MOST_OUTPUT, f"it printed more than {_MOST_OUTPUT >> 20} MiB"),
        ):
            if over:
                raise CommandFailed(f"{name}: ended, since {why}")
    out, err = (b"".join(parts) for parts in output.values())
    return Finished(out, err)


def _end(process: subprocess.Popen[bytes], grace: float) -> None:
    """End a command and its process group, and close its pipes. `grace`: seconds until they are killed."""
    if process.poll() is None:
        until = time.monotonic() + grace
        there = _signal(process, SIGTERM)
        while there and time.monotonic() < until:
            time.sleep(_PAUSE)
            process.poll()  # what has ended is in the group until it is waited for
            there = _signal(process, 0)
        _signal(process, SIGKILL)
        process.wait()
        # The processes of a namespace end a moment after unshare; the last one closes the pipes.
        with suppress(subprocess.TimeoutExpired):
            process.communicate(timeout=2)
    for pipe in (process.stdout, process.stderr):
        if pipe:
            pipe.close()


def _signal(process: subprocess.Popen[bytes], number: int) -> bool:
    """Send a signal to the process group of a command; returns whether anything is in it."""
    try:
        os.killpg(process.pid, number)
    except ProcessLookupError:
        return False
    return True


def check_architecture(root: Root, command: str) -> None:
    """Raise Refused where a command of the tree is for another architecture, CommandFailed where it does not exist.

    To be called before anything runs: with binfmt_misc a foreign command would run in an emulator.
    """
    path = _find(root, command)
    head = b""
    for _ in range(3):  # a script, its interpreter
        with root.open(path) as file:
            head = file.read(4096)
        if not head.startswith(b"#!"):
            break
        interpreter = head[2:].split(b"\n")[0].split()
        path = _find(root, from_bytes(interpreter[0])) if interpreter else path
    if len(head) < 20 or head[:4] != b"\x7fELF":
        raise CommandFailed(f"{command}: neither a program nor a script", place=Place(path))
    found = (int.from_bytes(head[18:20], "big" if head[5] == 2 else "little"), head[5])
    machine = os.uname().machine
    if found not in _RUNS.get(machine, set()):
        raise Refused(
            f"{command}: the tree is of another architecture (ELF machine {found[0]}) than this one ({machine})",
            hint="run the follow-up commands on the machine itself",
            place=Place(path),
        )


def _find(root: Root, command: str) -> str:
    """The path inside the tree of a command. Raises CommandFailed."""
    for each in [command] if "/" in command else [f"{each}/{command}" for each in PATH]:
        status = root.stat(each)
        if status and S_ISREG(status.st_mode) and status.st_mode & 0o111:
            return each
    raise CommandFailed(f"{command}: no such command in the tree", hint="install it there first")
