"""The line of the journal that says why the kdump service failed."""

from pathlib import Path

import pytest

from grubkd import run
from grubkd.machine.journal import failure, failure_line
from grubkd.machine.kdump import Service
from grubkd.tree.root import Root

KDUMPCTL = """\
Starting kdump.service - Crash recovery kernel arming...
kdump: Invalid kdump config option pth
kdump: Starting kdump: [FAILED]
kdump.service: Main process exited, code=exited, status=1/FAILURE
kdump.service: Failed with result 'exit-code'.
Failed to start kdump.service - Crash recovery kernel arming.
"""
KDUMP_CONFIG = """\
Starting kdump-tools.service - Kernel crash dump capture service...
Starting kdump-tools:
Creating symlink /var/lib/kdump/vmlinuz.
kexec_load failed: Operation not permitted
failed to load kdump kernel ... failed!
"""
# On a Debian without procps, where the capture kernel is loaded all the same.
WARNING = """\
Starting kdump-tools:
kdump-config couldn't set panic trigger (sysctl binary not available) ... (warning).
loaded kdump kernel.
"""
SUSE = """\
No crashkernel memory reserved, Kdump cannot start.
Normally the crashkernel= option is handled by kdump-commandline.service
"""


@pytest.mark.parametrize(
    ("messages", "line"),
    [
        ("", ""),
        ("Starting kdump...\nkdump: kexec: loaded kdump kernel\nkdump: Starting kdump: [OK]\n", ""),
        (KDUMPCTL, "kdump: Invalid kdump config option pth"),
        (WARNING, ""),
        (KDUMP_CONFIG, "kexec_load failed: Operation not permitted"),
        (SUSE, "No crashkernel memory reserved, Kdump cannot start."),
        ("kdump.service: Failed with result 'timeout'.\n", "kdump.service: Failed with result 'timeout'."),
        (f"error: {'x' * 1000}\n", f"error: {'x' * 193}"),
    ],
)
def test_the_line_that_names_the_cause(messages: str, line: str) -> None:
    assert failure_line(messages) == line


@pytest.mark.parametrize(
    ("script", "service", "line"),
    [
        ('echo "$@" >&2; echo "error: $2"', Service("kdump"), "error: --boot"),
        ('echo "error: $1"', Service("kdump-tools"), "error: --unit=kdump-tools.service"),
        ("echo error; exit 1", Service("kdump"), ""),
        ("echo error", Service("kdump", systemd=False), ""),
        ("echo error", Service(), ""),
    ],
)
def test_the_journal_is_asked_for_this_boot(
    script: str, service: Service, line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = tmp_path / "journalctl"
    command.write_text(f"#!/bin/sh\n{script}\n")
    command.chmod(0o755)
    monkeypatch.setitem(run.ENVIRONMENT, "PATH", f"{tmp_path}:/usr/bin:/bin")
    assert failure(Root("/"), service) == line
