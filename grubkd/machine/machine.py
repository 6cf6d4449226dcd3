"""The machine that a tree is for: what its reservation depends on."""

from __future__ import annotations

import os
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from grubkd.errors import ArchitectureUnknown, Usage
from grubkd.log import logger
from grubkd.machine import capture_log, distribution, hardware, kernels, ram
from grubkd.machine.distribution import UNKNOWN
from grubkd.machine.initrd import InitrdSizes
from grubkd.machine.kernels import elf_machine
from grubkd.machine.ram import Ram, crash_size
from grubkd.machine.settings import capture_cpus, head, integer, text
from grubkd.memory import architecture as architectures
from grubkd.memory.architecture import Architecture, architecture
from grubkd.text import from_bytes
from grubkd.tree.root import Root

if TYPE_CHECKING:
    from collections.abc import Mapping

    from grubkd.machine.hardware import Hardware
    from grubkd.machine.initrd import Unpacked
    from grubkd.machine.kernels import Kernel
    from grubkd.memory.case import MeasuredNeed
    from grubkd.memory.memory_map import MemoryMap
    from grubkd.memory.release import Release
    from grubkd.memory.vendors import Distribution


class Running(NamedTuple):
    """The running kernel. `cmdline`: its command line. `loaded`: a capture kernel is loaded.

    `reserved`: bytes reserved for the capture kernel, None if it cannot load one.
    """

    release: str
    cmdline: str
    reserved: int | None
    loaded: bool


def read_running(host: Root) -> Running:
    """Read /proc and /sys; without /proc the release is that of uname(2)."""
    release = (text(host, "/proc/sys/kernel/osrelease") or "").strip()
    return Running(
        release=release or os.uname().release,
        cmdline=(text(host, "/proc/cmdline") or "").strip("\n\0 "),
        reserved=crash_size(host),
        loaded=integer(host, "/sys/kernel/kexec_crash_loaded") == 1,
    )


def running_release(tree: Root) -> str | None:
    """The release of the running kernel; None for a tree that is not the running system."""
    return read_running(tree).release if tree.live else None


def own_architecture(host: Root) -> Architecture | None:
    """The architecture of the running kernel: /proc/sys/kernel/arch (since 6.1), else uname's machine."""
    name = (text(host, "/proc/sys/kernel/arch") or "").strip() or os.uname().machine
    try:
        return architecture(name)
    except ArchitectureUnknown:
        return None


# Every system has one of these programs. They come after the kernels: a 64-bit kernel runs 32-bit programs too.
_PROGRAMS = ("/sbin/init", "/usr/lib/systemd/systemd", "/bin/sh", "/usr/bin/env")
_PACKAGES = ("/var/lib/dpkg/arch", "/etc/rpm/platform")
_GRUB_PLATFORMS = {
    "x86_64-efi": Architecture.X86_64,
    "arm64-efi": Architecture.ARM64,
    "powerpc-ieee1275": Architecture.PPC64LE,
    "riscv64-efi": Architecture.RISCV64,
    "loongarch64-efi": Architecture.LOONGARCH64,
}


def userland_architecture(tree: Root) -> Architecture | None:
    """The architecture of the tree's programs, its package manager or its boot loader; None if unknown."""
    for path in _PROGRAMS:
        found = elf_machine(head(tree, path, 64))
        if found:
            return found
    for path in _PACKAGES:
        words = from_bytes(head(tree, path, 64)).split()
        try:
            if words:
                return architecture(words[0].partition("-")[0])
        except ArchitectureUnknown:
            continue
    for directory in ("/boot/grub", "/boot/grub2"):
        for name in tree.list(directory):
            if name in _GRUB_PLATFORMS:
                return _GRUB_PLATFORMS[name]
    return None


_OWN_INITRD = ("rhel", "fedora", "centos", "suse", "opensuse", "sles", "sled")


