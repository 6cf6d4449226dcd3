"""Warnings about a boot configuration: kernels that are missing, values that differ."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grubkd.boot import cmdline
from grubkd.boot.entry import file_name
from grubkd.boot.model import Feeds, Role
from grubkd.errors import Notice

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from grubkd.boot.model import BootConfig, Entry
    from grubkd.tree.tree import Tree

# A boot loader's path is relative to the root, a boot partition, or an ESP.
_TOPS = ("", "/boot", "/boot/efi", "/efi")
# A warning names at most so many entries for each value.
_MOST_NAMED = 3


def warnings(config: BootConfig, tree: Tree) -> tuple[Notice, ...]:
    """Kernels that are missing, and values that differ between entries and new kernels."""
    return (*_missing_kernels(config, tree), *_disagreement(config))


def _missing_kernels(config: BootConfig, tree: Tree) -> Iterator[Notice]:
    """One warning for each kernel whose file exists nowhere that a boot loader's path may mean."""
    seen = set()
    exists = FileFinder(tree).exists
    for entry in _own(config):
        for boot in entry.boots:
            kernel = entry.version, file_name(boot.path)
            if boot.role is Role.OTHER or kernel in seen or exists(boot.path):
                continue
            seen.add(kernel)
            yield Notice(
                "kernel-missing",
                f"entry {entry.index} ({entry.title}) loads {boot.path}, which does not exist",
                hint="is /boot mounted? else remove the entry with the tool that made it",
                place=entry.source,
            )


class FileFinder:
    """Looks for files at boot loader paths, which are relative to the root, to /boot or to an ESP."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self._listed: dict[str, frozenset[str]] = {}

    def exists(self, path: str) -> bool:
        """Whether a file exists at any place that the path may mean. The letter case is ignored, as on an ESP."""
        directory, _, name = path.rpartition(")")[2].rpartition("/")
        places = (*(f"{top}{directory}" for top in _TOPS), "/boot")
        return any(name.lower() in self._names(place) and self._tree.exists(f"{place}/{name}") for place in places)

    def _names(self, directory: str) -> frozenset[str]:
        """The names in a directory, in lower case; each directory is listed once."""
        if directory not in self._listed:
            self._listed[directory] = frozenset(name.lower() for name in self._tree.list(directory or "/"))
        return self._listed[directory]


def _disagreement(config: BootConfig) -> Iterator[Notice]:
    """A warning where entries, but for rescue entries, and the lines of new kernels hold different values."""
    holders: dict[tuple[str, ...], list[str]] = {}
    for entry in _own(config):
        # All alternatives count; beside Xen the Linux module reserves nothing.
        for boot in entry.boots if not entry.rescue else ():
            if boot.role in (Role.KERNEL, Role.HYPERVISOR):
                holders.setdefault(cmdline.crashkernel_values(boot.arguments), []).append(f"entry {entry.index}")
    for args in config.new_kernels:
        if args.seed is None and args.feeds is not Feeds.RECOVERY:
            values = cmdline.crashkernel_values(args.line.arguments())
            holders.setdefault(values, []).append(f"{args.variable} in {args.line.home.file}")
    if len(holders) > 1:
        found = (f"{' '.join(values) or 'none'}: {_some(names)}" for values, names in holders.items())
        yield Notice(
            "values-disagree",
            f"entries and new kernels do not hold the same value ({'; '.join(found)})",
            hint="grubkd set VALUE, or grubkd set --auto, makes them agree",
        )


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:_MOST_NAMED])


def _own(config: BootConfig) -> Iterator[Entry]:
    return (entry for entry in config.entries if entry.own_linux)
