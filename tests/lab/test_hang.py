"""A value with which, as grubkd predicts, the machine does not boot; `set` refuses it."""

from pathlib import Path

import pytest

from grubkd.commands import batch
from lab.kernels import KERNELS
from lab.matrix import Case, initrd, machine
from lab.packages import Unavailable
from lab.prediction import compare, question
from lab.qemu import run
from lab.report import reports
from lab.results import record
from lab.tree import Tree

KERNEL = KERNELS["6.12 riscv64"]
GOOD, BAD = (Case(KERNEL.name, 512, None, value) for value in ("64M", "460M"))
MENU = "LABEL linux\n  LINUX /vmlinuz-{release}\n  INITRD /initrd.img-{release}\n  APPEND ro\n"

pytestmark = pytest.mark.lab


def test_the_machine_hangs_as_predicted(tmp_path: Path) -> None:
    try:
        good = run(machine(GOOD), 240)
        (report,) = reports(good.text)
        assert compare(report, KERNEL.arch).outcome != "wrong"
        asked = question(report, KERNEL.arch, knows_image=True)
        asked["cmdline"] = asked["cmdline"].replace("64M", "460M")
        predicted = batch.answer(asked)["placement"]
        assert predicted["status"] == "hang", predicted
        # Four times as long as the same machine needs with a good value.
        bad = run(machine(BAD), max(60.0, good.seconds * 4))
    except Unavailable as problem:
        pytest.skip(str(problem))
    assert not bad.ended and not reports(bad.text), bad.tail()
    record(
        "hang",
        str(BAD),
        release=KERNEL.release,
        memory=512,
        value=BAD.value,
        seconds=round(bad.seconds, 1),
        good=round(good.seconds, 1),
        reason=predicted["reason"],
        last=(bad.text.strip().splitlines() or ["nothing"])[-1],
    )


def test_set_refuses_it(tmp_path: Path) -> None:
    try:
        tree = Tree(tmp_path, KERNEL)
        tree.install_kernel(initrd(KERNEL.arch, 0).read_bytes())
    except Unavailable as problem:
        pytest.skip(str(problem))
    tree.write("boot/extlinux/extlinux.conf", MENU.format(release=KERNEL.release))
    machine_of_it = ("--arch", "riscv64", "--ram", "512M")
    refused = tree.grubkd("set", "460M", *machine_of_it, status=4)
    assert refused["error"]["code"] == "would-not-boot", refused
    assert tree.grubkd("set", "64M", *machine_of_it)["changed"]
