"""Disk images, each with a real boot loader, made without root and without loop devices."""

import os
import shutil
import struct
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from lab.packages import CACHE, Source, Unavailable

MIB = 1 << 20
_SECTOR = 512
BOOT_SIZE, ROOT_SIZE = 64, 256
"""MiB of the partitions that hold /boot and the rest."""


def _run(*command: str | Path, text: str | None = None) -> str:
    if not shutil.which(command[0]):
        raise Unavailable(f"{command[0]} is not installed")
    try:
        done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    except OSError as problem:  # a program of another architecture
        raise Unavailable(f"{command[0]}: {problem.strerror}") from None
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout


def partitioned(disk: Path, sizes: Sequence[int], kind: str = "83", label: str = "dos") -> list[int]:
    """An empty disk with partitions of these sizes in MiB, the first bootable; returns where each begins, in bytes."""
    starts = [MIB]
    for size in sizes:
        starts.append(starts[-1] + size * MIB)
    with disk.open("wb") as file:
        file.truncate(starts[-1] + MIB)
    lines = [f"label: {label}"]
    for number, (start, size) in enumerate(zip(starts, sizes, strict=False)):
        bootable = ", bootable" if label == "dos" and number == 0 else ""
        lines.append(f"start={start // _SECTOR}, size={size * MIB // _SECTOR}, type={kind}{bootable}")
    _run("sfdisk", "--quiet", disk, text="\n".join(lines) + "\n")
    return starts[:-1]


def _ext2(disk: Path, start: int, size: int, tree: Path, block: int = 1024) -> None:
    # GRUB 0.97 knows only inodes of 128 bytes.
    options = ("-q", "-F", "-t", "ext2", "-I", "128", "-b", str(block), "-E", f"offset={start},root_owner=0:0")
    _run("mke2fs", *options, "-d", tree, disk, f"{size}M")


def ext4(tree: Path, disk: Path, *, size: int) -> None:
    """One partition that holds the whole tree, as present installers make it; without a boot loader."""
    (start,) = partitioned(disk, (size,))
    _run("mke2fs", "-q", "-F", "-t", "ext4", "-E", f"offset={start}", "-d", tree, disk, str(size * 1024))


def _without(tree: Path, directory: str, scratch: Path) -> Path:
    """A copy of the tree in which the directory is empty."""
    copy = scratch / "rest"
    _run("cp", "--archive", "--reflink=auto", tree, copy)
    shutil.rmtree(copy / directory)
    (copy / directory).mkdir()
    return copy


def grub_legacy(tree: Path, disk: Path, *, size: int = ROOT_SIZE) -> None:
    """GRUB 0.97 on the master boot record, /boot as the first partition, the rest of the tree as the second, of `size`.

    Debian's own i386 `grub` sets it up, with its own loader and libraries. Raises Unavailable.
    """
    packages = Source("bookworm", "i386").tree("grub-legacy", "libc6", "libncurses6", "libtinfo6")
    for stage in (packages / "usr/lib/grub/i386-pc").iterdir():
        shutil.copy(stage, tree / "boot/grub")
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        boot, root = partitioned(disk, (BOOT_SIZE, size))
        _ext2(disk, boot, BOOT_SIZE, tree / "boot")
        _ext2(disk, root, size, _without(tree, "boot", scratch))
        device_map = scratch / "device.map"
        device_map.write_text(f"(hd0) {disk}\n")
        libraries = f"{packages}/lib/i386-linux-gnu:{packages}/usr/lib/i386-linux-gnu"
        printed = _run(
            packages / "lib/ld-linux.so.2",
            *("--library-path", libraries, packages / "usr/sbin/grub"),
            *("--batch", "--no-floppy", f"--device-map={device_map}"),
            text="root (hd0,0)\nsetup (hd0)\nquit\n",
        )
    assert 'Running "install /grub/stage1' in printed and "succeeded" in printed, printed


_GRUB2_MODULES = (
    *("biosdisk", "part_msdos", "ext2", "normal", "linux", "serial", "terminal", "echo", "configfile", "test"),
    *("search", "search_fs_uuid", "search_label", "search_fs_file", "ls", "cat", "minicmd", "sleep", "loadenv", "gzio"),
    "multiboot2",
)


_EFI_MODULES = ("part_gpt", "fat", "normal", "linux", "serial", "terminal", "echo", "configfile", "test", "gzio")


def grub_efi(tree: Path, disk: Path, *, size: int = 128) -> None:
    """GRUB 2 on an EFI system partition that holds the tree. Raises Unavailable."""
    modules = Source("bookworm", "amd64").tree("grub-efi-amd64-bin") / "usr/lib/grub/x86_64-efi"
    image = tree / "EFI/BOOT/BOOTX64.EFI"
    image.parent.mkdir(parents=True)
    prefix = ("--prefix", "/boot/grub", "--directory", modules, "--output", image)
    _run("grub-mkimage", "--format", "x86_64-efi", *prefix, *_EFI_MODULES)
    (start,) = partitioned(disk, (size,), "uefi", "gpt")
    _fat(disk, start, size, tree, 32)


