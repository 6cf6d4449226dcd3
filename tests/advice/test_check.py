"""`grubkd check`: machines that will dump, and each reason why one will not."""

import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.answered import Run, answer
from support.livetree import MIB, Files, Live, debian, put, red_hat

from grubkd.advice.lint import lint
from grubkd.cli import main
from grubkd.commands import check
from grubkd.machine import dump_target, kdump
from grubkd.memory.release import Release
from grubkd.tree.root import Root

HEALTHY = [
    ("configured", "ok", "configured"),
    ("booted", "ok", "booted"),
    ("reserved", "ok", "reserved"),
    ("predicted", "ok", "predicted"),
    ("loaded", "ok", "loaded"),
    ("service", "ok", "service"),
    ("kernel", "ok", "kernel"),
    ("target", "ok", "target"),
    ("room", "ok", "room"),
]


def checked(tree: Path) -> Run:
    return answer(lambda: check.answer(Live(str(tree)), json=True))


def findings(found: Run) -> list[tuple[str, str, str]]:
    return [(each["check"], each["status"], each["code"]) for each in found.json["checks"]]


def wrong(found: Run) -> list[tuple[str, str, str]]:
    return [each for each in findings(found) if each[1] != "ok"]


def of(found: Run, code: str) -> dict[str, Any]:
    (each,) = [each for each in found.json["checks"] if each["code"] == code]
    return each


def test_a_healthy_debian(tmp_path: Path) -> None:
    found = checked(debian(tmp_path))
    # Recovery entries hold no value in Debian's own layout: show warns of that as well.
    assert wrong(found) == [], found.text
    assert findings(found) == HEALTHY
    assert found.exit == 0
    assert found.json["will_dump"] == {"now": True, "next": True}
    assert found.json["running"] == {
        "release": "6.1.0-50-amd64",
        "crashkernel": ["384M-:128M"],
        "reserved_bytes": 128 * MIB,
        "loaded": True,
    }
    assert found.json["service"] == {"name": "kdump-tools", "enabled": True}
    target = found.json["target"]
    assert target.pop("free_bytes") > 0
    assert target == {"kind": "directory", "where": None, "path": "/var/crash", "directory": "/var/crash"}


def test_a_healthy_red_hat(tmp_path: Path) -> None:
    found = checked(red_hat(tmp_path))
    assert wrong(found) == [], found.text
    assert findings(found) == HEALTHY
    assert (found.exit, found.json["will_dump"]) == (0, {"now": True, "next": True})


CMDLINE = "root=UUID=e3f8a1f4-3a0a-4b8e-8b8c-1b7f3d0a9f52 ro quiet"
WANTS = "etc/systemd/system/basic.target.wants/kdump-tools.service"
CONFIG = "CONFIG_X86_64=y\nCONFIG_X86=y\nCONFIG_KEXEC=y\n"
FULL = "CONFIG_CRASH_DUMP=y\nCONFIG_PROC_VMCORE=y\n"
LOW_MEMORY = "MemTotal: 4000000 kB\nMemFree: 1 kB\nAnonPages: 1 kB\n"


