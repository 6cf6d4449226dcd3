"""The Ansible role on a machine, over ssh: install, set, reboot, verify, crash; a second run changes nothing."""

import json
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from support.controller import TOOLS, Ansible, Played

from lab.packages import Unavailable
from lab.qemu import PATIENCE
from lab.server import SERVICE, Server, server

pytestmark = pytest.mark.lab

HOST = "server"
# As in the collection's README.
ROLE = """
- hosts: all
  become: true
  roles:
    - role: grubkd.kdump.kdump
"""
VALUE = "192M"
# Seconds. The role's own limit for the second one is 180, in which a machine that is emulated on a busy host makes no
# initial RAM disk.
LIMITS = {"kdump_reboot_timeout": 900, "kdump_load_timeout": 600, "kdump_test_crash_timeout": 1800}
VERIFIED = "configured, booted, reserved, predicted, loaded, service: no problem"
SUMS = "find /boot/grub/grub.cfg /etc/default/grub /etc/default/grub.d -type f -exec sha256sum {} +"


@dataclass(frozen=True, slots=True)
class Fleet:
    """The controller, and the one machine that it manages."""

    ansible: Ansible
    server: Server

    def play(self, playbook: str, *arguments: str, **variables: Any) -> Played:
        """Run a playbook with variables of the role; it must succeed."""
        given = dict(variables)
        # Ansible counts by the host's clock.
        for name, seconds in LIMITS.items():
            given[name] = int(self.server.clock.on_the_wall(seconds * PATIENCE))
        start = time.monotonic()
        done = self.ansible.play({HOST: self.server.variables}, playbook, "--diff", "-e", json.dumps(given), *arguments)
        print(f"{time.monotonic() - start:.0f} s, ended {done.status}\n{done.out}{done.err}", flush=True)
        assert done.status == 0, done.out + done.err
        return done

    def boot(self) -> str:
        """The id of this boot."""
        return self.server.output("cat /proc/sys/kernel/random/boot_id")

    def reservation(self) -> tuple[list[str], int, int]:
        """The values that the kernel was booted with, the bytes that it reserved, 1 if a capture kernel is loaded."""
        line, size, loaded = self.server.output(
            "cat /proc/cmdline /sys/kernel/kexec_crash_size /sys/kernel/kexec_crash_loaded"
        ).splitlines()
        return re.findall(r"\bcrashkernel=(\S+)", line), int(size), int(loaded)


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """One machine for all tests of this file, which run in order, each on the result of the one before."""
    try:
        home = tmp_path_factory.mktemp("controller")
        if not (TOOLS / "ansible-playbook").exists():
            raise Unavailable(f"ansible-core is not installed in {TOOLS}")
        ansible = Ansible(home, home / "none")
        ansible.install(ansible.build())
        with server(tmp_path_factory.mktemp("server")) as managed:
            found = Fleet(ansible, managed)
            managed.wait(600)
            yield found
    except Unavailable as problem:
        pytest.skip(str(problem))


def changed(done: Played) -> list[str]:
    """The tasks that changed something."""
    return [each.name for each in done.tasks(HOST) if each.state == "changed"]


def verified(done: Played) -> str:
    """What the role found when it verified the reservation; it waited until the capture kernel was loaded."""
    assert done.task(HOST, "Wait until the capture kernel is loaded").result["rc"] == 0
    return said(done, "Verify the reservation")


def said(done: Played, task: str) -> str:
    """The message of a task."""
    message: str = done.task(HOST, task).result["msg"]
    return message


def test_check_mode_on_a_machine_without_grubkd(fleet: Fleet) -> None:
    """It reports that packages would be installed, and no more; it does not fail."""
    done = fleet.play(ROLE, "--check", kdump_value=VALUE)
    assert changed(done) == ["Install grubkd and what saves the dump"]
    assert "not found" in fleet.server.output("grubkd --version")


