"""The boot loaders. LOADERS is the one list that names them and their file formats."""

from __future__ import annotations

from grubkd.boot.loaders import (
    bls,
    bls_menu,
    default_grub,
    extlinux,
    grub2,
    grub_entries,
    grub_legacy,
    grubenv,
    kernel_cmdline,
    systemd_boot,
    uki,
    zipl,
)
from grubkd.boot.loaders.format import Loader

# In the order in which `grubkd show` lists them.
LOADERS = (
    Loader("grub-legacy", (grub_legacy.FORMAT,), grub_legacy.menus),
    Loader("grub2", (grub2.FORMAT, default_grub.FORMAT, grubenv.FORMAT), grub_entries.menus),
    Loader("zipl", (zipl.FORMAT,), zipl.menus),
    Loader("bls", (bls.FORMAT, kernel_cmdline.FORMAT, systemd_boot.FORMAT), bls_menu.menus),
    Loader("uki", (), uki.menus),
    Loader("extlinux", (extlinux.FORMAT,), extlinux.menus),
)
FORMATS = tuple(each for loader in LOADERS for each in loader.formats)
