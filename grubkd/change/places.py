"""The files that grubkd writes, and no others: a change, or a journal that names another place, is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grubkd.change import directory

if TYPE_CHECKING:
    from grubkd.tree.root import Root

# A star stands for part of one name.
PLACES = (
    "/boot/grub/grub.conf",
    "/boot/grub/menu.lst",
    "/etc/grub.conf",
    "/boot/grub/grub.cfg",
    "/boot/grub2/grub.cfg",
    "/boot/efi/EFI/*/grub.cfg",
    "/boot/efi/EFI/*/grub.conf",
    "/boot/EFI/*/grub.cfg",
    "/efi/EFI/*/grub.cfg",
    "/etc/grub2.cfg",
    "/etc/grub2-efi.cfg",
    "/boot/grub/grubenv",
    "/boot/grub2/grubenv",
    "/boot/efi/EFI/*/grubenv",
    "/boot/grub/custom.cfg",
    "/boot/grub2/custom.cfg",
    "/etc/default/grub",
    "/etc/default/grub.d/*.cfg",
    "/etc/sysconfig/grub",
    "/boot/loader/entries/*.conf",
    "/efi/loader/entries/*.conf",
    "/boot/efi/loader/entries/*.conf",
    "/etc/kernel/cmdline",
    "/boot/extlinux/extlinux.conf",
    "/boot/extlinux.conf",
    "/extlinux.conf",
    "/boot/syslinux/syslinux.cfg",
    "/boot/syslinux/extlinux.conf",
    "/syslinux/syslinux.cfg",
    "/boot/efi/EFI/*/syslinux.cfg",
    "/etc/default/extlinux",
    "/etc/default/u-boot",
    "/etc/u-boot-menu.conf",
    "/etc/zipl.conf",
)
_STARRED = [each.split("/") for each in PLACES if "*" in each]


def is_normal(path: str) -> bool:
    """Whether a path is absolute and plain: no empty, `.` or `..` component, no NUL, one byte a character."""
    names = path.split("/")
    return (
        path.startswith("/")
        and len(path) < 4096
        and not set(names[1:]) & {"", ".", ".."}
        and "\0" not in path
        and all(char <= "\xff" for char in path)
    )


def is_place(path: str) -> bool:
    """Whether a path is one of the places, whatever is there."""
    names = path.split("/")
    return is_normal(path) and (
        path in PLACES or any(len(each) == len(names) and all(map(_fits, names, each)) for each in _STARRED)
    )


def link_to(root: Root, path: str) -> str | None:
    """The place whose symbolic link leads to a real path; None where there is no such link. Raises InputOutput."""
    if not is_normal(path):
        return None
    return next((place for each in PLACES for place, real in _leads_to(root, each) if real == path), None)


def may_write(root: Root, path: str) -> bool:
    """Whether a real path is one of the places, or where a link at one of them leads.

    Raises InputOutput.
    """
    return is_place(path) or link_to(root, path) is not None


def _fits(name: str, wanted: str) -> bool:
    head, star, tail = wanted.partition("*")
    if not star:
        return name == wanted
    return len(name) > len(head) + len(tail) and name.startswith(head) and name.endswith(tail)


def _leads_to(root: Root, place: str) -> list[tuple[str, str]]:
    """What one place names, present or still to be made: its path, and its real path inside the tree."""
    found = [""]
    for name in place.split("/")[1:]:
        if "*" in name:
            found = [f"{each}/{other}" for each in found for other in root.list(each or "/") if _fits(other, name)]
        else:
            found = [f"{each}/{name}" for each in found]
    return [(each, real) for each in found for real in (root.resolve(each), _unmade(root, each)) if real]


def _unmade(root: Root, path: str) -> str | None:
    above = root.resolve(directory.parent(path))
    return f"{above.rstrip('/')}/{path.rpartition('/')[2]}" if above else None
