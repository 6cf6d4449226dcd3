"""Xen's own crashkernel=: the hypervisor's log shows the size that is predicted, and a place that the value allows."""

import re
import shlex

import pytest

from grubkd.memory.size import KIB
from lab import disks
from lab.kernels import KERNELS
from lab.packages import Source, Unavailable
from lab.prediction import as_xen_reads
from lab.qemu import Machine, run
from lab.results import record

PACKAGE = "xen-hypervisor-4.17-amd64"
PLAIN = (
    *("128M", "256M@256M", "128M,below=512M", "128M<512M", "131072", "64M@16M", "0x8000000b", "256M,high", "128Mx"),
    *("64M 128M", "128M 4G-8G:96M", "3000M"),
)
RANGES = ("1G-2G:64M,2G-:128M", "0-1G:64M,1G-:192M@128M", "512M-4G:160M,below=1G", "2G-3G:96M", "1G-:128M,high")
CASES = [*((value, 2048) for value in (*PLAIN, *RANGES)), *((value, 1024) for value in RANGES[:3])]
FOUND = re.compile(r"Kdump: (\d+)MB \((\d+)kB\) at (0x[0-9a-f]+|0)$", re.MULTILINE)
RAM = re.compile(r"System RAM: \d+MB \((\d+)kB\)")


@pytest.mark.lab
@pytest.mark.parametrize(("value", "memory"), CASES)
def test_what_xen_reserves(value: str, memory: int) -> None:
    line = " ".join(f"crashkernel={each}" for each in value.split())
    words = shlex.join(["console=com1", "loglvl=all", *line.split()])
    menu = f"multiboot2 /boot/xen {words}\nmodule2 /boot/kernel\nboot\n"
    try:
        image = next((Source("bookworm", "amd64").tree(PACKAGE) / "boot").glob("xen-*.gz"))
        disk = disks.with_menu(menu, efi=False, xen=image, kernel=KERNELS["6.1 x86_64"].image)
        text = run(Machine("x86_64", memory, kind="q35", disk=disk), 60, until="System RAM", after=1).text
    except Unavailable as problem:
        pytest.skip(str(problem))
    ram = RAM.search(text)
    assert ram, text[-2000:]
    found = FOUND.search(text)
    size, start = (int(found[2]) * KIB, int(found[3], 16)) if found else (0, 0)
    right = as_xen_reads(line, int(ram[1]) * KIB, size, start)
    record(
        "xen",
        f"{memory}M-{value}",
        release=image.name,
        memory=memory,
        wrong=not right,
        boot={"cmdline": line, "ram": int(ram[1]) * KIB, "size": size, "start": start},
    )
    assert right, re.findall(r"(?i)^.*(?:kdump|crashkernel).*$", text, re.MULTILINE)
