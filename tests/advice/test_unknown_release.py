"""A kernel whose name has no release: grubkd assumes one of today, and never shows it as a fact."""

import pytest
from support.machine import Machine

MENU = "LABEL linux\n  KERNEL /boot/vmlinuz\n  APPEND root=/dev/sda1 quiet\n"


@pytest.mark.parametrize(
    ("arguments", "exit_"),
    [
        (("plan",), 4),
        (("plan", "--arch", "x86_64", "--ram", "4G", "--explain"), 0),
        (("plan", "--arch", "x86_64", "--ram", "4G", "--offset"), 0),
        (("plan", "--arch", "x86_64", "--ram", "200M"), 4),
        (("set", "--auto", "--arch", "x86_64", "--ram", "4G", "--offset", "--dry-run"), 0),
        (("show",), 0),
        (("check",), 4),
        (("predict", "256M"), 0),
    ],
)
def test_the_assumed_release_is_not_shown(arguments: tuple[str, ...], exit_: int, machine: Machine) -> None:
    machine.write("/boot/extlinux/extlinux.conf", MENU)
    machine.write("/boot/vmlinuz", "x")
    machine.write("/etc/os-release", "ID=debian\nVERSION_ID=12\n")
    status, answer = machine.call(*arguments)
    assert status == exit_
    assert "6.12" not in str(answer)


def test_nor_in_the_picture(machine: Machine, capsys: pytest.CaptureFixture[str]) -> None:
    machine.write("/boot/extlinux/extlinux.conf", MENU)
    machine.write("/boot/vmlinuz", "x")
    svg = machine.top / "map.svg"
    machine.run("plan", "--arch", "x86_64", "--ram", "4G", "--svg", str(svg))
    assert "6.12" not in svg.read_text()
    assert "of unknown release" in svg.read_text()
