"""Deployments of ostree and bootc: entries that their own tools write, and the image they come from."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from grubkd.boot.build import is_deployment
from grubkd.boot.loaders.joined import LoaderMenu
from grubkd.boot.managed_by import ManagedBy

if TYPE_CHECKING:
    from grubkd.tree.tree import Tree

_OSTREE = ("/ostree/repo", "/sysroot/ostree", "/run/ostree-booted")
_BOOTC = "/usr/lib/bootc/kargs.d"


def manager_of(tree: Tree) -> ManagedBy | None:
    """Whether the tree is a deployment, or the disk that holds some, and whose; None for an ordinary system."""
    if tree.exists(_BOOTC):
        return ManagedBy.BOOTC
    return ManagedBy.OSTREE if any(tree.exists(path) for path in _OSTREE) else None


def join(bls: LoaderMenu | None, tree: Tree, managed_by: ManagedBy | None) -> list[LoaderMenu]:
    """The snippets of deployments apart from all others, with the files from which bootc takes arguments."""
    candidates = bls.candidates if bls else ()
    files = {each.file for each in candidates if is_deployment(each.stanza)}
    found = []
    if bls:
        others = tuple(each for each in candidates if each.file not in files)
        left = tuple(file for file in bls.files if file not in files)
        if left or not files:
            found.append(replace(bls, files=left, candidates=others))
        if files:
            mine = tuple(each for each in candidates if each.file in files)
            found.append(
                LoaderMenu("ostree", tuple(each.file for each in mine) + _kargs(tree), mine, bls.references, (), ())
            )
    if managed_by and not files:
        found.append(LoaderMenu("ostree", _kargs(tree), (), {}))
    return found


def _kargs(tree: Tree) -> tuple[str, ...]:
    return tuple(f"{_BOOTC}/{name}" for name in tree.list(_BOOTC) if name.endswith(".toml"))
