"""The hardware of the running machine: what raises the memory that a capture kernel needs, or holds memory at boot."""

from __future__ import annotations

import json
import os
import re
import struct
from contextlib import suppress
from stat import S_ISBLK
from typing import TYPE_CHECKING, NamedTuple

from grubkd.errors import GrubkdError
from grubkd.machine.dump_target import device_path
from grubkd.machine.settings import text
from grubkd.memory.size import KIB, MIB
from grubkd.text import to_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from grubkd.memory.memory_map import Extent
    from grubkd.tree.root import Root


class Hardware(NamedTuple):
    """The hardware of the running machine. Amounts are in bytes.

    modules: what the loaded modules take, None if unknown. keyslots: see keyslot_memory. encrypted: AMD SME or SEV is
    on, so devices need bounce buffers. smmu: there is an arm64 SMMU. mlx5: there is a network card of that driver.
    efi: booted by EFI firmware. initrd: where the boot loader put it at this boot. borders: the first address of each
    NUMA node but the lowest. dma_limit: the end of the lowest zone, which DMA reaches. pv_guest: a paravirtual guest of
    Xen, whose kernels reserve nothing.
    """

    modules: int | None = None
    keyslots: int = 0
    encrypted: bool = False
    smmu: bool = False
    mlx5: bool = False
    efi: bool | None = None
    initrd: Extent | None = None
    borders: tuple[int, ...] = ()
    dma_limit: int | None = None
    pv_guest: bool = False


_CHOSEN = "/sys/firmware/devicetree/base/chosen"

UNKNOWN = Hardware()
"""Nothing is known: the machine is not the running one."""


def read(tree: Root, host: Root, *, runs: bool) -> Hardware:
    """Read /proc and /sys of the host, and the encrypted volumes of the tree.

    `runs`: the host runs the system of the tree. An installer's modules, initrd and arguments are not those of the
    system that it installs.
    """
    found = re.search(r"^flags\s*:(.*)$", text(host, "/proc/cpuinfo") or "", re.MULTILINE)
    flags = set(found[1].split()) if found else set()
    words = (text(host, "/proc/cmdline") or "").split() if runs else []
    return Hardware(
        modules=_modules(host) if runs else None,
        keyslots=keyslot_memory(tree, devices=host.path == "/"),
        # A guest has the flag sev only if its memory is encrypted; a host encrypts its memory only with mem_encrypt=on.
        encrypted=("mem_encrypt=on" in words and "sme" in flags) or {"sev", "hypervisor"} <= flags,
        smmu=any(name.startswith("arm-smmu") for name in host.list("/sys/devices/platform")),
        mlx5=any(":" in name for name in host.list("/sys/bus/pci/drivers/mlx5_core")),
        efi=host.exists("/sys/firmware/efi"),
        initrd=_initrd(host) if runs else None,
        borders=_borders(host),
        dma_limit=_dma_limit(host),
        # The control domain looks the same, but there the hypervisor reserves memory.
        pv_guest=(text(host, "/sys/hypervisor/guest_type") or "").strip() == "PV"
        and "control_d" not in (text(host, "/proc/xen/capabilities") or ""),
    )


def _modules(host: Root) -> int | None:
    """The sum of the second column of /proc/modules."""
    table = text(host, "/proc/modules")
    if table is None:
        return None
    sizes = (line.split()[1] for line in table.splitlines() if len(line.split()) > 1)
    return sum(int(size) for size in sizes if size.isdecimal())


def _initrd(host: Root) -> Extent | None:
    """Where the boot loader put the initrd, by the boot parameters that it gave the kernel."""
    start, end = (to_bytes(text(host, f"{_CHOSEN}/linux,initrd-{name}") or "") for name in ("start", "end"))
    found = _in_boot_params(to_bytes(text(host, "/sys/kernel/boot_params/data") or ""))
    return found or initrd_in_device_tree(start, end)


def initrd_in_device_tree(start: bytes, end: bytes) -> Extent | None:
    """The initrd's place by two properties of the device tree's /chosen, each of one or two big-endian cells."""
    if {len(start), len(end)} <= {4, 8}:
        found = int.from_bytes(start, "big"), int.from_bytes(end, "big")
        return found if found[0] < found[1] else None
    return None


def _in_boot_params(data: bytes) -> Extent | None:
    """The initrd's place by x86's boot parameters: ramdisk_image at 0x218, its size at 0x21c, high halves at 0xc0."""
    if len(data) < 0x220:
        return None
    low_start, low_size = struct.unpack_from("<II", data, 0x218)
    high_start, high_size = struct.unpack_from("<II", data, 0xC0)
    start, size = low_start | high_start << 32, low_size | high_size << 32
    return (start, start + size) if size else None


