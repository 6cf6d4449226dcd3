"""The changed files in the order they must be written."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grubkd.boot.loaders import kernel_cmdline
from grubkd.change.filechange import FileChange
from grubkd.text import to_bytes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from grubkd.tree.tree import Tree

DEFAULT_GRUB = "/etc/default/grub"


def of(tree: Tree, read: Mapping[str, str], after: Mapping[str, bytes | None]) -> list[FileChange]:
    """The changes in the order of writing: by path, but /etc/kernel/cmdline last.

    `read`: the texts that the change started from; `after`: the files that differ from the tree. RHEL 10's
    kernel-install lets grub2-mkconfig rewrite /etc/kernel/cmdline when it is older than /etc/default/grub, so it is
    written after it, and also when only the other one changes.
    """
    files = [FileChange(path, _before(tree, read, path), data) for path, data in after.items()]
    files.sort(key=lambda each: (each.path == kernel_cmdline.FILE, each.path))
    if DEFAULT_GRUB in after and kernel_cmdline.FILE in read and kernel_cmdline.FILE not in after:
        same = to_bytes(read[kernel_cmdline.FILE])
        files.append(FileChange(kernel_cmdline.FILE, same, same, refresh=True))
    return files


def _before(tree: Tree, read: Mapping[str, str], path: str) -> bytes | None:
    if path in read:
        return to_bytes(read[path])
    return tree.read(path) if tree.exists(path) else None
