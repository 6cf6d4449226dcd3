"""Sizes compared with real boots: `plan` never recommends less than the smallest amount that captures."""

from pathlib import Path

import pytest

from lab import disks
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


def prepared(path: Path, name: str) -> Tree:
    kernel = KERNELS[name]
    tree = Tree(path / "tree", kernel)
    tree.install_kernel(with_kdump(kernel).packed())
    tree.write("boot/grub/grub.cfg", MENU.format(release=kernel.release))
    (tree.path / "var/crash").mkdir(parents=True)
    wanted = {
        "console": "ttyS0,115200",
        "lab.do": "kdump",
        "lab.disk": "vda1",
        "lab.kernel": kernel.image.name,
        "lab.initrd": f"initrd.img-{kernel.release}",
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