def with_menu(menu: str, *, efi: bool, **files: Path) -> Path:
    """A disk whose GRUB 2 runs this menu; the files are /boot/NAME. It replaces the disk of the call before."""
    disk = CACHE / f"menu-{os.getpid()}.disk"
    with tempfile.TemporaryDirectory() as name:
        tree = Path(name)
        (tree / "boot/grub").mkdir(parents=True)
        for each, file in files.items():
            shutil.copy(file, tree / "boot" / each)
        (tree / "boot/grub/grub.cfg").write_text(menu)
        (grub_efi if efi else grub2)(tree, disk)
    return disk


def grub2(tree: Path, disk: Path, *, size: int = 128) -> None:
    """GRUB 2 in the gap before the first partition, which holds the whole tree. Raises Unavailable."""
    modules = Source("bookworm", "amd64").tree("grub-pc-bin") / "usr/lib/grub/i386-pc"
    (start,) = partitioned(disk, (size,))
    with tempfile.TemporaryDirectory() as name:
        core = Path(name) / "core.img"
        prefix = ("--prefix", "(hd0,msdos1)/boot/grub", "--directory", modules, "--output", core)
        _run("grub-mkimage", "--format", "i386-pc", *prefix, *_GRUB2_MODULES)
        # It reads block by block.
        _ext2(disk, start, size, tree, 4096)
        _embed(disk, (modules / "boot.img").read_bytes(), core.read_bytes())


def _embed(disk: Path, boot: bytes, core: bytes) -> None:
    """Write what grub-bios-setup writes: boot.img around the partition table, core.img in the sectors after it."""
    core += bytes(-len(core) % _SECTOR)
    sectors = len(core) // _SECTOR
    assert sectors < MIB // _SECTOR - 1, "core.img does not fit before the first partition"
    head = bytearray(boot)
    head[0x5C:0x64] = struct.pack("<Q", 1)  # the sector of core.img
    head[0x66:0x68] = b"\x90\x90"  # no jump over the check that the drive is a hard disk
    # core.img's own list of its blocks: all but its first sector lie from sector 2 on, to be loaded at 0x8200.
    body = core[:0x1F4] + struct.pack("<QHH", 2, sectors - 1, 0x820) + core[0x200:]
    with disk.open("r+b") as file:
        table = file.read(_SECTOR)[440:]
        file.seek(0)
        file.write(bytes(head[:440]) + table + body)


def _fat(disk: Path, start: int, size: int, tree: Path, bits: int) -> str:
    """A FAT file system with the files of the tree; returns its name for mtools."""
    _run("mkfs.vfat", "-F", str(bits), "--offset", str(start // _SECTOR), disk, str(size * 1024))
    image = f"{disk}@@{start}"
    for each in sorted(tree.iterdir()):
        _run("mcopy", "-s", "-Q", "-i", image, each, "::/")
    return image


def systemd_boot(tree: Path, disk: Path, *, size: int = 96) -> tuple[Path, Path]:
    """systemd-boot on an EFI system partition that holds the tree's /boot/efi; returns the firmware for QEMU's pflash.

    Raises Unavailable.
    """
    esp = tree / "boot/efi"
    loader = Source("bookworm", "amd64").tree("systemd-boot-efi") / "usr/lib/systemd/boot/efi/systemd-bootx64.efi"
    (esp / "EFI/BOOT").mkdir(parents=True)
    shutil.copy(loader, esp / "EFI/BOOT/BOOTX64.EFI")
    (start,) = partitioned(disk, (size,), "uefi", "gpt")
    _fat(disk, start, size, esp, 32)
    return ovmf(disk.with_suffix(".vars"))


def ovmf(variables: Path) -> tuple[Path, Path]:
    """EFI firmware for QEMU's pflash, with new variables in that file. Raises Unavailable."""
    firmware = Source("bookworm", "amd64").tree("ovmf") / "usr/share/OVMF"
    shutil.copy(firmware / "OVMF_VARS_4M.fd", variables)
    return firmware / "OVMF_CODE_4M.fd", variables


def syslinux(tree: Path, disk: Path, *, size: int = 96) -> None:
    """SYSLINUX on a FAT partition that holds the tree's /boot, its configuration in /syslinux. Raises Unavailable."""
    source = Source("bookworm", "amd64")
    packages = source.tree("syslinux", "syslinux-common", "libc6")
    (start,) = partitioned(disk, (size,), "e")
    shutil.copy(packages / "usr/lib/syslinux/modules/bios/ldlinux.c32", tree / "boot/syslinux")
    _fat(disk, start, size, tree / "boot", 16)
    _run(packages / "usr/bin/syslinux", "--offset", str(start), "--directory", "/syslinux", "--install", disk)
    record = (packages / "usr/lib/syslinux/mbr/mbr.bin").read_bytes()
    with disk.open("r+b") as file:
        file.write(record[:440])
