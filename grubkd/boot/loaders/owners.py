"""Tools that own a menu, or the arguments in it: how each is recognized, and the file and command that change them.

The menus of the tools in the table _NAMED are not read at all. ostree and bootc write the snippets of their
deployments, and take the arguments of a new one from the one before it.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, NamedTuple

from grubkd.boot import cmdline
from grubkd.boot.entry import is_deployment
from grubkd.boot.loaders import shell_options
from grubkd.boot.loaders.format import Followup, LoaderMenu, Owner
from grubkd.boot.model import ManagedBy
from grubkd.errors import GrubkdError, Notice, Place
from grubkd.text import from_bytes

if TYPE_CHECKING:
    from grubkd.boot.loaders.format import MenuItem, Sources
    from grubkd.tree.tree import Tree

_NIXOS = "/etc/NIXOS"
_KERNELSTUB = "/etc/kernelstub/configuration"
_TRANSACTIONAL = "/usr/sbin/transactional-update"
_PROXMOX = "/etc/kernel/proxmox-boot-uuids"
PROXMOX_REFRESH = ("proxmox-boot-tool", "refresh")
_OSTREE = ("/ostree/repo", "/sysroot/ostree", "/run/ostree-booted")
# bootc takes kernel arguments from the files in this directory.
_BOOTC = "/usr/lib/bootc/kargs.d"
_READ_ONLY_ROOT = r"(?m)^[^#\s]\S*\s+/\s+\S+\s+(?:\S+,)?ro(?:,|\s|$)"


class _Named(NamedTuple):
    """A tool by name, present if any of the files `shown_by` exists.

    `file`: the one to change; `found`: a pattern whose group 1 is its arguments; `statement`, `command`: as in Owner.
    """

    name: str
    shown_by: tuple[str, ...]
    file: str
    found: str
    statement: str
    command: str


_APPEND = r'(?m)^\s*append\s*=\s*"?([^"\n]*)"?'
# The label that `default=` names.
_KBOOT = r"(?ms)\A(?=.*?^default=(?P<d>[^\s'\"]+)).*?^(?P=d)=(['\"])(?P<all>[^'\"]*)"
_NAMED = (
    _Named("lilo", ("/etc/lilo.conf",), "/etc/lilo.conf", _APPEND, 'append="{}"', "lilo"),
    _Named("elilo", ("/etc/elilo.conf",), "/etc/elilo.conf", _APPEND, 'append="{}"', "elilo"),
    _Named("silo", ("/etc/silo.conf",), "/etc/silo.conf", _APPEND, 'append="{}"', ""),
    _Named("yaboot", ("/etc/yaboot.conf",), "/etc/yaboot.conf", _APPEND, 'append="{}"', "ybin (on an Apple only)"),
    _Named("petitboot", ("/etc/kboot.conf",), "/etc/kboot.conf", _KBOOT, "LABEL='IMAGE {}'", ""),
    _Named(
        "flash-kernel",
        ("/etc/default/flash-kernel", "/usr/sbin/flash-kernel"),
        "/etc/default/flash-kernel",
        r'(?m)^\s*LINUX_KERNEL_CMDLINE="?([^"\n]*)"?',
        'LINUX_KERNEL_CMDLINE="{}"',
        "flash-kernel",
    ),
    _Named(
        "u-boot",
        ("/boot/boot.cmd", "/boot/boot.scr"),
        "/boot/boot.cmd",
        r'(?m)^\s*setenv\s+bootargs\s+"?([^"\n]*)"?',
        'setenv bootargs "{}"',
        "mkimage -C none -A arm -T script -d /boot/boot.cmd /boot/boot.scr",
    ),
    _Named(
        "u-boot",
        ("/boot/uEnv.txt",),
        "/boot/uEnv.txt",
        r"(?m)^\s*(?:cmdline|optargs|bootargs)=([^\n]*)",
        "cmdline={}",
        "",
    ),
)


def named(tree: Tree) -> Owner | None:
    """The first tool of the table whose menu is in the tree. For a tree without any menu that grubkd reads."""
    for each in _NAMED:
        if any(tree.exists(path) for path in each.shown_by):
            try:
                text = from_bytes(tree.read(each.file)) if tree.exists(each.file) else ""
            except GrubkdError:
                text = ""
            found = re.search(each.found, text)
            if found and "all" in found.re.groupindex:
                return Owner(each.name, each.file, f"{found['d']}='{{}}'", _split(found["all"]), each.command)
            return Owner(each.name, each.file, each.statement, _split(found[1] if found else ""), each.command)
    return None


def _split(text: str) -> tuple[str, ...]:
    return tuple(cmdline.tokens(text))


def adopted(menu: LoaderMenu, sources: Sources, tree: Tree) -> LoaderMenu:
    """The menu with the sources and the marks of the tool that writes its entries."""
    menu = shell_options.joined(menu, sources)
    items = tuple(_marked(item, tree) for item in menu.items)
    return menu._replace(items=items) if items != menu.items else menu


def _marked(item: MenuItem, tree: Tree) -> MenuItem:
    manager = None
    if tree.exists(_NIXOS):
        manager = ManagedBy.NIXOS
    elif item.file.rpartition("/")[2].startswith("Pop_OS-") and tree.exists(_KERNELSTUB):
        manager = ManagedBy.KERNELSTUB
    elif _is_transactional(tree):
        manager = ManagedBy.TRANSACTIONAL
    return item._replace(managed_by=manager) if manager and not item.managed_by and not item.foreign else item


def _is_transactional(tree: Tree) -> bool:
    """Whether the running system's root is read-only, and changed by transactional-update only."""
    if not tree.live or not tree.exists(_TRANSACTIONAL) or os.environ.get("TRANSACTIONAL_UPDATE") == "true":
        return False
    return tree.exists("/etc/fstab") and re.search(_READ_ONLY_ROOT, from_bytes(tree.read("/etc/fstab"))) is not None


