"""A reservation that is too small: the console of the failed capture gives the need, and `set --auto` then suffices."""

from pathlib import Path

import pytest

from lab import disks
from lab.debian import initrd
from lab.kernels import KERNELS
from lab.packages import Unavailable
from lab.qemu import Machine, run
from lab.sizing import captured
from lab.test_sizing import SILENCE, prepared

MIB = 1 << 20
MEMORY = 2048
SMALL = 208


@pytest.mark.lab
def test_a_failed_capture_is_learnt_from(tmp_path: Path) -> None:
    kernel = KERNELS["6.1 generic"]
    disk = tmp_path / "disk"

    def crash() -> str:
        disks.grub2(tree.path, disk, size=512)
        # Unpacking prints nothing.
        return run(Machine("x86_64", MEMORY, disk=disk, restarts=True), 400, silence=3 * SILENCE).text

    try:
        tree = prepared(tmp_path, kernel.name, initrd(kernel.release, "most").read_bytes())
        tree.grubkd("set", f"{SMALL}M", "--force")
        console = crash()
    except Unavailable as problem:
        pytest.skip(str(problem))
    assert not captured(console)
    tree.write("var/crash/console.log", console)

    need = tree.grubkd("measure")["need"]
    assert need["by"] == "Out of memory and no killable processes"
    # Less the first kilobytes, and the header of the dump.
    assert (SMALL - 1) * MIB < need["ran_out_with_bytes"] <= SMALL * MIB
    tree.grubkd("set", "--auto", "--ram", f"{MEMORY}M")
    (plan,) = tree.grubkd("plan", "--ram", f"{MEMORY}M")["entries"]
    assert plan["source"] == "a measurement on this machine"
    assert plan["prediction"]["size"] >= need["advised_bytes"]
    (tree.path / "var/crash/console.log").unlink()
    assert captured(crash())
