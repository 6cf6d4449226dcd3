"""Where dumps go, by the settings of every kdump service."""

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.answered import answer
from support.livetree import Files, checked, put, red_hat, wrong

from grubkd.cli import main
from grubkd.machine import dump_target, kdump
from grubkd.tree.root import Root


@pytest.mark.parametrize(
    ("conf", "files", "expected", "healthy"),
    [
        ("path /srv/dumps\n", {}, [("target", "problem", "no-directory")], False),
        ("ext4 /dev/sda1\npath /crash\n", {"boot/crash/": ""}, [], True),
        ("ext4 /dev/sda9\n", {}, [("target", "problem", "not-mounted"), ("room", "not-asked", "room")], False),
        (
            "ext4 UUID=03138356-5e61-4ab3-b58e-27507ac41937\npath crash\n",
            {
                "dev/disk/by-uuid/03138356-5e61-4ab3-b58e-27507ac41937": "-> ../../sda1",
                "dev/sda1": "",
                "boot/crash/": "",
            },
            [],
            True,
        ),
        (
            "ext4 LABEL=dumps\n",
            {
                "proc/mounts": "/dev/sdb1 /mnt/with\\040blank ext4 rw 0 0\n",
                "dev/disk/by-label/dumps": "-> ../../sdb1",
                "dev/sdb1": "",
                "mnt/with blank/var/crash/": "",
            },
            [],
            True,
        ),
        ('dracut_args --mount "/dev/sda1 /x ext4 ro"\npath /crash\n', {"boot/crash/": ""}, [], True),
        (
            "nfs vault:/export\nssh kdump@vault\n",
            {},
            [("target", "problem", "two-targets"), ("target", "not-asked", "target"), ("room", "not-asked", "room")],
            False,
        ),
        ("raw /dev/sdz\n", {}, [("target", "problem", "no-device"), ("room", "not-asked", "room")], False),
        ("raw /dev/sdb\n", {"dev/sdb": "", "sys/class/block/sdb/size": "20000000\n"}, [], True),
        (
            "raw /dev/sdb\n",
            {"dev/sdb": "", "sys/class/block/sdb/size": "100\n"},
            [("room", "problem", "no-room")],
            False,
        ),
        (
            "raw /dev/sdb\n",
            {"dev/sdb": "", "sys/class/block/sdb/size": "80000\n"},
            [("room", "warning", "little-room")],
            True,
        ),
        (
            "raw /dev/sdb\ncore_collector makedumpfile -d 31\n",
            {"dev/sdb": "", "sys/class/block/sdb/size": "80000\n"},
            [("room", "problem", "no-room")],
            False,
        ),
        (
            "path /var/crash\n",
            {"proc/mounts": "/dev/sda2 / ext4 rw 0 0\nvault:/x /var nfs4 rw 0 0\n"},
            [("room", "not-asked", "room")],
            True,
        ),
    ],
)
def test_targets_of_red_hat(
    conf: str, files: Files, expected: list[tuple[str, str, str]], healthy: bool, tmp_path: Path
) -> None:
    tree = red_hat(tmp_path)
    put(tree, {**files, "etc/kdump.conf": f"auto_reset_crashkernel no\n{conf}"})
    found = checked(tree)
    assert wrong(found) == expected, found.text
    assert found.exit == (0 if healthy else 4)


