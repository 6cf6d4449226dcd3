"""Where the dump goes, and whether there is room for it.

The target as kdump-utils (Red Hat, Fedora), kdump-tools (Debian) and SUSE's kdump are configured; the mounted file
systems; and the free space of the target's.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from grubkd.errors import GrubkdError, Place
from grubkd.machine.ram import is_this_system
from grubkd.machine.settings import integer, kdump_conf, text, variables
from grubkd.text import from_user, to_user

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from grubkd.machine.settings import Setting
    from grubkd.tree.root import Root


KDUMP_CONF, KDUMP_TOOLS, SYSCONFIG = "/etc/kdump.conf", "/etc/default/kdump-tools", "/etc/sysconfig/kdump"
_USUAL = "/var/crash"
_KEY = "/root/.ssh/kdump_id_rsa"
_EVERYTHING = 31
_FILESYSTEMS = frozenset({"ext2", "ext3", "ext4", "xfs", "btrfs", "minix", "virtiofs"})
_LEVEL = r"(?:^|\s)-d\s*(\d{1,2})\b"
_COMPRESSES = r"(?:^|\s)-[A-Za-z]*[clpz][A-Za-z]*(?=\s|$)"
_MOUNT = r"--mount[\s=]+[\"']?\s*(\S+)\s+(\S+)\s+(\w+)"


class TargetKind(StrEnum):
    """What a dump is written to."""

    DIRECTORY = "directory"
    FILESYSTEM = "filesystem"
    NFS = "nfs"
    SSH = "ssh"
    FTP = "ftp"
    RAW = "raw"
    NOTHING = "nothing"


class Target(NamedTuple):
    """Where the dump goes. `where`: the device or the server, "" for a directory of the tree. `path`: the directory.

    `directory`: the path in the tree, None if it is on no mounted file system of the tree. `level`: makedumpfile's dump
    level, bits of the pages to leave out. `compressed`: whether pages are compressed. `made`: a missing directory is
    created when a dump is saved; else the service does not start without it. `key`: the SSH private key. `more`:
    further targets, which the service refuses. `place`: the setting, None for the default.
    """

    kind: TargetKind
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
        if self.kind is TargetKind.RAW:
            return f"the device {self.where}"
        if self.kind is TargetKind.NOTHING:
            return "nowhere"
        return f"{self.where}:{self.path}" if self.where else self.path


# The settings of kdump.conf for targets that are not mounted. The value says whether `net` is SSH.
_ELSEWHERE = {"raw": TargetKind.RAW, **dict.fromkeys(("ssh", "nfs", "nfs4", "net"), TargetKind.NFS)}

DEFAULT = Target(TargetKind.DIRECTORY, "", _USUAL, _USUAL)
"""Without any settings."""


def read(tree: Root) -> Target:
    """The target by the settings that the tree has."""
    settings = text(tree, KDUMP_CONF)
    if settings is not None:
        return _red_hat(tree, kdump_conf(settings))
    for path, parse in ((KDUMP_TOOLS, _debian), (SYSCONFIG, _suse)):
        settings = text(tree, path)
        if settings is not None:
            return parse(variables(settings))
    return DEFAULT


def _red_hat(tree: Root, found: tuple[Setting, ...]) -> Target:
    """The last value of a setting counts. kdumpctl refuses a second target: see Target.more."""
    values = {each.name: each for each in found}
    mounts = [each for each in found if each.name == "dracut_args" and re.search(_MOUNT, each.value)]
    targets = [each for each in found if each.name in _FILESYSTEMS or each.name in _ELSEWHERE] + mounts
    path = _value(values, "path") or _USUAL
    pages = _filtering(values["core_collector"].value if "core_collector" in values else "makedumpfile -l -d 31")
    chosen = targets[0] if targets else values.get("path")
    place = Place(KDUMP_CONF, chosen.line) if chosen else None
    if chosen is None or not targets:
        return Target(TargetKind.DIRECTORY, "", path, path, *pages, made=False, place=place)
    more = tuple(Place(KDUMP_CONF, each.line) for each in targets[1:])
    if chosen.name in _ELSEWHERE:
        kind = TargetKind.SSH if "@" in chosen.value and chosen.name != "nfs" else _ELSEWHERE[chosen.name]
        named = _value(values, "sshkey")
        # kdumpctl takes the default where the named key does not exist.
        key = (named if named and tree.exists(named) else _KEY) if kind is TargetKind.SSH else ""
        return Target(kind, chosen.value, path, None, *pages, key=key, more=more, place=place)
    mounted = re.search(_MOUNT, chosen.value)
    device = mounted[1] if mounted else chosen.value.split(" ")[0]
    top = directory_of(tree, device, read_mounts(tree))
    directory = None if top is None else f"{top.rstrip('/')}/{path.lstrip('/')}"
    return Target(TargetKind.FILESYSTEM, device, path, directory, *pages, made=False, more=more, place=place)


def _filtering(collector: str) -> tuple[int, bool]:
    """The dump level, and whether pages are compressed. Collectors other than makedumpfile copy all memory."""
    if "makedumpfile" not in collector:
        return 0, False
    level = re.search(_LEVEL, collector)
    return min(int(level[1]), _EVERYTHING) if level else 0, re.search(_COMPRESSES, collector) is not None


def _debian(found: Mapping[str, Setting]) -> Target:
    level, compressed = _filtering(f"makedumpfile {_value(found, 'MAKEDUMP_ARGS') or '-c -d 31'}")
    path = _value(found, "KDUMP_COREDIR") or _USUAL
    for name, kind in (("SSH", TargetKind.SSH), ("NFS", TargetKind.NFS), ("FTP", TargetKind.FTP)):
        where = _value(found, name)
        if where:
            if kind is not TargetKind.SSH:
                where, _, path = where.rpartition(":") if ":" in where else (where, "", "/")
            key = (_value(found, "SSH_KEY") or _KEY) if kind is TargetKind.SSH else ""
            place = Place(KDUMP_TOOLS, found[name].line)
            return Target(kind, where, path, None, level, compressed, key=key, place=place)
    said = Place(KDUMP_TOOLS, found["KDUMP_COREDIR"].line) if "KDUMP_COREDIR" in found else None
    compressed = compressed or bool(_value(found, "KDUMP_COMPRESSION"))
    return Target(TargetKind.DIRECTORY, "", path, path, level, compressed, place=said)


def _suse(found: Mapping[str, Setting]) -> Target:
    # One dump may be split over several targets: only the first is checked.
    url = _value(found, "KDUMP_SAVEDIR").split(" ")[0]
    if not url:
        return DEFAULT
    form, said = _value(found, "KDUMP_DUMPFORMAT") or "compressed", _value(found, "KDUMP_DUMPLEVEL")
    pages = min(int(said), _EVERYTHING) if said.isdecimal() else _EVERYTHING, form.lower() not in ("elf", "raw")
    place = Place(SYSCONFIG, found["KDUMP_DUMPFORMAT" if form == "none" else "KDUMP_SAVEDIR"].line)
    if form == "none":
        return Target(TargetKind.NOTHING, "", "", None, *pages, place=place)
    scheme, separator, rest = url.partition("://")
    if not separator or scheme == "file":
        path = rest if separator else url
        return Target(TargetKind.DIRECTORY, "", path, path, *pages, place=place)
    where, _, path = rest.partition("/")
    kind = {"ssh": TargetKind.SSH, "sftp": TargetKind.SSH, "ftp": TargetKind.FTP}.get(scheme, TargetKind.NFS)
    return Target(kind, where.rpartition("@")[2], f"/{path}", None, *pages, place=place)


def _value(found: Mapping[str, Setting], name: str) -> str:
    return found[name].value if name in found else ""


_OCTAL = r"\\([0-7]{3})"
_LINKS = {"UUID": "by-uuid", "LABEL": "by-label", "PARTUUID": "by-partuuid", "PARTLABEL": "by-partlabel"}
NETWORK = frozenset({"nfs", "nfs4", "cifs", "smb3", "ceph", "glusterfs", "9p", "afs"})
"""File systems whose server may not answer."""


class Mount(NamedTuple):
    """A mounted file system. `source` as in the table; `directory` in the tree."""

    source: str
    directory: str
    kind: str


def read_mounts(tree: Root) -> tuple[Mount, ...]:
    """The file systems in mount order: of a live tree the mounted ones, of an image those of its fstab."""
    if is_this_system(tree) and tree.exists("/proc/stat"):  # without /proc psutil prints a traceback
        import psutil

        # Before 6.0 it calls pathconf(3) on every mount point, which blocks if an NFS server does not answer.
        if psutil.version_info >= (6, 0, 0):
            found = psutil.disk_partitions(all=True)
            return tuple(Mount(from_user(each.device), from_user(each.mountpoint), each.fstype) for each in found)
    table = text(tree, "/proc/mounts" if tree.live else "/etc/fstab") or ""
    rows = [line.split() if tree.live else line.partition("#")[0].split() for line in table.split("\n")]
    return tuple(Mount(_plain(row[0]), _plain(row[1]), row[2]) for row in rows if len(row) > 2 and row[1][:1] == "/")


def _plain(field: str) -> str:
    """A field of fstab(5) with its octal escapes decoded."""
    return re.sub(_OCTAL, lambda match: chr(int(match[1], 8) & 0xFF), field)


def directory_of(tree: Root, device: str, mounts: Sequence[Mount]) -> str | None:
    """Where a device (a path, or UUID=, LABEL=, PARTUUID=, PARTLABEL=) is mounted; None if it is not mounted."""
    real = _real(tree, device)
    same = (each for each in reversed(mounts) if device == each.source or (real and real == _real(tree, each.source)))
    return next((each.directory for each in same), None)


def reachable(tree: Root, target: Target) -> str | None:
    """The directory in which dumps can be looked for: the target's, or where this system has its NFS server mounted."""
    if target.directory is not None or target.kind is not TargetKind.NFS:
        return target.directory
    # SUSE's URL joins the export and the directory in it; kdump.conf and Debian name the export.
    server, colon, export = target.where.rpartition(":")
    wanted = f"{server}:{export.rstrip('/')}/" if colon else f"{target.where}:/"
    whole = f"{wanted}{target.path.strip('/')}"
    for mount in reversed(read_mounts(tree)):
        source = f"{mount.source.rstrip('/')}/"
        if mount.kind in ("nfs", "nfs4") and f"{whole}/".startswith(source):
            return f"{mount.directory.rstrip('/')}/{whole[len(source) :]}".rstrip("/") or "/"
    return None


