"""What a machine is, as far as its reservation depends on it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from grubkd.log import logger
from grubkd.machine import capture, distribution, hardware, kernel, ram, running, userland
from grubkd.machine.distribution import UNKNOWN
from grubkd.machine.ram import Ram
from grubkd.memory import architecture as architectures
from grubkd.tree.root import Root

if TYPE_CHECKING:
    from collections.abc import Mapping

    from grubkd.machine.distribution import Distribution
    from grubkd.machine.hardware import Hardware
    from grubkd.machine.kernel import Kernel
    from grubkd.machine.running import Running
    from grubkd.memory.architecture import Architecture
    from grubkd.memory.memorymap import MemoryMap


@dataclass(frozen=True, slots=True)
class Machine:
    """Facts about the machine that a tree is for. Amounts in bytes; None where nothing tells.

    `live`: the tree is the running system's own, and what runs. `given`: the architecture was given by a person, and
    holds for every kernel. `memory_map`: where the RAM is, of the machine itself. `kernels`: those of the tree, by
    release. `running` is known of a live tree only, `hardware` also where the tree is for this machine. `capture_cpus`:
    see capture.cpus.
    """

    live: bool
    architecture: Architecture | None
    given: bool = False
    ram: int | None = None
    ram_estimated: bool = False
    ram_source: str = ""
    memory_map: MemoryMap | None = None
    distribution: Distribution = UNKNOWN
    kernels: Mapping[str, Kernel] = field(default_factory=dict)
    running: Running | None = None
    hardware: Hardware = hardware.UNKNOWN
    capture_cpus: int = 0

    def kernel(self, release: str | None) -> Kernel | None:
        """The kernel of that release, or None where the tree has none."""
        return self.kernels.get(release) if release else None

    def architecture_of(self, release: str | None) -> Architecture | None:
        """The architecture of the kernel of that release: as given, as its files tell, else the machine's."""
        if self.given:
            return self.architecture
        found = self.kernel(release)
        named = architectures.implied(release) if release else None
        return (found.architecture if found else None) or named or self.architecture


def read(
    tree: Root, *, ram: int | None = None, arch: str | None = None, this_machine: bool = False, host: Root | None = None
) -> Machine:
    """The machine that the tree is for.

    `ram` (bytes) and `arch` are what a person says, and win. Without them a live tree tells them of itself; for any
    other tree the architecture is that of its kernels and programs, and the RAM is unknown, unless `this_machine`:
    then both are the running system's, and nothing else is: what runs is an installer, also where the tree is its
    chroot. `host` is the tree whose /proc and /sys are read: the running system's own.
    """
    runs = tree.live and not this_machine
    if host is None and (tree.live or this_machine):
        host = tree if tree.live else Root("/")
    kernels = kernel.read(tree)
    memory = _memory(host, ram)
    machine = Machine(
        live=runs,
        architecture=architectures.architecture(arch) if arch else _architecture(tree, host, kernels),
        given=arch is not None,
        ram=memory.bytes,
        ram_estimated=memory.estimated,
        ram_source=memory.source,
        memory_map=memory.map,
        distribution=distribution.read(tree),
        kernels=kernels,
        running=running.read(host) if runs and host else None,
        hardware=hardware.read(tree, host, runs=runs) if host else hardware.UNKNOWN,
        capture_cpus=capture.cpus(tree),
    )
    _log(machine)
    return machine


def _log(machine: Machine) -> None:
    name = machine.distribution.name or "an unknown distribution"
    amount = f"{machine.ram} bytes of RAM ({machine.ram_source})" if machine.ram else "an unknown amount of RAM"
    logger.info("found %s, %s, with %s", name, machine.architecture or "of an unknown architecture", amount)
    logger.info("found kernels: %s", ", ".join(machine.kernels) or "none")


def _memory(host: Root | None, given: int | None) -> Ram:
    """What a person says wins; the machine's own map then counts only if it holds that much."""
    if given is None:
        return ram.read(host) if host else Ram(None, False, "")
    return Ram(given, False, "given")


def _architecture(tree: Root, host: Root | None, kernels: Mapping[str, Kernel]) -> Architecture | None:
    """The one architecture of the tree's kernels; where they differ or say nothing, that of its programs.

    The running system's own kernel is asked first where it counts.
    """
    if host is not None:
        found = running.own_architecture(host)
        if found:
            return found
    told = {each.architecture for each in kernels.values() if each.architecture}
    return told.pop() if len(told) == 1 else userland.read(tree)
