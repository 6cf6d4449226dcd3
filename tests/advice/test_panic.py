"""What makes the kernel panic at all, and what a locked down kernel lets be loaded."""

from pathlib import Path

import pytest
from support.answered import answer
from support.livetree import Files, Live, debian, put

from grubkd.advice import panic as advice
from grubkd.commands import check
from grubkd.machine import kdump, panic
from grubkd.machine.machine import Running
from grubkd.machine.panic import Panic

SECURE = {
    "sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c": "\x06\0\0\0\x01",
    "sys/firmware/efi/efivars/SetupMode-8be4df61-93ca-11d2-aa0d-00e098032b8c": "\x06\0\0\0\0",
}


@pytest.mark.parametrize(
    ("sysctls", "code", "message"),
    [
        ({"panic_on_oops": 1}, "panic", "the kernel panics on an oops"),
        (
            {"panic_on_oops": 1, "softlockup_panic": 1, "hung_task_panic": 0, "panic": 0},
            "panic",
            "the kernel panics on an oops or a soft lockup, not on a hung task; "
            "without a dump it then stops, because kernel.panic is 0",
        ),
        # The detector must run as well.
        (
            {"panic_on_oops": 1, "nmi_watchdog": 0, "hardlockup_panic": 1, "panic": 10},
            "panic",
            "the kernel panics on an oops, not on a hard lockup",
        ),
        ({"panic_on_oops": 1, "sysrq": 176}, "panic", "the kernel panics on an oops, not on Alt-SysRq-c"),
        ({"panic_on_oops": 1, "sysrq": 438 | 8}, "panic", "the kernel panics on an oops or Alt-SysRq-c"),
        ({"panic_on_oops": 1, "sysrq": 1}, "panic", "the kernel panics on an oops or Alt-SysRq-c"),
        (
            {"panic_on_oops": 0, "softlockup_panic": 0},
            "oops-continues",
            "the kernel does not panic on an oops or a soft lockup",
        ),
    ],
)
def test_what_panics(sysctls: dict[str, int], code: str, message: str) -> None:
    (found,) = advice.panics(Panic(sysctls))
    assert (found.code, found.message) == (code, message)
    assert found.commands == ((("sysctl", "-w", "kernel.panic_on_oops=1"),) if code == "oops-continues" else ())


def test_check_warns_if_an_oops_does_not_panic(tmp_path: Path) -> None:
    """The crash would not be captured, but another one would: no failure."""
    tree = debian(tmp_path)
    put(tree, {"proc/sys/kernel/panic_on_oops": "0\n", "proc/sys/kernel/panic": "-1\n"})
    found = answer(lambda: check.check_tree(Live(str(tree)), json=True))
    (each,) = [each for each in found.json["checks"] if each["status"] != "ok"]
    assert (each["check"], each["status"], each["code"], found.exit) == ("panic", "warning", "oops-continues", 0)


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, ("", None)),
        ({"sys/kernel/security/lockdown": "[none] integrity confidentiality\n"}, ("none", None)),
        ({"sys/kernel/security/lockdown": "none [integrity] confidentiality\n", **SECURE}, ("integrity", True)),
        ({**SECURE, next(reversed(SECURE)): "\x06\0\0\0\x01"}, ("", False)),
        ({next(iter(SECURE)): ""}, ("", None)),
        ({"sys/firmware/ipl/secure": "1\n"}, ("", True)),
    ],
)
def test_lockdown_and_secure_boot_are_read(files: Files, expected: tuple[str, bool | None], tmp_path: Path) -> None:
    put(tmp_path, files)
    found = panic.read(Live(str(tmp_path)))
    assert (found.lockdown, found.secure_boot) == expected


@pytest.mark.parametrize(
    ("found", "loaded", "expected"),
    [
        (Panic(), False, []),
        (Panic(lockdown="none", secure_boot=False), False, []),
        (
            Panic(lockdown="integrity", secure_boot=True),
            False,
            [("signature-needed", "the kernel is locked down (integrity) by Secure Boot")],
        ),
        (
            Panic(lockdown="confidentiality"),
            True,
            [("lockdown", "the kernel is locked down (confidentiality), and a capture kernel is loaded")],
        ),
        (Panic(secure_boot=True), False, [("signature-needed", "Secure Boot is on")]),
    ],
)
def test_lockdown(found: Panic, loaded: bool, expected: list[tuple[str, str]], tmp_path: Path) -> None:
    put(tmp_path, {"lib/systemd/system/kdump-tools.service": "[Unit]\n"})
    service = kdump.read(Live(str(tmp_path)))
    findings = list(advice.lockdown(found, Running("6.1.0", "", 1 << 27, loaded), service))
    assert [(each.code, each.message) for each in findings] == expected
    for each in findings:
        assert each.code == "lockdown" or 'KDUMP_KEXEC_ARGS="-s"' in each.fix
