"""What is wrong with a boot configuration by itself, whatever its kernels make of it."""

from __future__ import annotations

from grubkd.boot import cmdline
from grubkd.boot.kernelpath import file_name
from grubkd.boot.model import Feeds, Role
from grubkd.errors import Notice

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from grubkd.boot.model import BootConfig, Entry, Line
    from grubkd.tree import Tree

# Where a bootloader's path may be relative to: the root, a boot partition, an ESP.
_TOPS = ("", "/boot", "/boot/efi", "/efi")


def of(config: BootConfig, tree: Tree) -> tuple[Notice, ...]:
    """Kernels that are missing, and values that differ between entries and kernels to come."""
    return (*_missing_kernels(config, tree), *_disagreement(config))


def _missing_kernels(config: BootConfig, tree: Tree) -> Iterator[Notice]:
    """One warning for each kernel version whose file is nowhere: a path's beginning tells nothing, so all are tried."""
    told = set()
    names: dict[str, frozenset[str]] = {}
    for entry in _own(config):
        for boot in entry.boots:
            if boot.role is Role.OTHER or (entry.version, file_name(boot.path)) in told:
                continue
            if not any(map(tree.exists, _places(boot.path, tree, names))):
                told.add((entry.version, file_name(boot.path)))
                yield Notice(
                    "kernel-missing",
                    f"entry {entry.index} ({entry.title}) loads {boot.path}, which is not there",
                    hint="is /boot mounted? else remove the entry with the tool that made it",
                    place=entry.source,
                )


def _places(path: str, tree: Tree, names: dict[str, frozenset[str]]) -> Iterator[str]:
    """Where a bootloader's path may lead, as far as the directory there lists such a name.

    `names` holds what was listed so far, in lower case: on an ESP case does not count.
    """
    directory, _, name = path.rpartition(")")[2].rpartition("/")
    lower = name.lower()
    for place in (*(f"{top}{directory}" for top in _TOPS), "/boot"):
        if place not in names:
            names[place] = frozenset(each.lower() for each in tree.list(place or "/"))
        if lower in names[place]:
            yield f"{place}/{name}"


def _disagreement(config: BootConfig) -> Iterator[Notice]:
    """Whether entries, rescue ones aside, and the lines of kernels to come hold different values."""
    held: dict[tuple[str, ...], list[str]] = {}
    for entry in _own(config):
        if not entry.rescue:
            # Of alternatives each is looked at; beside Xen the Linux module reserves nothing.
            for boot in entry.boots:
                if boot.role in (Role.KERNEL, Role.HYPERVISOR):
                    held.setdefault(_values(boot.line), []).append(f"entry {entry.index}")
    for future in config.futures:
        if future.seed is None and future.feeds is not Feeds.RECOVERY:
            held.setdefault(_values(future.line), []).append(f"{future.variable} in {future.line.home.file}")
    if len(held) > 1:
        said = "; ".join(f"{' '.join(values) or 'none'}: {', '.join(who[:3])}" for values, who in held.items())
        yield Notice(
            "values-disagree",
            f"entries and kernels to come do not hold the same value ({said})",
            hint="grubkd set VALUE, or grubkd set --auto, makes them agree",
        )


def _own(config: BootConfig) -> Iterator[Entry]:
    return (entry for entry in config.entries if entry.linux and not entry.foreign)


def _values(line: Line) -> tuple[str, ...]:
    return tuple(word.partition("=")[2] for word in line.arguments() if cmdline.is_crashkernel(word))
