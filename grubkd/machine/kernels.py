"""The kernels of a tree by release: images and their headers, configuration files, initrds."""

from __future__ import annotations

import re
import struct
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from grubkd.boot.entry import file_name, is_initrd, is_linux, is_xen, release_of
from grubkd.errors import InputOutput, Place
from grubkd.machine.settings import head
from grubkd.memory import architecture
from grubkd.memory.architecture import Architecture
from grubkd.memory.size import KIB

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from grubkd.tree.root import Root


class Config(NamedTuple):
    """What a kernel's configuration file (/boot/config-RELEASE) says; None for an option that it does not mention.

    page_size and physical_start in bytes; `physical_start` is where an x86 kernel is linked to run. `kexec`: it can
    load a capture kernel; without that it ignores crashkernel=. `crash_dump`: it can be the capture kernel, and
    `vmcore`: as such it has /proc/vmcore.
    """

    architecture: Architecture | None = None
    page_size: int | None = None
    kexec: bool | None = None
    crash_dump: bool | None = None
    vmcore: bool | None = None
    physical_start: int | None = None
    kaslr: bool | None = None


NO_CONFIG = Config()
"""A kernel without a configuration file."""

# Most of a file's lines are none of these: the start of the line is looked at last.
_WANTED = re.compile(
    rb"CONFIG_(64BIT|X86(?:_32|_64)?|ARM64(?:_\d+K_PAGES)?|PPC(?:64|_\d+K_PAGES)|S390|RISCV|LOONGARCH|CPU_LITTLE_ENDIAN"
    rb"|KEXEC(?:_FILE|_CORE)?|CRASH_DUMP|PROC_VMCORE|PHYSICAL_START|RANDOMIZE_BASE|PAGE_SIZE_\d+KB)"
    rb"(?:=(\S+)| is not set)$",
    re.MULTILINE,
)
# Each of them is there once; in a file that repeats them without end the rest does not count.
_MOST_OPTIONS = 1000
_PAGES = re.compile(r"(?:ARM64|PPC|PAGE_SIZE)_(4|16|64)K(?:_PAGES|B)")
_ARCHITECTURES = (
    ("X86_64", Architecture.X86_64),
    ("X86_32", Architecture.I386),
    ("ARM64", Architecture.ARM64),
    ("S390", Architecture.S390X),
    ("RISCV", Architecture.RISCV64),
    ("LOONGARCH", Architecture.LOONGARCH64),
)


def parse_config(data: bytes) -> Config:
    """Parse a configuration file. Any other text gives NO_CONFIG."""
    data = b"\n" + data
    first = islice(_WANTED.finditer(data), _MOST_OPTIONS)
    lines = (each for each in first if data.endswith((b"\n", b"\n# "), 0, each.start()))
    said = {each[1].decode(): (each[2] or b"").decode("latin-1") for each in lines}
    machine = _config_architecture(said)
    kexec = [said[name] == "y" for name in ("KEXEC", "KEXEC_FILE", "KEXEC_CORE") if name in said]
    start = said.get("PHYSICAL_START", "")
    pages = [int(found[1]) * KIB for name, value in said.items() if value == "y" and (found := _PAGES.fullmatch(name))]
    return Config(
        architecture=machine,
        page_size=pages[0] if pages else 4 * KIB if machine and machine.is_x86 else None,
        kexec=any(kexec) if kexec else None,
        crash_dump=_flag(said, "CRASH_DUMP"),
        vmcore=_flag(said, "PROC_VMCORE"),
        physical_start=int(start, 16) if re.fullmatch(r"0x[0-9a-fA-F]{1,16}", start) else None,
        kaslr=_flag(said, "RANDOMIZE_BASE"),
    )


def _flag(said: dict[str, str], name: str) -> bool | None:
    return said[name] == "y" if name in said else None


def _config_architecture(said: dict[str, str]) -> Architecture | None:
    if said.get("PPC64") == "y":
        return Architecture.PPC64LE if said.get("CPU_LITTLE_ENDIAN") == "y" else Architecture.PPC64
    for name, machine in _ARCHITECTURES:
        if said.get(name) == "y":
            return machine
    return None


