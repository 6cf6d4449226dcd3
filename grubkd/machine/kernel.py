"""The kernels of a tree: images, configuration files and initrds, by release."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from grubkd.boot.kernelpath import file_name, is_initrd, is_linux, is_xen, release_of
from grubkd.errors import GrubkdError
from grubkd.machine import image
from grubkd.machine.config import UNTOLD, parse
from grubkd.memory import architecture

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from grubkd.machine.config import Config
    from grubkd.memory.architecture import Architecture
    from grubkd.tree.root import Root

_DIRECTORIES = ("/boot", "/boot/boot", "/boot/efi", "/efi")
_MODULES = ("/lib/modules", "/usr/lib/modules")
# Directories on boot partitions that are large and hold no kernels.
_NO_TOKENS = frozenset({"grub", "grub2", "efi", "EFI", "loader", "boot", "dtbs", "lost+found"})
_CAPTURE = "kdump"


@dataclass(frozen=True, slots=True)
class Kernel:
    """What the tree tells about the kernel of one release; sizes in bytes, None where a file is missing.

    `image`: size of the file. `memory`: what the running image takes, where its header says so. `initrd`: the largest
    ordinary initrd; `capture`: the one made for the capture kernel.
    """

    release: str
    architecture: Architecture | None = None
    config: Config = UNTOLD
    image: int | None = None
    memory: int | None = None
    initrd: int | None = None
    capture: int | None = None


@dataclass(frozen=True, slots=True)
class _File:
    path: str
    size: int


def read(tree: Root) -> Mapping[str, Kernel]:
    """The kernels of the tree by release, in the order of the release texts. Unreadable files count as absent."""
    images: dict[str, _File] = {}
    configs: dict[str, str] = {}
    initrds: dict[str, list[_File]] = {}
    for path in _candidates(tree):
        name = file_name(path)
        if name.startswith("config-") or name == "config":
            release = name.removeprefix("config-") if name != "config" else path.rpartition("/")[0].rpartition("/")[2]
            configs.setdefault(release, path)
            continue
        found_release = release_of(path)
        if found_release is None:
            continue
        status = tree.stat(path)
        if status is None:
            continue
        file = _File(path, status.st_size)
        if is_initrd(path):
            initrds.setdefault(_plain(found_release), []).append(file)
        elif is_linux(path) and not is_xen(path):
            images.setdefault(found_release, file)
    releases = sorted({*images, *configs})
    return {release: _kernel(tree, release, images.get(release), configs.get(release), initrds) for release in releases}


def _plain(release: str) -> str:
    """The release that an initrd's name tells, without the mark of one made for capturing (`-kdump`, `kdump`)."""
    return release.removesuffix(_CAPTURE).rstrip("-") if release.endswith(_CAPTURE) else release


def _candidates(tree: Root) -> Iterator[str]:
    """Paths that may be a kernel's image, configuration or initrd."""
    for directory in _DIRECTORIES:
        for name in tree.list(directory):
            path = f"{directory}/{name}"
            if "-" in name:
                yield path
            # kernel-install's layout: /TOKEN/RELEASE/linux, the token being the machine id or the distribution's id.
            for release in tree.list(path) if name not in _NO_TOKENS else ():
                if release[:1].isdigit():
                    yield from (f"{path}/{release}/{file}" for file in tree.list(f"{path}/{release}"))
    for directory in _MODULES:
        for release in tree.list(directory):
            yield from (
                f"{directory}/{release}/{file}" for file in ("vmlinuz", "config") if _has(tree, directory, release)
            )
    yield from (f"/var/lib/kdump/{name}" for name in tree.list("/var/lib/kdump") if "-" in name)


def _has(tree: Root, directory: str, release: str) -> bool:
    return bool(tree.list(f"{directory}/{release}"))


def _kernel(
    tree: Root, release: str, file: _File | None, config: str | None, initrds: Mapping[str, list[_File]]
) -> Kernel:
    said = _config(tree, config) if config else UNTOLD
    header = _header(tree, file.path) if file else None
    ordinary = [each.size for each in initrds.get(release, []) if _CAPTURE not in each.path]
    capture = [each.size for each in initrds.get(release, []) if _CAPTURE in each.path]
    machine = said.architecture or (header.architecture if header else None) or architecture.implied(release)
    return Kernel(
        release=release,
        architecture=machine,
        config=said,
        image=file.size if file else None,
        memory=header.memory if header else None,
        initrd=max(ordinary) if ordinary else None,
        capture=max(capture) if capture else None,
    )


def _config(tree: Root, path: str) -> Config:
    try:
        return parse(tree.read(path))
    except GrubkdError:
        return UNTOLD


def _header(tree: Root, path: str) -> image.Header | None:
    """What the image's head tells; None for what is no image, or may not be read."""
    try:
        with tree.open(path) as file:
            return image.parse(file.read(image.HEAD) or b"")
    except (GrubkdError, OSError):
        return None
