"""Firmware-assisted dump of POWER: its own table, by the line as it will be (kdump-utils' get_recommend_size)."""

from pathlib import Path

import pytest
from support.answered import Run, answer

from grubkd.cli import main

RELEASE = "6.12.0-55.el10.ppc64le"
FADUMP = (
    "4G-16G:768M,16G-64G:1G,64G-128G:2G,128G-1T:4G,1T-2T:6G,2T-4T:12G,4T-8T:20G,8T-16T:36G,16T-32T:64G,32T-64T:128G,"
    "64T-:180G"
)
KDUMP = "2G-4G:384M,4G-16G:512M,16G-64G:1G,64G-128G:2G,128G-:4G"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    files = {
        "etc/os-release": 'ID="rhel"\nVERSION_ID="10.0"\n',
        "boot/loader/entries/1.conf": f"title RHEL\nversion {RELEASE}\nlinux /vmlinuz-{RELEASE}\n"
        f"initrd /initramfs-{RELEASE}.img\noptions root=/dev/sda1 ro\n",
        "boot/grub2/grub.cfg": "insmod blscfg\nblscfg\n",
        "boot/grub2/grubenv": "# GRUB Environment Block\n".ljust(1024, "#"),
        f"boot/vmlinuz-{RELEASE}": "",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def run(*arguments: str, root: Path) -> Run:
    return answer(lambda: main([*arguments, "--root", str(root), "--ram", "64G", "--arch", "ppc64le", "--json"]))


def options(root: Path) -> str:
    return (root / "boot/loader/entries/1.conf").read_text().splitlines()[-1]


def test_fadumps_table_is_taken_at_once_and_left_with_the_argument(root: Path) -> None:
    found = run("set", "--auto", "--arg", "fadump=on", root=root)
    assert (found.exit, options(root)) == (0, f"options root=/dev/sda1 ro crashkernel={FADUMP} fadump=on"), found.text
    for _ in range(2):
        assert run("set", "--auto", "--arg", "fadump=on", root=root).json["changed"] is False
    assert run("set", "--auto", root=root).json["changed"] is False
    run("set", "--auto", "--remove-arg", "fadump", root=root)
    assert options(root) == f"options root=/dev/sda1 ro crashkernel={KDUMP}"


def test_check_compares_with_fadumps_table(root: Path) -> None:
    run("set", "512M", "--arg", "fadump=on", root=root)
    configured = next(each for each in run("check", root=root).json["checks"] if each["check"] == "configured")
    assert (configured["code"], "1G of" in configured["message"] or "2G of" in configured["message"]) == ("small", True)