# Bytes of one configuration file, and of all of them together. Those of distributions have up to 300 kB.
LARGEST_CONFIG = 1 << 20
MOST_CONFIGS = 512 << 20
IMAGE_HEAD = 0x10020
"""Bytes at the start of an image that hold every header."""


class ImageHeader(NamedTuple):
    """The header of a kernel image. `memory`: bytes that it takes when it runs, with its bss; None if unknown."""

    architecture: Architecture | None
    memory: int | None = None


_ELF_MACHINES = {
    3: Architecture.I386,
    62: Architecture.X86_64,
    183: Architecture.ARM64,
    22: Architecture.S390X,
    243: Architecture.RISCV64,
    258: Architecture.LOONGARCH64,
}
_PPC64 = 21
_PE_MACHINES = {
    0x14C: Architecture.I386,
    0x8664: Architecture.X86_64,
    0xAA64: Architecture.ARM64,
    0x5064: Architecture.RISCV64,
    0x6264: Architecture.LOONGARCH64,
}
_XLOADFLAGS_SINCE, _INIT_SIZE_SINCE = 0x20C, 0x20A
_KERNEL_64 = 1


def parse_image(head: bytes) -> ImageHeader | None:
    """Parse the first IMAGE_HEAD bytes of a file; None if it is not a known kernel image.

    x86 boot protocol (`HdrS` at 0x202): init_size from 2.10 on; from 2.12 on bit 0 of xloadflags means 64 bits, older
    headers do not have it. arm64 and riscv Image headers; ELF; EFI images by their PE header; s390 images by their
    magic.
    """
    if len(head) >= 0x264 and head[0x202:0x206] == b"HdrS":
        return _x86(head)
    if head[:4] == b"\x7fELF" and len(head) >= 20:
        return ImageHeader(elf_machine(head))
    if head[56:60] == b"ARM\x64":
        return ImageHeader(Architecture.ARM64, struct.unpack_from("<Q", head, 16)[0] or None)
    if head[56:60] == b"RSC\x05" or head[48:56] == b"RISCV\0\0\0":
        return ImageHeader(Architecture.RISCV64, struct.unpack_from("<Q", head, 16)[0] or None)
    if head[0x10008:0x1000E] == b"S390EP":
        return ImageHeader(Architecture.S390X)
    return _efi(head)


def elf_machine(head: bytes) -> Architecture | None:
    """The architecture of an ELF file by its first 20 bytes; None for an unknown one, or another file."""
    if head[:4] != b"\x7fELF" or len(head) < 20:
        return None
    little = head[5] == 1
    machine = struct.unpack_from("<H" if little else ">H", head, 18)[0]
    if machine == _PPC64:
        return Architecture.PPC64LE if little else Architecture.PPC64
    return _ELF_MACHINES.get(machine)


def _x86(head: bytes) -> ImageHeader:
    protocol = struct.unpack_from("<H", head, 0x206)[0]
    memory = struct.unpack_from("<I", head, 0x260)[0] if protocol >= _INIT_SIZE_SINCE else 0
    machine = None
    if protocol >= _XLOADFLAGS_SINCE:
        flags = struct.unpack_from("<H", head, 0x236)[0]
        machine = Architecture.X86_64 if flags & _KERNEL_64 else Architecture.I386
    return ImageHeader(machine, memory or None)


def _efi(head: bytes) -> ImageHeader | None:
    if head[:2] != b"MZ" or len(head) < 0x40:
        return None
    at = struct.unpack_from("<I", head, 0x3C)[0]
    if at + 6 > len(head) or head[at : at + 4] != b"PE\0\0":
        return None
    machine = _PE_MACHINES.get(struct.unpack_from("<H", head, at + 4)[0])
    return ImageHeader(machine) if machine else None


_DIRECTORIES = ("/boot", "/boot/boot", "/boot/efi", "/efi")
_MODULES = ("/lib/modules", "/usr/lib/modules")
# Directories on boot partitions without kernels, some of them large.
_NO_TOKENS = frozenset({"grub", "grub2", "efi", "EFI", "loader", "boot", "dtbs", "lost+found"})
_CAPTURE = "kdump"
# The hook of kdump-tools that makes an initrd for the capture kernel alone, /var/lib/kdump/initrd.img-RELEASE.
_HOOK = "/etc/kernel/postinst.d/kdump-tools"