def test_a_file_system_of_an_image_by_its_fstab(tmp_path: Path) -> None:
    tree = red_hat(tmp_path)
    put(tree, {"etc/kdump.conf": "auto_reset_crashkernel no\next4 UUID=1234\npath /crash\n", "srv/crash/": ""})
    put(tree, {"etc/fstab": "# UUID=1234 /old ext4\nUUID=1234 /srv ext4 defaults 0 2\n"})
    found = answer(lambda: main(["check", "--root", str(tree), "--ram", "4G", "--json"])).json
    assert found["target"] == {
        "kind": "filesystem",
        "where": "UUID=1234",
        "path": "/crash",
        "directory": "/srv/crash",
        "free_bytes": None,
    }
    assert [each["status"] for each in found["checks"] if each["check"] == "target"] == ["ok"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ("directory", "", "/var/crash", 31, True)),
        ("KDUMP_SAVEDIR=/srv/dump\n", ("directory", "", "/srv/dump", 31, True)),
        ('KDUMP_SAVEDIR="file:///srv/dump"\nKDUMP_DUMPLEVEL=15\n', ("directory", "", "/srv/dump", 15, True)),
        ("KDUMP_SAVEDIR=nfs://vault/export/x\nKDUMP_DUMPFORMAT=ELF\n", ("nfs", "vault", "/export/x", 31, False)),
        ("KDUMP_SAVEDIR='ssh://me:secret@vault/x'\n", ("ssh", "vault", "/x", 31, True)),
        ("KDUMP_SAVEDIR=ftp://vault\n", ("ftp", "vault", "/", 31, True)),
        ("KDUMP_SAVEDIR=/a\nKDUMP_SAVEDIR=$(pwd)\n", ("directory", "", "/var/crash", 31, True)),
        ("KDUMP_SAVEDIR=/a\nKDUMP_DUMPFORMAT=none\n", ("nothing", "", "", 31, True)),
    ],
)
def test_targets_of_suse(text: str, expected: tuple[str, str, str, int, bool], tmp_path: Path) -> None:
    put(tmp_path, {"etc/sysconfig/kdump": text})
    found = dump_target.read(Root(str(tmp_path)))
    assert (found.kind, found.where, found.path, found.level, found.compressed) == expected
    assert "secret" not in str(found)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ("directory", "", "/var/crash", 31, True)),
        ("KDUMP_COREDIR='/srv'\nMAKEDUMP_ARGS=\"-d 0\"\n", ("directory", "", "/srv", 0, False)),
        ("KDUMP_COMPRESSION=xz\nMAKEDUMP_ARGS='-d 31'\n", ("directory", "", "/var/crash", 31, True)),
        ("#NFS=a:/b\nNFS=vault:/export # there\n", ("nfs", "vault", "/export", 31, True)),
        ("export SSH=kdump@vault\n", ("ssh", "kdump@vault", "/var/crash", 31, True)),
        ("FTP=vault\n", ("ftp", "vault", "/", 31, True)),
    ],
)
def test_targets_of_debian(text: str, expected: tuple[str, str, str, int, bool], tmp_path: Path) -> None:
    put(tmp_path, {"etc/default/kdump-tools": text})
    found = dump_target.read(Root(str(tmp_path)))
    assert (found.kind, found.where, found.path, found.level, found.compressed) == expected


@given(
    st.lists(
        st.sampled_from(
            [
                "ext4",
                "path",
                "nfs",
                "raw",
                "ssh",
                "dracut_args",
                "=",
                "#",
                '"',
                "\t",
                "\n",
                "UUID=",
                "--mount",
                "SSH=",
                "KDUMP_SAVEDIR=",
                "KDUMP_DUMPLEVEL=",
                "://",
                "/",
                "9" * 30,
                "\xff",
                "makedumpfile -d ",
                "core_collector ",
                "auto_reset_crashkernel",
                "\0",
                "USE_KDUMP=0",
            ]
        ),
        max_size=30,
    ).map("".join)
)
@settings(max_examples=60, deadline=None)
def test_any_settings_are_read_without_an_error(text: str) -> None:
    with tempfile.TemporaryDirectory() as top:
        for name in ("etc/kdump.conf", "etc/default/kdump-tools", "etc/sysconfig/kdump", "etc/fstab"):
            put(Path(top), {name: ""})
            (Path(top) / name).write_bytes(text.encode("latin-1"))
            found = kdump.read(Root(top))
            assert str(found.target)
            (Path(top) / name).unlink()
