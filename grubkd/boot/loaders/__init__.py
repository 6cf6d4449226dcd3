"""The formats, one module each. FORMATS is the one list that names them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grubkd.boot.loaders import (
    bls,
    default_grub,
    extlinux,
    grub2,
    grub_legacy,
    grubenv,
    kernel_cmdline,
    loader_conf,
    zipl,
)

if TYPE_CHECKING:
    from grubkd.boot.loaders.format import Format

FORMATS: tuple[Format, ...] = (
    grub_legacy.FORMAT,
    grub2.FORMAT,
    default_grub.FORMAT,
    grubenv.FORMAT,
    bls.FORMAT,
    kernel_cmdline.FORMAT,
    loader_conf.FORMAT,
    extlinux.FORMAT,
    zipl.FORMAT,
)