@pytest.mark.parametrize(
    ("files", "expected", "now", "next_"),
    [
        ({"sys/kernel/kexec_crash_loaded": "0\n"}, [("loaded", "problem", "not-loaded")], False, True),
        (
            {"sys/kernel/kexec_crash_loaded": "0\n", "proc/sys/kernel/kexec_load_disabled": "1\n"},
            [("loaded", "problem", "load-barred")],
            False,
            True,
        ),
        (
            {"sys/kernel/kexec_crash_size": "0\n", "sys/kernel/kexec_crash_loaded": "0\n"},
            [("reserved", "problem", "nothing-reserved"), ("loaded", "problem", "not-loaded")],
            False,
            True,
        ),
        (
            {"sys/kernel/kexec_crash_size": None, "sys/kernel/kexec_crash_loaded": None},
            [("reserved", "problem", "no-kexec"), ("loaded", "problem", "not-loaded")],
            False,
            True,
        ),
        ({"sys/kernel/kexec_crash_size": f"{64 * MIB}\n"}, [("predicted", "warning", "shrunk")], True, True),
        ({"sys/kernel/kexec_crash_size": f"{200 * MIB}\n"}, [("predicted", "warning", "not-foreseen")], True, True),
        (
            {"proc/cmdline": f"{CMDLINE} crashkernel=96M\n", "sys/kernel/kexec_crash_size": f"{96 * MIB}\n"},
            [("booted", "warning", "booted-differs")],
            True,
            True,
        ),
        (
            {"proc/cmdline": f"{CMDLINE}\n"},
            [("booted", "problem", "booted-without"), ("predicted", "warning", "not-foreseen")],
            False,
            True,
        ),
        (
            {"proc/sys/kernel/osrelease": "6.0.0-1-amd64\n"},
            [("booted", "warning", "no-entry"), ("kernel", "not-asked", "kernel")],
            True,
            True,
        ),
        ({WANTS: None}, [("service", "problem", "disabled")], True, False),
        ({"lib/systemd/system/kdump-tools.service": None}, [("service", "problem", "no-service")], True, False),
        (
            {"etc/systemd/system/kdump-tools.service": "-> /dev/null"},
            [("service", "problem", "masked")],
            True,
            False,
        ),
        ({"etc/default/kdump-tools": "USE_KDUMP=0 # no\n"}, [("service", "problem", "off")], True, False),
        (
            {"boot/config-6.1.0-50-amd64": CONFIG + "# CONFIG_CRASH_DUMP is not set\n"},
            [("kernel", "problem", "no-capture-support")],
            False,
            False,
        ),
        (
            {"boot/config-6.1.0-50-amd64": CONFIG + "CONFIG_CRASH_DUMP=y\n# CONFIG_PROC_VMCORE is not set\n"},
            [("kernel", "problem", "no-capture-support")],
            False,
            False,
        ),
        ({"boot/config-6.1.0-50-amd64": CONFIG + FULL}, [], True, True),
        (
            {"etc/default/kdump-tools": "USE_KDUMP=1\nSSH=kdump@vault\n"},
            [("target", "problem", "no-key"), ("room", "not-asked", "room")],
            False,
            False,
        ),
        (
            {"etc/default/kdump-tools": "USE_KDUMP=1\nSSH=kdump@vault\nSSH_KEY=/etc/key\n", "etc/key": "secret"},
            [("target", "not-asked", "target"), ("room", "not-asked", "room")],
            True,
            True,
        ),
        ({"proc/meminfo": None}, [("room", "not-asked", "room")], True, True),
        ({"etc/default/kdump-tools": "USE_KDUMP=1\nKDUMP_COREDIR=/srv/dumps\n"}, [], True, True),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) and value else "",
)
def test_what_may_be_wrong(
    files: Files, expected: list[tuple[str, str, str]], now: bool, next_: bool, tmp_path: Path
) -> None:
    tree = debian(tmp_path)
    put(tree, files)
    found = checked(tree)
    assert wrong(found) == expected, found.text
    assert found.json["will_dump"] == {"now": now, "next": next_}
    assert found.exit == (0 if now and next_ else 4)
    for each in found.json["checks"]:
        assert (each["status"] in ("problem", "warning")) == bool(each["why"] and each["fix"])


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


@pytest.mark.parametrize(
    ("conf", "tool", "line"),
    [
        ("auto_reset_crashkernel yes\npath /var/crash\n", "", 1),
        ("path /var/crash\nauto_reset_crashkernel=no\n", "auto_reset_crashkernel", None),
        ("path /var/crash\n", "auto_reset_crashkernel", None),
        ("path /var/crash\n", "no such thing: kexec-tools of RHEL 8", 0),
        (
            "path /var/crash # auto_reset_crashkernel yes\n\tauto_reset_crashkernel  no # ours\n",
            "auto_reset_crashkernel",
            0,
        ),
    ],
)
def test_kdump_utils_may_reset_the_value(conf: str, tool: str, line: int | None, tmp_path: Path) -> None:
    tree = red_hat(tmp_path)
    put(tree, {"etc/kdump.conf": conf, "usr/bin/kdumpctl": tool})
    found = checked(tree)
    assert found.exit == 0
    if line == 0:
        assert wrong(found) == []
        return
    assert wrong(found) == [("value", "warning", "auto-reset")]
    told = of(found, "auto-reset")
    assert (told["file"], told["line"]) == ("/etc/kdump.conf", line)
    assert told["fix"] == "add this line to /etc/kdump.conf: auto_reset_crashkernel no"


