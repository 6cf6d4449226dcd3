"""What the path of an image says: its file name, its kernel release, and whether it is Linux, Xen or an initrd.

Boot configurations differ in the directory (relative to the boot partition or the root, `/boot/boot/...` on btrfs, even
the host's path of a chroot after update-grub), so only the end of a path counts.
"""

from __future__ import annotations

import re

_NAMED = re.compile(r"(?:vmlinu[xz]|kernel|linux|[bz]?[iI]mage|initrd(?:\.img)?|initramfs)-(?P<release>[0-9].*)")
_PACKED = (".img", ".gz")
_NO_LINUX = ("memtest", "mt86", "gpxe", "ipxe", "sgabios", "grub", "shell", "fwsetup")


def file_name(path: str) -> str:
    """The last component of a path, without a GRUB device `(hd0,1)`."""
    return path.rpartition("/")[2].rpartition(")")[2]


def release_of(path: str) -> str | None:
    """The kernel release that a kernel's or initrd's path names, or None.

    `vmlinuz-RELEASE`, or the directory of kernel-install's layout `/TOKEN/RELEASE/linux` and of
    `/lib/modules/RELEASE/vmlinuz`.
    """
    named = _NAMED.match(file_name(path))
    if named:
        release = named["release"]
        while release.endswith(_PACKED):
            release = release.removesuffix(".img").removesuffix(".gz")
        return release
    directory = path.rpartition("/")[0].rpartition("/")[2]
    return directory if re.match(r"[0-9]+\.[0-9]", directory) else None


def is_xen(path: str) -> bool:
    """Whether the image is the Xen hypervisor, which makes the reservation itself."""
    return file_name(path).startswith("xen")


def is_initrd(path: str) -> bool:
    """Whether the image is an initial RAM disk or microcode."""
    name = file_name(path).lower()
    return name.startswith(("initrd", "initramfs")) or "ucode" in name


def is_linux(path: str) -> bool:
    """Whether the image may be a Linux kernel: none of the tools that are loaded in the same way."""
    name = file_name(path).lower()
    return not name.startswith(_NO_LINUX) and not name.endswith(".efi")


def is_kernel(path: str) -> bool:
    """Whether the image may be a Linux kernel, and neither Xen, an initrd nor tboot.

    tboot is loaded like a hypervisor, but the Linux module behind it takes every argument.
    """
    other = is_xen(path) or is_initrd(path) or file_name(path).startswith("tboot")
    return not other and is_linux(path)
