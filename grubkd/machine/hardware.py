"""What raises a running machine's need of memory for capturing, and what else lies in its memory at boot."""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

from grubkd.errors import GrubkdError
from grubkd.machine import luks
from grubkd.machine.ram import text

if TYPE_CHECKING:
    from grubkd.memory.physical import Extent
    from grubkd.tree.root import Root


@dataclass(frozen=True, slots=True)
class Hardware:
    """Facts of the running machine; amounts in bytes.

    modules: what the loaded modules take, None where there is no list of them. keyslots: see luks.keyslot_memory.
    encrypted: AMD's SME or SEV is at work, so that devices need bounce buffers. smmu, mlx5: an arm64 SMMU, a Mellanox
    card of that driver. efi: booted by EFI firmware. initrd: where the boot loader put it this time. borders: where
    one NUMA node ends and the next begins. pv_guest: a paravirtual guest of Xen, whose kernels reserve nothing.
    """

    modules: int | None = None
    keyslots: int = 0
    encrypted: bool = False
    smmu: bool = False
    mlx5: bool = False
    efi: bool | None = None
    initrd: Extent | None = None
    borders: tuple[int, ...] = ()
    pv_guest: bool = False


_CHOSEN = "/sys/firmware/devicetree/base/chosen"

UNKNOWN = Hardware()
"""Of a machine that is not the running one."""


def read(tree: Root, host: Root, *, runs: bool) -> Hardware:
    """The facts of /proc and /sys of the host, and of the volumes that the tree unlocks. `runs`: the tree is what runs.

    An installer's own modules, initrd and arguments are not those of the system that it installs.
    """
    said = re.search(r"^flags\s*:(.*)$", text(host, "/proc/cpuinfo") or "", re.MULTILINE)
    flags = set(said[1].split()) if said else set()
    words = (text(host, "/proc/cmdline") or "").split() if runs else []
    return Hardware(
        modules=_modules(host) if runs else None,
        keyslots=luks.keyslot_memory(tree, devices=host.path == "/"),
        # A guest sees sev only where it runs encrypted; a host's own memory is encrypted only where that is asked for.
        encrypted=("mem_encrypt=on" in words and "sme" in flags) or {"sev", "hypervisor"} <= flags,
        smmu=any(name.startswith("arm-smmu") for name in host.list("/sys/devices/platform")),
        mlx5=any(":" in name for name in host.list("/sys/bus/pci/drivers/mlx5_core")),
        efi=host.exists("/sys/firmware/efi"),
        initrd=_initrd(host) if runs else None,
        borders=_borders(host),
        # The control domain looks the same, but there the hypervisor reserves.
        pv_guest=(text(host, "/sys/hypervisor/guest_type") or "").strip() == "PV"
        and "control_d" not in (text(host, "/proc/xen/capabilities") or ""),
    )


def _modules(host: Root) -> int | None:
    """The sum of the second column of /proc/modules."""
    said = text(host, "/proc/modules")
    if said is None:
        return None
    sizes = (line.split()[1] for line in said.splitlines() if len(line.split()) > 1)
    return sum(int(size) for size in sizes if size.isdecimal())


def _initrd(host: Root) -> Extent | None:
    """Where the boot loader put the initrd, by what it told the kernel."""
    return _in_boot_params(_bytes(host, "/sys/kernel/boot_params/data")) or initrd_in_device_tree(
        _bytes(host, f"{_CHOSEN}/linux,initrd-start"), _bytes(host, f"{_CHOSEN}/linux,initrd-end")
    )


def initrd_in_device_tree(start: bytes, end: bytes) -> Extent | None:
    """The initrd's place by two properties of the device tree's /chosen: big-endian, of one or two cells each."""
    if {len(start), len(end)} <= {4, 8}:
        found = int.from_bytes(start, "big"), int.from_bytes(end, "big")
        return found if found[0] < found[1] else None
    return None


def _bytes(host: Root, path: str) -> bytes:
    try:
        return host.read(path) if host.exists(path) else b""
    except GrubkdError:
        return b""


def _in_boot_params(data: bytes) -> Extent | None:
    """x86: ramdisk_image at 0x218, size at 0x21c; their high halves at 0xc0."""
    if len(data) < 0x220:
        return None
    low_start, low_size = struct.unpack_from("<II", data, 0x218)
    high_start, high_size = struct.unpack_from("<II", data, 0xC0)
    start, size = low_start | high_start << 32, low_size | high_size << 32
    return (start, start + size) if size else None


def _borders(host: Root) -> tuple[int, ...]:
    """The first address of every node but the lowest, from the memory blocks that /sys lists for each."""
    nodes = [name for name in host.list("/sys/devices/system/node") if re.fullmatch(r"node\d+", name)]
    block = text(host, "/sys/devices/system/memory/block_size_bytes") if len(nodes) > 1 else None
    if not block or not re.fullmatch(r"[0-9a-f]+", block.strip()):
        return ()
    starts = []
    for node in nodes:
        names = host.list(f"/sys/devices/system/node/{node}")
        blocks = [int(name[6:]) for name in names if re.fullmatch(r"memory\d+", name)]
        if blocks:
            starts.append(min(blocks) * int(block.strip(), 16))
    return tuple(sorted(starts)[1:])