def test_values_are_linted(tmp_path: Path) -> None:
    tree = debian(tmp_path)
    menu = tree / "boot/grub/grub.cfg"
    menu.write_text(menu.read_text().replace("crashkernel=384M-:128M", "crashkernel=64M crashkernel=0512M"))
    found = checked(tree)
    assert found.exit == 0
    assert [each["code"] for each in found.json["checks"] if each["check"] == "value"] == ["octal", "two-values"]
    assert of(found, "octal")["message"] == "0512M in crashkernel=0512M is octal: the kernel reads 330M"
    assert of(found, "octal")["fix"] == "grubkd set 512M"
    assert of(found, "two-values")["fix"] == "grubkd set 512M"
    assert (of(found, "booted-differs")["status"], of(found, "octal")["line"]) == ("warning", 91)


def test_firmware_assisted_dump(tmp_path: Path) -> None:
    tree = debian(tmp_path)
    put(tree, {"sys/kernel/kexec_crash_loaded": "0\n", "sys/kernel/fadump_enabled": "1\n"})
    put(tree, {"sys/kernel/fadump_registered": "1\n"})
    assert wrong(checked(tree)) == []
    put(tree, {"sys/kernel/fadump_registered": "0\n"})
    assert wrong(checked(tree)) == [("loaded", "problem", "not-loaded")]


def test_for_people(tmp_path: Path) -> None:
    tree = debian(tmp_path)
    put(tree, {"sys/kernel/kexec_crash_loaded": "0\n"})
    found = answer(lambda: check.answer(Live(str(tree)), json=False))
    assert found.exit == 4
    assert found.story == ""
    assert found.text.splitlines()[4:8] == [
        "problem    loaded: no capture kernel is loaded",
        "           after a crash the machine reboots or hangs, without a dump",
        "           -> systemctl restart kdump-tools",
        "ok         service: kdump-tools.service is enabled",
    ]
    assert found.text.splitlines()[-2:] == [
        "a crash now: no dump will be saved",
        "a crash after the next boot: nothing stands in the way of a dump",
    ]


def test_an_image_is_not_asked_what_it_cannot_know(tmp_path: Path) -> None:
    """Its leftovers of /proc and /sys do not count, nor does anything of this machine."""
    tree = debian(tmp_path)
    found = answer(lambda: main(["check", "--root", str(tree), "--ram", "4G", "--json"]))
    assert found.exit == 0
    assert findings(found) == [
        ("configured", "ok", "configured"),
        ("booted", "not-asked", "booted"),
        ("reserved", "not-asked", "reserved"),
        ("loaded", "not-asked", "loaded"),
        ("service", "ok", "service"),
        ("kernel", "ok", "kernel"),
        ("target", "ok", "target"),
        ("room", "not-asked", "room"),
    ]
    assert (found.json["running"], found.json["will_dump"]) == (None, {"now": None, "next": True})
    assert found.json["target"]["free_bytes"] is None


@pytest.mark.parametrize(
    ("line", "release", "expected"),
    [
        ("quiet crashkernel=256M", "6.1.0", []),
        ("crashkernel=1G-4G:192M,4G-64G:256M,64G-:512M@16M", "6.1.0", []),
        ("crashkernel=0-2G:128M,2G-:256M crashkernel=72M,low", "6.1.0", []),
        ("crashkernel=0x10000000@0x1000000", "6.1.0", []),
        ("crashkernel=256", "6.1.0", [("no-suffix", "grubkd set 256M")]),
        ("crashkernel=128@16M", "6.1.0", [("no-suffix", "grubkd set 128M@16M")]),
        ("crashkernel=512-2G:64M,2G-:128", "6.1.0", [("no-suffix", "grubkd set 512M-2G:64M,2G-:128M")] * 2),
        ("crashkernel=0x100", "6.1.0", [("no-suffix", "grubkd set 0x100M")]),
        ("crashkernel=0512M", "6.1.0", [("octal", "grubkd set 512M")]),
        ("crashkernel=08M", "6.1.0", [("octal", "grubkd set 8M")]),
        ("crashkernel=auto", "6.1.0-50-amd64", [("auto-unknown", "grubkd set --auto")]),
        ("crashkernel=auto", "4.18.0-240.el8.x86_64", []),
        ("crashkernel=auto", None, []),
        ("crashkernel=64M crashkernel=128M", "6.1.0", [("two-values", "grubkd set 128M")]),
        ("crashkernel=256M,high crashkernel=72M,low", "6.1.0", []),
        ("nocrashkernel=64M", "6.1.0", [("hidden-value", "grubkd set --remove-arg 'nocrashkernel=64M'")]),
        ('x="crashkernel=1M b"', "6.1.0", [("hidden-value", """grubkd set --remove-arg 'x="crashkernel=1M b"'""")]),
        ("quiet -- single crashkernel=64M", "6.1.0", [("after-double-dash", "grubkd set 64M")]),
        (
            "crashkernel=128M -- crashkernel=064",
            "6.1.0",
            [("after-double-dash", "grubkd set 64M"), ("octal", "grubkd set 64M"), ("two-values", "grubkd set 64M")],
        ),
        ("", "6.1.0", []),
    ],
)
def test_lint(line: str, release: str | None, expected: list[tuple[str, str]]) -> None:
    found = lint(line, Release.parse(release) if release else None)
    assert [(each.code, each.fix) for each in found] == expected


