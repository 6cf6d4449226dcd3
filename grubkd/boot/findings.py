"""What is wrong with a boot configuration by itself, whatever its kernels make of it."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from grubkd.boot import cmdline
from grubkd.boot.kernelpath import file_name
from grubkd.boot.model import Feeds, Role
from grubkd.errors import Notice

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from grubkd.boot.model import BootConfig, Entry
    from grubkd.tree.tree import Tree

# Where a bootloader's path may be relative to: the root, a boot partition, an ESP.
_TOPS = ("", "/boot", "/boot/efi", "/efi")
# Of those who hold a value no more are named.
_NAMED = 3


def of(config: BootConfig, tree: Tree) -> tuple[Notice, ...]:
    """Kernels that are missing, and values that differ between entries and kernels to come."""
    return (*_missing_kernels(config, tree), *_disagreement(config))


def _missing_kernels(config: BootConfig, tree: Tree) -> Iterator[Notice]:
    """One warning for each kernel version whose file is nowhere: a path's beginning tells nothing, so all are tried."""
    told = set()
    places = _Places(tree)
    for entry in _own(config):
        for boot in entry.boots:
            kernel = entry.version, file_name(boot.path)
            if boot.role is Role.OTHER or kernel in told:
                continue
            if not any(map(tree.exists, places.of(boot.path))):
                told.add(kernel)
                yield Notice(
                    "kernel-missing",
                    f"entry {entry.index} ({entry.title}) loads {boot.path}, which is not there",
                    hint="is /boot mounted? else remove the entry with the tool that made it",
                    place=entry.source,
                )


class _Places:
    """Where the paths of bootloaders may lead. A directory is listed once, if the places before it had nothing."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self._names: dict[str, frozenset[str]] = {}
        # Of a directory as paths name it, all names in the places that it may be: of thousands of paths a few differ.
        self._all: dict[str, frozenset[str]] = {}

    def of(self, path: str) -> Iterable[str]:
        """The places of a path, as far as the directory there lists such a name: on an ESP case does not count."""
        directory, _, name = path.rpartition(")")[2].rpartition("/")
        lower = name.lower()
        if directory in self._all and lower not in self._all[directory]:
            return ()
        return self._listed(directory, name, lower)

    def _listed(self, directory: str, name: str, lower: str) -> Iterator[str]:
        names = self._names
        places = (*(f"{top}{directory}" for top in _TOPS), "/boot")
        for place in places:
            if place not in names:
                names[place] = frozenset(each.lower() for each in self._tree.list(place or "/"))
            if lower in names[place]:
                yield f"{place}/{name}"
        self._all[directory] = frozenset().union(*(names[place] for place in places))


def _disagreement(config: BootConfig) -> Iterator[Notice]:
    """Whether entries, rescue ones aside, and the lines of kernels to come hold different values."""
    held: dict[tuple[str, ...], list[str]] = {}
    for entry in _own(config):
        if not entry.rescue:
            # Of alternatives each is looked at; beside Xen the Linux module reserves nothing.
            for boot in entry.boots:
                if boot.role in (Role.KERNEL, Role.HYPERVISOR):
                    who = held.setdefault(_values(boot.arguments), [])
                    if len(who) < _NAMED:
                        who.append(f"entry {entry.index}")
    for future in config.new_kernels:
        if future.seed is None and future.feeds is not Feeds.RECOVERY:
            who = held.setdefault(_values(future.line.arguments()), [])
            who.append(f"{future.variable} in {future.line.home.file}")
    if len(held) > 1:
        said = "; ".join(f"{' '.join(values) or 'none'}: {', '.join(who[:_NAMED])}" for values, who in held.items())
        yield Notice(
            "values-disagree",
            f"entries and kernels to come do not hold the same value ({said})",
            hint="grubkd set VALUE, or grubkd set --auto, makes them agree",
        )


def _own(config: BootConfig) -> Iterator[Entry]:
    return (entry for entry in config.entries if entry.own_linux)


@lru_cache(maxsize=1024)
def _values(arguments: tuple[str, ...]) -> tuple[str, ...]:
    """The crashkernel values, without the name. Most entries of a menu hold the same arguments."""
    return cmdline.crashkernel_values(arguments)