def menus(sources: Sources, tree: Tree) -> list[LoaderMenu]:
    """The tools that own entries of other menus, each as a menu of its own without entries, so that show names it."""
    found = []
    if tree.exists(_NIXOS):
        found.append(LoaderMenu("nixos", (_NIXOS,)))
    if tree.exists(_KERNELSTUB) and any("/Pop_OS-" in document.file for document in sources.documents["bls"]):
        found.append(LoaderMenu("kernelstub", (_KERNELSTUB,)))
    if tree.exists(_PROXMOX):
        files = {document.file for each in sources.documents.values() for document in each}
        mounted = any("/proxmox-" in document.file for document in sources.documents["bls"])
        followup = Followup(PROXMOX_REFRESH, frozenset(files))
        warnings = () if mounted else (_not_mounted(tree),)
        found.append(LoaderMenu("proxmox", (_PROXMOX,), warnings=warnings, followups=(followup,)))
    return found


def _not_mounted(tree: Tree) -> Notice:
    try:
        count = len(tree.read(_PROXMOX).split())
    except GrubkdError:
        count = 0
    return Notice(
        "menu-not-mounted",
        f"the menu is on {count or 'some'} EFI system partitions that are not mounted here",
        f"after a change run: {' '.join(PROXMOX_REFRESH)}",
        Place(_PROXMOX),
    )


def image_tool(tree: Tree) -> ManagedBy | None:
    """The tool that manages the tree: a deployment, or the disk that holds some. None for an ordinary system."""
    if tree.exists(_BOOTC):
        return ManagedBy.BOOTC
    return ManagedBy.OSTREE if any(tree.exists(path) for path in _OSTREE) else None


def separate_deployments(snippets: LoaderMenu | None, tree: Tree) -> list[LoaderMenu]:
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
    elif image_tool(tree):
        found.append(LoaderMenu("ostree", kargs))
    return found
