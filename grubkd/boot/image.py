"""The files that entries load: where they are in the tree, and whether their headers say that they are Linux.

The x86 boot protocol's header alone proves nothing: memdisk (syslinux), iPXE's lkrn images and memtest86+ carry it too.
The kernel's version string, to which the header points, decides (Linux: Documentation/arch/x86/boot.rst).
"""

from __future__ import annotations

import posixpath
import re
import struct
from typing import TYPE_CHECKING

from grubkd.errors import GrubkdError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from grubkd.tree.tree import Tree

# A boot loader's path is relative to the root, a boot partition, or an ESP.
_TOPS = ("", "/boot", "/boot/efi", "/efi", "/boot/firmware")
# `(hd0,1)` of GRUB, `boot():` of Limine.
_DEVICE = re.compile(r"^(?:\([^)]*\)|\w+\([^)]*\):)")

# The version string of most kernels is within these bytes.
_HEAD = 0x8000
_VERSION = re.compile(rb"\d+\.\d+\S* \(\S+@\S+\) #")
# Magic numbers of images without a version string, by offset (arch/*/include/asm/image.h, drivers/firmware/efi).
_MARKS = (
    (0x38, b"ARM\x64"),
    (0x30, b"RISCV"),
    (0x38, b"RSC\x05"),
    (0x38, b"\xcd\x23\x82\x81"),  # LoongArch
    (0x04, b"zimg"),  # a compressed EFI image
)


def header_is_linux(head: bytes, version: bytes) -> bool | None:
    """Whether the first bytes of an image say that it is Linux; None if they do not say.

    `version`: the bytes at which an x86 header has its version string, b"" without such a header.
    """
    if head[0x202:0x206] == b"HdrS":
        return _VERSION.match(version) is not None
    if any(head.startswith(mark, at) for at, mark in _MARKS):
        return True
    at = struct.unpack_from("<I", head, 0x3C)[0] if len(head) >= 0x40 and head.startswith(b"MZ") else None
    # A unified kernel image has sections with these names; they are behind the header.
    return b".linux" in head if at is not None and head[at : at + 4] == b"PE\0\0" else None


class Images:
    """Finds the files at boot loader paths, and reads each header once.

    Such a path is relative to the root, to /boot, to an ESP, or to a directory above the configuration file that names
    it (`near`). The letter case is ignored, as on an ESP.
    """

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self._listed: dict[str, dict[str, str]] = {}
        self._meant: dict[tuple[str, str], list[dict[str, str]]] = {}
        self._judged: dict[str, bool | None] = {}

    def find(self, path: str, near: str) -> str | None:
        """The path in the tree of the file that a boot loader path means, or None."""
        return next((found for found in self._candidates(path, near) if self._tree.exists(found)), None)

    def is_linux(self, path: str, near: str) -> bool | None:
        """Whether the file's header says that it is Linux; None if it does not say, or cannot be read."""
        for found in self._candidates(path, near):
            if found not in self._judged:
                self._judged[found] = self._judge(found)
            return self._judged[found]
        return None

    def _judge(self, path: str) -> bool | None:
        try:
            head = self._tree.part(path, 0, _HEAD)
            at = 0x200 + struct.unpack_from("<H", head, 0x20E)[0] if len(head) >= 0x210 else 0
            version = head[at : at + 256] if at + 256 <= len(head) else self._tree.part(path, at, 256)
        except GrubkdError:
            return None
        return header_is_linux(head, version)

    def _candidates(self, path: str, near: str) -> Iterator[str]:
        """The files with that name in the directories that the path may mean."""
        directory, _, name = _DEVICE.sub("", path).rpartition("/")
        key = directory, near.rpartition("/")[0]
        if key not in self._meant:
            places = dict.fromkeys(_in_tree(f"{top}/{directory}") for top in _tops(near))
            self._meant[key] = [names for each in (*places, "/boot") if (names := self._names(each))]
        found = (names.get(name) or names.get(name.lower()) for names in self._meant[key])
        return (each for each in found if each)

    def _names(self, directory: str) -> dict[str, str]:
        """The paths in a directory by their names, as written and in lower case; each directory is listed once."""
        if directory not in self._listed:
            paths = {name: f"{directory.rstrip('/')}/{name}" for name in self._tree.list(directory)}
            self._listed[directory] = {**{name.lower(): path for name, path in paths.items()}, **paths}
        return self._listed[directory]


def _in_tree(path: str) -> str:
    return f"/{posixpath.normpath(f'/{path}').lstrip('/')}"


def _tops(near: str) -> Iterator[str]:
    yield from _TOPS
    while near := near.rpartition("/")[0]:
        yield near
