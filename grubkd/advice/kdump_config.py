"""What the kdump services refuse or ignore in their own settings.

kdump.conf by kdumpctl of kdump-utils 1.0.5 (parse_config, check_files_modified, check_rebuild), older ones by the text
of the tree's own kdumpctl; /etc/default/kdump-tools by kdump-config of kdump-tools 1.8.1; SUSE's /etc/sysconfig/kdump
by kdump-read-config.sh of kdump 2.0.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

from grubkd.advice.finding import Finding, Status, not_asked, ok
from grubkd.errors import Place
from grubkd.machine.dump_target import KDUMP_CONF, KDUMP_TOOLS, SYSCONFIG
from grubkd.machine.kdump import kdumpctl
from grubkd.machine.settings import kdump_conf, text, variables

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from grubkd.machine.kdump import Kdump
    from grubkd.machine.settings import Setting
    from grubkd.tree.root import Root


_EXTENDED = frozenset({"ext2", "ext3", "ext4"})
_DEPRECATED = frozenset({"net", "options", "link_delay", "disk_timeout", "debug_mem_level", "blacklist"})
_INSTEAD = {"net": "nfs SERVER:/EXPORT or ssh USER@SERVER", "options": "dracut_args", "blacklist": "dracut_args --omit"}
_FILES = ("kdump_post", "kdump_pre", "extra_bins")
_ACTIONS = ("reboot", "halt", "poweroff", "shell", "dump_to_rootfs")
_VALUES = {
    "failure_action": _ACTIONS,
    "default": _ACTIONS,
    "final_action": _ACTIONS[:3],
    "force_rebuild": ("0", "1"),
    "force_no_rebuild": ("0", "1"),
}
_NAMES = (
    "minix btrfs xfs virtiofs raw nfs ssh sshkey path core_collector dracut_args extra_modules "
    "fence_kdump_args fence_kdump_nodes auto_reset_crashkernel"
)
_OPTIONS = _EXTENDED.union(_NAMES.split(), _FILES, _VALUES)
# Each pair excludes each other.
_PAIRS = (("failure_action", "default"), ("force_rebuild", "force_no_rebuild"))


def findings(kdump: Kdump, tree: Root) -> Iterator[Finding]:
    """What is wrong with the settings of the service that the tree has; nothing without a service or its settings."""
    if not kdump.service.name:
        return
    script = kdumpctl(tree)
    if kdump.service.name == "kdump-tools":
        path, judge = KDUMP_TOOLS, _debian
    elif script is None and text(tree, KDUMP_CONF) is None:
        path, judge = SYSCONFIG, _suse
    else:
        path, judge = KDUMP_CONF, None
    settings = text(tree, path)
    if settings is None or (judge is None and script is None):  # RHEL 5 and 6: an init script reads kdump.conf
        if path in tree.denied:
            yield not_asked("settings", f"{path} cannot be read by this user")
        return
    wrong = list(judge(variables(settings), tree) if judge else _red_hat(kdump_conf(settings), script or "", tree))
    yield from wrong or [ok("settings", f"{path} has no setting that the service refuses", Place(path))]


def _red_hat(found: Sequence[Setting], script: str, tree: Root) -> Iterator[Finding]:
    """`script`: the text of kdumpctl."""
    knows = _Script(script)
    for each in found:
        name, place = each.name, Place(KDUMP_CONF, each.line)
        if name in _DEPRECATED and knows("Deprecated"):
            use = f"use {_INSTEAD[name]}; see kdump.conf(5)" if name in _INSTEAD else "remove the line"
            yield _refused("deprecated-option", f"kdumpctl no longer accepts the option {name}", use, place)
        elif name not in _EXTENDED and not knows.option(name):
            fix = "correct the name, or remove the line; see kdump.conf(5)"
            yield _refused("unknown-option", f"kdumpctl does not know the option {name}", fix, place)
        elif not each.value:
            fix = "give it a value, or remove the line"
            yield _refused("empty-option", f"the option {name} has no value", fix, place)
        else:
            yield from _value_of(each, place, tree)
    yield from _together(found, knows)


class _Script:
    """What the kdumpctl of the tree knows. One without parse_config, as of RHEL 6, is taken for the newest."""

    def __init__(self, content: str) -> None:
        self.words = frozenset(re.findall(r"\w+", content)) if "kdump config option" in content else None

    def __call__(self, word: str) -> bool:
        return self.words is None or word in self.words

    def option(self, name: str) -> bool:
        """Whether it accepts the option. A later version may have options that this module does not know."""
        if self.words is None:
            return name in _OPTIONS
        return name in self.words


def _value_of(found: Setting, place: Place, tree: Root) -> Iterator[Finding]:
    name, value = found.name, found.value
    if name in _VALUES and value not in _VALUES[name]:
        said = f"{name} is {value}; kdumpctl accepts {', '.join(_VALUES[name])}"
        yield _refused("bad-option", said, f"write one of them to {KDUMP_CONF}", place)
    elif name == "ssh" and "@" not in value:
        yield _refused("bad-option", f"ssh {value} names no user", f"write: ssh USER@{value}", place)
    elif name == "dracut_args" and value.count("--mount") > 1:
        fix = "leave one --mount in it"
        yield _refused("bad-option", "dracut_args mounts more than one target", fix, place)
    elif name == "sshkey" and not tree.exists(value) and not tree.denied:
        why, fix = "kdumpctl uses /root/.ssh/kdump_id_rsa instead", "correct the path, then: kdumpctl propagate"
        yield _ignored("no-sshkey", f"sshkey {value} does not exist", why, fix, place)
    for path in value.split() if name in _FILES else ():
        status = tree.stat(path)
        if status is None and not tree.denied:
            yield _refused("missing-file", f"{name}: {path} does not exist", "correct the path", place)
        elif status is not None and not status.st_mode & 0o111:
            run = (("chmod", "+x", path),)
            yield _refused("missing-file", f"{name}: {path} is not executable", f"chmod +x {path}", place, run)


def _together(found: Sequence[Setting], knows: _Script) -> Iterator[Finding]:
    """What excludes each other. Two targets are a finding of the target."""
    names = Counter(each.name for each in found if each.name in _OPTIONS and not _is_target(each))
    lines = {each.name: Place(KDUMP_CONF, each.line) for each in found}
    for name, count in names.items():
        if count > 1 and knows("Duplicated"):
            fix = "leave one of them"
            yield _refused("repeated-option", f"the option {name} is there {count} times", fix, lines[name])
    values = {each.name: each.value for each in found}
    for one, other in _PAIRS:
        if values.get(one) and values.get(other) and "0" not in (values[one], values[other]):
            place = max(lines[one], lines[other], key=lambda each: each.line)
            yield _refused("repeated-option", f"{one} and {other} exclude each other", "leave one", place)


def _is_target(found: Setting) -> bool:
    targets = _EXTENDED | {"minix", "btrfs", "xfs", "virtiofs", "raw", "nfs", "ssh"}
    return found.name in targets or (found.name == "dracut_args" and "--mount" in found.value)


_LINKS = "/var/lib/kdump/"
_PACKERS = ("", "bzip2", "gzip", "lz4", "xz")


def _debian(found: Mapping[str, Setting], tree: Root) -> Iterator[Finding]:
    for name in ("KDUMP_KERNEL", "KDUMP_INITRD"):
        each = found.get(name)
        # kdump-config makes the links in /var/lib/kdump itself.
        if not each or each.value[:1] != "/" or each.value.startswith(_LINKS) or tree.exists(each.value):
            continue
        if not tree.denied:
            fix = "correct the path, or leave it empty for the running kernel"
            yield _refused("missing-file", f"{name}: {each.value} does not exist", fix, _line(KDUMP_TOOLS, each))
    nfs = found.get("NFS")
    if nfs and nfs.value and ":" not in nfs.value:
        said, why = f"NFS is {nfs.value}, which names no directory", "the capture kernel cannot mount it"
        fix = f"write: NFS={nfs.value}:/DIRECTORY"
        yield Finding("settings", Status.PROBLEM, said, "bad-option", why, fix, _line(KDUMP_TOOLS, nfs))
    packer = found.get("KDUMP_COMPRESSION")
    if packer and packer.value not in _PACKERS:
        said, fix = f"KDUMP_COMPRESSION is {packer.value}", f"write one of: {', '.join(_PACKERS[1:])}"
        why = "kdump-config does not know it, and does not compress"
        yield _ignored("bad-option", said, why, fix, _line(KDUMP_TOOLS, packer))


_SCHEMES = ("file", "ftp", "scp", "sftp", "ssh", "nfs", "smb", "cifs")
_FORMATS = ("", "none", "raw", "elf", "compressed", "lzo", "snappy", "zstd")
_NUMBERS = ("KDUMP_DUMPLEVEL", "KDUMP_CPUS", "KDUMP_KEEP_OLD_DUMPS", "KDUMP_FREE_DISK_SIZE", "KDUMP_NET_TIMEOUT")


def _suse(found: Mapping[str, Setting], tree: Root) -> Iterator[Finding]:
    target = found.get("KDUMP_SAVEDIR")
    for url in target.value.split() if target else ():
        scheme, separator, _ = url.partition("://")
        if target and not (scheme.lower() in _SCHEMES if separator else url.startswith("/")):
            said, why = "KDUMP_SAVEDIR has a URL that kdump does not know", "the capture kernel saves nothing"
            fix = f"write a path, or a URL with {', '.join(_SCHEMES)}"
            yield Finding("settings", Status.PROBLEM, said, "bad-option", why, fix, _line(SYSCONFIG, target))
    form = found.get("KDUMP_DUMPFORMAT")
    if form and form.value.lower() not in _FORMATS:
        fix = f"write one of: {', '.join(_FORMATS[1:])}"
        yield _ignored("bad-option", f"KDUMP_DUMPFORMAT is {form.value}", _IGNORES, fix, _line(SYSCONFIG, form))
    for name in _NUMBERS:
        each = found.get(name)
        if each and each.value and not each.value.isdecimal():
            said = f"{name} is {each.value}, which is no number"
            yield _ignored("bad-option", said, _IGNORES, "write a number", _line(SYSCONFIG, each))
        elif each and name == "KDUMP_DUMPLEVEL" and each.value and int(each.value) > 31:
            said, why = f"KDUMP_DUMPLEVEL is {each.value}", "levels end at 31: kdump then saves all memory"
            yield _ignored("bad-option", said, why, "write a level from 0 to 31", _line(SYSCONFIG, each))


_IGNORES = "kdump ignores it and uses its default"


def _line(path: str, found: Setting) -> Place:
    return Place(path, found.line)


def _refused(code: str, said: str, fix: str, place: Place, commands: tuple[tuple[str, ...], ...] = ()) -> Finding:
    why = "the kdump service does not start, so nothing loads a capture kernel"
    return Finding("settings", Status.PROBLEM, said, code, why, fix, place, commands)


def _ignored(code: str, said: str, why: str, fix: str, place: Place) -> Finding:
    return Finding("settings", Status.WARNING, said, code, why, fix, place)
