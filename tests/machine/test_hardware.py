"""The hardware of a machine by its /proc and /sys, and LUKS volumes."""

import json
import struct
from pathlib import Path

import pytest
from support.livetree import grow, machine_of

from grubkd.machine import hardware
from grubkd.machine.hardware import Hardware
from grubkd.memory.size import GIB, MIB
from grubkd.tree.root import Root

# Of a Raspberry Pi 4 with 4G.
ZONES = """\
Node 0, zone      DMA
  per-node stats
      nr_inactive_anon 1200
  pages free     180000
        spanned  262144
        present  242688
        managed  225280
  start_pfn:           0
Node 0, zone    DMA32
  pages free     600000
        spanned  770048
        present  770048
        managed  745236
  start_pfn:           262144
Node 0, zone   Normal
  pages free     0
        spanned  0
        present  0
        managed  0
"""


class TestHardware:
    @pytest.mark.parametrize(
        ("kernel", "pages", "limit"),
        [
            ("6.12.25+rpt-rpi-v8", ZONES, GIB),
            # Before 5.11 the region is below 4G whatever the zone.
            ("5.10.103-v8+", ZONES, None),
            ("6.12.0-arm64", ZONES.replace("zone      DMA\n", "zone   Normal\n"), None),
            ("6.12.0-arm64", "", None),
        ],
    )
    def test_where_dma_ends(self, tmp_path: Path, kernel: str, pages: str, limit: int | None) -> None:
        files: dict[str, str | bytes] = {
            "proc/sys/kernel/osrelease": kernel,
            "proc/meminfo": "MemTotal: 3882064 kB\n",
            "proc/zoneinfo": pages,
        }
        assert machine_of(tmp_path, files, live=True).hardware.dma_limit == limit

    def flags(self, tmp_path: Path, flags: str, cmdline: str = "quiet") -> bool:
        files: dict[str, str | bytes] = {
            "proc/cpuinfo": f"processor\t: 0\nflags\t\t: {flags}\n",
            "proc/cmdline": cmdline,
        }
        return machine_of(tmp_path, files, live=True).hardware.encrypted

    def test_encrypted_memory(self, tmp_path: Path) -> None:
        """A host's CPU that could is not one that does."""
        assert not self.flags(tmp_path, "fpu sme sev")
        assert self.flags(tmp_path, "fpu sme sev", "quiet mem_encrypt=on")
        assert self.flags(tmp_path, "fpu hypervisor sev")
        assert not self.flags(tmp_path, "fpu hypervisor")
        assert not self.flags(tmp_path, "fpu", "mem_encrypt=on")

    def test_every_fact_is_read(self, tmp_path: Path) -> None:
        parameters = bytearray(4096)
        struct.pack_into("<II", parameters, 0x218, 0x7C000000, 0x2000000)
        files: dict[str, str | bytes] = {
            "proc/modules": "ext4 1048576 2 - Live 0x0\nmlx5_core 2097152 0 - Live 0x0\n",
            "sys/devices/platform/arm-smmu-v3.0.auto/uevent": "",
            "sys/bus/pci/drivers/mlx5_core/0000:00:04.0": "",
            "sys/firmware/efi/runtime": "",
            "sys/kernel/boot_params/data": bytes(parameters),
            "sys/devices/system/memory/block_size_bytes": "8000000\n",
            "sys/devices/system/node/node0/memory0": "",
            "sys/devices/system/node/node0/memory7": "",
            "sys/devices/system/node/node1/memory8": "",
            "sys/devices/system/node/node1/memory15": "",
            # Nodes may take turns.
            "sys/devices/system/node/node0/memory32": "",
            "proc/sys/kernel/osrelease": "6.12.25+rpt-rpi-v8\n",
            "proc/meminfo": "MemTotal:        3882064 kB\n",
            "proc/zoneinfo": ZONES,
            "etc/sysconfig/kdump": '# nr_cpus=1\nKDUMP_COMMANDLINE_APPEND="irqpoll nr_cpus=16 reset_devices"\n',
        }
        found = machine_of(tmp_path, files, live=True)
        hardware = found.hardware
        assert hardware.modules == 3 * MIB
        assert (hardware.smmu, hardware.mlx5, hardware.efi) == (True, True, True)
        assert hardware.initrd == (0x7C000000, 0x7E000000)
        assert hardware.borders == (1 * GIB, 4 * GIB)
        assert hardware.dma_limit == GIB
        assert found.capture_cpus == 16

    @pytest.mark.parametrize(
        ("kind", "capabilities", "wanted"), [("PV\n", "", True), ("PV\n", "control_d\n", False), ("HVM\n", "", False)]
    )
    def test_guest_of_xen(self, tmp_path: Path, kind: str, capabilities: str, wanted: bool) -> None:
        files: dict[str, str | bytes] = {"sys/hypervisor/guest_type": kind, "proc/xen/capabilities": capabilities}
        assert machine_of(tmp_path, files, live=True).hardware.pv_guest is wanted

    def test_without_files_nothing_is_known(self, tmp_path: Path) -> None:
        hardware = machine_of(tmp_path, {"sys/kernel/boot_params/data": b"short"}, live=True).hardware
        assert hardware == Hardware(modules=None, efi=False)

    @pytest.mark.parametrize("cell", [4, 8])
    def test_initrd_of_a_device_tree(self, tmp_path: Path, cell: int) -> None:
        chosen = "sys/firmware/devicetree/base/chosen/linux,initrd"
        start, end = 0x88200000, 0x882FDB5C
        files = {f"{chosen}-start": start.to_bytes(cell, "big"), f"{chosen}-end": end.to_bytes(cell, "big")}
        assert machine_of(tmp_path / "both", files, live=True).hardware.initrd == (start, end)
        files[f"{chosen}-end"] = files[f"{chosen}-start"]
        assert machine_of(tmp_path / "empty", files, live=True).hardware.initrd is None
        assert machine_of(tmp_path / "odd", {f"{chosen}-start": b"\x01"}, live=True).hardware.initrd is None


