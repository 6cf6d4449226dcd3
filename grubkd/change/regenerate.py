"""What the tree's own grub-mkconfig makes of changed sources, tried on copies.

The generator runs in a mount namespace of its own, in which the directories it reads and writes are copies that hold
the new sources: whatever it does, the tree's files stay as they are. What it prints, and what it changes in the
copies (Fedora's writes grubenv and snippets too), is returned as texts, to be verified and committed with the rest.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import stat
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from grubkd import run
from grubkd.boot.entry import file_name, release_of
from grubkd.boot.loaders import grub2, grub_mkconfig
from grubkd.boot.model import Role
from grubkd.change import places
from grubkd.errors import CommandFailed, Place, Refused
from grubkd.signals import HeldSignals
from grubkd.text import from_user, to_user
from grubkd.tree.root import Root

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from grubkd.boot.model import BootConfig, Entry
    from grubkd.tree.tree import Tree

_PREFIX = "grubkd-regenerate-"
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# What a generator or its helpers write beside grub.cfg, where it exists.
_ALSO = ("/etc/default", "/etc/kernel", "/boot/loader/entries")
# $1 the tree; then pairs of copy and place, "--", and the command. The mounts vanish with the process. /proc, /dev and
# /sys are what grub-probe asks; an installer has them mounted in the tree already.
_SCRIPT = """
tree=$1; shift
while [ "$1" != -- ]; do mount --bind "$1" "$2" || exit 125; shift 2; done; shift
for place in proc dev sys; do
    [ -d "$tree/$place" ] && [ "$tree" != / ] && { mount --rbind "/$place" "$tree/$place" || exit 125; }
done
exec chroot "$tree" "$@"
"""
# The mounts must not spread. In a plain chroot / is no mount point and cannot be private, but a bind mount of it can:
# /.. is what is mounted on /. It spreads itself if the file system below is shared; then it goes again.
_PRIVATE = """
mount --make-rprivate / 2>/dev/null && exec "$@"
mount --bind / / || exit 125
spreads=
while read -r _ _ _ _ place _ tag _; do
    [ "$place" = / ] && case $tag in shared:*) spreads=yes ;; esac
done </proc/self/mountinfo
umount --no-canonicalize --lazy /.. || exit 125
if [ "$spreads" ]; then
    echo "/ is no mount point: outside this chroot run mount --bind DIRECTORY DIRECTORY, then enter it again" >&2
    exit 125
fi
mount --rbind / / && exec chroot /.. sh -c 'mount --make-rprivate / && exec "$@"' sh "$@"
exit 125
"""
# In a process namespace of its own nothing that the generator starts outlives it, nor unshare, which ends with grubkd.
_UNSHARE = ("unshare", "--mount", "--propagation", "unchanged", "--pid", "--kill-child", "sh", "-c", _PRIVATE, "sh")


def regenerate(root: Root, config: BootConfig, texts: Mapping[str, bytes]) -> dict[str, bytes | None]:
    """The files that would be different after the generator ran with these sources: path -> bytes, None: gone.

    `texts`: the changed sources. The tree's grub.cfg becomes what the generator prints. Raises Refused where the tree
    has no generator or no grub.cfg of its own, CommandFailed where the generator fails, Interrupted for a signal, once
    the generator has ended and its copies are removed.
    """
    generator = next((path for path in grub_mkconfig.GENERATORS if root.exists(path)), None)
    target = _target(root)
    if generator is None or target is None:
        raise Refused(
            "the tree has no grub-mkconfig, or no grub.cfg that it makes",
            hint="without --regenerate grubkd edits the source and the present entries itself",
        )
    if not root.live:
        run.check_architecture(root, generator)
    with HeldSignals() as stop, _copies(root, config, target, texts) as copies:
        top = _top(root)
        pairs = [part for place, copy in copies.items() for part in (str(copy), str(_on_host(root, place)))]
        command = [*_UNSHARE, "sh", "-c", _SCRIPT, "sh", str(top), *pairs, "--"]
        argv = [*map(from_user, command), generator]
        try:
            stop.check()
            done = run.run(argv, Root("/"), called=generator, stop=stop.arrived, bound=True)
        except CommandFailed as problem:
            stop.check()
            why = problem.message.rpartition(generator)[2].removeprefix(": ")
            raise CommandFailed(f"{generator}: {why}", hint="nothing was written") from None
        found = {path: data for place, copy in copies.items() for path, data in _differences(root, place, copy)}
        stop.check()
    found[target] = done.stdout
    return {path: data for path, data in found.items() if data is None or data != _present(root, path)}


def check_menu(root: Root, old: BootConfig, tree: Tree, new: BootConfig) -> None:
    """Raise CommandFailed where a generated menu lacks what the present one has.

    That is a Linux entry at all, or one for each of its kernels that is on the disk. `tree`: as it would be, from
    which `new` was read.
    """
    target = _target(root)
    before, after = _menu(old, target), _menu(new, target)
    kept = {name for each in after for name in _kernels(tree, each, there=False)}
    lost = sorted({name for each in before for name in _kernels(root, each, there=True)} - kept)
    if not lost and (after or not before):
        return
    what = f"for {', '.join(lost)}" if lost else "that boots Linux"
    raise CommandFailed(
        f"the generated menu has no entry {what}, and the present one has",
        hint="nothing was written; see what grub-mkconfig prints in that system",
        place=Place(target or ""),
    )


def _menu(config: BootConfig, target: str | None) -> list[Entry]:
    """The Linux entries that one grub.cfg offers: its own, and the snippets where it calls blscfg."""
    text = config.texts.get(target or "")
    snippets = text is not None and "blscfg" in grub2.parse(target or "", text).settings
    return [
        each
        for each in config.entries
        if each.own_linux and (each.source.file == target or (snippets and each.format == "bls"))
    ]


def _kernels(tree: Tree, entry: Entry, *, there: bool) -> Iterator[str]:
    """The release of each kernel of an entry, or its file name; with `there` only of those that are on the disk."""
    for boot in entry.boots:
        if boot.role in (Role.KERNEL, Role.MODULE):
            real = _on_disk(tree, boot.path)
            if real or not there:
                found = real or boot.path.rpartition(")")[2]
                yield release_of(found) or file_name(found)


def _on_disk(tree: Tree, kernel: str) -> str | None:
    """The real path of a kernel that an entry names; None where it is not there."""
    path = kernel.rpartition(")")[2]
    paths = (f"/boot/{path.lstrip('/')}", f"/boot/{file_name(path)}", path, f"/efi{path}", f"/boot/efi{path}")
    return next((real for each in paths if (real := tree.resolve(each))), None)


def missing_kernels(tree: Tree, config: BootConfig) -> set[str]:
    """The kernels that the entries of this system name and that are not there, as written."""
    boots = [boot for entry in config.entries if entry.own_linux for boot in entry.boots]
    return {boot.path for boot in boots if boot.role is not Role.OTHER and not _on_disk(tree, boot.path)}


def _target(root: Root) -> str | None:
    """The real path of the grub.cfg that the generator's package makes."""
    found = map(root.resolve, ("/boot/grub2/grub.cfg", "/boot/grub/grub.cfg"))
    return next(filter(None, found), None)


