"""For which architecture a tree was made, by what is installed in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grubkd.errors import ArchitectureUnknown, GrubkdError
from grubkd.machine.image import elf_machine
from grubkd.memory.architecture import Architecture, architecture
from grubkd.text import from_bytes

if TYPE_CHECKING:
    from grubkd.tree.root import Root

# Programs that every system has; a 32-bit one may still run under a 64-bit kernel, so kernels are asked first.
_PROGRAMS = ("/sbin/init", "/usr/lib/systemd/systemd", "/bin/sh", "/usr/bin/env")
_RPM_PLATFORM = "/etc/rpm/platform"
_DPKG_ARCHITECTURE = "/var/lib/dpkg/arch"
_GRUB_PLATFORMS = {
    "x86_64-efi": Architecture.X86_64,
    "arm64-efi": Architecture.ARM64,
    "powerpc-ieee1275": Architecture.PPC64LE,
    "riscv64-efi": Architecture.RISCV64,
    "loongarch64-efi": Architecture.LOONGARCH64,
}


def read(tree: Root) -> Architecture | None:
    """The architecture of the tree's programs, of its package manager, or of its boot loader; None if none tells."""
    for path in _PROGRAMS:
        found = elf_machine(_head(tree, path))
        if found:
            return found
    for path in (_DPKG_ARCHITECTURE, _RPM_PLATFORM):
        words = from_bytes(_head(tree, path)).split()
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


def _head(tree: Root, path: str) -> bytes:
    try:
        with tree.open(path) as file:
            return file.read(64) or b""
    except (GrubkdError, OSError):
        return b""
