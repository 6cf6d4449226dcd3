"""check is red when the default entry cannot boot, or kdump-tools has another kernel's initrd."""

from pathlib import Path
from typing import Any

import pytest
from support.answered import Run, answer
from support.livetree import Live, debian, grow, put, red_hat

from grubkd.commands import check
from grubkd.tree.root import Root

RELEASE = "6.1.0-50-amd64"
FSTAB = "# a comment\nUUID=e3f8a1f4-3a0a-4b8e-8b8c-1b7f3d0a9f52 / ext4 defaults 0 1\nUUID=0d5b /boot ext4 {} 0 2\n"


def checked(tree: Path, kind: type[Root] = Live) -> Run:
    return answer(lambda: check.check_tree(kind(str(tree)), json=True))


def boot(found: Run) -> list[dict[str, Any]]:
    return [each for each in found.json["checks"] if each["check"] == "boot"]


@pytest.mark.parametrize("make", [debian, red_hat])
def test_nothing_is_said_where_all_is_there(make: Any, tmp_path: Path) -> None:
    found = checked(make(tmp_path))
    assert (boot(found), found.exit) == ([], 0)


@pytest.mark.parametrize(("name", "code"), [("vmlinuz", "kernel-missing"), ("initrd.img", "initrd-missing")])
@pytest.mark.parametrize("kind", [Live, Root])
def test_a_file_of_the_default_entry_is_missing(name: str, code: str, kind: type[Root], tmp_path: Path) -> None:
    tree = debian(tmp_path)
    put(tree, {f"boot/{name}-{RELEASE}": None})
    found = checked(tree, kind)
    (told,) = boot(found)
    assert (told["status"], told["code"]) == ("problem", code)
    assert f"{name}-{RELEASE}, which does not exist" in told["message"]
    assert (found.exit, found.json["will_dump"]["next"]) == (4, False)


def test_a_file_of_another_entry_is_missing(tmp_path: Path) -> None:
    tree = debian(tmp_path)
    put(tree, {"boot/initrd.img-6.1.0-44-amd64": None})
    found = checked(tree)
    assert (boot(found), found.exit) == ([], 0)


def test_the_initrd_of_kdump_tools_is_for_another_kernel(tmp_path: Path) -> None:
    tree = debian(tmp_path)
    grow(tree, {"var/lib/kdump/initrd.img-6.1.0-44-amd64": "x", "var/lib/kdump/initramfs-tools/modules": ""})
    put(tree, {"var/lib/kdump/initrd.img": "-> /var/lib/kdump/initrd.img-6.1.0-44-amd64"})
    found = checked(tree)
    (told,) = boot(found)
    assert (told["status"], told["code"]) == ("problem", "other-initrd")
    assert told["fix"] == f"/etc/kernel/postinst.d/kdump-tools {RELEASE}"
    assert (found.exit, found.json["will_dump"]) == (4, {"now": True, "next": False})
    grow(tree, {f"var/lib/kdump/initrd.img-{RELEASE}": "x"})
    assert boot(checked(tree)) == []


def test_the_settings_name_the_initrd_of_another_kernel(tmp_path: Path) -> None:
    tree = debian(tmp_path)
    named = "USE_KDUMP=1\nKDUMP_KERNEL=/boot/vmlinuz-{}\nKDUMP_INITRD=/boot/initrd.img-6.1.0-44-amd64\n"
    put(tree, {"etc/default/kdump-tools": named.format(RELEASE)})
    assert [each["code"] for each in boot(checked(tree))] == ["other-initrd"]
    put(tree, {"etc/default/kdump-tools": named.format("6.1.0-44-amd64")})
    assert boot(checked(tree)) == []


@pytest.mark.parametrize(
    ("options", "mounts", "codes"),
    [
        ("defaults", "/dev/sda2 / ext4 rw 0 0\n", ["boot-not-mounted"]),
        ("defaults", "/dev/sda2 / ext4 rw 0 0\n/dev/sda1 /boot ext4 rw 0 0\n", []),
        ("noauto,ro", "/dev/sda2 / ext4 rw 0 0\n", []),
    ],
)
def test_the_boot_partition_is_not_mounted(options: str, mounts: str, codes: list[str], tmp_path: Path) -> None:
    tree = debian(tmp_path)
    put(tree, {"etc/fstab": FSTAB.format(options), "proc/mounts": mounts})
    found = checked(tree)
    assert [each["code"] for each in boot(found)] == codes
    assert [(each["file"], each["line"]) for each in boot(found)] == [("/etc/fstab", 3)] * len(codes)
    assert found.exit == (4 if codes else 0)
    # The file systems of an image are not mounted here.
    assert boot(checked(tree, Root)) == []