def device_path(device: str) -> str:
    """The path of a device that fstab(5) or crypttab(5) names: a path, or UUID=, LABEL=, PARTUUID=, PARTLABEL=."""
    name, equals, value = device.partition("=")
    if not equals or name not in _LINKS:
        return device
    # udev escapes what does not belong into a file name.
    quoted = re.sub(r"[^\w#+\-.:=@]", lambda found: f"\\x{ord(found[0]):02x}", value.strip("\"'"))
    return f"/dev/disk/{_LINKS[name]}/{quoted}"


def _real(tree: Root, device: str) -> str | None:
    """The device's path with links resolved, None if the tree does not have it."""
    path = device_path(device)
    return tree.resolve(path) if path.startswith("/") else None


def mount_of(path: str, mounts: Sequence[Mount]) -> Mount | None:
    """The file system of a path without symbolic links; None if unknown."""
    found = [each for each in mounts if f"{path}/".startswith(f"{each.directory.rstrip('/')}/")]
    # A later mount hides an earlier one at the same place.
    return max(reversed(found), key=lambda each: len(each.directory.rstrip("/")), default=None)


_SECTOR = 512


class Room(NamedTuple):
    """Whether the target has room. `there`: the directory or the device exists; None if it cannot be checked from here.

    `free`: free bytes, None if unknown: an image is not yet on the disk of its machine, and the server of a network
    file system may not answer.
    """

    there: bool | None
    free: int | None


