"""Trees with any number of boot entries, as installers and generators leave them; without kernels, RAM unknown."""

from collections.abc import Callable
from pathlib import Path

ARGUMENTS = "root=/dev/mapper/vg-root ro rd.lvm.lv=vg/root LANG=en_US.UTF-8 crashkernel=auto rhgb quiet"


def release(number: int) -> str:
    return f"5.14.0-{number}.el9.x86_64"


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def legacy(top: Path, count: int) -> None:
    entries = (
        f"title Linux ({release(number)})\n\troot (hd0,0)\n\tkernel /vmlinuz-{release(number)} {ARGUMENTS}\n"
        f"\tinitrd /initramfs-{release(number)}.img\n"
        for number in range(count)
    )
    write(top / "boot/grub/grub.conf", f"default=0\ntimeout=5\n{''.join(entries)}")


def grub2(top: Path, count: int) -> None:
    entries = (
        f"menuentry 'Linux {release(number)}' --class os $menuentry_id_option 'gnulinux-{number}' {{\n"
        "\tload_video\n\tinsmod gzio\n\tinsmod part_gpt\n\tinsmod ext2\n"
        f"\techo\t'Loading Linux {release(number)} ...'\n"
        f"\tlinux\t/vmlinuz-{release(number)} {ARGUMENTS}\n\techo\t'Loading initial ramdisk ...'\n"
        f"\tinitrd\t/initrd.img-{release(number)}\n}}\n"
        for number in range(count)
    )
    head = 'set default="0"\nset timeout=5\n### BEGIN /etc/grub.d/10_linux ###\n'
    write(top / "boot/grub/grub.cfg", f"{head}{''.join(entries)}### END /etc/grub.d/10_linux ###\n")
    write(top / "etc/default/grub", 'GRUB_DEFAULT=0\nGRUB_TIMEOUT=5\nGRUB_CMDLINE_LINUX="ro crashkernel=auto"\n')


def bls(top: Path, count: int) -> None:
    write(top / "boot/grub2/grub.cfg", 'set default="${saved_entry}"\ninsmod blscfg\nblscfg\n')
    write(top / "etc/default/grub", 'GRUB_CMDLINE_LINUX="ro crashkernel=auto"\nGRUB_ENABLE_BLSCFG=true\n')
    block = f"# GRUB Environment Block\nsaved_entry=m-{release(0)}\n"
    write(top / "boot/grub2/grubenv", block.ljust(1024, "#"))
    write(top / "etc/kernel/cmdline", f"{ARGUMENTS}\n")
    for number in range(count):
        write(
            top / f"boot/loader/entries/m-{release(number)}.conf",
            f"title Linux ({release(number)})\nversion {release(number)}\nlinux /vmlinuz-{release(number)}\n"
            f"initrd /initramfs-{release(number)}.img\noptions {ARGUMENTS}\ngrub_class rhel\n",
        )


KINDS: dict[str, Callable[[Path, int], None]] = {"legacy": legacy, "grub2": grub2, "bls": bls}
