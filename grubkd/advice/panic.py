"""The findings about the crash itself: what makes the kernel panic, and what a locked down kernel lets be loaded."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grubkd.advice.finding import Finding, Status, not_asked, ok

if TYPE_CHECKING:
    from collections.abc import Iterator

    from grubkd.machine.kdump import Kdump
    from grubkd.machine.machine import Running
    from grubkd.machine.panic import Panic


# The sysctls that must be set for each event to panic.
_EVENTS = (
    ("an oops", ("panic_on_oops",)),
    ("a soft lockup", ("softlockup_panic",)),
    ("a hard lockup", ("nmi_watchdog", "hardlockup_panic")),
    ("a hung task", ("hung_task_panic",)),
    ("an unknown NMI", ("unknown_nmi_panic",)),
    ("an NMI of memory or PCI errors", ("panic_on_unrecovered_nmi",)),
    ("Alt-SysRq-c", ("sysrq",)),
)
# The bit of kernel.sysrq that allows it; 1 allows everything.
_SYSRQ_DUMP = 8
_SET_OOPS = (("sysctl", "-w", "kernel.panic_on_oops=1"),)


def panics(found: Panic) -> Iterator[Finding]:
    """What panics, and so leaves a dump; a warning if an oops does not."""
    known = [(name, [_allows(found, each) for each in needed if each in found.sysctls]) for name, needed in _EVENTS]
    does = [name for name, values in known if values and all(values)]
    does_not = [name for name, values in known if values and not all(values)]
    if not does and not does_not:
        yield not_asked("panic", "what makes the kernel panic cannot be read from /proc/sys/kernel")
        return
    said = f"the kernel panics on {_listed(does)}" if does else "the kernel does not panic on "
    said += (", not on " if does else "") + _listed(does_not) if does_not else ""
    if found.sysctls.get("panic") == 0:
        said += "; without a dump it then stops, because kernel.panic is 0"
    if found.sysctls.get("panic_on_oops") != 0:
        yield ok("panic", said)
        return
    why = "after an oops the kernel kills the process and continues: the usual crash leaves no dump"
    fix = "sysctl -w kernel.panic_on_oops=1, and the line kernel.panic_on_oops=1 in /etc/sysctl.d/50-kdump.conf"
    yield Finding("panic", Status.WARNING, said, "oops-continues", why, fix, commands=_SET_OOPS)


def _allows(found: Panic, name: str) -> bool:
    value = found.sysctls[name]
    return value == 1 or value & _SYSRQ_DUMP != 0 if name == "sysrq" else value != 0


def _listed(names: list[str]) -> str:
    return f"{', '.join(names[:-1])} or {names[-1]}" if len(names) > 1 else names[0]


_ARGUMENTS = {
    "kdump-tools": 'KDUMP_KEXEC_ARGS="-s" in /etc/default/kdump-tools',
    "kdump": 'KEXEC_ARGS="-s" (SUSE: KEXEC_OPTIONS="-s") in /etc/sysconfig/kdump',
}


def lockdown(found: Panic, running: Running, kdump: Kdump) -> Iterator[Finding]:
    """Whether the kernel refuses kexec_load: locked down, since 5.4, usually by Secure Boot. Nothing if it does not."""
    locked = found.lockdown in ("integrity", "confidentiality")
    if not locked and not found.secure_boot:
        return
    said = f"the kernel is locked down ({found.lockdown})" if locked else "Secure Boot is on"
    said += " by Secure Boot" if locked and found.secure_boot else ""
    if running.loaded or kdump.firmware:
        yield ok("lockdown", f"{said}, and a capture kernel is loaded")
        return
    why = "it loads a capture kernel by kexec_file_load only, and only one with a signature that it trusts"
    where = _ARGUMENTS.get(kdump.service.name, "kexec --load-panic --kexec-file-syscall")
    fix = f"use a signed kernel of the distribution, and {where}"
    yield Finding("lockdown", Status.WARNING, said, "signature-needed", why, fix)
