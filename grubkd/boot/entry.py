"""Makes an entry of a stanza: the roles of its images, their lines, version, rescue. The same for every boot loader.

Boot configurations differ in the directory of an image (relative to the boot partition or the root, `/boot/boot/...` on
btrfs, even the host's path of a chroot after update-grub), so only the end of a path counts.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from grubkd.boot import cmdline
from grubkd.boot.model import Boot, Entry, Line, Role
from grubkd.errors import Place

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from grubkd.boot.document import Image, Slot, SlotKey, Stanza
    from grubkd.boot.image import Images
    from grubkd.boot.loaders.format import LoaderMenu, MenuItem
    from grubkd.boot.model import BootConfig, ManagedBy

_RESCUE_TITLE = re.compile(r"\b(rescue|recovery|single[ -]user|failsafe)\b", re.IGNORECASE)
_RESCUE_ARGUMENTS = frozenset({"single", "S", "s", "recovery", "rescue", "emergency"})
_NAMED = re.compile(r"(?:vmlinu[xz]|kernel|linux|[bz]?[iI]mage|initrd(?:\.img)?|initramfs)-(?P<release>[0-9].*)")
_PACKED = (".img", ".gz")
# The names of tools that boot loaders start like Linux.
_TOOLS = re.compile(
    r"(?:memdisk|mt86|[ig]pxe|plpbt|sbm|core\.img|grub|hdt|freedos|sgabios|shell|fwsetup|gnumach|netbsd|(?:bsd|unix|(?:zfs)?loader)$)|.*(?:memtest|\.(?:lkrn|c32|iso)$)"
)
_LINUX = (Role.KERNEL, Role.MODULE)
_HOMES = ("kernelopts", "default_kernelopts")
_RESCUE_UNITS = ("rescue.target", "emergency.target")


def line_of(slots: tuple[Slot, ...], references: Mapping[str, tuple[Slot, ...]]) -> Line:
    """The line of slots whose references to a name of `references` mean those slots.

    New arguments go to the last own slot. Where a slot refers to `$kernelopts`, they go there, so that new kernels get
    them too; and so they do where a slot has no arguments of its own and an empty reference to those that several
    entries share.
    """
    found: dict[tuple[SlotKey, str], tuple[Slot, ...]] = {}
    home = slots[-1]
    pending = list(slots) if references else []
    for slot in pending:
        for word in slot.words:
            inner = references.get(word.reference or "")
            if inner is None or (slot not in slots and any(each in pending for each in inner)):
                continue
            found[(slot.key, word.reference or "")] = inner
            pending += [each for each in inner if each not in pending]
            if inner and (word.reference in _HOMES or word.start == word.end):
                home = inner[-1]
    return Line(slots, home, found)


def boots_of(
    images: tuple[Image, ...], references: Mapping[str, tuple[Slot, ...]], header: Callable[[str], bool | None]
) -> tuple[Boot, ...]:
    """The images with their roles and lines. `header`: whether the image at a path has a header of Linux, if it says.

    Behind Xen or tboot, which are loaded the same way, the first module that is no initrd is the Linux image; later
    modules (a security policy) take no kernel arguments. No other kernel that takes modules is Linux.
    """
    other = bool(images) and _is_other_multiboot(images)
    boots: list[Boot] = []
    for image in images:
        line = line_of(image.slots, references)
        role = Role.OTHER if other else _role(image, boots, header)
        boots.append(Boot(role, image.path, line, line.arguments()))
    return tuple(boots)


def _is_other_multiboot(images: tuple[Image, ...]) -> bool:
    """Whether the first image is a multiboot kernel (the Hurd's, memtest's), and neither Xen nor tboot."""
    first = images[0]
    if is_xen(first.path) or file_name(first.path).startswith("tboot"):
        return False
    named = any(slot.variable.startswith(("multiboot", "xen_")) for slot in first.slots)
    return named or (not first.module and any(each.module and not is_initrd(each.path) for each in images))


def _role(image: Image, earlier: list[Boot], header: Callable[[str], bool | None]) -> Role:
    if image.kernel:
        return Role.KERNEL
    says = None if is_xen(image.path) else header(image.path)
    if says is False or (says is None and not is_kernel(image.path)):
        return Role.HYPERVISOR if not earlier and is_xen(image.path) else Role.OTHER
    if not image.module:
        return Role.KERNEL
    if any(boot.role in (Role.MODULE, Role.KERNEL) for boot in earlier):
        return Role.OTHER
    return Role.MODULE if any(boot.role is Role.HYPERVISOR for boot in earlier) else Role.KERNEL


def is_deployment(stanza: Stanza) -> bool:
    """Whether the entry starts an ostree deployment, which its initrd finds by the argument `ostree=`."""
    return any(_is_deployed(image.slots) for image in stanza.images)


def main_boot(boots: tuple[Boot, ...]) -> Boot | None:
    """The image that makes the reservation: the hypervisor, else the first kernel, else the first image."""
    if len(boots) == 1 and boots[0].role is not Role.MODULE:
        return boots[0]
    for role in (Role.HYPERVISOR, Role.KERNEL, Role.OTHER):
        for boot in boots:
            if boot.role is role:
                return boot
    return None


def main_line(entry: Entry) -> str:
    """The command line of the image that reserves the memory, as the kernel receives it; "" without any image."""
    boot = main_boot(entry.boots)
    return boot.line.text() if boot else ""


def next_entries(config: BootConfig) -> Sequence[Entry]:
    """The entry that boots next; if that is unknown, all of this system but rescue entries."""
    chosen = [entry for entry in config.entries if entry.default]
    own = [entry for entry in config.entries if entry.own_linux]
    return chosen or [entry for entry in own if not entry.rescue] or own


def reboot_required(config: BootConfig, booted: str, names: Collection[str]) -> bool | None:
    """Whether arguments of these names differ, in an entry that may boot next, from the line that was booted.

    None if unknown: no entry is known, or a hypervisor reserves the memory, whose command line the running kernel does
    not show.
    """
    lines = []
    for entry in next_entries(config):
        boot = main_boot(entry.boots)
        if boot is None or entry.foreign or boot.role is Role.HYPERVISOR:
            return None
        lines.append(boot.arguments)
    if not lines:
        return None
    running = _of_names(cmdline.tokens(booted), names)
    return any(_of_names(line, names) != running for line in lines)


def _of_names(arguments: Sequence[str], names: Collection[str]) -> list[tuple[str, str | None]]:
    return sorted(
        (cmdline.meaning(each) for each in arguments if cmdline.name_of(each) in names), key=lambda found: found[0]
    )


def entry_of(item: MenuItem, menu: LoaderMenu, index: int, deployments: ManagedBy, images: Images) -> Entry:
    """The entry of a menu item. `deployments`: the tool that manages ostree's deployments in this tree."""
    stanza = item.stanza
    boots = boots_of(stanza.images, menu.references, lambda path: images.is_linux(path, item.file))
    kernels = [boot for boot in boots if boot.role in _LINUX]
    unified = any(image.kernel for image in stanza.images)
    modules = tuple(image.path for image in stanza.images if image.module and is_initrd(image.path))
    deployed = any(_is_deployed(boot.line.slots) for boot in boots)
    # The version of an ostree snippet is its place among the deployments.
    version = None if deployed else stanza.keys.get("uname" if unified else "version")
    if version is None and kernels and not unified:
        version = release_of(kernels[0].path)
    return Entry(
        index=index,
        title=stanza.title,
        id=stanza.id,
        version=version,
        boots=boots,
        initrds=stanza.initrds + modules,
        default=item.default,
        rescue=bool(kernels) and _is_rescue(stanza, kernels),
        linux=bool(kernels or stanza.not_known),
        foreign=item.foreign,
        generated=stanza.generated,
        format=menu.format,
        source=Place(item.file, stanza.line),
        managed_by=item.managed_by or (deployments if deployed else None),
        not_known=stanza.not_known,
        doubtful=item.doubtful,
    )