def read_room(tree: Root, target: Target) -> Room:
    """Check the target and its free space."""
    if target.kind is TargetKind.RAW:
        return _device(tree, target.where)
    if target.directory is None:
        return Room(None, None)
    real = tree.resolve(target.directory)
    mount = mount_of(real or target.directory, read_mounts(tree)) if tree.live else None
    # Without the table of mounts it may be on a server, which may not answer.
    blind = is_this_system(tree) and not tree.exists("/proc/stat")
    asked = tree.live and not blind and not (mount and mount.kind in NETWORK)
    return Room(real is not None, _free(tree, target.directory) if asked else None)


def _free(tree: Root, directory: str) -> int | None:
    """Bytes that an ordinary user may still write in the directory, or in the parent where it will be created."""
    import psutil

    while directory and not tree.exists(directory):
        directory = directory.rpartition("/")[0]
    real = tree.resolve(directory or "/")
    try:
        return psutil.disk_usage(f"{tree.path.rstrip('/')}{to_user(real)}").free if real else None
    except OSError:
        return None


def _device(tree: Root, path: str) -> Room:
    """The size of a block device by /sys: the device is never opened."""
    if not tree.live:
        return Room(None, None)
    try:
        real = tree.resolve(path)
    except GrubkdError:
        return Room(None, None)
    if real is None:
        return Room(False, None)
    sectors = integer(tree, f"/sys/class/block/{real.rpartition('/')[2]}/size")
    return Room(True, None if sectors is None else sectors * _SECTOR)
