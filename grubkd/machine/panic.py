"""The sysctls that decide on what the running kernel panics; lockdown and Secure Boot, which restrict what it loads."""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from grubkd.errors import GrubkdError
from grubkd.machine.settings import integer, text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from grubkd.tree.root import Root


SYSCTLS = (
    "panic_on_oops",
    "softlockup_panic",
    "hung_task_panic",
    "nmi_watchdog",
    "hardlockup_panic",
    "unknown_nmi_panic",
    "panic_on_unrecovered_nmi",
    "panic",
    "sysrq",
)
"""Settings of /proc/sys/kernel; see Documentation/admin-guide/sysctl/kernel.rst of Linux 6.12."""

_LOCKDOWN = "/sys/kernel/security/lockdown"
_CHOSEN = re.compile(r"\[(\w+)\]")
_EFIVARS = "/sys/firmware/efi/efivars"
# A variable of efivarfs begins with four bytes of attributes.
_ATTRIBUTES = 4


class Panic(NamedTuple):
    """Sysctls by name, those that this kernel has. `lockdown`: "none", "integrity", "confidentiality"; "" if unknown.

    `secure_boot`: the firmware checks what it starts; None without EFI, or if it cannot be read.
    """

    sysctls: Mapping[str, int] = MappingProxyType({})
    lockdown: str = ""
    secure_boot: bool | None = None


NOT_KNOWN = Panic()
"""The state of a tree that is not the running system."""


def read(tree: Root) -> Panic:
    """Read /proc and /sys of a live tree; NOT_KNOWN for another one."""
    if not tree.live:
        return NOT_KNOWN
    found = {name: value for name in SYSCTLS if (value := _sysctl(tree, name)) is not None}
    chosen = _CHOSEN.search(text(tree, _LOCKDOWN) or "")
    return Panic(found, chosen[1] if chosen else "", _secure_boot(tree))


def _sysctl(tree: Root, name: str) -> int | None:
    """A sysctl; `panic` may be negative."""
    content = (text(tree, f"/proc/sys/kernel/{name}") or "").strip()
    return int(content) if re.fullmatch(r"-?\d{1,10}", content) else None


def _secure_boot(tree: Root) -> bool | None:
    """EFI: SecureBoot is 1 and SetupMode is 0. s390x: /sys/firmware/ipl/secure."""
    secure = integer(tree, "/sys/firmware/ipl/secure")
    if secure is not None:
        return secure == 1
    names = tree.list(_EFIVARS)
    flags = [_flag(tree, name) for wanted in ("SecureBoot-", "SetupMode-") for name in names if name.startswith(wanted)]
    return flags == [1, 0] if flags and None not in flags else None


def _flag(tree: Root, name: str) -> int | None:
    try:
        content = tree.part(f"{_EFIVARS}/{name}", _ATTRIBUTES, 1)
    except GrubkdError:
        return None
    return content[0] if content else None
