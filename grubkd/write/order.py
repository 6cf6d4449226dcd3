"""The changed files in the order they must be written."""

from collections.abc import Mapping

from grubkd import octets
from grubkd.boot.joins.bls import KERNEL_CMDLINE
from grubkd.boot.model import BootConfig
from grubkd.write.filechange import FileChange

DEFAULT_GRUB = "/etc/default/grub"


def of(config: BootConfig, texts: Mapping[str, str]) -> list[FileChange]:
    """The files whose new text differs from the one read: by path, but /etc/kernel/cmdline last.

    RHEL 10's kernel-install lets grub2-mkconfig rewrite /etc/kernel/cmdline when it is older than /etc/default/grub,
    so it is written after it, and also when only the other one changes.
    """
    files = []
    for path, text in texts.items():
        before = config.texts.get(path)
        if text != before:
            files.append(FileChange(path, None if before is None else octets.to_bytes(before), octets.to_bytes(text)))
    files.sort(key=lambda each: (each.path == KERNEL_CMDLINE, each.path))
    paths = [each.path for each in files]
    if DEFAULT_GRUB in paths and KERNEL_CMDLINE in config.texts and KERNEL_CMDLINE not in paths:
        same = octets.to_bytes(config.texts[KERNEL_CMDLINE])
        files.append(FileChange(KERNEL_CMDLINE, same, same, refresh=True))
    return files