def test_first_run_without_a_reboot(fleet: Fleet) -> None:
    booted = fleet.boot()
    done = fleet.play(ROLE, kdump_value=VALUE)
    assert changed(done) == ["Install grubkd and what saves the dump", "Set the reservation"]
    assert done.task(HOST, "Set the reservation").result["reboot_required"] is True
    assert fleet.boot() == booted


def test_second_run_without_a_reboot(fleet: Fleet) -> None:
    done = fleet.play(ROLE, kdump_value=VALUE)
    assert changed(done) == []
    assert done.task(HOST, "Set the reservation").result["reboot_required"] is True


def test_reboot(fleet: Fleet) -> None:
    """The role waits for the machine, and for its service, before it verifies."""
    booted = fleet.boot()
    done = fleet.play(ROLE, kdump_value=VALUE, kdump_reboot=True)
    assert changed(done) == ["Ask for the reboot that the value needs", "Reboot into the new reservation"]
    assert fleet.boot() != booted
    assert verified(done) == VERIFIED
    assert fleet.reservation() == ([VALUE], 192 << 20, 1)


def test_nothing_is_left_to_do(fleet: Fleet) -> None:
    booted = fleet.boot()
    done = fleet.play(ROLE, kdump_value=VALUE, kdump_reboot=True)
    assert changed(done) == []
    assert done.task(HOST, "Set the reservation").result["reboot_required"] is False
    assert verified(done) == VERIFIED
    assert fleet.boot() == booted


def test_a_service_that_was_off_is_started(fleet: Fleet) -> None:
    booted = fleet.boot()
    fleet.server.output(f"systemctl disable --now {SERVICE}")
    assert fleet.reservation() == ([VALUE], 192 << 20, 0)
    done = fleet.play(ROLE, kdump_value=VALUE)
    assert changed(done) == [
        "Enable the service that loads the capture kernel",
        "Start the service if no reboot will",
    ]
    assert verified(done) == VERIFIED
    assert fleet.reservation() == ([VALUE], 192 << 20, 1)
    assert fleet.boot() == booted


def test_another_value_in_check_mode(fleet: Fleet) -> None:
    booted, sums = fleet.boot(), fleet.server.output(SUMS)
    done = fleet.play(ROLE, "--check", kdump_value="160M", kdump_reboot=True)
    assert changed(done) == [
        "Set the reservation",
        "Ask for the reboot that the value needs",
        "Reboot into the new reservation",
    ]
    assert done.task(HOST, "Set the reservation").result["reboot_required"] is True
    assert (fleet.boot(), fleet.server.output(SUMS)) == (booted, sums)


def test_a_crash_leaves_a_dump(fleet: Fleet) -> None:
    """The machine crashes, saves the dump, comes back, and the role finds that dump."""
    booted = fleet.boot()
    done = fleet.play(ROLE, kdump_value=VALUE, kdump_test_crash=True)
    assert changed(done) == ["Crash, and wait for the machine"]
    result = said(done, "Judge the test crash")
    assert re.match(r"test crash passed: /var/crash/\d+, \d+ s after the crash$", result)
    assert fleet.boot() != booted
    assert fleet.server.output("ls /var/crash/*/dump.*").count("\n") == 1


def test_the_memory_is_given_back(fleet: Fleet) -> None:
    """And the service is off: a boot without a reservation would not start it."""
    done = fleet.play(ROLE, kdump_state="absent", kdump_reboot=True)
    assert changed(done) == [
        "Set the reservation",
        "Disable and stop the service",
        "Ask for the reboot that the value needs",
        "Reboot into the new reservation",
    ]
    assert fleet.reservation() == ([], 0, 0)
    assert (
        fleet.server.output(f"systemctl is-enabled {SERVICE}; systemctl is-failed {SERVICE}") == "disabled\ninactive\n"
    )
    again = fleet.play(ROLE, kdump_state="absent", kdump_reboot=True)
    assert changed(again) == []
    assert again.task(HOST, "Set the reservation").result["reboot_required"] is False
