"""Deployments of ostree and bootc: snippets that their own tools write, and the image they come from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grubkd.boot.entry import is_deployment
from grubkd.boot.loaders.format import LoaderMenu
from grubkd.boot.model import ManagedBy

if TYPE_CHECKING:
    from grubkd.tree.tree import Tree

_OSTREE = ("/ostree/repo", "/sysroot/ostree", "/run/ostree-booted")
# bootc takes kernel arguments from the files in this directory.
_BOOTC = "/usr/lib/bootc/kargs.d"


def manager_of(tree: Tree) -> ManagedBy | None:
    """The tool that manages the tree: a deployment, or the disk that holds some. None for an ordinary system."""
    if tree.exists(_BOOTC):
        return ManagedBy.BOOTC
    return ManagedBy.OSTREE if any(tree.exists(path) for path in _OSTREE) else None


def separate(snippets: LoaderMenu | None, tree: Tree) -> list[LoaderMenu]:
    """The menu of the ordinary snippets, and the menu of the deployments with the files of bootc."""
    kargs = tuple(f"{_BOOTC}/{name}" for name in tree.list(_BOOTC) if name.endswith(".toml"))
    items = snippets.items if snippets else ()
    deployments = tuple(item for item in items if is_deployment(item.stanza))
    files = {item.file for item in deployments}
    found = []
    if snippets:
        others = tuple(file for file in snippets.files if file not in files)
        if others or not files:
            ordinary = tuple(item for item in items if item.file not in files)
            found.append(snippets._replace(files=others, items=ordinary))
    if snippets and files:
        own_files = tuple(item.file for item in deployments) + kargs
        found.append(LoaderMenu("ostree", own_files, deployments, snippets.references))
    elif manager_of(tree):
        found.append(LoaderMenu("ostree", kargs, (), {}))
    return found
