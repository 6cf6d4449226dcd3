"""The devices that a grub.cfg loads from: by `search`, `loopback` and `root`; and whether they are of this system.

A device is a word: `loopback`, `uuid:X`, `label:X`, `file:X` for what a search looks for, else GRUB's name of it
(`hd0,gpt2`). "" is the device from which GRUB read the file.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from grubkd.boot.image import Images
from grubkd.boot.loaders.grub_script import unquoted
from grubkd.text import from_bytes

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from grubkd.boot.document import Stanza
    from grubkd.parsing.grammar import Token
    from grubkd.tree.tree import Tree

_KINDS = {"u": "uuid", "fs-uuid": "uuid", "l": "label", "label": "label", "fs-label": "label", "f": "file"}
_KINDS |= {"file": "file", "search.fs_uuid": "uuid", "search.fs_label": "label", "search.file": "file"}
_WITH_VALUE = r"--hint(?:-\w+)?"
_PREFIX = r"\(([^()]*)\)"
_VARIABLE = r"\(?\$(?:(\w+)|\{(\w+)\})\)?"
_SET_BY_GRUB = ("root", "cmdpath", "prefix", "")
# The mount points of file systems that boot loaders read.
_MOUNTS = ("/", "/boot", "/efi", "/boot/efi")


def searched(words: Sequence[Token]) -> tuple[str, str] | None:
    """The variable that a search sets, and the device for which it looks; None if it sets none."""
    name, *arguments = (unquoted(word.text) for word in words)
    kind, variable = _KINDS.get(name), "" if "." in name else None
    values = []
    pending = iter(arguments)
    for argument in pending:
        option, _, given = argument.partition("=")
        if option in ("--set", "-s"):
            variable = given.rpartition(":")[2] or next(pending, "root")
        elif re.fullmatch(_WITH_VALUE, option):
            given or next(pending, None)
        elif option.startswith("-"):
            kind = _KINDS.get(option.lstrip("-"), kind)
        else:
            values.append(argument)
    if "." in name and len(values) > 1:
        variable = values[1]
    return (variable, f"{kind}:{values[0]}") if variable and values and kind else None


def device_of(path: str, devices: Mapping[str, str]) -> str:
    """The device of a path. `devices`: the values of variables, and "loopback" for each loopback's name."""
    found = re.match(_PREFIX, path)
    device = found[1] if found else "$root"
    for _ in range(5):
        named = re.fullmatch(_VARIABLE, device)
        name = (named[1] or named[2]) if named else device
        if not named and devices.get(name) != "loopback":
            break
        if name not in devices:
            return "" if name in _SET_BY_GRUB else device
        device = devices[name]
    device = device.strip("()")
    # GRUB numbers disks as the firmware does: a disk in `root` proves nothing.
    return device if found or ":" in device or device == "loopback" else ""


class OwnDevices:
    """The file systems of this system: those of its fstab, and those that all entries or generated ones read."""

    def __init__(self, tree: Tree, stanzas: Iterable[Stanza]) -> None:
        self._images = Images(tree)
        mounted = _mounted(from_bytes(tree.read("/etc/fstab"))) if tree.exists("/etc/fstab") else {}
        kernels = mounted.get("/boot", mounted.get("/", ""))
        known = set(mounted.values()) if ":" in kernels else set()
        self._seen = bool(mounted)
        for stanza in stanzas:
            if stanza.generated or "searched" not in stanza.keys:
                known.add(stanza.keys.get("device", "").lower())
            self._seen = self._seen or any(self._images.find(image.path, "") for image in stanza.images)
        self._known = known

    def is_foreign(self, device: str, path: str, near: str) -> bool:
        """Whether a file on a device belongs to another system. `near`: the script that names it.

        A UUID or label is compared with those that are known. For any other device the file must be in the tree, if
        the tree has an fstab or kernels at all.
        """
        kind, colon, name = device.partition(":")
        if device in ("", "loopback") or "loop" in kind:
            return bool(device)
        if kind in ("uuid", "label") and colon:
            same_kind = any(each.startswith(f"{kind}:") for each in self._known)
            return "$" not in name and same_kind and device.lower() not in self._known
        found = self._images.find(path, near) or (kind == "file" and self._images.find(name, near))
        return self._seen and not found


def _mounted(fstab: str) -> dict[str, str]:
    """The file systems of an fstab by their mount points, as devices in lower case."""
    found = {}
    for line in fstab.splitlines():
        what, where, *_ = (*line.split(), "", "")
        key, _, name = what.partition("=")
        if where in _MOUNTS and not what.startswith("#"):
            by = {"UUID": "uuid", "LABEL": "label"}.get(key) or ("uuid" if "/by-uuid/" in what else "")
            found[where] = f"{by}:{(name or what.rpartition('/')[2]).strip(chr(34)).lower()}" if by else what
    return found
