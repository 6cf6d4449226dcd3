"""Sizes compared with real boots: `plan` never recommends less than the smallest amount that captures."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from grubkd.machine.initrd import InitrdSizes
from grubkd.memory.architecture import Architecture
from grubkd.memory.case import Case, Parts
from grubkd.memory.planner import plan
from grubkd.memory.release import Release
from grubkd.memory.vendors import Distribution
from grubkd.tree.root import Root
from lab import disks
from lab.debian import initrd
from lab.initramfs import with_kdump
from lab.kernels import KERNELS
from lab.packages import Unavailable
from lab.qemu import QUICK_END, Machine, run
from lab.results import record
from lab.sizing import captured, smallest
from lab.tree import Tree

MIB = 1 << 20
MEMORY = {"x86_64": 1024, "i386": 512}
HIGHEST = 192
SILENCE = 45
"""Seconds; what works is silent for less than 10 of them, even on a busy machine."""
MENU = """set default=0
set timeout=0
menuentry 'Debian GNU/Linux' {{
	insmod part_msdos
	insmod ext2
	set root='hd0,msdos1'
	linux	/boot/vmlinuz-{release} ro nokaslr crashkernel=16M
	initrd	/boot/initrd.img-{release}
}}
"""


def prepared(path: Path, name: str, capture: bytes = b"") -> Tree:
    """A tree whose kernel crashes; the capture kernel has the initrd `capture`, and the tree as its root, or the lab's.

    With Debian's initrd it needs memory as on a real machine until init runs.
    """
    kernel = KERNELS[name]
    tree = Tree(path / "tree", kernel)
    archive = with_kdump(kernel)
    tree.install_kernel(archive.packed())
    if capture:
        archive.install(tree.path)
        (tree.path / "boot/capture.img").write_bytes(capture)
    tree.write("boot/grub/grub.cfg", MENU.format(release=kernel.release))
    (tree.path / "var/crash").mkdir(parents=True)
    wanted = {
        "console": "ttyS0,115200",
        "lab.do": "kdump",
        "lab.disk": "vda1",
        "lab.kernel": kernel.image.name,
        "lab.initrd": "capture.img" if capture else f"initrd.img-{kernel.release}",
    }
    tree.grubkd("set", *(f"--arg={key}={value}" for key, value in wanted.items()))
    tree.grubkd("set", *(f"--arg={word}" for word in QUICK_END.split()))
    return tree


@pytest.mark.lab
@pytest.mark.parametrize("name", ["6.1 i386", "6.1 x86_64"])
def test_what_is_recommended_captures(name: str, tmp_path: Path) -> None:
    arch = KERNELS[name].arch
    disk = tmp_path / "disk"

    def captures(amount: int) -> bool:
        tree.grubkd("set", f"{amount}M", "--force")
        disks.grub2(tree.path, disk, size=384)
        # A capture kernel with too little memory mostly hangs without any output.
        return captured(run(Machine(arch, MEMORY[arch], disk=disk, restarts=True), 240, silence=SILENCE).text)

    try:
        tree = prepared(tmp_path, name)
        found = smallest(captures, 0, HIGHEST)
    except Unavailable as problem:
        pytest.skip(str(problem))
    assert found, f"{HIGHEST}M does not capture"
    (plan,) = tree.grubkd("plan", "--ram", f"{MEMORY[arch]}M")["entries"]
    recommended = plan["prediction"]["size_bytes"]
    record(
        "sizing",
        name,
        release=KERNELS[name].release,
        memory=MEMORY[arch],
        captures=found.captures,
        fails=found.fails,
        boots=found.boots,
        recommended=recommended // MIB,
        value=" ".join(plan["values"]),
    )
    assert recommended >= found.captures * MIB


@dataclass(frozen=True, slots=True)
class Own:
    """Debian 12's own initrd, by that `maker` (lab.debian.initrd). `low` MiB are known to fail, `high` to capture."""

    kernel: str
    maker: str
    memory: int
    low: int
    high: int

    def __str__(self) -> str:
        return f"{self.kernel}, {self.maker}"


OWN = (
    Own("6.1 generic", "most", 2048, 192, 256),
    Own("6.1 x86_64", "most", 1024, 112, 160),
    Own("6.1 generic", "dep", 2048, 64, 128),
    Own("6.1 x86_64", "dep", 1024, 64, 128),
    Own("6.1 generic", "kdump-tools", 2048, 64, 128),
)


@pytest.mark.lab
@pytest.mark.parametrize("case", OWN, ids=str)
def test_what_is_recommended_for_debians_own_initrd(case: Own, tmp_path: Path) -> None:
    kernel = KERNELS[case.kernel]
    disk = tmp_path / "disk"

    def captures(amount: int) -> bool:
        tree.grubkd("set", f"{amount}M", "--force")
        disks.grub2(tree.path, disk, size=512)
        # Unpacking prints nothing.
        return captured(run(Machine("x86_64", case.memory, disk=disk, restarts=True), 400, silence=3 * SILENCE).text)

    try:
        image = initrd(kernel.release, case.maker)
        tree = prepared(tmp_path, case.kernel, image.read_bytes())
        found = smallest(captures, case.low, case.high)
    except Unavailable as problem:
        pytest.skip(str(problem))
    assert found, f"{case.high}M does not capture"
    sizes = InitrdSizes(Root(str(tree.path))).unpacked("/boot/capture.img")
    assert sizes
    parts = Parts(initramfs=sizes.packed, unpacked=sizes.size)
    debian = Distribution("debian", (12,), (), "Debian GNU/Linux 12")
    draft = plan(Case(Release.parse(kernel.release), Architecture.X86_64, debian, ram=case.memory * MIB, parts=parts))
    record(
        "sizing",
        f"{case} ({sizes.packed >> 20}M, {sizes.size >> 20}M unpacked), {case.memory}M",
        release=kernel.release,
        memory=case.memory,
        captures=found.captures,
        fails=found.fails,
        boots=found.boots,
        recommended=(draft.size or 0) // MIB,
        value=" ".join(draft.values),
    )
    assert (draft.size or 0) >= found.captures * MIB