def _is_deployed(slots: tuple[Slot, ...]) -> bool:
    return any(word.text.startswith("ostree=") for slot in slots for word in slot.words)


def _is_rescue(stanza: Stanza, kernels: list[Boot]) -> bool:
    if _RESCUE_TITLE.search(stanza.title):
        return True
    if (stanza.id or stanza.keys) and "0-rescue" in f"{stanza.id} {stanza.keys.get('version', '')}":
        return True
    return any(
        word in _RESCUE_ARGUMENTS
        or (cmdline.name_of(word) in _RESCUE_ARGUMENTS and cmdline.value_of(word) is None)
        or (cmdline.name_of(word) == "systemd.unit" and cmdline.value_of(word) in _RESCUE_UNITS)
        for word in kernels[0].arguments
    )


def file_name(path: str) -> str:
    """The last component of a path, without a GRUB device `(hd0,1)`."""
    return path.rpartition("/")[2].rpartition(")")[2]


def release_of(path: str) -> str | None:
    """The kernel release that a kernel's or initrd's path names, or None.

    `vmlinuz-RELEASE`, or the directory of kernel-install's layout `/TOKEN/RELEASE/linux` and of
    `/lib/modules/RELEASE/vmlinuz`.
    """
    named = _NAMED.match(file_name(path))
    if named:
        release = named["release"]
        while release.endswith(_PACKED):
            release = release.removesuffix(".img").removesuffix(".gz")
        return release
    directory = path.rpartition("/")[0].rpartition("/")[2]
    return directory if re.match(r"[0-9]+\.[0-9]", directory) else None


def is_xen(path: str) -> bool:
    """Whether the image is the Xen hypervisor, which makes the reservation itself."""
    return file_name(path).startswith("xen")


def is_initrd(path: str) -> bool:
    """Whether the image is an initial RAM disk or microcode."""
    name = file_name(path).lower()
    return name.startswith(("initrd", "initramfs")) or "ucode" in name


def is_linux(path: str) -> bool:
    """Whether the image may be a Linux kernel: none of the tools that are loaded in the same way."""
    return not _TOOLS.match(file_name(path).lower())


def is_kernel(path: str) -> bool:
    """Whether the image may be a Linux kernel, and neither Xen, an initrd nor tboot.

    tboot is loaded like a hypervisor, but the Linux module behind it takes every argument.
    """
    other = is_xen(path) or is_initrd(path) or file_name(path).startswith("tboot")
    return not other and is_linux(path)
