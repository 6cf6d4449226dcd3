"""Image trees with any number of entries, as on a real machine: kernel files exist, entries have a value.

Each entry has a kernel of its own: an x86_64 image with a boot header, a configuration file and an initrd, as large as
a distribution's. Images and initrds are sparse files, and the trees of one run share all kernel files by hard links, so
the benchmark needs little room on the disk.
"""

import os
import struct
from collections.abc import Callable, Iterator
from pathlib import Path

ARGUMENTS = (
    "root=/dev/mapper/vg-root ro crashkernel=1G-4G:192M,4G-64G:256M,64G-:512M rd.lvm.lv=vg/root LANG=en_US.UTF-8"
    " console=tty0 console=ttyS0,115200 rhgb quiet"
)
OS_RELEASE = 'NAME="Red Hat Enterprise Linux"\nVERSION="9.5 (Plow)"\nID="rhel"\nID_LIKE="fedora"\nVERSION_ID="9.5"\n'
# Bytes of a distribution's image and initrd, and of memory that the running image takes.
IMAGE, INITRD, INIT_SIZE = 14 << 20, 60 << 20, 0x3C00000


def release(number: int) -> str:
    """The release of one kernel, as `uname -r` prints it."""
    return f"5.14.0-{number}.el9_5.x86_64"


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def image(name: str) -> bytes:
    """The first bytes of a bzImage, boot protocol 2.15: Documentation/arch/x86/boot.rst of Linux."""
    head = bytearray(0x400 + len(name) + 1)
    struct.pack_into("<H", head, 0x1FE, 0xAA55)
    struct.pack_into("<4sH", head, 0x202, b"HdrS", 0x20F)
    struct.pack_into("<H", head, 0x20E, 0x200)  # the version text begins at 0x200 + 0x200
    struct.pack_into("<H", head, 0x236, 1)  # xloadflags: a 64-bit kernel
    struct.pack_into("<I", head, 0x260, INIT_SIZE)
    head[0x400:] = f"{name} (mockbuild@example) #1 SMP\0".encode()
    return bytes(head)


def configuration() -> str:
    """The text of /boot/config-RELEASE, about 5,000 lines like a distribution's."""
    wanted = (
        "CONFIG_64BIT=y\nCONFIG_X86_64=y\nCONFIG_X86=y\nCONFIG_KEXEC=y\nCONFIG_KEXEC_FILE=y\nCONFIG_KEXEC_CORE=y\n"
        "CONFIG_CRASH_DUMP=y\nCONFIG_PROC_VMCORE=y\nCONFIG_RELOCATABLE=y\nCONFIG_RANDOMIZE_BASE=y\n"
        "CONFIG_PHYSICAL_START=0x1000000\n"
    )
    drivers = [f"CONFIG_DRIVER_{number}_SUPPORT=m\n" for number in range(3400)]
    unset = [f"# CONFIG_OPTION_{number} is not set\n" for number in range(1600)]
    return "".join(("#\n# Linux/x86_64 Kernel Configuration\n#\n", *drivers[:1700], wanted, *drivers[1700:], *unset))


class Kernels:
    """The files of many kernels, made once in `pool` and linked into each tree."""

    def __init__(self, pool: Path) -> None:
        self._pool = pool
        pool.mkdir()
        (pool / "config").write_text(configuration())
        with (pool / "initrd").open("wb") as file:
            file.truncate(INITRD)

    def install(self, boot: Path, count: int, initrd: str) -> None:
        """Link the first `count` kernels into that directory; `initrd`: how its files are named."""
        for number in range(count):
            name = release(number)
            kernel = self._pool / f"vmlinuz-{name}"
            if not kernel.exists():
                kernel.write_bytes(image(name))
                os.truncate(kernel, IMAGE)
            os.link(kernel, boot / kernel.name)
            os.link(self._pool / "config", boot / f"config-{name}")
            os.link(self._pool / "initrd", boot / initrd.format(name))


def legacy(top: Path, count: int) -> None:
    write(top / "boot/grub/grub.conf", f"default=0\ntimeout=5\n{''.join(_titles(count))}")


def _titles(count: int) -> Iterator[str]:
    for name in map(release, range(count)):
        kernel = f"\tkernel /vmlinuz-{name} {ARGUMENTS}\n\tinitrd /initramfs-{name}.img\n"
        yield f"title Linux ({name})\n\troot (hd0,0)\n{kernel}"


def grub2(top: Path, count: int) -> None:
    head = 'set default="0"\nset timeout=5\n### BEGIN /etc/grub.d/10_linux ###\n'
    write(top / "boot/grub2/grub.cfg", f"{head}{''.join(_menuentries(count))}### END /etc/grub.d/10_linux ###\n")
    write(top / "etc/default/grub", f'GRUB_DEFAULT=0\nGRUB_TIMEOUT=5\nGRUB_CMDLINE_LINUX="{ARGUMENTS}"\n')


def _menuentries(count: int) -> Iterator[str]:
    for number in range(count):
        name = release(number)
        yield (
            f"menuentry 'Linux {name}' --class os $menuentry_id_option 'gnulinux-{number}' {{\n"
            "\tload_video\n\tinsmod gzio\n\tinsmod part_gpt\n\tinsmod ext2\n"
            f"\techo\t'Loading Linux {name} ...'\n"
            f"\tlinux\t/vmlinuz-{name} {ARGUMENTS}\n\techo\t'Loading initial ramdisk ...'\n"
            f"\tinitrd\t/initramfs-{name}.img\n}}\n"
        )


def bls(top: Path, count: int) -> None:
    write(top / "boot/grub2/grub.cfg", 'set default="${saved_entry}"\ninsmod blscfg\nblscfg\n')
    write(top / "etc/default/grub", f'GRUB_CMDLINE_LINUX="{ARGUMENTS}"\nGRUB_ENABLE_BLSCFG=true\n')
    block = f"# GRUB Environment Block\nsaved_entry=m-{release(0)}\n"
    write(top / "boot/grub2/grubenv", block.ljust(1024, "#"))
    write(top / "etc/kernel/cmdline", f"{ARGUMENTS}\n")
    for name in map(release, range(count)):
        write(
            top / f"boot/loader/entries/m-{name}.conf",
            f"title Linux ({name})\nversion {name}\nlinux /vmlinuz-{name}\ninitrd /initramfs-{name}.img\n"
            f"options {ARGUMENTS}\ngrub_users $grub_users\ngrub_arg --unrestricted\ngrub_class rhel\n",
        )


def extlinux(top: Path, count: int) -> None:
    labels = (
        f"label l{number}\n\tmenu label Linux {release(number)}\n\tlinux /vmlinuz-{release(number)}\n"
        f"\tinitrd /initramfs-{release(number)}.img\n\tappend {ARGUMENTS}\n"
        for number in range(count)
    )
    write(top / "boot/extlinux/extlinux.conf", f"default l0\ntimeout 50\n{''.join(labels)}")


FORMATS: dict[str, Callable[[Path, int], None]] = {"legacy": legacy, "grub2": grub2, "bls": bls, "extlinux": extlinux}


def make(kind: str, top: Path, count: int, kernels: Kernels) -> None:
    """Make one tree of that format, with that many entries."""
    FORMATS[kind](top, count)
    write(top / "etc/os-release", OS_RELEASE)
    kernels.install(top / "boot", count, "initramfs-{}.img")