@pytest.mark.parametrize(
    ("number", "read"),
    [("0512M", "330M"), ("08M", "0 bytes"), ("0100", "64 bytes"), ("010K", "8K"), ("0000000000000000777G", "511G")],
)
def test_octal_numbers_as_the_kernel_reads_them(number: str, read: str) -> None:
    (found,) = lint(f"crashkernel={number}", None)
    assert found.message == f"{number} in crashkernel={number} is octal: the kernel reads {read}"


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


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, ("", True, False)),
        ({"etc/init.d/kdump": "#!/bin/sh\n"}, ("kdump", False, False)),
        (
            {"etc/rc.d/init.d/kdump": "#!/bin/sh\n", "etc/rc.d/rc3.d/S20kdump": "-> ../init.d/kdump"},
            ("kdump", False, True),
        ),
        ({"etc/init.d/boot.kdump": "", "etc/init.d/boot.d/S12boot.kdump": "-> ../boot.kdump"}, ("kdump", False, True)),
        ({"etc/init.d/kdump": "", "etc/rc3.d/K80kdump": "-> ../init.d/kdump"}, ("kdump", False, False)),
        ({"usr/lib/systemd/system/kdump.service": "[Unit]\n"}, ("kdump", True, False)),
        (
            {
                "usr/lib/systemd/system/kdump.service": "[Unit]\n",
                "usr/lib/systemd/system/multi-user.target.wants/kdump.service": "-> ../kdump.service",
            },
            ("kdump", True, True),
        ),
        ({"etc/systemd/system/kdump.service": "[Unit]\n"}, ("kdump", True, False)),
        ({"etc/systemd/system/x.target.wants/kdump.service": "-> /gone"}, ("", True, False)),
    ],
)
def test_services(files: Files, expected: tuple[str, bool, bool], tmp_path: Path) -> None:
    put(tmp_path, files)
    found = kdump.read_service(Root(str(tmp_path)))
    assert (found.name, found.systemd, found.enabled) == expected


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
def test_whatever_is_configured_is_read(text: str) -> None:
    with tempfile.TemporaryDirectory() as top:
        for name in ("etc/kdump.conf", "etc/default/kdump-tools", "etc/sysconfig/kdump", "etc/fstab"):
            put(Path(top), {name: ""})
            (Path(top) / name).write_bytes(text.encode("latin-1"))
            found = kdump.read(Root(top))
            assert str(found.target)
            (Path(top) / name).unlink()


@given(
    st.lists(
        st.sampled_from(
            [
                "crashkernel=",
                "nocrashkernel=",
                "64",
                "0",
                "0x",
                "M",
                "G",
                "-",
                ":",
                ",",
                "@",
                " ",
                "--",
                '"',
                ",high",
                ",low",
                "auto",
                "9" * 25,
                "\xa0",
                "x=",
            ]
        ),
        max_size=20,
    ).map("".join)
)
def test_whatever_stands_in_a_line_is_linted(line: str) -> None:
    for release in (None, Release.parse("2.6.29.4-167.fc11.i586"), Release.parse("6.12.1")):
        for each in lint(line, release):
            assert each.message
            assert each.why
            assert each.fix
