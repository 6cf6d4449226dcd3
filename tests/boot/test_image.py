"""The headers of images, and where boot loader paths lead to."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.strategies import MemoryTree

from grubkd.boot.image import Images, header_is_linux


def x86(version: bytes) -> bytes:
    """An image with a header of the boot protocol, and this version string."""
    head = bytearray(0x400)
    head[0x202:0x206] = b"HdrS"
    head[0x20E:0x210] = struct.pack("<H", 0x200)
    return bytes(head) + version + b"\0"


def pe(*names: bytes) -> bytes:
    return (
        b"MZ".ljust(0x3C, b"\0")
        + struct.pack("<I", 0x40)
        + b"PE\0\0"
        + b"".join(name.ljust(40, b"\0") for name in names)
    )


@pytest.mark.parametrize(
    ("image", "linux"),
    [
        (x86(b"6.1.0-50-amd64 (root@host) #1 SMP"), True),
        (x86(b"2.6.18-398.el5 (mockbuild@x.y) #1 SMP"), True),
        (x86(b"MEMDISK 6.03 20171017"), False),
        (x86(b"1.21.1+ (g182ee)"), False),
        (x86(b""), False),
        (bytes(0x38) + b"ARM\x64", True),
        (bytes(0x30) + b"RISCV\0\0\0RSC\x05", True),
        (b"MZ\0\0zimg", True),
        (pe(b".text", b".linux"), True),
        (pe(b".text"), False),
        (b"\x7fELF", None),
        (b"\x1f\x8b", None),
        (b"", None),
    ],
)
def test_the_header_says_what_is_linux(image: bytes, linux: bool | None) -> None:
    tree = MemoryTree({"/boot/x": image})
    assert Images(tree).is_linux("/x", "/boot/grub/grub.cfg") is linux


@given(st.binary(max_size=600), st.binary(max_size=20))
def test_any_bytes_have_an_answer(head: bytes, version: bytes) -> None:
    assert header_is_linux(head, version) in (True, False, None)


@pytest.mark.parametrize(
    ("path", "near", "found"),
    [
        ("/vmlinuz", "/boot/grub/grub.cfg", "/boot/vmlinuz"),
        ("($drive1)//VMLINUZ", "/boot/grub/grub.cfg", "/boot/vmlinuz"),
        ("boot():/vmlinuz", "/boot/limine.conf", "/boot/vmlinuz"),
        ("../vmlinuz", "/boot/extlinux/extlinux.conf", "/boot/vmlinuz"),
        ("/kernels/linux", "/mnt/boot/menu/grub.cfg", "/mnt/boot/kernels/linux"),
        ("/elsewhere/vmlinuz", "/boot/grub/grub.cfg", "/boot/vmlinuz"),
        ("/vmlinuz-9", "/boot/grub/grub.cfg", None),
        ("/case", "/boot/grub/grub.cfg", "/boot/case"),
        ("/Case", "/boot/grub/grub.cfg", "/boot/Case"),
    ],
)
def test_a_boot_loader_path_leads_to_a_file(path: str, near: str, found: str | None) -> None:
    names = ("/boot/vmlinuz", "/mnt/boot/kernels/linux", "/boot/case", "/boot/Case")
    tree = MemoryTree(dict.fromkeys(names, b""))
    assert Images(tree).find(path, near) == found
