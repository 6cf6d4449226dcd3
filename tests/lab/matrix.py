"""Kernels x memory x values x machines: the boots that test the predictor."""

import os
import random
import shlex
from dataclasses import dataclass, replace
from pathlib import Path

from lab import disks
from lab.initramfs import ballast, base
from lab.kernels import KERNELS
from lab.packages import CACHE, locked
from lab.qemu import CONSOLES, QUICK_END, Machine, Run, run
from lab.report import Report, reports

PLAIN = ("64M", "128M", "200M", "256M", "512M", "1G", "1500M", "2900M", "96M@64M", "64M@16M", "128M@256M", "200M@300M")
RANGES = ("1G-4G:192M,4G-64G:256M,64G-:512M", "384M-:128M", "512M-2G:64M,2G-:256M@256M", "512M-1G:64M,1G-2G:100M")
SUFFIXED = ("256M,high", "256M,high 72M,low", "512M,high 0,low", "128M 256M,high")
ODD = ("0x8000000", "128", "0512M", "64Mx", "128M@", "auto", "0", "128M@65M")
# What a line does to the RAM before the range is chosen: mem=, every form of memmap=, and what else moves a region.
CHANGES = (
    *("mem=700M", "mem=900M", "mem=1G", "mem=1800M", "mem=5000M", "memmap=900M", "memmap=64M$512M", "memmap=1M$767M"),
    *("memmap=128M!384M", "memmap=16M#640M", "memmap=256M@1G", "memmap=1G@4G", "memmap=64M$0x1f000000,32M#900M"),
    *("memmap=exactmap memmap=640K@0 memmap=800M@1M", "memmap=16M%512M-1+2", "mem=800M memmap=100M$600M"),
    *("log_buf_len=16M", "cma=64M", "numa=fake=2", "movable_node", "swiotlb=65536", "mem=0x30000000"),
)
CHANGED_VALUES = (
    *("128M", "192M", "256M,high", "200M@300M", "1G-4G:192M,4G-64G:256M,64G-:512M", "384M-:128M", "64M"),
    *("0-1G:64M,1G-:128M", "256M,high 72M,low", "512M", "1G-2G:160M,2G-:320M"),
)
CHANGED_MEMORY = (1024, 2048, 3072, 4096, 6144, 8193)
INITRDS = (0, 32)
MEMORY = {
    "x86_64": (256, 512, 1024, 2048, 3072, 3584, 4096, 6144, 8192),
    "i386": (256, 512, 768, 1024, 2048, 3072),
    "arm64": (512, 1024, 2048, 4096),
    "ppc64le": (1024, 2048, 4096),
    "riscv64": (512, 1024, 2048),
}
# How many boots of each kernel the long run makes of its values: the emulation of the last three is slow.
COUNTS = {
    "5.10 x86_64": 64,
    "6.1 x86_64": 64,
    "6.12 x86_64": 64,
    "7.2 x86_64": 64,
    "5.10 i386": 30,
    "6.1 i386": 34,
    "6.1 arm64": 6,
    "6.12 riscv64": 4,
    "6.1 ppc64le": 4,
}
# How many of them by EFI firmware, for each x86_64 kernel.
EFI_COUNT = 6
CHANGED_COUNT = 48
"""Cases of each x86_64 kernel with changed RAM: a third on each of pc, q35 and OVMF, half of them through GRUB.

Those that would add memory where the machine has none are left out: the kernel dies when it uses it.
"""
_ADDED = {"memmap=1G@4G": 4096, "memmap=256M@1G": 2048}
DEADLINE = {"x86_64": 150.0, "i386": 150.0, "arm64": 180.0, "riscv64": 240.0, "ppc64le": 240.0}


TRIES = 4


@dataclass(frozen=True, slots=True)
class Booted:
    """The last boot of a case: its report, None if the guest printed none; how many boots ended in faults."""

    run: Run
    report: Report | None
    faults: int


@dataclass(frozen=True, slots=True)
class Case:
    """One boot. `memory` and `ballast` (what makes the initial RAM disk larger) in MiB; `value` as typed.

    `efi`: by OVMF instead of a BIOS. `words`: other arguments. `grub`: by GRUB from a disk, not by QEMU's -kernel.
    """

    kernel: str
    memory: int
    kind: str | None
    value: str
    kaslr: bool = True
    ballast: int = 0
    efi: bool = False
    words: str = ""
    grub: bool = False

    @property
    def arch(self) -> str:
        """As grubkd calls it."""
        return KERNELS[self.kernel].arch

    @property
    def cmdline(self) -> str:
        """What the case adds to the command line."""
        values = (f"crashkernel={value}" for value in self.value.split())
        return " ".join(("" if self.kaslr else "nokaslr", *self.words.split(), *values)).strip()

    @property
    def loader(self) -> str:
        """What loads the kernel, as `predict --batch` calls it."""
        return "grub" if self.grub else "qemu"

    def __str__(self) -> str:
        facts = (
            *(self.kernel, f"{self.memory}M", self.kind, self.value, None if self.kaslr else "nokaslr"),
            self.words.replace(" ", ","),
        )
        more = "".join(
            (f"-initrd{self.ballast}M" if self.ballast else "", "-efi" * self.efi, "-grub" * self.grub),
        )
        return "-".join(each for each in facts if each) + more


