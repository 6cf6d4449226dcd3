"""A small tree with several boot files, the change that is made to it, and what may be left of it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from grubkd.change.edit import FileChange
from grubkd.change.sync import MANY as FROM

OLD = {
    "/boot/grub2/grub.cfg": b"linux /vmlinuz root=/dev/sda1\n" * 40,
    "/boot/loader/entries/a.conf": b"title A\noptions root=/dev/sda1\n",
    "/etc/default/grub": b'GRUB_CMDLINE_LINUX="quiet"\n',
}
NEW = {
    "/boot/grub2/grub.cfg": b"linux /vmlinuz root=/dev/sda1 crashkernel=256M\n" * 40,
    "/boot/loader/entries/a.conf": b"title A\noptions root=/dev/sda1 crashkernel=256M\n",
    "/etc/default/grub": b'GRUB_CMDLINE_LINUX="quiet crashkernel=256M"\n',
    "/etc/kernel/cmdline": b"root=/dev/sda1 crashkernel=256M\n",
}
CHANGES = tuple(FileChange(path, OLD.get(path), data) for path, data in NEW.items())
# As many snippets as make one sync worth while.
MANY = tuple(f"/boot/loader/entries/{number:02}.conf" for number in range(FROM + 4))
MANY_CHANGES = tuple(FileChange(path, b"options quiet\n", b"options crashkernel=256M\n") for path in MANY)
# A machine with two kernels and the source of the next one's arguments, and the kernel that a package installs.
INSTALLED = "7.0.9-200.fc44.x86_64"
SNIPPET = "/boot/loader/entries/{0}.conf"
KERNELS = {
    **{
        SNIPPET.format(release): f"title {release}\nversion {release}\nlinux /vmlinuz-{release}\noptions ro\n"
        for release in ("7.0.1-200.fc44.x86_64", "7.0.2-200.fc44.x86_64")
    },
    "/etc/kernel/cmdline": "ro\n",
    "/usr/lib/os-release": "ID=fedora\nVERSION_ID=44\n",
}
MODES = {"/boot/grub2/grub.cfg": 0o600, "/boot/loader/entries/a.conf": 0o640}
TIME = 1_234_567_890_123_456_789


@dataclass(frozen=True)
class Found:
    """A file or directory as it is; for directories only that it is there."""

    data: bytes | None
    mode: int
    mtime_ns: int
    attributes: tuple[tuple[str, bytes], ...]


@contextmanager
def memory() -> Iterator[Path]:
    """A directory in memory if there is such, gone afterwards: for what is about calls and bytes, not about a disk."""
    where = "/dev/shm" if Path("/dev/shm").is_dir() else None
    with TemporaryDirectory(prefix="grubkd-", dir=where) as name:
        yield Path(name)


def build(top: Path) -> None:
    """Make the tree, with modes, times and an attribute that must come back."""
    for path, data in OLD.items():
        file = top / path[1:]
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
        file.chmod(MODES.get(path, 0o644))
    os.setxattr(top / "boot/grub2/grub.cfg", "user.note", b"kept")
    for path in OLD:
        os.utime(top / path[1:], ns=(TIME, TIME))


def build_kernels(top: Path) -> None:
    """Make the machine with two kernels."""
    for path, text in KERNELS.items():
        file = top / path[1:]
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)


def build_menu(top: Path) -> None:
    """Make that machine with a default entry."""
    build_kernels(top)
    block = "# GRUB Environment Block\nsaved_entry=7.0.1-200.fc44.x86_64\n"
    for path, text in (
        ("boot/grub2/grub.cfg", 'set default="${saved_entry}"\nblscfg\n'),
        ("boot/grub2/grubenv", block.ljust(1024, "#")),
        ("etc/default/grub", "GRUB_DEFAULT=saved\nGRUB_ENABLE_BLSCFG=true\n"),
    ):
        file = top / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)


def build_service(top: Path) -> None:
    """Make that machine with a kdump service, which lacks nothing but the value."""
    build_menu(top)
    unit = "usr/lib/systemd/system/kdump.service"
    for path, text in (
        (unit, ""),
        ("usr/bin/kdumpctl", "kdump_get_conf_val\n"),
        ("etc/kdump.conf", "path /var/crash\n"),
        *((f"boot/vmlinuz-{number}-200.fc44.x86_64", "kernel") for number in ("7.0.1", "7.0.2")),
    ):
        file = top / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    (top / "var/crash").mkdir(parents=True)
    link = top / "etc/systemd/system/multi-user.target.wants/kdump.service"
    link.parent.mkdir(parents=True)
    link.symlink_to(f"/{unit}")


def install(top: Path) -> None:
    """Add the installed kernel, without a value, and an edit of a person beside it."""
    present = SNIPPET.format("7.0.2-200.fc44.x86_64")
    (top / SNIPPET.format(INSTALLED)[1:]).write_text(KERNELS[present].replace("7.0.2-200.fc44.x86_64", INSTALLED))
    with (top / present[1:]).open("a") as file:
        file.write("# a remark\n")


def build_many(top: Path) -> None:
    """Make a tree of nothing but snippets."""
    for each in MANY_CHANGES:
        file = top / each.path[1:]
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(each.before or b"")
        os.utime(file, ns=(TIME, TIME))


def state(top: Path) -> dict[str, Found]:
    """Everything in the tree but grubkd's own directory; times of changed files as they are."""
    found = {}
    for here, directories, files in os.walk(top):
        inside = "/" + str(Path(here).relative_to(top))
        if inside == "/var":
            directories.clear()
            continue
        for name in files:
            file = Path(here) / name
            status = file.lstat()
            names = sorted(os.listxattr(file, follow_symlinks=False))
            found[f"{inside}/{name}"] = Found(
                b"" if file.is_symlink() else file.read_bytes(),
                status.st_mode,
                status.st_mtime_ns,
                tuple((each, os.getxattr(file, each, follow_symlinks=False)) for each in names),
            )
        for name in directories:
            if name != "var":
                found[f"{inside}/{name}/"] = Found(None, (Path(here) / name).stat().st_mode, 0, ())
    return found


def texts(found: dict[str, Found]) -> dict[str, bytes]:
    """The bytes of its files."""
    return {path: each.data for path, each in found.items() if each.data is not None}
