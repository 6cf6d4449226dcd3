"""`check` by an ordinary user: what cannot be read is said once, first, and nothing is judged from the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grubkd.advice.finding import Finding, Status
from grubkd.errors import PermissionDenied
from grubkd.machine.dump_target import KDUMP_CONF, KDUMP_TOOLS, SYSCONFIG

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from grubkd.boot.model import BootConfig
    from grubkd.machine.kdump import Kdump
    from grubkd.tree.root import Root


CODE = "permission-denied"
_SETTINGS = (KDUMP_CONF, KDUMP_TOOLS, SYSCONFIG)
# What is not a file of the boot configuration, and what no finding is judged from.
_ELSEWHERE = ("/proc/", "/sys/", "/var/lib/grubkd", "/root/")
_BY_BOOT = frozenset({"configured", "booted", "boot", "value", "configuration"})
_BY_SETTINGS = frozenset({"service", "settings", "target", "room", "capture"})


def topmost(paths: Collection[str]) -> list[str]:
    """The paths in order, without those below another one."""
    return sorted(path for path in paths if not any(path.startswith(f"{other}/") for other in paths))


def judged(found: Sequence[Finding], config: BootConfig, kdump: Kdump, tree: Root) -> Iterator[Finding]:
    """The findings, without those that depend on what this user may not read."""
    denied = tree.denied | {
        each.place.file for each in config.errors if isinstance(each, PermissionDenied) and each.place
    }
    if not denied:
        yield from found
        return
    said = f"this user cannot read {', '.join(topmost(denied))}"
    yield Finding("rights", Status.NOT_ASKED, said, CODE, "nothing is judged from the rest", "run grubkd as root")
    settings = {*_SETTINGS, kdump.target.key, kdump.target.directory or ""} & denied
    boot = {path for path in denied - settings if not path.startswith(_ELSEWHERE)}
    unsure = (_BY_BOOT if boot else frozenset[str]()) | (_BY_SETTINGS if settings else frozenset[str]())
    seen = set()
    for each in found:
        if each.check not in unsure:
            if each.code != CODE:
                yield each
        elif each.check not in seen:
            seen.add(each.check)
            yield Finding(each.check, Status.NOT_ASKED, "it cannot be judged without the rights of root", CODE)
