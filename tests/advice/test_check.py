"""check: whether this machine saves a dump, on trees with one thing wrong."""

from pathlib import Path
from typing import Any

import pytest
from support.answered import Run, answer
from support.livetree import MIB, Files, Live, checked, debian, findings, put, red_hat, wrong
from support.machine import Machine

from grubkd.advice import check as advice
from grubkd.cli import main
from grubkd.commands import check, warnings
from grubkd.machine import kdump

HEALTHY = [
    ("configured", "ok", "configured"),
    ("booted", "ok", "booted"),
    ("reserved", "ok", "reserved"),
    ("predicted", "ok", "predicted"),
    ("loaded", "ok", "loaded"),
    ("panic", "ok", "panic"),
    ("service", "ok", "service"),
    ("settings", "ok", "settings"),
    ("kernel", "ok", "kernel"),
    ("target", "ok", "target"),
    ("room", "ok", "room"),
]


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
            [
                ("configured", "problem", "reserves-nothing"),
                ("reserved", "problem", "nothing-reserved"),
                ("predicted", "warning", "not-foreseen"),
                ("loaded", "problem", "not-loaded"),
                ("configuration", "warning", "would-not-reserve"),
            ],
            False,
            False,
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
def test_each_fault_has_its_finding_and_fix(
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
    ("conf", "tool", "line"),
    [
        ("auto_reset_crashkernel yes\npath /var/crash\n", "", 1),
        ("path /var/crash\n# auto_reset_crashkernel no\n", "auto_reset_crashkernel", None),
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


def test_the_text_of_check(tmp_path: Path) -> None:
    tree = debian(tmp_path)
    put(tree, {"sys/kernel/kexec_crash_loaded": "0\n"})
    found = answer(lambda: check.check_tree(Live(str(tree)), json=False))
    assert found.exit == 4
    assert found.stderr == ""
    assert found.text.splitlines()[4:9] == [
        "problem    loaded: no capture kernel is loaded",
        "           after a crash the machine reboots or hangs, without a dump",
        "           -> systemctl restart kdump-tools",
        "ok         panic: the kernel panics on an oops",
        "ok         service: kdump-tools.service is enabled",
    ]
    assert found.text.splitlines()[-2:] == [
        "a crash now: no dump will be saved",
        "a crash after the next boot: nothing prevents a dump",
    ]


def test_what_the_journal_says_of_the_service_is_a_finding(tmp_path: Path) -> None:
    tree = Live(str(red_hat(tmp_path)))
    config, machine, _, found = warnings.read(tree)
    line = "kdump: Invalid kdump config option pth"
    report = advice.report(config, machine, kdump.read(tree)._replace(failure=line), tree, found)
    (each,) = [each for each in report.findings if each.code == "failed"]
    assert (each.check, each.message) == ("service", f"kdump.service failed: {line}")
    assert each.fix == "see: journalctl --boot --unit=kdump.service"


def test_an_image_has_no_findings_about_the_running_system(tmp_path: Path) -> None:
    """Its leftovers of /proc and /sys do not count, nor does anything of this machine."""
    tree = debian(tmp_path)
    found = answer(lambda: main(["check", "--root", str(tree), "--ram", "4G", "--json"]))
    assert found.exit == 0
    assert findings(found) == [
        ("configured", "ok", "configured"),
        ("booted", "not-asked", "booted"),
        ("reserved", "not-asked", "reserved"),
        ("loaded", "not-asked", "loaded"),
        ("panic", "not-asked", "panic"),
        ("service", "ok", "service"),
        ("settings", "ok", "settings"),
        ("kernel", "ok", "kernel"),
        ("target", "ok", "target"),
        ("room", "not-asked", "room"),
    ]
    assert (found.json["running"], found.json["will_dump"]) == (None, {"now": None, "next": True})
    assert found.json["target"]["free_bytes"] is None


def test_a_line_that_no_kernel_reads_is_found_before_augeas_edits_it(machine: Machine) -> None:
    """Augeas would take minutes for so many arguments."""
    text = f"set default=0\nmenuentry a {{\n linux /vmlinuz-6.1.0-1-amd64 {'x ' * 4001}\n}}\n"
    machine.write("/boot/grub/grub.cfg", text)
    found = next(each for each in machine.run("check", exit=4)["checks"] if each["code"] == "no-value")
    assert found["fix"] == "remove arguments first (--remove-arg)"