class Machine(NamedTuple):
    """The machine that a tree is for. Amounts are in bytes; None if unknown.

    `live`: the tree is that of the running system. `given`: the user gave the architecture; it is that of every kernel.
    `memory_map`: of this very machine. `kernels`: by release. `running`: of a live tree, with /proc, only. `hardware`:
    of a live tree, and with --this-machine. `capture_cpus`: see settings.capture_cpus. `initrds`: measures the tree's
    initrds. `measured`: what a capture kernel said, by the logs beside the tree's dumps.
    """

    live: bool
    architecture: Architecture | None
    given: bool = False
    ram: int | None = None
    ram_estimated: bool = False
    ram_source: str = ""
    memory_map: MemoryMap | None = None
    distribution: Distribution = UNKNOWN
    kernels: Mapping[str, Kernel] = MappingProxyType({})
    running: Running | None = None
    hardware: Hardware = hardware.UNKNOWN
    capture_cpus: int = 0
    initrds: InitrdSizes | None = None
    measured: MeasuredNeed | None = None

    @property
    def running_release(self) -> str | None:
        """The release of the running kernel; None for a tree that is not live."""
        return self.running.release if self.running else None

    def kernel(self, release: str | None) -> Kernel | None:
        """The kernel of that release, None if the tree has none."""
        return self.kernels.get(release) if release else None

    def unpacked(self, release: str) -> Unpacked | None:
        """The sizes of the initrd that a crash of that kernel unpacks; None if unknown. It may be decompressed.

        The kdump services of Red Hat and SUSE always make one of their own, which counts once it is there.
        """
        kernel = self.kernel(release)
        path = kernel.initrd_path if kernel else ""
        own = any(name.startswith(_OWN_INITRD) for name in (self.distribution.id, *self.distribution.like))
        return self.initrds.unpacked(path) if self.initrds and path and (not own or "kdump" in path) else None

    def why_ignored(self, release: Release, architecture: Architecture) -> str:
        """Why that kernel ignores crashkernel=; "" if it does not, or may not.

        By the configuration file: a reservation needs CONFIG_KEXEC or CONFIG_KEXEC_FILE; since 6.9, and on s390x
        always, CONFIG_CRASH_DUMP too.
        """
        if self.hardware.pv_guest:
            return "the kernel of a paravirtual Xen guest ignores crashkernel="
        kernel = self.kernel(release.text)
        if kernel is None:
            return ""
        if kernel.config.kexec is False:
            return f"kernel {release} is built without CONFIG_KEXEC and ignores crashkernel="
        needs_dump = architecture is Architecture.S390X or release.version >= (6, 9)
        if kernel.config.crash_dump is False and needs_dump:
            return f"kernel {release} is built without CONFIG_CRASH_DUMP and ignores crashkernel="
        return ""

    def architecture_of(self, release: str | None) -> Architecture | None:
        """The architecture of that kernel: as the user gave it, by its files or its name, else the machine's."""
        if self.given:
            return self.architecture
        found = self.kernel(release)
        named = architectures.implied(release) if release else None
        return (found.architecture if found else None) or named or self.architecture


def read(
    tree: Root, *, ram: int | None = None, arch: str | None = None, this_machine: bool = False, host: Root | None = None
) -> Machine:
    """Read the machine that the tree is for.

    `ram` (bytes) and `arch` from the user win. Otherwise a live tree has those of the running system; any other tree
    has the architecture of its kernels and programs, and unknown RAM. `this_machine`: an installer runs on the machine
    that the tree is for, so RAM, architecture and hardware are those of the running system, but its kernel is not.
    `host`: the tree whose /proc and /sys are read, by default the running system's. Raises ArchitectureUnknown, and
    Usage if `arch` contradicts the kernels of the tree.
    """
    runs = tree.live and not this_machine
    if host is None and (tree.live or this_machine):
        host = tree if tree.live else Root("/")
    installed = kernels.read(tree)
    if arch:
        _check_given(architectures.architecture(arch), installed)
    memory = _memory(host, ram)
    machine = Machine(
        live=runs,
        architecture=architectures.architecture(arch) if arch else _architecture(tree, host, installed),
        given=arch is not None,
        ram=memory.bytes,
        ram_estimated=memory.estimated,
        ram_source=memory.source,
        memory_map=memory.map,
        distribution=distribution.read(tree),
        kernels=installed,
        running=read_running(host) if runs and host and host.exists("/proc/cmdline") else None,
        hardware=hardware.read(tree, host, runs=runs) if host else hardware.UNKNOWN,
        capture_cpus=capture_cpus(tree),
        initrds=InitrdSizes(tree),
        measured=capture_log.measured(tree),
    )
    name = machine.distribution.name or "an unknown distribution"
    amount = f"{machine.ram} bytes of RAM ({machine.ram_source})" if machine.ram else "an unknown amount of RAM"
    logger.info("found %s, %s, with %s", name, machine.architecture or "of an unknown architecture", amount)
    logger.info("found kernels: %s", ", ".join(machine.kernels) or "none")
    return machine


def _check_given(given: Architecture, installed: Mapping[str, Kernel]) -> None:
    """Raise Usage if the tree's kernels are known to be for other architectures."""
    found = {each.architecture for each in installed.values() if each.architecture}
    if found and given not in found and None not in {each.architecture for each in installed.values()}:
        names = ", ".join(sorted(each.value for each in found))
        raise Usage(
            f"--arch={given.value} contradicts the kernels of the tree, which are for {names}", hint="leave it out"
        )


def _memory(host: Root | None, given: int | None) -> Ram:
    """The given amount, without the machine's own map; else the amount that the host has."""
    if given is not None:
        return Ram(given, False, "given")
    return ram.read(host) if host else Ram(None, False, "")


def _architecture(tree: Root, host: Root | None, kernels: Mapping[str, Kernel]) -> Architecture | None:
    """The architecture of the host's kernel; without a host the one of all the tree's kernels, else of its programs."""
    if host is not None:
        own = own_architecture(host)
        if own:
            return own
    found = {each.architecture for each in kernels.values() if each.architecture}
    return found.pop() if len(found) == 1 else userland_architecture(tree)
