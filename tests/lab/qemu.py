"""QEMU's software emulation of a machine: start it, read its console, end it by its process id at a deadline."""

import os
import selectors
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from lab.packages import Unavailable

PATIENCE = float(os.environ.get("GRUBKD_LAB_PATIENCE", "1"))
"""Deadlines are multiplied by this, for a machine slower than most."""

_EMULATORS = {
    "x86_64": ("qemu-system-x86_64",),
    "i386": ("qemu-system-i386",),
    "arm64": ("qemu-system-aarch64", "-cpu", "cortex-a57"),
    "riscv64": ("qemu-system-riscv64",),
    "ppc64le": ("qemu-system-ppc64", "-cpu", "power9", "-vga", "none"),
}
_KINDS = {"x86_64": "pc", "i386": "pc", "arm64": "virt", "riscv64": "virt", "ppc64le": "pseries"}
_PSERIES = ",cap-cfpc=broken,cap-sbbc=broken,cap-ibs=broken,cap-ccf-assist=off"
CONSOLES = {
    "x86_64": "ttyS0,115200",
    "i386": "ttyS0,115200",
    "arm64": "ttyAMA0",
    "riscv64": "ttyS0",
    "ppc64le": "hvc0",
}

QUICK_END = "oops=panic panic=-1"
"""Arguments with which a kernel in trouble ends the machine at once."""


@dataclass(frozen=True, slots=True)
class Machine:
    """A machine with `memory` MiB: it boots `kernel` directly, or what its disk holds.

    `kind`: QEMU's machine type, None for the architecture's usual one. `pflash`: the firmware's code and, writable,
    its variables. `restarts`: the guest may reboot; otherwise a reboot ends the machine. `job`: a file that the guest
    finds on its second disk. `log`: where every write and flush of the disk is noted, in their order, from its start.
    `ssh`: the port of the host's loopback that leads to the guest's port 22, its only connection.
    """

    arch: str
    memory: int
    kind: str | None = None
    kernel: Path | None = None
    initrd: Path | None = None
    cmdline: str = ""
    disk: Path | None = None
    pflash: tuple[Path, Path] | None = None
    restarts: bool = False
    job: Path | None = None
    log: Path | None = None
    ssh: int | None = None

    def command(self) -> list[str]:
        """QEMU's arguments. Raises Unavailable where that emulator is not installed."""
        emulator, *options = _EMULATORS[self.arch]
        if not shutil.which(emulator):
            raise Unavailable(f"{emulator} is not installed")
        kind = (self.kind or _KINDS[self.arch]) + (_PSERIES if self.arch == "ppc64le" else "")
        options += ["-machine", kind, "-accel", "tcg", "-m", str(self.memory), "-nic", self._network()]
        options += ["-display", "none", "-serial", "stdio", "-monitor", "none"]
        if not self.restarts:
            options.append("-no-reboot")
        if self.kernel:
            options += ["-kernel", str(self.kernel), "-append", self.cmdline]
        if self.initrd:
            options += ["-initrd", str(self.initrd)]
        if self.disk and self.log:
            options += _logged(self.disk, self.log)
        elif self.disk:
            options += ["-drive", f"file={self.disk},format=raw,if=virtio"]
        if self.job:
            options += ["-drive", f"file={self.job},format=raw,if=virtio,readonly=on"]
        for unit, (file, mode) in enumerate(zip(self.pflash or (), ("on", "off"), strict=False)):
            options += ["-drive", f"if=pflash,unit={unit},format=raw,readonly={mode},file={file}"]
        return ["nice", "-n", "10", emulator, *options]

    def _network(self) -> str:
        if self.ssh is None:
            return "none"
        return f"user,model=virtio-net-pci,restrict=on,hostfwd=tcp:127.0.0.1:{self.ssh}-:22"

    def booting(self, kernel: Path, initrd: Path, cmdline: str) -> "Machine":
        """The machine that boots this kernel directly, with its console where the lab listens."""
        line = f"console={CONSOLES[self.arch]} {QUICK_END} {cmdline}"
        return replace(self, kernel=kernel, initrd=initrd, cmdline=line)


def _logged(disk: Path, log: Path) -> list[str]:
    nodes = (
        f"driver=file,filename={disk},node-name=file",
        "driver=raw,file=file,node-name=disk",
        f"driver=file,filename={log},node-name=log",
        "driver=blklogwrites,file=disk,log=log,node-name=logged",
    )
    return [word for node in nodes for word in ("-blockdev", node)] + ["-device", "virtio-blk-pci,drive=logged"]


@dataclass(frozen=True, slots=True)
class Run:
    """What the machine wrote on its serial console, the seconds of its Clock, and whether it ended by itself."""

    text: str
    seconds: float
    ended: bool

    def tail(self, lines: int = 15) -> str:
        """The last lines, for messages of tests."""
        return "\n".join(self.text.splitlines()[-lines:])


class Clock:
    """The seconds that a process has had for itself since the clock was made.

    Time in which the process was ready to run but others had the processor does not count, so a limit is as long on a
    busy machine as on an idle one. A guest that halts for ever does reach it.
    """

    def __init__(self, process: int) -> None:
        self._tasks = Path(f"/proc/{process}/task")
        self._start = time.monotonic()
        self._waited = 0

    def __call__(self) -> float:
        # The second number of Documentation/scheduler/sched-stats.rst: nanoseconds on a run queue. The thread that
        # waited longest is the one that emulates the processor; a process that ended has no threads.
        for task in self._tasks.glob("*/schedstat"):
            with suppress(OSError):
                self._waited = max(self._waited, int(task.read_text().split()[1]))
        return time.monotonic() - self._start - self._waited / 1e9

    def on_the_wall(self, seconds: float) -> float:
        """How long that many of its seconds take if the machine stays as busy as it was."""
        own = self()
        return seconds * max(1.0, (time.monotonic() - self._start) / own) if own > 0 else seconds


@contextmanager
def started(machine: Machine, console: Path) -> Iterator[Clock]:
    """The machine's clock, while the context lasts; its serial console is written to the file. Raises Unavailable.

    Its process is killed at the end, as by a power cut.
    """
    command = machine.command()
    with (
        console.open("wb") as out,
        subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT) as process,
    ):
        try:
            yield Clock(process.pid)
        finally:
            process.kill()


def run(machine: Machine, deadline: float, *, until: str = "", after: float = 0.0, silence: float = 0.0) -> Run:
    """Let the machine run until it ends, until `deadline` seconds are over, or `after` seconds after it wrote `until`;
    with `silence` also until it wrote nothing for so many seconds. Then its own process is killed.

    Seconds are those of the machine's Clock, the deadline's and the silence's times PATIENCE. Raises Unavailable.
    """
    # The process is its own: `nice` becomes QEMU, with the same process id.
    process = subprocess.Popen(
        machine.command(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, bufsize=0
    )
    clock = Clock(process.pid)
    end, heard = deadline * PATIENCE, 0.0
    parts: list[bytes] = []
    mark, waiting = until.encode(), bool(until)
    ended = False
    assert process.stdout
    with process, selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while True:
            limit = min(end, heard + silence * PATIENCE) if silence else end
            left = limit - clock()
            if left <= 0:
                break
            if not selector.select(left):
                continue
            data = os.read(process.stdout.fileno(), 1 << 16)
            if not data:
                ended = True
                break
            parts.append(data)
            heard = clock()
            if waiting and mark in b"".join(parts[-64:]):
                waiting = False
                end = min(end, heard + after)
        if not ended:
            process.kill()
    text = b"".join(parts).decode("utf-8", "replace").replace("\r", "")
    return Run(text, clock(), ended)
