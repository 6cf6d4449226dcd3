"""What the running kernel did with a value decides about the same value, whatever the model says.

Sources: /sys/kernel/kexec_crash_size and "Crash kernel" of /proc/iomem (the kernel's kdump.rst).
"""

from pathlib import Path

import pytest
from support.answered import Run, answer
from support.livetree import IOMEM, MIB, Live, debian, put

from grubkd import advice
from grubkd.boot import inventory
from grubkd.commands import check
from grubkd.errors import WouldNotReserve
from grubkd.machine import machine as machines

LINE = "root=UUID=e3f8a1f4-3a0a-4b8e-8b8c-1b7f3d0a9f52 ro quiet"
MENU = "boot/grub/grub.cfg"
RELEASE = "6.1.0-50-amd64"


def booted(top: Path, value: str, size: int, region: str | None = None) -> Path:
    """A machine whose entries hold the value, and whose kernel was booted with it and reserved that many bytes."""
    tree = debian(top)
    menu = (tree / MENU).read_text().replace("crashkernel=384M-:128M", f"crashkernel={value}")
    put(
        tree,
        {
            MENU: menu,
            "proc/cmdline": f"BOOT_IMAGE=/boot/vmlinuz-{RELEASE} {LINE} crashkernel={value}\n",
            "sys/kernel/kexec_crash_size": f"{size}\n",
            "proc/iomem": IOMEM.format(region=region) if region else IOMEM.replace("  {region} : Crash kernel\n", ""),
        },
    )
    return tree


def checked(tree: Path) -> Run:
    return answer(lambda: check.check_tree(Live(str(tree)), json=True))


def wrong(found: Run) -> list[tuple[str, str]]:
    """What is not right, but for what the other kernel's entries hold."""
    each = [each for each in found.json["checks"] if each["status"] != "ok" and each["check"] != "configuration"]
    return [(one["check"], one["code"]) for one in each]


def test_what_the_model_refuses_but_the_kernel_reserved(tmp_path: Path) -> None:
    """The model says that 5G are more than this machine has; the kernel reserved 256M for it: the machine will dump."""
    tree = booted(tmp_path, "5G", 256 * MIB, "af000000-beffffff")
    found = checked(tree)
    assert wrong(found) == [("predicted", "not-foreseen")], found.text
    assert (found.exit, found.json["will_dump"]) == (0, {"now": True, "next": True})
    (told,) = [each for each in found.json["checks"] if each["code"] == "not-foreseen"]
    assert told["fix"] == "please report this with the output of: grubkd predict"


def test_show_does_not_warn_of_what_was_reserved(tmp_path: Path) -> None:
    live = Live(str(booted(tmp_path, "5G", 256 * MIB, "af000000-beffffff")))
    config, machine = inventory.read(live), machines.read(live)
    (other,) = [each for each in advice.review(config, machine)[1] if each.code == "reserves-nothing"]
    assert "6.1.0-44-amd64" in other.message
    found = advice.Verdicts(machine).verdict(config.entries[0].boots[0].line.text(), config.entries[0])
    assert (found.status, found.regions, found.observed) == ("reserved", ((0xAF000000, 0xBF000000),), 256 * MIB)


def test_another_value_or_kernel_is_predicted(tmp_path: Path) -> None:
    live = Live(str(booted(tmp_path, "5G", 256 * MIB, "af000000-beffffff")))
    config, machine = inventory.read(live), machines.read(live)
    verdicts = advice.Verdicts(machine)
    assert verdicts.verdict("crashkernel=6G", config.entries[0]).status == "failed"
    assert verdicts.verdict("crashkernel=5G mem=1G", config.entries[0]).observed is None
    given = machines.read(live, ram=4 << 30)
    assert advice.Verdicts(given).verdict("crashkernel=5G", config.entries[0]).observed is None


def test_what_the_model_allows_but_the_kernel_did_not_reserve(tmp_path: Path) -> None:
    tree = booted(tmp_path, "384M-:128M", 0)
    found = checked(tree)
    assert ("configured", "reserves-nothing") in wrong(found)
    assert wrong(found).count(("predicted", "not-foreseen")) == 1
    assert (found.exit, found.json["will_dump"]["next"]) == (4, False)


def test_plan_does_not_choose_what_failed(tmp_path: Path) -> None:
    live = Live(str(booted(tmp_path, "384M-:128M", 0)))
    config, machine = inventory.read(live), machines.read(live)
    try:
        plan = advice.plan_entry(config.entries[0], config, machine)
    except WouldNotReserve as problem:
        assert "holds no reservation" in problem.message
    else:
        assert plan.values != ("384M-:128M",)


@pytest.mark.parametrize("line", ["crashkernel=384M-:128M quiet", "quiet mitigations=auto crashkernel=384M-:128M"])
def test_other_words_do_not_matter(line: str, tmp_path: Path) -> None:
    live = Live(str(booted(tmp_path, "384M-:128M", 0)))
    config, machine = inventory.read(live), machines.read(live)
    assert advice.Verdicts(machine).brief(line, config.entries[0]).status == "failed"