class Kernel(NamedTuple):
    """The files of one release. Sizes are in bytes, None if the file is missing.

    `memory`: what the running image takes, by its header. `initrd`: the largest ordinary initrd. `capture`: the initrd
    of the capture kernel. `initrd_path`: the one that a crash unpacks, "" if kdump-tools makes its own, which is not
    there yet.
    """

    architecture: Architecture | None = None
    config: Config = NO_CONFIG
    memory: int | None = None
    initrd: int | None = None
    capture: int | None = None
    initrd_path: str = ""


class _File(NamedTuple):
    path: str
    size: int


def read(tree: Root) -> Mapping[str, Kernel]:
    """The kernels of the tree by release, sorted by that text. Unreadable files count as missing.

    Raises InputOutput for more than MOST_CONFIGS bytes of configuration files.
    """
    images: dict[str, str] = {}
    configs: dict[str, str] = {}
    initrds: dict[str, list[_File]] = {}
    for path in _candidates(tree):
        directory, _, name = path.rpartition("/")
        found = release_of(path)
        if name == "config":
            configs.setdefault(file_name(directory), path)
        elif name.startswith("config-"):
            configs.setdefault(name.removeprefix("config-"), path)
        elif found and (status := tree.stat(path)):
            if is_initrd(path):
                initrds.setdefault(_plain(found), []).append(_File(path, status.st_size))
            elif is_linux(path) and not is_xen(path):
                images.setdefault(found, path)
    _check_size(tree, configs.values())
    releases = sorted({*images, *configs})
    return {each: _kernel(tree, each, images.get(each), configs.get(each), initrds.get(each, [])) for each in releases}


def _check_size(tree: Root, configs: Iterable[str]) -> None:
    sizes = [status.st_size for path in configs if (status := tree.stat(path))]
    if sum(min(size, LARGEST_CONFIG) for size in sizes) > MOST_CONFIGS:
        most = f"the configuration files of the kernels are larger than {MOST_CONFIGS >> 20} MiB"
        raise InputOutput(most, hint="remove those of kernels that are no longer installed", place=Place("/boot"))


def _plain(release: str) -> str:
    """The release in an initrd's name, without the mark of a capture kernel's (`-kdump`, `kdump`)."""
    return release.removesuffix(_CAPTURE).rstrip("-") if release.endswith(_CAPTURE) else release


def _candidates(tree: Root) -> Iterator[str]:
    """Paths that may be an image, a configuration or an initrd."""
    for directory in _DIRECTORIES:
        for name in tree.list(directory):
            path = f"{directory}/{name}"
            if "-" in name:
                yield path
            # kernel-install's layout: /TOKEN/RELEASE/linux, the token being the machine id or the distribution's id.
            for release in tree.list(path) if name not in _NO_TOKENS else ():
                if release[:1].isdigit():
                    yield from (f"{path}/{release}/{file}" for file in tree.list(f"{path}/{release}"))
    for directory in _MODULES:
        for release in tree.list(directory):
            if tree.list(f"{directory}/{release}"):
                yield from (f"{directory}/{release}/{file}" for file in ("vmlinuz", "config"))
    yield from (f"/var/lib/kdump/{name}" for name in tree.list("/var/lib/kdump") if "-" in name)


def _kernel(tree: Root, release: str, image: str | None, config: str | None, initrds: list[_File]) -> Kernel:
    said = parse_config(head(tree, config, LARGEST_CONFIG)) if config else NO_CONFIG
    header = parse_image(head(tree, image, IMAGE_HEAD)) if image else None
    largest = max(initrds, key=lambda each: (_CAPTURE in each.path, each.size), default=None)
    own = largest is not None and (_CAPTURE in largest.path or not tree.exists(_HOOK))
    return Kernel(
        architecture=said.architecture or (header and header.architecture) or architecture.implied(release),
        config=said,
        memory=header.memory if header else None,
        initrd=max((each.size for each in initrds if _CAPTURE not in each.path), default=None),
        capture=max((each.size for each in initrds if _CAPTURE in each.path), default=None),
        initrd_path=largest.path if largest and own else "",
    )