@contextmanager
def _copies(root: Root, config: BootConfig, target: str, texts: Mapping[str, bytes]) -> Iterator[dict[str, Path]]:
    """Copies of the directories that hold the configuration, with the new sources in them: place -> copy."""
    wanted = {path.rpartition("/")[0] for path in (target, *config.texts, *texts)}
    wanted |= {real for real in map(root.resolve, _ALSO) if real}
    # A directory inside another one is in its copy already.
    tops = [place for place in sorted(wanted) if not any(place.startswith(f"{other}/") for other in wanted)]
    with _scratch() as directory:
        copies = {}
        for number, place in enumerate(top for top in tops if root.exists(top)):
            copy = Path(directory, str(number))
            shutil.copytree(_on_host(root, place), copy, symlinks=True, ignore=_special)
            copies[place] = copy
        for path, data in texts.items():
            for place, copy in copies.items():
                if path.startswith(f"{place}/"):
                    Path(copy, to_user(path[len(place) + 1 :])).write_bytes(data)
        yield copies


@contextmanager
def _scratch() -> Iterator[str]:
    """A directory for the copies. A lock on it shows that its run lives; those of killed runs are removed first."""
    for left in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        _remove_unlocked(left)
    while True:
        directory = tempfile.mkdtemp(prefix=_PREFIX)
        try:
            fd = os.open(directory, _DIRECTORY)
        except FileNotFoundError:
            continue  # another run took it for one that a killed run left
        fcntl.flock(fd, fcntl.LOCK_EX)
        if os.path.lexists(directory):
            break
        os.close(fd)
    try:
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)
        os.close(fd)


def _remove_unlocked(directory: Path) -> None:
    """Remove a directory of this user that no other user can write to and no run holds; not what is mounted there."""
    try:
        fd = os.open(directory, _DIRECTORY)
    except OSError:
        return
    try:
        status = os.fstat(fd)
        own = status.st_uid == os.geteuid() and stat.S_IMODE(status.st_mode) == 0o700
        if own and not directory.is_mount():
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(directory, ignore_errors=True)
    except BlockingIOError:
        pass
    finally:
        os.close(fd)


def _top(root: Root) -> Path:
    """The tree's absolute path: the generator runs in another directory than grubkd."""
    return Path(root.path).resolve()


def _on_host(root: Root, place: str) -> Path:
    return _top(root) / to_user(place.lstrip("/"))


def _special(directory: str, names: list[str]) -> list[str]:
    """The names that are no files, directories or links: copying a FIFO would wait for ever."""
    found = (Path(directory, name) for name in names)
    return [path.name for path in found if not (path.is_symlink() or path.is_file() or path.is_dir())]


def _differences(root: Root, place: str, copy: Path) -> Iterator[tuple[str, bytes | None]]:
    """The configuration files in a copy that are not as in the tree, and those of the tree that are gone."""
    seen = set()
    for file in sorted(copy.rglob("*")):
        if file.is_file() and not file.is_symlink():
            path = f"{place}/{from_user(str(file.relative_to(copy)))}"
            seen.add(path)
            if places.may_write(root, path) and file.read_bytes() != _present(root, path):
                yield path, file.read_bytes()
    for name in root.list(place):
        path = f"{place}/{name}"
        if path not in seen and root.resolve(path) == path and places.may_write(root, path):
            yield path, None


def _present(root: Root, path: str) -> bytes | None:
    return root.read(path) if root.exists(path) else None
