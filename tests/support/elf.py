"""Kernels as ELF files, of their headers alone."""

import struct


def kernel(build_id: str, section: bytes = b".debug_info", order: str = "<", wide: bool = True) -> bytes:
    """An ELF file with one note and one section, the names of its sections."""
    note = (
        struct.pack(f"{order}III", 4, len(build_id) // 2, 3) + b"GNU\0" + bytes.fromhex(build_id) if build_id else b""
    )
    names = b"\0" + section + b"\0"
    at = 64 + 56 + 64
    ident = bytes([0x7F, *b"ELF", 2 if wide else 1, 1 if order == "<" else 2, 1]) + bytes(9)
    words = struct.pack(f"{order}HHI{'QQQ' if wide else 'III'}", 2, 62, 1, 0, 64, 120)
    head = (ident + words + struct.pack(f"{order}I6H", 0, 64, 56, 1, 64, 1, 0)).ljust(64, b"\0")
    places = (at, len(note), at + len(note), len(names))
    if wide:
        segment = struct.pack(f"{order}IIQQQQQQ", 4, 0, at, 0, 0, len(note), len(note), 4)
        header = struct.pack(f"{order}IIQQQQ", 1, 3, 0, 0, *places[2:])
    else:
        segment = struct.pack(f"{order}IIIIIIII", 4, at, 0, 0, len(note), len(note), 0, 4)
        header = struct.pack(f"{order}IIIIII", 1, 3, 0, 0, *places[2:])
    return head + segment.ljust(56, b"\0") + header.ljust(64, b"\0") + note + names