def header(memory: dict[str, int], version: int = 2, magic: bytes = b"LUKS\xba\xbe") -> bytes:
    """A LUKS2 header: binary part, then JSON, padded with zeros."""
    slots = {name: {"type": "luks2", "kdf": {"type": "argon2id", "memory": kib}} for name, kib in memory.items()}
    text = json.dumps({"keyslots": slots, "segments": {}}).encode()
    return (magic + struct.pack(">HQ", version, 16384)).ljust(4096, b"\0") + text.ljust(12288, b"\0")


class TestLuks:
    def memory(self, tmp_path: Path, crypttab: str, **files: bytes) -> int:
        grow(tmp_path, {"etc/crypttab": crypttab, **files})
        return hardware.keyslot_memory(Root(str(tmp_path)), devices=False)

    def test_the_most_demanding_keyslot(self, tmp_path: Path) -> None:
        crypttab = "# volumes\nroot UUID=12-34 none luks\nswap /swap.img none\nbroken\n"
        files = {"dev/disk/by-uuid/12-34": header({"0": 65536, "1": 1048576}), "swap.img": header({"0": 4096})}
        assert self.memory(tmp_path, crypttab, **files) == 1 * GIB

    @pytest.mark.parametrize(
        "content",
        [b"", b"LUKS\xba\xbe", header({"0": 1024}, version=1), header({"0": 1024}, magic=b"SKUL\xba\xbe"), header({})],
    )
    def test_other_volumes_ask_for_nothing(self, tmp_path: Path, content: bytes) -> None:
        assert self.memory(tmp_path, "root /disk none\n", disk=content) == 0

    @pytest.mark.parametrize("text", [b"[]", b'{"keyslots": 3}', b"{", b"[" * 5000])
    def test_invalid_headers_need_no_memory(self, tmp_path: Path, text: bytes) -> None:
        content = header({})[:4096] + text.ljust(12288, b"\0")
        assert self.memory(tmp_path, "root /disk none\n", disk=content) == 0

    def test_no_volumes(self, tmp_path: Path) -> None:
        assert hardware.keyslot_memory(Root(str(tmp_path)), devices=True) == 0
        assert self.memory(tmp_path, "root /dev/does-not-exist none\n") == 0
