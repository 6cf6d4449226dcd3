"""The kernel with debugging symbols that opens a dump: where it is, or the command that installs it."""

from __future__ import annotations

import os
import re
import shlex
from typing import TYPE_CHECKING, NamedTuple

from grubkd.errors import GrubkdError
from grubkd.machine.elf import Elf
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


class Installation(NamedTuple):
    """How a package is installed: a sentence, and the commands if the distribution is known."""

    text: str
    commands: tuple[tuple[str, ...], ...] = ()


class Openable(NamedTuple):
    """A dump, the kernel with symbols that opens it, and `command`, which runs crash with both.

    Without a command, `missing` says what to do first. A dump without memory has neither.
    """

    dump: Dump
    symbols: Symbols = Symbols()
    command: tuple[str, ...] = ()
    missing: Installation = Installation("")


def openable(tree: Root, dump: Dump, distribution: Distribution) -> Openable:
    """The dump with what opens it."""
    if not dump.files or not dump.form:
        return Openable(dump)
    symbols = find(tree, dump)
    if dump.form in PACKED:
        return Openable(dump, symbols, missing=Installation(f"unpack it first ({dump.form})"))
    if symbols.files:
        return Openable(dump, symbols, ("crash", *symbols.files, *dump.paths))
    return Openable(dump, symbols, missing=install(distribution, dump.release))


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


def install(distribution: Distribution, release: str | None) -> Installation:
    """How the symbols of a release are installed."""
    if not release or not _RELEASE.fullmatch(release):
        return Installation("install the debugging symbols of the kernel that crashed")
    names = {distribution.id, *distribution.like}
    if "ubuntu" in names:
        command = ("apt-get", "install", f"linux-image-{release}-dbgsym")
        return _by(command, "from ddebs.ubuntu.com, whose key is in the package ubuntu-dbgsym-keyring")
    if "debian" in names:
        return _by(("apt-get", "install", f"linux-image-{release}-dbg"))
    if any(name.startswith(("suse", "sle", "opensuse")) for name in names):
        version, _, flavour = release.rpartition("-")
        package = f"kernel-{flavour}-debuginfo"
        return _by(("zypper", "--plus-content", "debug", "install", package), f"of version {version}")
    if {"fedora", "rhel", "centos"} & names:
        # The flavour behind `+` is a part of the package's name; Oracle's UEK has a name of its own.
        version, _, flavour = release.partition("+")
        name = f"kernel-{flavour}" if flavour else "kernel-uek" if "uek" in version else "kernel"
        return _by((_dnf(distribution), "install", "--enablerepo=*debug*", f"{name}-debuginfo-{version}"))
    return Installation(f"install the debugging symbols of kernel {release}")


def install_tool(distribution: Distribution, tool: str) -> Installation:
    """How crash, drgn or makedumpfile is installed."""
    names = {distribution.id, *distribution.like}
    first = distribution.version[0] if distribution.version else 99
    if tool == "drgn" and first < {"debian": 13, "ubuntu": 24}.get(distribution.id, 0):
        return _by(("pip", "install", "drgn"))
    apart = "python3-drgn" if tool == "drgn" else tool
    if "debian" in names or "ubuntu" in names:
        return _by(("apt-get", "install", apart))
    if any(name.startswith(("suse", "sle", "opensuse")) for name in names):
        return _by(("zypper", "install", apart))
    if {"fedora", "rhel", "centos"} & names:
        alone = 41 if distribution.id == "fedora" else 10  # kexec-tools held makedumpfile before
        return _by((_dnf(distribution), "install", "kexec-tools" if tool == "makedumpfile" and first < alone else tool))
    return Installation(f"install {tool}")


def _dnf(distribution: Distribution) -> str:
    first = distribution.version[0] if distribution.version else 99
    return "dnf" if first >= (22 if distribution.id == "fedora" else 8) else "yum"


def _by(command: tuple[str, ...], note: str = "") -> Installation:
    return Installation(f"{shlex.join(command)}{f' ({note})' if note else ''}", (command,))
