"""Initial RAM disks: busybox, the lab's init and, on request, programs with their libraries and a kernel's modules."""

import gzip
import os
import re
import stat
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from lab.kernels import Kernel
from lab.packages import Source, Unavailable, locked

INIT = Path(__file__).with_name("init.sh")
_DIRECTORIES = ("bin", "sbin", "usr", "usr/bin", "usr/sbin", "proc", "sys", "dev", "tmp", "lib", "modules")
_DEBIAN = {"x86_64": "amd64", "ppc64le": "ppc64el"}


@dataclass(slots=True)
class Archive:
    """Files for a cpio archive of the kernel's kind ("newc"), by path without a leading slash."""

    files: dict[str, bytes] = field(default_factory=dict)
    programs: set[str] = field(default_factory=set)
    links: dict[str, str] = field(default_factory=dict)

    def add_program(self, path: str, data: bytes) -> None:
        """A file that can be executed."""
        self.files[path] = data
        self.programs.add(path)

    def install(self, tree: Path) -> None:
        """Write the files, programs and links into a tree."""
        for path, data in self.files.items():
            file = tree / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(data)
            file.chmod(0o755 if path in self.programs else 0o644)
        for path, target in self.links.items():
            (tree / path).symlink_to(target)
        for name in _DIRECTORIES:
            (tree / name).mkdir(parents=True, exist_ok=True)

    def packed(self) -> bytes:
        """The archive, compressed; the same files give the same bytes."""
        directories = set(_DIRECTORIES)
        for path in (*self.files, *self.links):
            directories.update(str(parent) for parent in Path(path).parents if str(parent) != ".")
        entries = [(path, stat.S_IFDIR | 0o755, b"") for path in directories]
        entries += [
            (path, stat.S_IFREG | (0o755 if path in self.programs else 0o644), data)
            for path, data in self.files.items()
        ]
        entries += [(path, stat.S_IFLNK | 0o777, target.encode()) for path, target in self.links.items()]
        # In sorted order a directory comes before its files.
        body = b"".join(_entry(number, *entry) for number, entry in enumerate(sorted(entries), 1))
        return gzip.compress(body + _entry(0, "TRAILER!!!", 0, b""), compresslevel=6, mtime=0)


def _entry(number: int, path: str, mode: int, data: bytes) -> bytes:
    name = path.encode() + b"\0"
    fields = (number, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name), 0)
    head = b"070701" + b"".join(b"%08X" % value for value in fields) + name
    return head + bytes(-len(head) % 4) + data + bytes(-len(data) % 4)


def base(arch: str) -> Archive:
    """Busybox of that architecture and the lab's init. Raises Unavailable."""
    # Debian has riscv64 from 13 on.
    suite, directory = ("trixie", "usr/bin") if arch == "riscv64" else ("bookworm", "bin")
    tree = Source(suite, _DEBIAN.get(arch, arch)).tree("busybox-static")
    archive = Archive()
    archive.add_program("bin/busybox", (tree / directory / "busybox").read_bytes())
    archive.add_program("init", INIT.read_bytes())
    archive.links["bin/sh"] = "busybox"
    return archive


