"""What the messages of a crashed kernel tell: its release, and the line that says why."""

from __future__ import annotations

import re

_STAMP = re.compile(r"^(?:<\d{1,3}>)?(?:\[ *\d+\.\d+\](?:\[ *[TC]\d+\])? ?)?")
_VERSION = re.compile(r"Linux version (\S{1,64}) ")
# `CPU: 0 PID: 1 Comm: bash Kdump: loaded Not tainted 6.1.0-50-amd64 #1 Debian 6.1.1-1`
_TAINTED = re.compile(r"(?:Not tainted|Tainted: [A-Z ()]{1,30}?) +(\d[^\s#]{0,63}) #\d")
_PANIC = "Kernel panic - not syncing"
_FATAL = "Fatal exception"
_CAUSES = (
    "BUG: ",
    "kernel BUG at ",
    "Oops",
    "Internal error: ",
    "general protection fault",
    "Unable to handle kernel ",
    "Unable to handle paging request",
    "Kernel access of bad area",
    "divide error: ",
    "invalid opcode: ",
    "double fault: ",
    "Machine check",
    "watchdog: BUG: ",
    "NMI watchdog: ",
    "SysRq : Trigger a crash",
    "sysrq: Trigger a crash",
    "sysrq: SysRq : Trigger a crash",
)
_LONGEST = 200


def release(text: str) -> str | None:
    """The release by the first line of the boot, or by that of an oops, the only one left in a buffer that ran over."""
    found = _VERSION.search(text) or _TAINTED.search(text)
    return found[1] if found else None


def panic(text: str) -> str | None:
    """The line that tells why the kernel stopped, without its time; None where none does.

    That is the panic's own; where it only says that something before it was fatal, or is missing because the capture
    kernel was started first, the cause's.
    """
    last = cause = None
    for line in text.split("\n"):
        if _PANIC in line and "---[ end " not in line:
            last = line[line.index(_PANIC) :]
        else:
            plain = _STAMP.sub("", line, count=1)
            if plain.startswith(_CAUSES) and last is None and (cause is None or not plain.startswith("Oops")):
                cause = plain
    if last is not None and (cause is None or _FATAL not in last):
        cause = last
    return cause.strip()[:_LONGEST] if cause else None