def cases(kernel: str) -> list[Case]:
    """The cases of that kernel, the same at each call: every value, then memory and machines at random."""
    count = COUNTS[kernel] - (EFI_COUNT if KERNELS[kernel].arch == "x86_64" else 0)
    arch = KERNELS[kernel].arch
    chance = random.Random(kernel)
    x86 = arch in ("x86_64", "i386")
    values = [*PLAIN, *RANGES, *SUFFIXED, *ODD] if x86 else ["128M", "256M", "256M,high", "400M", "64M"]
    found: dict[Case, None] = {}
    while len(found) < count:
        case = Case(
            kernel,
            chance.choice(MEMORY[arch]),
            chance.choice(("pc", "q35")) if x86 else None,
            values[len(found) % len(values)],
            kaslr=chance.random() < 0.4,
            ballast=chance.choice(INITRDS) if x86 else 0,
        )
        if arch == "i386" and case.memory > 2048:
            # With that much high memory the kernel faults at its fixmap on QEMU 7.2's q35, whatever the value.
            case = replace(case, kind="pc")
        found[case] = None
    return [*found, *(_by_efi(kernel, chance) if arch == "x86_64" else ()), *changed(kernel)]


def _by_efi(kernel: str, chance: random.Random) -> list[Case]:
    values = chance.sample((*PLAIN, *RANGES, *SUFFIXED), EFI_COUNT)
    memory = [each for each in MEMORY["x86_64"] if each >= 512]
    return [
        Case(kernel, chance.choice(memory), "q35", value, kaslr=chance.random() < 0.4, efi=True) for value in values
    ]


def changed(kernel: str) -> list[Case]:
    """Cases whose line changes the RAM, on every kind of machine, through both loaders; none but of x86_64."""
    if KERNELS[kernel].arch != "x86_64":
        return []
    chance = random.Random(f"{kernel} changed")
    ways = [(kind, efi, grub) for kind, efi in (("pc", False), ("q35", False), ("q35", True)) for grub in (False, True)]
    found: dict[Case, None] = {}
    while len(found) < CHANGED_COUNT:
        kind, efi, grub = ways[len(found) % len(ways)]
        case = Case(
            *(kernel, chance.choice(CHANGED_MEMORY), kind, chance.choice(CHANGED_VALUES), chance.random() < 0.15),
            ballast=chance.choice(INITRDS),
            efi=efi,
            words=chance.choice(("", *CHANGES)),
            grub=grub,
        )
        found[case] = None
    return [case for case in found if case.memory >= _ADDED.get(case.words, 0)]


def initrd(arch: str, size: int) -> Path:
    """The initial RAM disk that prints the report, with that many MiB of ballast. Raises Unavailable."""
    with locked("initrd"):
        archive = base(arch).packed()
        path = CACHE / f"report-{arch}-{size}.img"
        data = archive + (bytes(-len(archive) % 4) + ballast(size << 20) if size else b"")
        if not path.exists() or path.read_bytes() != data:
            path.write_bytes(data)
    return path


def machine(case: Case) -> Machine:
    """The machine of a case. Raises Unavailable."""
    kernel = KERNELS[case.kernel]
    bare = Machine(case.arch, case.memory, case.kind)
    archive = initrd(case.arch, case.ballast)
    if case.efi:
        bare = replace(bare, pflash=disks.ovmf(CACHE / f"variables-{os.getpid()}"))
    if case.grub:
        words = f"console={CONSOLES[case.arch]} {QUICK_END} {case.cmdline}".split()
        menu = f"linux /boot/kernel {shlex.join(words)}\ninitrd /boot/initrd\nboot\n"
        return replace(bare, disk=disks.with_menu(menu, efi=case.efi, kernel=kernel.image, initrd=archive))
    return bare.booting(kernel.image, archive, case.cmdline)


def boot(case: Case) -> Booted:
    """Boot the case, and again if the kernel faulted. Raises Unavailable.

    With some kernels, mostly 6.12 with more than 4G, one boot in ten faults at random in QEMU 7.2's emulation.
    """
    faults = 0
    while True:
        done = run(machine(case), DEADLINE[case.arch])
        found = next(iter(reports(done.text)), None)
        if found or faults == TRIES - 1 or "Kernel panic" not in done.text:
            return Booted(done, found, faults)
        faults += 1