def ballast(size: int) -> bytes:
    """An archive with one incompressible file of about that many bytes: for initial RAM disks of a given size."""
    noise = b"".join(number.to_bytes(4, "little") for number in range(size // 4))
    return _entry(1, "ballast", stat.S_IFREG | 0o644, noise) + _entry(0, "TRAILER!!!", 0, b"")


# What `kexec` and `makedumpfile` are linked with.
_TOOLS = (
    *("kexec-tools", "makedumpfile", "libc6", "libgcc-s1", "zlib1g", "liblzma5", "libelf1", "libdw1", "liblzo2-2"),
    *("libbz2-1.0", "libzstd1", "libstdc++6", "libsnappy1v5", "libcurl3-gnutls"),
)
# And its kexec for x86_64, where it can also load kernels for Xen.
_XEN = (
    *("libxencall1", "libxendevicemodel1", "libxenevtchn1", "libxenforeignmemory1", "libxengnttab1", "libxenhypfs1"),
    *("libxenmisc4.17", "libxenstore4", "libxentoolcore1", "libxentoollog1"),
)
_PROGRAMS = ("kexec", "makedumpfile")
# A virtio disk with an ext2 file system; ext4 requests the checksum by name, so no file lists it as a dependency.
_MODULES = ("virtio_pci", "virtio_blk", "crc32c_generic", "ext4")


def with_kdump(kernel: Kernel) -> Archive:
    """The base, and the tools that load a capture kernel and save its dump on a virtio disk. Raises Unavailable."""
    archive = base(kernel.arch)
    tree = tools(kernel.arch)
    libraries = {path.name: path for path in tree.rglob("*.so*")}
    for program in _PROGRAMS:
        found = tree / "usr/bin" / program
        path = found if found.exists() else tree / "sbin" / program
        archive.add_program(f"bin/{program}", path.read_bytes())
        for name, target in _needed(path, libraries):
            archive.add_program(name, target.read_bytes())
    order = []
    for module in _ordered(kernel):
        archive.files[f"modules/{module.name}"] = module.read_bytes()
        order.append(module.name)
    archive.files["modules/order"] = "".join(f"{name}\n" for name in order).encode()
    return archive


def tools(arch: str) -> Path:
    """A tree with kexec and makedumpfile of that architecture, and their libraries. Raises Unavailable."""
    return Source("bookworm", _DEBIAN.get(arch, arch)).tree(*_TOOLS, *(_XEN if arch == "x86_64" else ()))


def _needed(program: Path, libraries: dict[str, Path]) -> Iterator[tuple[str, Path]]:
    """The path of each library of the program and of its libraries, and of its loader."""
    seen: set[str] = set()
    waiting = [program]
    while waiting:
        shown = subprocess.run(
            ["readelf", "--dynamic", "--program-headers", "--wide", waiting.pop()],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        loader = re.search(r"interpreter: /(\S+?)\]", shown)
        if loader and loader[1] not in seen:
            seen.add(loader[1])
            yield loader[1], libraries[Path(loader[1]).name].resolve()
        for name in re.findall(r"\(NEEDED\).*\[(.+?)\]", shown):
            if name in seen or name in {Path(path).name for path in seen}:
                continue
            if name not in libraries:
                raise Unavailable(f"{program.name} needs {name}, which no package of the lab holds")
            seen.add(name)
            waiting.append(libraries[name].resolve())
            yield f"lib/{name}", libraries[name].resolve()


@cache
def _dependencies(kernel: Kernel) -> dict[str, list[Path]]:
    """Module name -> its file, after those that it depends on; a module that is built in has no files."""
    top = _modules(kernel)
    with locked("depmod"):
        if not (top / "modules.dep").exists():
            subprocess.run(["depmod", "-b", top.parents[2], kernel.release], check=True)
    found: dict[str, list[Path]] = {}
    for line in (top / "modules.dep").read_text().splitlines():
        path, _, needs = line.partition(":")
        found[_module_name(path)] = [top / each for each in (*reversed(needs.split()), path)]
    for line in (top / "modules.builtin").read_text().splitlines():
        found[_module_name(line)] = []
    return found


def _modules(kernel: Kernel) -> Path:
    return kernel.tree / "lib/modules" / kernel.release


def _module_name(path: str) -> str:
    return os.path.basename(path).split(".")[0].replace("-", "_")  # noqa: PTH119 (a line of a list, no file)


def _ordered(kernel: Kernel) -> list[Path]:
    """The files of the modules to load, in an order that works."""
    found = _dependencies(kernel)
    return list(dict.fromkeys(file for module in _MODULES for file in found[module]))
