"""The whole page: an i386 machine with GRUB legacy crashes, and its dump is read."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support.answered import answer

from grubkd import run as run_module
from grubkd.cli import main
from lab import disks, whole
from lab.initramfs import tools, with_kdump
from lab.kernels import KERNELS
from lab.packages import Unavailable, from_pypi
from lab.prediction import compare, size_fits
from lab.qemu import QUICK_END, Machine, Run, run
from lab.report import part, reports
from lab.tree import TOP, Tree

KERNEL = KERNELS["6.1 i386"]
MEMORY = 512
# Fedora 11's menu, as anaconda wrote it, for Debian's kernel and without a timeout.
PAGE = TOP / "fixtures/fedora-11-i386/root/boot/grub/grub.conf"
# Directories that the guest mounts on or writes to.
DIRECTORIES = ("boot", "var/crash")


def menu() -> str:
    """The page's grub.conf with the kernel and the initrd of Debian."""
    # The splash image is not on this disk: GRUB would report that and wait for a key.
    lines = [line for line in PAGE.read_text().splitlines(keepends=True) if not line.startswith("splashimage")]
    text = "".join(lines).replace("timeout=5", "timeout=0").replace("initrd-2.6", "initrd.img-2.6")
    text = text.replace("initrd.img-2.6.29.4-167.fc11.i586.img", f"initrd.img-{KERNEL.release}")
    return text.replace("2.6.29.4-167.fc11.i586", KERNEL.release)


def the_page(path: Path) -> Tree:
    """A tree with the page's grub.conf, which boots Debian's kernel, and an initrd that can load a capture kernel."""
    tree = Tree(path, KERNEL)
    for name in DIRECTORIES:
        (path / name).mkdir(parents=True, exist_ok=True)
    tree.install_kernel(with_kdump(KERNEL).packed())
    tree.write("boot/grub/grub.conf", menu())
    (path / "boot/grub/menu.lst").symlink_to("./grub.conf")
    return tree


def lab_arguments(action: str) -> list[str]:
    """What the lab's init needs on the command line, as options of `set`."""
    wanted = {
        "console": "ttyS0,115200",
        "lab.do": action,
        "lab.boot": "vda1",
        "lab.disk": "vda2",
        "lab.kernel": KERNEL.image.name,
        "lab.initrd": f"initrd.img-{KERNEL.release}",
    }
    found = [f"--arg={name}={value}" for name, value in wanted.items()]
    return found + [f"--arg={word}" for word in QUICK_END.split()]


def crash(tree: Tree, disk: Path) -> Run:
    """Boot, crash, capture, boot again through GRUB, until the guest powers off."""
    disks.grub_legacy(tree.path, disk)
    return run(Machine("i386", MEMORY, disk=disk, restarts=True), 150)


ROOT = disks.MIB * (1 + disks.BOOT_SIZE)
"""Where the second partition begins."""


def partition(disk: Path, into: Path, start: int = ROOT) -> Path:
    """A copy of the partition that begins at that byte of the disk."""
    image = into / "root.ext2"
    with disk.open("rb") as source, image.open("wb") as target:
        source.seek(start)
        shutil.copyfileobj(source, target)
    return image


def dump(disk: Path, into: Path, start: int = ROOT) -> Path:
    """Copy the dump in /var/crash/DATE from the partition that begins at that byte of the disk."""
    image = partition(disk, into, start)
    subprocess.run(["debugfs", "-R", f"rdump /var/crash {into}", image], capture_output=True, check=True)
    (found,) = (into / "crash").glob("*/vmcore")
    return found


