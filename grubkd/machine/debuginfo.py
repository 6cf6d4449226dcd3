"""The kernel with debugging symbols that opens a dump: where it is, or how to install it."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, NamedTuple

from grubkd.errors import GrubkdError
from grubkd.machine.elf import Elf
from grubkd.machine.packages import Fix, install_symbols
from grubkd.machine.vmcore import PACKED
from grubkd.text import from_user

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from grubkd.machine.dumps import Dump
    from grubkd.memory.vendors import Distribution
    from grubkd.tree.root import Root

# A release comes from a dump, and becomes a part of paths and commands.
_RELEASE = re.compile(r"\d[\w.+~-]{0,63}", re.ASCII)
# Debian and Ubuntu; Red Hat and Fedora, where Debian has a link; a kernel built on this machine.
_WHOLE = (
    *("/usr/lib/debug/lib/modules/{0}/vmlinux", "/usr/lib/debug/boot/vmlinux-{0}"),
    *("/lib/modules/{0}/vmlinux", "/lib/modules/{0}/build/vmlinux"),
)
# SUSE separates the symbols from the kernel: crash takes both. The kernel is packed in one of two ways.
_SEPARATE = (
    ("/usr/lib/modules/{0}/vmlinux.xz", "/usr/lib/debug/usr/lib/modules/{0}/vmlinux.debug"),
    ("/boot/vmlinux-{0}.xz", "/usr/lib/debug/boot/vmlinux-{0}.debug"),
    ("/boot/vmlinux-{0}.gz", "/usr/lib/debug/boot/vmlinux-{0}.debug"),
)


class Symbols(NamedTuple):
    """`files`: what crash takes before the dump, () if nothing was found. `matched`: by "build-id" or by "release".

    `other`: a kernel of that release, which is of another build: it does not open the dump.
    """

    files: tuple[str, ...] = ()
    matched: str = ""
    other: str = ""


class Openable(NamedTuple):
    """A dump, the kernel with symbols that opens it, and `command`, which runs crash with both.

    Without a command, `missing` says what to do first. A dump without memory has neither.
    """

    dump: Dump
    symbols: Symbols = Symbols()
    command: tuple[str, ...] = ()
    missing: Fix = Fix("")


def openable(tree: Root, dump: Dump, distribution: Distribution) -> Openable:
    """The dump with what opens it."""
    if not dump.files or not dump.form:
        return Openable(dump)
    symbols = find(tree, dump)
    if dump.form in PACKED:
        return Openable(dump, symbols, missing=Fix(f"unpack it first ({dump.form})"))
    if symbols.files:
        return Openable(dump, symbols, ("crash", *symbols.files, *dump.paths))
    if not dump.release or not _RELEASE.fullmatch(dump.release):
        return Openable(dump, symbols, missing=Fix("install the debugging symbols of the kernel that crashed"))
    return Openable(dump, symbols, missing=install_symbols(distribution, dump.release))


def find(tree: Root, dump: Dump, environment: Mapping[str, str] = os.environ) -> Symbols:
    """The installed kernel with symbols of a dump. `environment` says where debuginfod keeps files, on a live tree.

    A kernel of the same release matches if it has the same build-id, or if the dump has none: kernels before 5.9.
    """
    other = ""
    for files in _candidates(dump, environment if tree.live else {}):
        if not all(map(tree.exists, files)):
            continue
        symbols = _build(tree, files[-1])
        if symbols is None:
            continue
        known = bool(dump.build_id and symbols)
        if not known or symbols == dump.build_id:
            return Symbols(files, "build-id" if known else "release")
        other = other or files[-1]
    return Symbols(other=other)


def _candidates(dump: Dump, environment: Mapping[str, str]) -> Iterator[tuple[str, ...]]:
    name = dump.build_id
    if name:
        yield (f"/usr/lib/debug/.build-id/{name[:2]}/{name[2:]}.debug",)
        yield from ((f"{cache}/{name}/debuginfo",) for cache in _caches(environment))
    release = dump.release or ""
    if _RELEASE.fullmatch(release):
        yield from ((each.format(release),) for each in _WHOLE)
        yield from (tuple(each.format(release) for each in pair) for pair in _SEPARATE)


def _caches(environment: Mapping[str, str]) -> Iterator[str]:
    """Where debuginfod's client keeps files (debuginfod_find_debuginfo(3)): of this user, and of root."""
    for variable, below in (
        ("DEBUGINFOD_CACHE_PATH", ""),
        ("XDG_CACHE_HOME", "/debuginfod_client"),
        ("HOME", "/.cache/debuginfod_client"),
        ("HOME", "/.debuginfod_client_cache"),
    ):
        where = from_user(environment.get(variable, ""))
        if where.startswith("/"):
            yield f"{where.rstrip('/')}{below}"
    yield "/root/.cache/debuginfod_client"


def _build(tree: Root, path: str) -> str | None:
    """The build-id of a kernel with symbols, "" if it has none; None if it is no such kernel, or not readable."""
    try:
        with tree.open(path) as file:
            fd = file.fileno()

            def part(offset: int, size: int) -> bytes:
                return os.pread(fd, size, offset)

            found = Elf.read(part, part(0, 64))
            return (found.build_id(part) or "") if found and found.has_symbols(part) else None
    except (GrubkdError, OSError):
        return None
