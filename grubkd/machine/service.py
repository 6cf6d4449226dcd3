"""Which service loads the capture kernel at boot, and whether it is enabled: by the files of the tree alone."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from grubkd.errors import Place
from grubkd.machine import settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from grubkd.tree.root import Root

# Debian and its derivatives; Red Hat, Fedora and SUSE.
_NAMES = ("kdump-tools", "kdump")
_OWN = "/etc/systemd/system"
_UNITS = (_OWN, "/run/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system")
_SCRIPTS = ("/etc/init.d", "/etc/rc.d/init.d")
# The runlevels that a server starts in; SUSE up to 11 starts its script beside the others of early boot.
_LEVELS = tuple(f"{top}/rc{level}.d" for top in ("/etc", "/etc/rc.d", "/etc/init.d") for level in (2, 3, 5))
_EARLY = "/etc/init.d/boot.d"
_START = re.compile(r"S\d\d(?:boot\.)?(kdump-tools|kdump)")
_DEFAULTS = "/etc/default/kdump-tools"


@dataclass(frozen=True, slots=True)
class Service:
    """`name`: as its tool knows it, "" where none is installed. `systemd`: a unit, else a script of System V init.

    `enabled`: started at boot. `masked`: cannot be started at all. `off`: where a setting turns it off all the same.
    """

    name: str = ""
    systemd: bool = True
    enabled: bool = False
    masked: bool = False
    off: Place | None = None


NONE = Service()
"""No service is installed."""


def read(tree: Root) -> Service:
    """The service of the tree: a systemd unit, else a script of System V init, else NONE."""
    for name in _NAMES:
        unit = f"{name}.service"
        if any(tree.exists(f"{directory}/{unit}") for directory in _UNITS[1:]) or _is_file(tree, f"{_OWN}/{unit}"):
            return Service(name, True, _wanted(tree, unit), _masked(tree, unit), _off(tree, name))
    for name in _NAMES:
        scripts = [f"{directory}/{each}" for directory in _SCRIPTS for each in (name, f"boot.{name}")]
        if any(map(tree.exists, scripts)):
            return Service(name, False, name in _started(tree), False, _off(tree, name))
    return NONE


def _is_file(tree: Root, path: str) -> bool:
    """Whether a unit of its own stands there: not a link to nothing, nor a mask."""
    status = tree.stat(path)
    return status is not None and status.st_size > 0


def _wanted(tree: Root, unit: str) -> bool:
    """Whether another unit wants it: systemctl(1) enables by a link in its directory."""
    return any(
        unit in tree.list(f"{directory}/{other}") and tree.exists(f"{directory}/{other}/{unit}")
        for directory in _UNITS
        for other in tree.list(directory)
        if other.endswith((".wants", ".requires"))
    )


def _masked(tree: Root, unit: str) -> bool:
    """Whether the administrator's own unit is empty, or a link to /dev/null, which an image has not."""
    return any(unit in tree.list(each) and not _is_file(tree, f"{each}/{unit}") for each in _UNITS[:2])


def _started(tree: Root) -> Iterator[str]:
    for directory in (*_LEVELS, _EARLY):
        for link in tree.list(directory):
            match = _START.fullmatch(link)
            if match:
                yield match[1]


def _off(tree: Root, name: str) -> Place | None:
    """Debian's kdump-tools does nothing unless USE_KDUMP says so."""
    text = settings.text_of(tree, _DEFAULTS) if name == "kdump-tools" else None
    found = settings.variables(text).get("USE_KDUMP") if text is not None else None
    return Place(_DEFAULTS, found.line) if found and found.value in ("", "0") else None
