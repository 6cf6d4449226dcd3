"""What the journal of this boot says about the kdump service's failure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from grubkd.errors import GrubkdError
from grubkd.run import run
from grubkd.text import from_bytes

if TYPE_CHECKING:
    from grubkd.machine.kdump import Service
    from grubkd.tree.root import Root


_LINES = 200
_PATIENCE = 10.0  # seconds
_LONGEST = 200  # characters
_FAILURE = re.compile(
    r"\b(?:error|fail(?:ed|ure)?|cannot|could ?n[o']t|not found|not supported|invalid|no \w+ memory)\b", re.I
)
# What systemd, kdumpctl and kdump-config say of any failure.
_ANY = re.compile(
    r"[\w.@-]+\.service: |Failed to start |(?:kdump: )?(?:Starting kdump: |(?:kexec: )?failed to load kdump kernel)"
)
# How log_warning_msg of the LSB's init functions ends a line.
_WARNING = "(warning)."


def failure(tree: Root, service: Service, since: int | None = None) -> str:
    """The line that says why the service failed in this boot, or `since` a time, in seconds since 1970.

    "" if there is none, or the journal cannot be read.
    """
    if not service.name or not service.systemd:
        return ""
    unit = f"--unit={service.name}.service"
    when = "--boot" if since is None else f"--since=@{since}"
    argv = ("journalctl", unit, when, "--no-pager", "--quiet", "--output=cat", f"--lines={_LINES}")
    try:
        return failure_line(from_bytes(run(argv, tree, patience=_PATIENCE).stdout))
    except GrubkdError:
        return ""


def failure_line(messages: str) -> str:
    """The last line of the last start that names a cause, else one that only says that it failed."""
    lines = (line.strip() for line in messages.split("\n"))
    found = [line for line in lines if _FAILURE.search(line) and not line.endswith(_WARNING)]
    causes = [line for line in found if not _ANY.match(line)]
    return (causes or found or [""])[-1][:_LONGEST]
