"""From an entry and a machine to the case: every fact that the entry's reservation depends on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grubkd.boot import cmdline
from grubkd.boot.entry import file_name, main_boot
from grubkd.boot.model import Role
from grubkd.errors import ArchitectureUnknown, Usage
from grubkd.machine.kernels import NO_CONFIG
from grubkd.memory.case import Case, Needs, Observed, Parts
from grubkd.memory.placement import early
from grubkd.memory.release import Release
from grubkd.memory.size import KIB

if TYPE_CHECKING:
    from collections.abc import Sequence

    from grubkd.boot.model import Boot, BootConfig, Entry
    from grubkd.machine.kernels import Kernel
    from grubkd.machine.machine import Machine
    from grubkd.memory.architecture import Architecture
    from grubkd.memory.memory_map import MemoryMap
    from grubkd.memory.xen import Hypervisor


FADUMP = ("fadump=on", "fadump=nocma")
"""What lets POWER's firmware save the dump."""
_64K = 64 * KIB
# Placeholders and stubs: their sizes say nothing about memory.
_SMALLEST_IMAGE = 256 * KIB


def entry_release(entry: Entry | None) -> Release | None:
    """The kernel release of an entry, None if it names none (a rescue image, `/vmlinuz`)."""
    return parse_release(entry.version or "") if entry else None


def parse_release(text: str) -> Release | None:
    """The release of a text, None if it is not one."""
    try:
        return Release.parse(text)
    except Usage:
        return None


def stand_in_release(config: BootConfig, machine: Machine) -> Release | None:
    """The release to assume for an entry that names none: the oldest kernel of the tree, preferably without 64K pages.

    A rescue image is a copy of the kernel that was installed first. If the tree's kernels are not readable, its entries
    name them.
    """
    named = [entry.version or "" for entry in config.entries if entry.own_linux]
    running = [machine.running.release] if machine.running else []
    for texts in (machine.kernels, named, running):
        found = [release for text in texts if (release := parse_release(text))]
        if found:
            return min(found, key=lambda release: (release.pages_64k, release.version, release.text))
    return None


def build_case(entry: Entry | None, machine: Machine, release: Release) -> Case:
    """The case of an entry, or of a new kernel (None). Raises ArchitectureUnknown."""
    kernel = machine.kernel(release.text)
    architecture = machine.architecture_of(release.text)
    if architecture is None:
        which = f"kernel {release}" if release == entry_release(entry) else "the kernel"
        raise ArchitectureUnknown(
            f"the architecture of {which} is not known", hint="give it, for example --arch=x86_64"
        )
    boot = main_boot(entry.boots) if entry else None
    words = boot.arguments if boot else []
    hypervisor = _hypervisor(boot, release)
    config = kernel.config if kernel else NO_CONFIG
    hardware, runs = machine.hardware, machine.running_release == release.text
    memory = _memory(machine, runs=runs)
    return Case(
        release=release,
        machine=architecture,
        distribution=machine.distribution,
        ram=machine.ram,
        memory=memory,
        pages_64k=release.pages_64k if config.page_size is None else config.page_size == _64K,
        physical_start=config.physical_start,
        hypervisor=hypervisor,
        parts=_parts(machine, release, runs=runs),
        needs=_needs(machine, words),
        present=cmdline.crashkernel_values(words),
        # The place at this boot says nothing about memory of another size.
        initrd=hardware.initrd if runs and memory is not None else None,
        initrd_size=_initrd_size(entry, kernel),
        # The command line decides about KASLR, unless the kernel is built without it.
        kaslr=False if config.kaslr is False else None,
        efi=hardware.efi,
        borders=hardware.borders if memory is not None else (),
        dma_limit=hardware.dma_limit if memory is not None else None,
        kexec=config.kexec,
        loader=_loader(entry, architecture, efi=hardware.efi),
        observed=None if hypervisor else observed(words, release, machine),
        measured=machine.measured,
    )


def _hypervisor(boot: Boot | None, release: Release) -> Hypervisor | None:
    """Xen, if it is what reads the value."""
    if boot is None or boot.role is not Role.HYPERVISOR:
        return None
    from grubkd.memory.xen import hypervisor_of_image

    return hypervisor_of_image(file_name(boot.path), release)


def _memory(machine: Machine, *, runs: bool) -> MemoryMap | None:
    """The machine's map. It has the image of the running kernel, not of another one."""
    return machine.memory_map and (machine.memory_map if runs else machine.memory_map._replace(kernel=None))


def _loader(entry: Entry | None, architecture: Architecture, *, efi: bool | None) -> str:
    """What loads the entry's initrd, one of placement.initrd.LOADERS; "" if it is not known.

    U-Boot reads the menus of extlinux, and GRUB those of systemd-boot; GRUB places the initrd in its own way on BIOS.
    """
    if entry is None or not architecture.is_x86:
        return ""
    if entry.format == "uki":
        return "efistub"
    if entry.format == "extlinux":
        return "syslinux" if not efi else ""
    return "grub" if entry.format == "grub-legacy" or (efi is False and entry.format in ("grub2", "bls")) else ""


# Arguments that boot loaders add to the line.
ADDED = ("BOOT_IMAGE", "initrd")


def observed(words: Sequence[str], release: Release, machine: Machine) -> Observed | None:
    """What the running kernel did with its values, if this is the same kernel and other deciding words are the same.

    None too if the user gave another amount of RAM, or if firmware saves the dump (fadump), which shows no size.
    """
    running = machine.running
    if running is None or running.release != release.text or running.reserved is None or machine.ram_source == "given":
        return None
    booted = cmdline.tokens(running.cmdline)
    if _others(words) != _others(booted) or any(word in FADUMP for word in booted):
        return None
    regions = machine.memory_map.crash if machine.memory_map else ()
    return Observed(cmdline.crashkernel_values(booted), running.reserved, regions)


def _others(words: Sequence[str]) -> list[str]:
    deciding = (word for word in words if any(part in word for part in early.DECIDING))
    return sorted(each for each in deciding if cmdline.name_of(each) not in ADDED and not cmdline.is_crashkernel(each))


def _initrd_size(entry: Entry | None, kernel: Kernel | None) -> int | None:
    """Bytes; 0 for an entry without an initrd, None if its file is missing or a placeholder."""
    if entry is not None and not entry.initrds:
        return 0
    size = kernel.initrd if kernel else None
    return size if size is not None and size >= _SMALLEST_IMAGE else None


def _needs(machine: Machine, words: Sequence[str]) -> Needs:
    hardware, fadump = machine.hardware, any(word in FADUMP for word in words)
    return Needs(hardware.encrypted, hardware.smmu, hardware.mlx5, machine.capture_cpus, fadump)


def _parts(machine: Machine, release: Release, *, runs: bool) -> Parts:
    """`runs`: it is the running kernel, whose image the machine's map shows, from code to bss."""
    hardware, kernel = machine.hardware, machine.kernel(release.text)
    if kernel is None:
        return Parts(modules=hardware.modules, keyslots=hardware.keyslots)
    image = machine.memory_map.kernel if machine.memory_map and runs else None
    initramfs = kernel.capture or kernel.initrd or 0
    return Parts(
        kernel=kernel.memory or (image[1] - image[0] if image else None),
        modules=hardware.modules,
        keyslots=hardware.keyslots,
        initramfs=initramfs if initramfs >= _SMALLEST_IMAGE else None,
    )
