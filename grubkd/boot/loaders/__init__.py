"""The boot loaders. LOADERS is the one list that names them and their file formats."""

from __future__ import annotations

from grubkd.boot.loaders import (
    armbian,
    bls,
    bls_menu,
    default_grub,
    extlinux,
    extlinux_menu,
    grub2,
    grub_custom,
    grub_entries,
    grub_legacy,
    grubenv,
    kernel_cmdline,
    limine,
    owners,
    raspberrypi,
    refind,
    shell_options,
    systemd_boot,
    uki,
    zipl,
)
from grubkd.boot.loaders.format import Loader

# In the order in which `grubkd show` lists them.
LOADERS = (
    Loader("grub-legacy", (grub_legacy.FORMAT,), grub_legacy.menus),
    Loader("grub2", (grub2.FORMAT, default_grub.FORMAT, grubenv.FORMAT, grub_custom.FORMAT), grub_entries.menus),
    Loader("zipl", (zipl.FORMAT,), zipl.menus),
    Loader("bls", (bls.FORMAT, kernel_cmdline.FORMAT, systemd_boot.FORMAT), bls_menu.menus),
    Loader("uki", (), uki.menus),
    Loader("extlinux", (extlinux.FORMAT,), extlinux_menu.menus),
    Loader("refind", (refind.FORMAT,), refind.menus),
    Loader("raspberrypi", (raspberrypi.FORMAT,), raspberrypi.menus),
    Loader("armbian", (armbian.FORMAT,), armbian.menus),
    Loader("limine", (limine.FORMAT,), limine.menus),
    Loader("owners", (shell_options.FORMAT,), owners.menus),
)
FORMATS = tuple(each for loader in LOADERS for each in loader.formats)
