"""Every layout: a real boot loader boots the entry that grubkd edited, and the kernel reserves what was predicted."""

from pathlib import Path

import pytest

from lab import disks
from lab.initramfs import base
from lab.kernels import KERNELS
from lab.packages import Unavailable
from lab.prediction import compare, size_fits
from lab.qemu import QUICK_END, Machine, Run, run
from lab.report import reports
from lab.tree import Tree

KERNEL = KERNELS["6.1 x86_64"]
MEMORY = 1024
# Without KASLR the place is known. The page and the matrix also test with KASLR.
LINE = "ro nokaslr crashkernel=64M"
ARGUMENTS = ["--arg=console=ttyS0,115200", *(f"--arg={word}" for word in QUICK_END.split())]

GRUB2 = """set default=0
set timeout=0
menuentry 'Debian GNU/Linux' --class debian --class gnu-linux {{
	insmod part_msdos
	insmod ext2
	set root='hd0,msdos1'
	linux	/boot/vmlinuz-{release} {line}
	initrd	/boot/initrd.img-{release}
}}
"""
BLS = """title      Debian GNU/Linux 12 (bookworm)
version    {release}
options    {line}
linux      /vmlinuz-{release}
initrd     /initrd.img-{release}
"""
SYSLINUX = """DEFAULT linux
PROMPT 0
TIMEOUT 1
LABEL linux
  MENU LABEL Debian GNU/Linux
  LINUX /vmlinuz-{release}
  INITRD /initrd.img-{release}
  APPEND {line}
"""


def grub2(tree: Tree, disk: Path) -> Machine:
    disks.grub2(tree.path, disk)
    return Machine("x86_64", MEMORY, disk=disk)


def systemd_boot(tree: Tree, disk: Path) -> Machine:
    return Machine("x86_64", MEMORY, kind="q35", disk=disk, pflash=disks.systemd_boot(tree.path, disk))


def syslinux(tree: Tree, disk: Path) -> Machine:
    disks.syslinux(tree.path, disk)
    return Machine("x86_64", MEMORY, disk=disk)


# The directory of the boot files, the file with the line, its text, and the function that makes a machine of the tree.
LAYOUTS = {
    "grub2": ("boot", "boot/grub/grub.cfg", GRUB2, grub2),
    "systemd-boot": ("boot/efi", "boot/efi/loader/entries/debian.conf", BLS, systemd_boot),
    "syslinux": ("boot", "boot/syslinux/syslinux.cfg", SYSLINUX, syslinux),
}


@pytest.mark.parametrize(
    "layout", [pytest.param(each, marks=[pytest.mark.long] * (each == "systemd-boot")) for each in LAYOUTS]
)
def test_the_edited_entry_boots(layout: str, tmp_path: Path) -> None:
    directory, file, text, image = LAYOUTS[layout]
    disk = tmp_path / "disk"
    try:
        tree = Tree(tmp_path / "tree", KERNEL)
        tree.install_kernel(base(KERNEL.arch).packed(), directory)
        tree.write(file, text.format(release=KERNEL.release, line=LINE))
        if layout == "systemd-boot":
            tree.write("boot/efi/loader/loader.conf", "default debian.conf\ntimeout 0\n")
        tree.grubkd("set", "1G-4G:192M,4G-64G:256M,64G-:512M", *ARGUMENTS)
        entry = tree.default_entry()
        done: Run = run(image(tree, disk), 120)
    except Unavailable as problem:
        pytest.skip(str(problem))
    assert done.ended, done.tail()
    (report,) = reports(done.text)
    assert set(report.cmdline.split()) - set(entry["cmdline"].split()) <= loader_words(report.cmdline)
    assert entry["cmdline"] in report.cmdline
    # RAM is 1G less what the firmware uses; the kernel rounds it up to 128M, so the range matches.
    assert report.size == 192 << 20
    compared = compare(report, "x86_64")
    assert compared.outcome != "wrong", compared
    assert size_fits(report, compared.reserved)


def loader_words(line: str) -> set[str]:
    """What boot loaders add: the names of the files that they loaded."""
    return {word for word in line.split() if word.startswith(("BOOT_IMAGE=", "initrd="))}
