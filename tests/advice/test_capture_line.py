"""The capture kernel's own command line: what it inherits, and what takes its memory."""

from pathlib import Path

import pytest
from support.answered import answer
from support.livetree import Files, Live, put, red_hat

from grubkd.advice import capture_line
from grubkd.commands import check
from grubkd.machine import kdump
from grubkd.tree.root import Root

UNIT = "usr/lib/systemd/system/kdump.service"
FEDORA: Files = {UNIT: "[Unit]\n", "usr/bin/kdumpctl": "#!/bin/bash\n", "etc/kdump.conf": ""}
SUSE: Files = {UNIT: "[Unit]\n"}
DEBIAN: Files = {"lib/systemd/system/kdump-tools.service": "[Unit]\n"}
LINE = "root=/dev/sda1 ro hugepages=512 cma=64M crashkernel=256M"
HUGE, CMA, CPUS, AGAIN = "capture-hugepages", "capture-cma", "capture-cpus", "capture-crashkernel"


def found(tree: Path, files: Files, line: str) -> list[tuple[str, int | None]]:
    put(tree, files)
    root = Root(str(tree))
    findings = list(capture_line.findings(kdump.read(root), root, [line]))
    assert all(each.check == "capture" and each.why and each.fix for each in findings)
    return [(each.code, each.place.line if each.place else None) for each in findings]


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        # Without the file nothing is known of what the package put there.
        (None, []),
        ("KDUMP_COMMANDLINE_APPEND='irqpoll nr_cpus=1'\n", [(CMA, None)]),
        ("KDUMP_COMMANDLINE_REMOVE='quiet cma'\nKDUMP_COMMANDLINE_APPEND='maxcpus=1'\n", [(HUGE, None)]),
        ("KDUMP_COMMANDLINE_REMOVE='hugepages cma'\n", [(CPUS, None)]),
        ("KDUMP_COMMANDLINE_REMOVE='hugepages cma'\nKDUMP_COMMANDLINE_APPEND='irqpoll'\n", [(CPUS, 2)]),
        ("KDUMP_COMMANDLINE='root=x crashkernel=1G'\nKDUMP_COMMANDLINE_APPEND='nr_cpus=1'\n", []),
        (
            "KDUMP_COMMANDLINE='ro hugepages=9 cma=0'\nKDUMP_COMMANDLINE_APPEND='nr_cpus=1 crashkernel=9M'\n",
            [(AGAIN, 2)],
        ),
        ("KDUMP_COMMANDLINE='ro hugetlb_cma=1G'\nKDUMP_COMMANDLINE_APPEND='nr_cpus=1'\n", [(CMA, 1)]),
    ],
)
def test_of_kdumpctl(settings: str | None, expected: list[tuple[str, int | None]], tmp_path: Path) -> None:
    files = dict(FEDORA) if settings is None else {**FEDORA, "etc/sysconfig/kdump": settings}
    assert found(tmp_path, files, LINE) == expected


@pytest.mark.parametrize(
    ("settings", "tool", "expected"),
    [
        ("USE_KDUMP=1\n", "hugepages", [(CMA, None)]),
        ("USE_KDUMP=1\nKDUMP_CMDLINE_APPEND=''\n", "hugepages", [(CMA, None)]),
        ("USE_KDUMP=1\n", "crashkernel", [(HUGE, None), (CMA, None)]),
        ("KDUMP_CMDLINE_APPEND='irqpoll'\n", "hugepages", [(CMA, None), (CPUS, 1)]),
        ("KDUMP_CMDLINE='ro crashkernel=128M'\n", "hugepages", [(AGAIN, 1)]),
    ],
)
def test_of_kdump_config(settings: str, tool: str, expected: list[tuple[str, int | None]], tmp_path: Path) -> None:
    files = {**DEBIAN, "etc/default/kdump-tools": settings, "usr/sbin/kdump-config": f"sed {tool}\n"}
    assert found(tmp_path, files, LINE) == expected


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ("KDUMP_CPUS=0\n", [(CMA, None)]),
        ("KDUMP_COMMANDLINE='ro'\nKDUMP_COMMANDLINE_APPEND='quiet'\n", [(CPUS, 2)]),
        ("KDUMP_COMMANDLINE='ro hugepages=2 nr_cpus=1'\n", [(HUGE, 1)]),
    ],
)
def test_of_suse(settings: str, expected: list[tuple[str, int | None]], tmp_path: Path) -> None:
    assert found(tmp_path, {**SUSE, "etc/sysconfig/kdump": settings}, LINE) == expected


def test_check_shows_how_to_fix_it(tmp_path: Path) -> None:
    tree = red_hat(tmp_path)
    line = (tree / "proc/cmdline").read_text().strip()
    put(tree, {"proc/cmdline": f"{line} hugepages=512\n"})
    put(tree, {"etc/sysconfig/kdump": "KDUMP_COMMANDLINE_REMOVE=quiet\nKDUMP_COMMANDLINE_APPEND=nr_cpus=1\n"})
    answered = answer(lambda: check.check_tree(Live(str(tree)), json=True))
    (each,) = [each for each in answered.json["checks"] if each["check"] == "capture"]
    assert (each["code"], each["status"], answered.exit) == (HUGE, "warning", 0)
    assert each["message"] == "the capture kernel gets hugepages=512 from the running kernel's line"
    fix = "add hugepages to KDUMP_COMMANDLINE_REMOVE in /etc/sysconfig/kdump, and restart the service"
    assert each["fix"] == fix