def messages_of(vmcore: Path) -> str:
    """The log of the kernel that crashed, read from the dump by vmcore-dmesg of the same architecture."""
    tree = tools("i386")
    libraries = f"{tree}/lib/i386-linux-gnu:{tree}/usr/lib/i386-linux-gnu"
    done = subprocess.run(
        [tree / "lib/ld-linux.so.2", "--library-path", libraries, tree / "sbin/vmcore-dmesg", vmcore],
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done
    return done.stdout.decode(errors="replace")


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Tree:
    try:
        return the_page(tmp_path_factory.mktemp("page") / "tree")
    except Unavailable as problem:
        pytest.skip(str(problem))


def test_the_page_and_the_whole_cycle(tree: Tree, tmp_path: Path) -> None:
    """`set --auto`, boot, crash, capture, reboot; every number is as `show` and `predict` printed."""
    tree.grubkd("set", "--auto", "--ram", f"{MEMORY}M", *lab_arguments("kdump"))
    entry = tree.default_entry()
    disk = tmp_path / "disk"
    try:
        done = crash(tree, disk)
    except Unavailable as problem:
        pytest.skip(str(problem))
    assert done.ended, done.tail()
    # The report is printed before the crash and, when the same kernel has booted again, after it.
    assert len(reports(done.text)) == 2, done.tail()
    for report in reports(done.text):
        assert report.release == entry["version"]
        assert report.cmdline == entry["cmdline"]
        compared = compare(report, "i386")
        assert compared.outcome != "wrong", compared
        assert size_fits(report, compared.reserved)
        assert report.size == 128 << 20
    assert "loaded 1" in part(done.text, "load"), part(done.text, "load")
    assert "saved " in part(done.text, "capture"), done.tail()
    assert "vmcore" in part(done.text, "saved"), done.tail()
    log = messages_of(dump(disk, tmp_path))
    assert f"Linux version {KERNEL.release}" in log
    assert "sysrq: Trigger a crash" in log


@pytest.mark.lab
def test_the_whole_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """enable, reboot, crash, capture, reboot, check, on i386; its dump is opened on another machine."""
    line = "root=/dev/vda2 console=ttyS0,115200 nokaslr mitigations=off systemd.show_status=false panic=-1"
    text = menu().replace("root=/dev/mapper/vg_crash-lv_root rhgb quiet", line)
    try:
        programs = from_pypi("drgn")  # Debian 12 has none
        machine = whole.the_page(tmp_path, KERNEL, text)
        symbols = KERNEL.symbols
    except Unavailable as problem:
        pytest.skip(str(problem))
    said = whole.crashed(machine, analysis=False)
    found = whole.judged(said)
    assert found["status"] == "ok" and "left a whole dump: /var/crash/" in found["message"], found
    assert "sysrq_handle_crash" in " ".join(whole.answer(said, "report")["stack"]), part(said, "report")

    copy = tmp_path / "copy"
    (copy / "var").mkdir(parents=True)
    image = partition(machine.disk, tmp_path)
    subprocess.run(["debugfs", "-R", f"rdump /var/crash {copy}/var", image], capture_output=True, check=True)
    (copy / "usr/lib/debug/boot").mkdir(parents=True)
    shutil.copy(symbols, copy / "usr/lib/debug/boot")
    monkeypatch.setitem(run_module.ENVIRONMENT, "PATH", str(programs))
    written = answer(lambda: main(["report", "--root", str(copy), "--json"])).json
    assert written["by"] == "drgn", written["warnings"]
    assert "sysrq_handle_crash" in " ".join(written["stack"]), written
    assert written["modules"] and written["memory"], written
    opened = subprocess.run(
        [sys.executable, "-m", "grubkd", "open", "--with", "drgn", "--root", copy],
        input="print(prog.crashed_thread().object.comm)\n",
        env={**os.environ, "PATH": f"{programs}:{os.environ['PATH']}", "PYTHONPATH": str(TOP)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert '"grubkd"' in opened.stdout, opened.stdout + opened.stderr


LITERAL = "64M@16M"
WHERE = ((16 << 20, 80 << 20),)


@pytest.mark.lab
def test_the_literal_value_where_the_kernel_itself_is(tmp_path: Path) -> None:
    """Without KASLR, Debian's i386 kernel runs at 16M: `set` and `predict` say why nothing will be reserved."""
    try:
        tree = the_page(tmp_path / "tree")
        changed = tree.grubkd("set", LITERAL, "--ram", f"{MEMORY}M", "--arg=nokaslr", *lab_arguments("report"))
        disk = tmp_path / "disk"
        disks.grub_legacy(tree.path, disk)
        done = run(Machine("i386", MEMORY, disk=disk), 150)
    except Unavailable as problem:
        pytest.skip(str(problem))
    assert "reserves-nothing" in [warning["code"] for warning in changed["warnings"]]
    predicted = tree.grubkd("predict", "--ram", f"{MEMORY}M")["entries"][0]
    assert (predicted["placement"]["status"], predicted["placement"]["regions"]) == ("failed", [])
    (report,) = reports(done.text)
    assert (report.reserved, report.size) == ((), 0)
    assert "memory is in use" in report.messages
    assert "memory is in use" in predicted["reason"]


@pytest.mark.lab
def test_the_literal_value_and_the_whole_cycle(tmp_path: Path) -> None:
    """With KASLR the kernel is mostly elsewhere, and 64M at 16M captures; as `predict` says, not at every boot."""
    try:
        tree = the_page(tmp_path / "tree")
        tree.grubkd("set", LITERAL, "--ram", f"{MEMORY}M", *lab_arguments("kdump"))
        disk = tmp_path / "disk"
        for _ in range(4):
            done = crash(tree, disk)
            first = reports(done.text)[0]
            compared = compare(first, "i386")
            assert (compared.status, compared.predicted, compared.alternatives) == ("uncertain", WHERE, ((),))
            assert compared.outcome != "wrong", compared
            if first.reserved:
                break
    except Unavailable as problem:
        pytest.skip(str(problem))
    assert "vmcore" in part(done.text, "saved"), done.tail()
    assert "sysrq: Trigger a crash" in messages_of(dump(disk, tmp_path))
