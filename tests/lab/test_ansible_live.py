"""The Ansible role on a machine, over ssh: install, set, reboot, verify; a second run changes nothing."""

import json
import re
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from support.controller import TOOLS, Ansible, Played

from lab.packages import Unavailable, from_pypi
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
# The role's own limits, in seconds.
LIMITS = {"kdump_reboot_timeout": 900, "kdump_load_timeout": 180}
VERIFIED = "configured, booted, reserved, predicted, loaded, service: no problem"
SUMS = "find /boot/grub/grub.cfg /etc/default/grub /etc/default/grub.d -type f -exec sha256sum {} +"


def tools() -> Path:
    """The directory of Ansible's commands; Debian 12's own are too old. Raises Unavailable."""
    if sys.prefix != sys.base_prefix and (TOOLS / "ansible-playbook").exists():
        return TOOLS
    return from_pypi("ansible-core")


@dataclass(frozen=True, slots=True)
class Fleet:
    """The controller, and the one machine that it manages."""

    ansible: Ansible
    server: Server

    def play(self, playbook: str, *arguments: str, **variables: Any) -> Played:
        """Run a playbook with variables of the role; it must succeed."""
        given = {"kdump_packages": ["grubkd", SERVICE], "kdump_service": SERVICE, **variables}
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
        ansible = Ansible(home, home / "none", tools())
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


def test_check_mode_on_a_machine_without_grubkd(fleet: Fleet) -> None:
    """It reports that packages would be installed, and no more; it does not fail."""
    done = fleet.play(ROLE, "--check", kdump_value=VALUE)
    assert changed(done) == ["Install grubkd from packages"]
    assert "not found" in fleet.server.output("grubkd --version")


def test_first_run_without_a_reboot(fleet: Fleet) -> None:
    booted = fleet.boot()
    done = fleet.play(ROLE, kdump_value=VALUE)
    assert changed(done) == ["Install grubkd from packages", "Set the reservation"]
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
    assert done.result(HOST)["msg"] == VERIFIED
    assert fleet.reservation() == ([VALUE], 192 << 20, 1)


def test_nothing_is_left_to_do(fleet: Fleet) -> None:
    booted = fleet.boot()
    done = fleet.play(ROLE, kdump_value=VALUE, kdump_reboot=True)
    assert changed(done) == []
    assert done.task(HOST, "Set the reservation").result["reboot_required"] is False
    assert done.result(HOST)["msg"] == VERIFIED
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
    assert done.result(HOST)["msg"] == VERIFIED
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


def test_the_memory_is_given_back(fleet: Fleet) -> None:
    done = fleet.play(ROLE, kdump_state="absent", kdump_reboot=True)
    assert changed(done) == [
        "Set the reservation",
        "Ask for the reboot that the value needs",
        "Reboot into the new reservation",
    ]
    assert fleet.reservation() == ([], 0, 0)
    again = fleet.play(ROLE, kdump_state="absent", kdump_reboot=True)
    assert changed(again) == []
    assert again.task(HOST, "Set the reservation").result["reboot_required"] is False