def _borders(host: Root) -> tuple[int, ...]:
    """Where one NUMA node ends and the next one begins, by the memory blocks that /sys lists for each."""
    from grubkd.memory.placement.early import node_borders

    nodes = [name for name in host.list("/sys/devices/system/node") if re.fullmatch(r"node\d+", name)]
    block = text(host, "/sys/devices/system/memory/block_size_bytes") if len(nodes) > 1 else None
    if not block or not re.fullmatch(r"[0-9a-f]+", block.strip()):
        return ()
    size = int(block.strip(), 16)
    blocks = [
        (int(name[6:]) * size, (int(name[6:]) + 1) * size, int(node[4:]))
        for node in nodes
        for name in host.list(f"/sys/devices/system/node/{node}")
        if re.fullmatch(r"memory\d+", name)
    ]
    return node_borders(blocks)


_PAGES = (4 * KIB, 16 * KIB, 64 * KIB)
_ZONE = r"(?ms)^Node \d+, zone +(\w+)$(.*?)(?=^Node |\Z)"
_ZONE_FIELD = r"(?m)^ +(spanned|managed|start_pfn):? +(\d{1,15})$"


def _dma_limit(host: Root) -> int | None:
    """The end of ZONE_DMA by /proc/zoneinfo, in bytes; None without such a zone.

    Its numbers are pages, whose size is the total memory divided by all managed pages. Before 5.11 arm64 kernels
    reserve below another limit.
    """
    running = re.match(r"(\d{1,3})\.(\d{1,4})", text(host, "/proc/sys/kernel/osrelease") or "")
    if not running or (int(running[1]), int(running[2])) < (5, 11):
        return None
    zones = [
        (name, {field: int(number) for field, number in re.findall(_ZONE_FIELD, rest)})
        for name, rest in re.findall(_ZONE, text(host, "/proc/zoneinfo") or "")
    ]
    managed = sum(fields.get("managed", 0) for _, fields in zones)
    total = re.search(r"^MemTotal: +(\d{1,15}) kB$", text(host, "/proc/meminfo") or "", re.MULTILINE)
    ends = [fields["start_pfn"] + fields["spanned"] for name, fields in zones if name == "DMA" and len(fields) == 3]
    if not managed or not total or not ends:
        return None
    return max(ends) * min(_PAGES, key=lambda page: abs(page * managed - int(total[1]) * KIB))


_MAGIC = b"LUKS\xba\xbe"
_BINARY_HEADER = 4096
_LARGEST_HEADER = 4 * MIB


def keyslot_memory(tree: Root, *, devices: bool) -> int:
    """Bytes that the most demanding LUKS2 keyslot of all volumes in /etc/crypttab needs; 0 if unknown.

    argon2 fills that much memory on purpose; cryptsetup chooses up to 1 GiB. `devices`: read block devices of the
    running system too. A volume that cannot be read counts as 0; only root can read devices.
    """
    headers = (_luks_header(tree, device, devices) for device in _luks_devices(tree))
    return max(map(_largest_keyslot, filter(None, headers)), default=0)


def _luks_devices(tree: Root) -> Iterator[str]:
    """The second field of each line of crypttab(5), as a path."""
    lines = [line.split() for line in (text(tree, "/etc/crypttab") or "").splitlines()]
    paths = (device_path(fields[1]) for fields in lines if len(fields) > 1 and not fields[0].startswith("#"))
    return (path for path in paths if path.startswith("/"))


def _luks_header(tree: Root, device: str, devices: bool) -> bytes:
    """The LUKS2 header of a file in the tree or, on the running system, of a block device; b"" if there is none."""
    with suppress(GrubkdError, OSError), tree.open(device) as file:
        return _read_luks(file.fileno())
    if not devices:
        return b""
    with suppress(OSError):
        fd = os.open(to_bytes(device), os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            return _read_luks(fd) if S_ISBLK(os.fstat(fd).st_mode) else b""
        finally:
            os.close(fd)
    return b""


def _read_luks(fd: int) -> bytes:
    head = os.pread(fd, _BINARY_HEADER, 0)
    if head[:6] != _MAGIC or len(head) < _BINARY_HEADER or struct.unpack_from(">H", head, 6)[0] != 2:
        return b""
    size = min(struct.unpack_from(">Q", head, 8)[0], _LARGEST_HEADER)
    return head + os.pread(fd, max(size - _BINARY_HEADER, 0), _BINARY_HEADER)


def _largest_keyslot(header: bytes) -> int:
    """The largest `memory` (KiB) of the keyslots' argon2 in the header's JSON area, in bytes."""
    try:
        slots = json.loads(header[_BINARY_HEADER:].partition(b"\0")[0]).get("keyslots", {})
        found = [slot.get("kdf", {}).get("memory", 0) for slot in slots.values()]
    except (ValueError, AttributeError, RecursionError):
        return 0
    return max((amount for amount in found if isinstance(amount, int)), default=0) * KIB
