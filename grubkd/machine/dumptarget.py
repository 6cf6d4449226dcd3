"""Where a dump goes: as kdump-utils (Red Hat, Fedora), kdump-tools (Debian) and SUSE's kdump are configured."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from grubkd.errors import Place
from grubkd.machine import mounts, settings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from grubkd.machine.settings import Setting
    from grubkd.tree.root import Root

KDUMP_CONF, KDUMP_TOOLS, SYSCONFIG = "/etc/kdump.conf", "/etc/default/kdump-tools", "/etc/sysconfig/kdump"
_USUAL = "/var/crash"
_KEY = "/root/.ssh/kdump_id_rsa"
_EVERYTHING = 31
_FILESYSTEMS = frozenset({"ext2", "ext3", "ext4", "xfs", "btrfs", "minix", "virtiofs"})
_LEVEL = re.compile(r"(?:^|\s)-d\s*(\d{1,2})\b")
_COMPRESSES = re.compile(r"(?:^|\s)-[A-Za-z]*[clpz][A-Za-z]*(?=\s|$)")
_MOUNT = re.compile(r"--mount[\s=]+[\"']?\s*(\S+)\s+(\S+)\s+(\w+)")


class Kind(StrEnum):
    """What a dump is written to."""

    DIRECTORY = "directory"
    FILESYSTEM = "filesystem"
    NFS = "nfs"
    SSH = "ssh"
    FTP = "ftp"
    RAW = "raw"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Target:
    """`where`: the device, or the server; "" for a directory of the tree. `path`: the directory there.

    `directory`: where that is in the tree, None for what is on no mounted file system of it. `level`: makedumpfile's
    dump level, bits of what is left out. `compressed`: its pages are. `made`: a missing directory is made when a dump
    is saved; else the service does not start without it. `key`: ssh's private key. `more`: targets beside this one, of
    which the service takes one only. `place`: the setting that says so, None for the default.
    """

    kind: Kind
    where: str
    path: str
    directory: str | None
    level: int = _EVERYTHING
    compressed: bool = True
    made: bool = True
    key: str = ""
    more: tuple[Place, ...] = ()
    place: Place | None = None

    def __str__(self) -> str:
        if self.kind is Kind.RAW:
            return f"the device {self.where}"
        if self.kind is Kind.NOTHING:
            return "nowhere"
        return f"{self.where}:{self.path}" if self.where else self.path


DEFAULT = Target(Kind.DIRECTORY, "", _USUAL, _USUAL)
"""Of a tree that configures nothing."""


def read(tree: Root) -> Target:
    """The target of the service whose settings the tree has."""
    text = settings.text_of(tree, KDUMP_CONF)
    if text is not None:
        return _red_hat(tree, settings.kdump_conf(text))
    text = settings.text_of(tree, KDUMP_TOOLS)
    if text is not None:
        return _debian(settings.variables(text))
    text = settings.text_of(tree, SYSCONFIG)
    return _suse(settings.variables(text)) if text is not None else DEFAULT


def _red_hat(tree: Root, found: tuple[Setting, ...]) -> Target:
    """The last value counts; a second target is an error of its own."""
    values = {each.name: each for each in found}
    targets = [each for each in found if each.name in _FILESYSTEMS or each.name in ("raw", "nfs", "nfs4", "ssh", "net")]
    targets += [each for each in found if each.name == "dracut_args" and _MOUNT.search(each.value)]
    given = values.get("path")
    path = given.value if given and given.value else _USUAL
    collector = values["core_collector"].value if "core_collector" in values else "makedumpfile -l -d 31"
    level, compressed = _filtering(collector)
    more = tuple(Place(KDUMP_CONF, each.line) for each in targets[1:])
    if not targets:
        place = Place(KDUMP_CONF, given.line) if given else None
        return Target(Kind.DIRECTORY, "", path, path, level, compressed, made=False, place=place)
    chosen = targets[0]
    place = Place(KDUMP_CONF, chosen.line)
    if chosen.name in ("ssh", "nfs", "nfs4", "raw", "net"):
        kind = (
            Kind.SSH if "@" in chosen.value and chosen.name != "nfs" else Kind.RAW if chosen.name == "raw" else Kind.NFS
        )
        key = (values["sshkey"].value if "sshkey" in values else _KEY) if kind is Kind.SSH else ""
        return Target(kind, chosen.value, path, None, level, compressed, key=key, more=more, place=place)
    mounted = _MOUNT.search(chosen.value)
    device = mounted[1] if mounted else chosen.value.split(" ")[0]
    top = mounts.directory_of(tree, device, mounts.read(tree))
    directory = None if top is None else f"{top.rstrip('/')}/{path.lstrip('/')}"
    return Target(Kind.FILESYSTEM, device, path, directory, level, compressed, made=False, more=more, place=place)


def _filtering(collector: str) -> tuple[int, bool]:
    """The dump level, and whether pages are compressed; a collector other than makedumpfile copies all of it."""
    if "makedumpfile" not in collector:
        return 0, False
    level = _LEVEL.search(collector)
    return min(int(level[1]), _EVERYTHING) if level else 0, _COMPRESSES.search(collector) is not None


def _debian(found: Mapping[str, Setting]) -> Target:
    arguments = _value(found, "MAKEDUMP_ARGS") or "-c -d 31"
    level, compressed = _filtering(f"makedumpfile {arguments}")
    path = _value(found, "KDUMP_COREDIR") or _USUAL
    for name, kind in (("SSH", Kind.SSH), ("NFS", Kind.NFS), ("FTP", Kind.FTP)):
        where = _value(found, name)
        if where:
            if kind is not Kind.SSH:
                where, _, path = where.rpartition(":") if ":" in where else (where, "", "/")
            key = (_value(found, "SSH_KEY") or _KEY) if kind is Kind.SSH else ""
            place = Place(KDUMP_TOOLS, found[name].line)
            return Target(kind, where, path, None, level, compressed, key=key, place=place)
    named = found.get("KDUMP_COREDIR")
    said = Place(KDUMP_TOOLS, named.line) if named else None
    return Target(
        Kind.DIRECTORY, "", path, path, level, compressed or bool(_value(found, "KDUMP_COMPRESSION")), place=said
    )


def _suse(found: Mapping[str, Setting]) -> Target:
    named = found.get("KDUMP_SAVEDIR")
    if named is None or not named.value:
        return DEFAULT
    form = _value(found, "KDUMP_DUMPFORMAT") or "compressed"
    said = _value(found, "KDUMP_DUMPLEVEL")
    level = min(int(said), _EVERYTHING) if said.isdecimal() else _EVERYTHING
    compressed = form.lower() not in ("elf", "raw")
    place = Place(SYSCONFIG, named.line)
    # Of several targets, which share one dump, the first is looked at.
    url = named.value.split(" ")[0]
    scheme, separator, rest = url.partition("://")
    if form == "none":
        return Target(
            Kind.NOTHING, "", "", None, level, compressed, place=Place(SYSCONFIG, found["KDUMP_DUMPFORMAT"].line)
        )
    if not separator or scheme == "file":
        path = rest if separator else url
        return Target(Kind.DIRECTORY, "", path, path, level, compressed, place=place)
    where, _, path = rest.partition("/")
    kind = {"ssh": Kind.SSH, "sftp": Kind.SSH, "ftp": Kind.FTP}.get(scheme, Kind.NFS)
    return Target(kind, where.rpartition("@")[2], f"/{path}", None, level, compressed, place=place)


def _value(found: Mapping[str, Setting], name: str) -> str:
    return found[name].value if name in found else ""
