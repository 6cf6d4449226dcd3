"""`grubkd dumps`: what was saved, by headers that makedumpfile wrote, and by ones that nobody should trust."""

import json
import os
import shutil
import struct
from pathlib import Path
from typing import Any

import pytest
from support.answered import Run, answer
from support.livetree import Files, Live, debian, put, red_hat

from grubkd.cli import main
from grubkd.commands import check
from grubkd.machine import dumps as dump_files
from grubkd.machine import vmcore
from grubkd.machine.elf import Part
from grubkd.tree.root import Root

# The beginnings of what makedumpfile 1.7.2 made of a guest's memory, with the kernel's own VMCOREINFO.
CORPUS = Path(__file__).parents[1] / "fuzz" / "corpus" / "vmcore"
KDUMP = (CORPUS / "kdump").read_bytes()
FLATTENED = (CORPUS / "kdump-flattened-cut").read_bytes()
ELF = (CORPUS / "elf-cut").read_bytes()
# The first three pieces of kdump-tools' dump of an i386 guest, by the same version, and the end mark.
I386 = (CORPUS / "kdump-flattened-i386").read_bytes()
RELEASE, TIME = "6.1.0-50-cloud-amd64", 1795406400
BUILD_ID = "bb603a9147d3efe4744bf83c83eee397c591cc20"
DMESG = """\
[    0.000000] Linux version 5.14.0-503.11.1.el9_5.x86_64 (mockbuild@x86-64) (gcc 11.5.0) #1 SMP
[   71.100000] sysrq: Trigger a crash
[   71.100300] Kernel panic - not syncing: sysrq triggered crash
[   71.100400] CPU: 0 PID: 1 Comm: bash Kdump: loaded Not tainted 5.14.0-503.11.1.el9_5.x86_64 #1
[   71.100500] ---[ end Kernel panic - not syncing: sysrq triggered crash ]---
"""


def part_of(data: bytes) -> Part:
    return lambda offset, size: data[offset : offset + size]


def header(data: bytes) -> vmcore.DumpHeader | None:
    return vmcore.read(part_of(data), len(data))


def flattened(data: bytes, *, ended: bool = True) -> bytes:
    """Pieces out of order, as a pipe cannot seek back."""
    head = b"makedumpfile\0\0\0\0" + struct.pack(">qq", 1, 1)
    pieces = [(4096, data[4096:]), (0, bytes(100)), (0, data[:4096])]
    body = b"".join(struct.pack(">qq", at, len(each)) + each for at, each in pieces)
    return head.ljust(4096, b"\0") + body + (b"\xff" * 16 if ended else b"")


def of(form: str, fault: str = "") -> vmcore.DumpHeader:
    """The header of makedumpfile's dump."""
    return vmcore.DumpHeader(form, RELEASE, TIME, fault, BUILD_ID)


class TestHeaders:
    def test_of_makedumpfile(self) -> None:
        assert header(KDUMP) == of("kdump")
        assert header(FLATTENED) == of("kdump, flattened", "it ends before its end mark")
        missing = 60801716 - len(ELF)
        assert header(ELF) == of("elf", f"{missing} bytes are missing at its end")
        assert vmcore.read(part_of(ELF), 60801716) == of("elf")

    def test_flattened_of_i386(self) -> None:
        """Its header ends after 452 bytes, and no piece holds what is behind it."""
        build_id = "624a8b769bdfaa206b2026637863dde5ad75d430"
        expected = vmcore.DumpHeader("kdump, flattened", "6.1.0-50-686-pae", 1795914947, "", build_id)
        assert header(I386) == expected

    def test_flattened_pieces_in_any_order(self) -> None:
        assert header(flattened(KDUMP)) == of("kdump, flattened")
        assert header(flattened(KDUMP, ended=False)) == of("kdump, flattened", "it ends before its end mark")

    def test_marked_incomplete(self) -> None:
        """Status bit 3 of a compressed dump, flag 0 of an ELF one: makedumpfile sets them when the disk is full."""
        kdump = KDUMP[:424] + struct.pack("<I", struct.unpack_from("<I", KDUMP, 424)[0] | 8) + KDUMP[428:]
        assert header(kdump) == of("kdump", "makedumpfile marked it incomplete")
        elf = ELF[:48] + struct.pack("<I", 1) + ELF[52:]
        assert vmcore.read(part_of(elf), 60801716) == of("elf", "makedumpfile marked it incomplete")

    @pytest.mark.parametrize(("machine", "at"), [(b"i686", 20), (b"armv7l", 24)])
    def test_of_a_32_bit_machine(self, machine: bytes, at: int) -> None:
        """Words of 4 bytes; where 64-bit integers begin depends on the machine."""
        info = b"OSRELEASE=5.10.0-32-686-pae\nCRASHTIME=1600000000\n"
        data = bytearray(8192)
        struct.pack_into("<8si", data, 0, b"KDUMP   ", 6)
        data[142:150] = b"5.10.0-x"
        data[272 : 272 + len(machine)] = machine
        struct.pack_into("<Ii", data, 412, 1, 4096)
        struct.pack_into("<QI", data, 4096 + at, 4096 + 512, len(info))
        data[4608 : 4608 + len(info)] = info
        assert header(bytes(data)) == vmcore.DumpHeader("kdump", "5.10.0-x", 1600000000)

    def test_of_s390x(self) -> None:
        """Everything the other way round."""
        info = b"OSRELEASE=5.14.0-1.s390x\nCRASHTIME=1600000000\n"
        note = struct.pack(">III", 11, len(info), 0) + b"VMCOREINFO\0\0" + info
        head = b"\x7fELF\x02\x02\x01" + bytes(9)
        head += struct.pack(">HHIQQQIHHHHHH", 4, 22, 1, 0, 64, 0, 0, 64, 56, 1, 0, 0, 0)
        head += struct.pack(">IIQQQQQQ", 4, 0, 120, 0, 0, len(note), len(note), 0)
        assert header(head + note) == vmcore.DumpHeader("elf", "5.14.0-1.s390x", 1600000000)

    @pytest.mark.parametrize(
        ("data", "expected"),
        [
            (b"", None),
            (b"hello", None),
            (b"\x7fELF" + bytes(100), None),
            (b"\x1f\x8b\x08" + bytes(50), vmcore.DumpHeader("gzip")),
            (b"KDUMP   ", vmcore.DumpHeader("kdump", fault="it ends in its header")),
            (KDUMP[:8] + bytes(600), vmcore.DumpHeader("kdump", fault="its header makes no sense")),
            (b"makedumpfile\0\0\0\0", vmcore.DumpHeader("flattened", fault="it ends before its end mark")),
            (flattened(bytes(5000)), vmcore.DumpHeader("flattened", fault="its header is missing")),
        ],
    )
    def test_of_nothing_much(self, data: bytes, expected: vmcore.DumpHeader | None) -> None:
        assert header(data) == expected

    def test_every_beginning_is_read(self) -> None:
        for whole in (KDUMP, FLATTENED, ELF):
            for size in range(0, len(whole), 97):
                header(whole[:size])


@pytest.mark.parametrize(
    ("text", "release", "panic"),
    [
        (DMESG, "5.14.0-503.11.1.el9_5.x86_64", "Kernel panic - not syncing: sysrq triggered crash"),
        (
            DMESG.replace("[   71.", "<6>[   71.").replace("Kernel panic", "lost"),
            "5.14.0-503.11.1.el9_5.x86_64",
            "sysrq: Trigger a crash",
        ),
        (
            "[1.0] BUG: kernel NULL pointer dereference, address: 0000000000000010\n[1.0] Oops: 0002 [#1]\n"
            "[1.0] CPU: 1 PID: 7 Comm: x Tainted: G           OE      6.1.0-50-amd64 #1 Debian\n"
            "[1.0] Kernel panic - not syncing: Fatal exception\n",
            "6.1.0-50-amd64",
            "BUG: kernel NULL pointer dereference, address: 0000000000000010",
        ),
        ("SysRq : Trigger a crash\n", None, "SysRq : Trigger a crash"),
        ("Kernel panic - not syncing: " + "x" * 500, None, ("Kernel panic - not syncing: " + "x" * 500)[:200]),
        ("all is well\n", None, None),
        ("", None, None),
    ],
)
def test_messages(text: str, release: str | None, panic: str | None) -> None:
    assert dump_files.crashed_release(text) == release
    assert dump_files.panic_line(text) == panic


def listed(tree: Root) -> Run:
    return answer(lambda: check.list_dumps(tree, json=True))


def save(tree: Path, files: dict[str, bytes | str], time: int) -> None:
    for name, data in files.items():
        path = tree / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data if isinstance(data, bytes) else data.encode())
        os.utime(path, (time, time))


NO_SYMBOLS: dict[str, Any] = {
    **{"vmlinux": None, "matched_by": None, "other_build": None, "crash": None, "fix": None},
    "fix_commands": [],
}
_INSTALLS = ["apt-get", "install", f"linux-image-{RELEASE}-dbg"]
NOT_INSTALLED = NO_SYMBOLS | {"fix": " ".join(_INSTALLS), "fix_commands": [_INSTALLS]}


def test_debian(tmp_path: Path) -> None:
    """kdump-config's names; its dumps are flattened, and may be packed whole."""
    tree = debian(tmp_path)
    oops = "[1.0] BUG: unable to handle page fault for address: ffff\n[1.0] Oops: 0002 [#1]\n"
    whole = flattened(KDUMP)
    save(tree, {"var/crash/202611230320/dump.202611230320": whole}, 1_700_000_000)
    save(tree, {"var/crash/202611230320/dmesg.202611230320": DMESG}, 1_700_000_000)
    save(tree, {"var/crash/202501010000/dump-incomplete": FLATTENED}, 1_735_689_600)
    save(tree, {"var/crash/202401010000/dump.202401010000.gz": b"\x1f\x8b\x08" + bytes(50)}, 1_704_067_200)
    save(tree, {"var/crash/202401010000/dmesg.202401010000": oops}, 1_704_067_200)
    save(tree, {"var/crash/202301010000/dmesg.202301010000": oops}, 1_672_531_200)
    save(tree, {"var/crash/kexec_cmd": "/sbin/kexec -p", "var/crash/other/notes": "x"}, 1_672_531_200)
    found = listed(Live(str(tree)))
    assert found.exit == 0
    assert found.json["warnings"] == []
    assert found.json["dumps"] == [
        {
            "path": "/var/crash/202611230320",
            "build_id": BUILD_ID,
            "symbols": NOT_INSTALLED,
            "files": ["dump.202611230320"],
            "size_bytes": len(whole),
            "time": "2026-11-23T04:00:00Z",
            "complete": True,
            "fault": None,
            "format": "kdump, flattened",
            "release": RELEASE,
            "panic": "Kernel panic - not syncing: sysrq triggered crash",
        },
        {
            "path": "/var/crash/202501010000",
            "build_id": BUILD_ID,
            "symbols": NOT_INSTALLED,
            "files": ["dump-incomplete"],
            "size_bytes": len(FLATTENED),
            "time": "2026-11-23T04:00:00Z",
            "complete": False,
            "fault": "it is not finished",
            "format": "kdump, flattened",
            "release": RELEASE,
            "panic": None,
        },
        {
            "path": "/var/crash/202401010000",
            "build_id": None,
            "symbols": NO_SYMBOLS | {"fix": "unpack it first (gzip)"},
            "files": ["dump.202401010000.gz"],
            "size_bytes": 53,
            "time": "2024-01-01T00:00:00Z",
            "complete": None,
            "fault": None,
            "format": "gzip",
            "release": None,
            "panic": "BUG: unable to handle page fault for address: ffff",
        },
        {
            "path": "/var/crash/202301010000",
            "build_id": None,
            "symbols": NO_SYMBOLS,
            "files": [],
            "size_bytes": 0,
            "time": "2023-01-01T00:00:00Z",
            "complete": False,
            "fault": "only the kernel's messages were saved",
            "format": None,
            "release": None,
            "panic": "BUG: unable to handle page fault for address: ffff",
        },
    ]


def test_red_hat(tmp_path: Path) -> None:
    tree = red_hat(tmp_path)
    put(tree, {"etc/kdump.conf": "ext4 /dev/sda1\npath crash\n"})
    good, bad = "boot/crash/127.0.0.1-2026-11-23-03:20:30", "boot/crash/127.0.0.1-2025-01-01-00:00:00"
    save(tree, {f"{good}/vmcore": KDUMP, f"{good}/vmcore-dmesg.txt": DMESG, f"{good}/kexec-dmesg.log": ""}, 5)
    save(tree, {f"{bad}/vmcore-incomplete": b"", f"{bad}/vmcore-dmesg-incomplete.txt": DMESG}, 6)
    found = listed(Live(str(tree))).json["dumps"]
    assert [(each["path"], each["complete"], each["release"], each["panic"]) for each in found] == [
        (f"/{good}", True, RELEASE, "Kernel panic - not syncing: sysrq triggered crash"),
        (f"/{bad}", False, "5.14.0-503.11.1.el9_5.x86_64", "Kernel panic - not syncing: sysrq triggered crash"),
    ]


def test_suse_and_files_of_several_targets(tmp_path: Path) -> None:
    """A dump that was split; and one that lies in the target itself."""
    save(tmp_path, {"etc/sysconfig/kdump": 'KDUMP_SAVEDIR="file:///srv/dump"\n'}, 1)
    save(tmp_path, {"srv/dump/2026-11-23-03-20/vmcore1": KDUMP, "srv/dump/2026-11-23-03-20/vmcore2": b"?"}, 1)
    save(tmp_path, {"srv/dump/vmcore": KDUMP}, 1)
    found = listed(Root(str(tmp_path))).json
    assert found["target"]["directory"] == "/srv/dump"
    assert [(each["path"], each["files"], each["fault"]) for each in found["dumps"]] == [
        ("/srv/dump/2026-11-23-03-20", ["vmcore1", "vmcore2"], "vmcore2 is not a dump"),
        ("/srv/dump", ["vmcore"], None),
    ]


@pytest.mark.parametrize(
    ("conf", "code", "line"),
    [
        ("ssh kdump@vault\n", "elsewhere", 1),
        ("\nraw /dev/sdb\n", "elsewhere", 2),
        ("xfs LABEL=dumps\n", "not-mounted", 1),
        ("nfs vault:/export\n", "elsewhere", 1),
    ],
)
def test_dumps_that_are_elsewhere(conf: str, code: str, line: int, tmp_path: Path) -> None:
    put(tmp_path, {"etc/kdump.conf": conf})
    found = answer(lambda: main(["dumps", "--root", str(tmp_path), "--json"]))
    (notice,) = found.json["warnings"]
    assert (found.exit, found.json["dumps"], notice["code"], notice["line"]) == (4, [], code, line)
    assert "was not looked at" in notice["message"]
    assert answer(lambda: main(["dumps", "--root", str(tmp_path)])).text == ""


@pytest.mark.parametrize(
    ("settings", "mount", "place"),
    [
        ({"etc/kdump.conf": "nfs vault:/export\n"}, "vault:/export /mnt/a nfs4", "mnt/a/var/crash"),
        ({"etc/kdump.conf": "nfs vault:/export/\npath /\n"}, "vault:/ /mnt nfs", "mnt/export"),
        ({"etc/kdump.conf": 'dracut_args --mount "vault:/e /x nfs"\n'}, "vault:/e /mnt nfs", "mnt/var/crash"),
        ({"etc/default/kdump-tools": "NFS=vault:/export\n"}, "vault:/export /mnt nfs4", "mnt"),
        ({"etc/sysconfig/kdump": "KDUMP_SAVEDIR=nfs://vault/e/x\n"}, "vault:/e /mnt nfs4", "mnt/x"),
        ({"etc/kdump.conf": "ext4 /dev/sdb1\npath /d\n"}, "/dev/sdb1 /iscsi ext4", "iscsi/d"),
    ],
)
def test_a_target_that_is_mounted_here_is_looked_at(settings: Files, mount: str, place: str, tmp_path: Path) -> None:
    put(tmp_path, {**settings, "proc/mounts": f"{mount} rw 0 0\nvault:/exporter /other nfs4 rw 0 0\n"})
    save(tmp_path, {f"{place}/127.0.0.1-2026/vmcore": KDUMP}, 1)
    found = answer(lambda: check.list_dumps(Live(str(tmp_path)), json=True))
    assert (found.exit, found.json["warnings"]) == (0, [])
    assert [each["path"] for each in found.json["dumps"]] == [f"/{place}/127.0.0.1-2026"]


def test_the_mount_of_another_export_is_not_the_target(tmp_path: Path) -> None:
    put(tmp_path, {"etc/kdump.conf": "nfs vault:/export\n", "proc/mounts": "vault:/exporter /mnt nfs4 rw 0 0\n"})
    assert answer(lambda: check.list_dumps(Live(str(tmp_path)), json=True)).exit == 4


def test_for_people(tmp_path: Path) -> None:
    files: Files = {"var/crash/a/vmcore-dmesg.txt": DMESG}
    put(tmp_path, files)
    save(tmp_path, {"var/crash/b/vmcore": KDUMP}, 1)
    os.utime(tmp_path / "var/crash/a/vmcore-dmesg.txt", (60, 60))
    found = answer(lambda: main(["dumps", "--root", str(tmp_path)]))
    assert found.text.splitlines() == [
        "time                     size  state       kernel                        directory",
        f"2026-11-23 04:00:00 UTC  1M    complete    {RELEASE}          /var/crash/b",
        f"  -> install the debugging symbols of kernel {RELEASE}",
        "1970-01-01 00:01:00 UTC  0M    incomplete  5.14.0-503.11.1.el9_5.x86_64  /var/crash/a",
        "  Kernel panic - not syncing: sysrq triggered crash",
        "  only the kernel's messages were saved",
    ]
    empty = answer(lambda: main(["dumps", "--root", str(tmp_path / "var/crash/b")]))
    assert (empty.exit, empty.text) == (0, "no dumps (/var/crash)\n")


def test_hostile_directories(tmp_path: Path) -> None:
    """What is no file is not opened, what is a link stays in the tree, what is large is read in part."""
    crash = tmp_path / "var/crash"
    (crash / "fifo").mkdir(parents=True)
    os.mkfifo(crash / "fifo" / "vmcore")
    os.mkfifo(crash / "fifo" / "dmesg")
    (crash / "loop").symlink_to("loop")
    (crash / "link").mkdir()
    (crash / "link" / "vmcore").symlink_to("/../../../etc/passwd")
    (crash / "large").mkdir()
    with (crash / "large" / "vmcore").open("wb") as file:
        file.write(KDUMP)
        file.truncate(1 << 40)
    with (crash / "large" / "dmesg.txt").open("wb") as file:
        file.truncate(1 << 40)
        file.seek(0, os.SEEK_END)
        file.write(b"\nKernel panic - not syncing: at the very end\n")
    found = {each["path"]: each for each in listed(Root(str(tmp_path))).json["dumps"]}
    assert summary(found["/var/crash/large"]) == (True, RELEASE, "Kernel panic - not syncing: at the very end")
    assert summary(found["/var/crash/fifo"]) == (False, None, None)
    assert summary(found["/var/crash/link"]) == (False, None, None)


def test_what_a_link_leads_to_is_not_shown(tmp_path: Path) -> None:
    """Some systems let every user write to the directory: a link could lead to what only root may read."""
    save(tmp_path, {"elsewhere/vmcore": KDUMP, "elsewhere/secret": b"[1.0] Kernel panic - not syncing: secret\n"}, 1)
    crash = tmp_path / "var/crash/a"
    crash.mkdir(parents=True)
    (crash / "vmcore").symlink_to("/elsewhere/vmcore")
    (crash / "vmcore-dmesg.txt").symlink_to("/elsewhere/secret")
    assert [summary(each) for each in listed(Root(str(tmp_path))).json["dumps"]] == [(False, None, None)]
    assert dump_files.messages(Root(str(tmp_path)), dump_files.read(Root(str(tmp_path)), "/var/crash")[0]) == ("", "")
    put(tmp_path, {"var/crash/b": "-> /elsewhere"})
    assert [each["path"] for each in listed(Root(str(tmp_path))).json["dumps"]] == ["/var/crash/a"]
    # Only a file that a person names may be a link.
    named = dump_files.at(Root(str(tmp_path)), "/var/crash/a/vmcore")
    assert named
    assert (named.release, named.messages) == (RELEASE, ())


def test_of_very_many_the_last_are_read(tmp_path: Path) -> None:
    for number in range(dump_files.MOST + 3):
        (tmp_path / f"var/crash/{number}").mkdir(parents=True)
    for number in (5, 6):
        put(tmp_path, {f"var/crash/{number}/vmcore-dmesg.txt": DMESG})
    os.utime(tmp_path / "var/crash/5", (1, 1))
    found = listed(Root(str(tmp_path)))
    assert [each["path"] for each in found.json["dumps"]] == ["/var/crash/6"]
    (notice,) = found.json["warnings"]
    assert (notice["code"], "3 more" in notice["message"]) == ("many-dumps", True)


def test_of_very_many_files_some_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Many names of one file cost nothing to make, where every user may write."""
    put(tmp_path, {"var/crash/loop": "-> loop"})
    save(tmp_path, {"var/crash/1/vmcore": KDUMP, "var/crash/1/dmesg.txt": DMESG}, TIME)
    for number in range(70):
        os.link(tmp_path / "var/crash/1/vmcore", tmp_path / f"var/crash/1/vmcore{number}")
        os.link(tmp_path / "var/crash/1/dmesg.txt", tmp_path / f"var/crash/1/dmesg.{10_000_000 + number}")
    (dump,) = dump_files.read(Root(str(tmp_path)), "/var/crash")
    assert (len(dump.files), len(dump.messages), dump.fault) == (64, 4, "it has more than 64 files")
    for number in range(2, 9):
        shutil.copytree(tmp_path / "var/crash/1", tmp_path / f"var/crash/{number}")
    monkeypatch.setattr(dump_files, "MOST_FILES", 200)
    found, left_out = dump_files.listed(Root(str(tmp_path)), "/var/crash")
    assert (len(found), left_out) == (3, 5)


def segments(count: int) -> bytes:
    """An ELF core file with a table of segments of 256 bytes each."""
    fields = (4, 62, 1, 0, 64, 0, 0, 64, 256, count, 64, 0, 0)
    head = b"\x7fELF\x02\x01\x01".ljust(16, b"\0") + struct.pack("<HHIQQQIHHHHHH", *fields)
    return head + bytes(count * 256)


def test_headers_and_messages_that_take_too_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of other users come last, one that is too large alone is left out, and the rest when all are too large."""
    monkeypatch.setattr(dump_files, "_MOST_OF_ONE", 1 << 20)
    monkeypatch.setattr(dump_files, "_MOST_READ", 3 << 20)
    crash = tmp_path / "var/crash"
    for number, (name, size) in enumerate({"mine": 100, "huge": 60_000, **dict.fromkeys("abcdef", 3000)}.items()):
        (crash / name).mkdir(parents=True)
        (crash / name / "vmcore").write_bytes(segments(size))
        os.utime(crash / name, (number, number))
        if name != "mine" and os.geteuid() == 0:
            os.chown(crash / name, 1234, 1234)
    found, left_out = dump_files.listed(Root(str(tmp_path)), "/var/crash")
    names = {Path(each.path).name for each in found}
    assert "huge" not in names
    assert 1 <= len(names) < 7
    assert left_out == 8 - len(names)
    if os.geteuid() == 0:
        assert "mine" in names


def test_pieces_behind_any_offset(tmp_path: Path) -> None:
    """A length that leads behind the largest offset of a file: nothing is read there."""
    start = b"makedumpfile\0\0\0\0".ljust(4096, b"\0")
    for number, pair in enumerate([(0, 2**63 - 1), (2**63 - 1, 2**63 - 1), (0, 2**63 - 4096), (0, 2**62)]):
        file = tmp_path / f"var/crash/{number}/vmcore"
        file.parent.mkdir(parents=True)
        file.write_bytes(start + struct.pack(">qq", *pair) + ELF[:4096])
    found = dump_files.read(Root(str(tmp_path)), "/var/crash")
    assert {each.fault for each in found} == {"vmcore: it ends before its end mark"}
    assert len(found) == 4


def summary(found: dict[str, Any]) -> tuple[bool | None, str | None, str | None]:
    return found["complete"], found["release"], found["panic"]


@pytest.mark.parametrize("passed", [True, False])
def test_the_last_test_crash(passed: bool, tmp_path: Path) -> None:
    """`dumps` exits 4 if it left no whole dump; `check` warns, since that may be mended."""
    tree = debian(tmp_path)
    test = {"boot_id": "1", "time": TIME, "release": RELEASE, "target": "/var/crash"}
    put(tree, {"var/lib/grubkd/crash-test.json": json.dumps(test), "proc/sys/kernel/random/boot_id": "2\n"})
    save(tree, {"var/crash/1/dump.202611230320": KDUMP if passed else KDUMP[:400]}, TIME + 7)
    found = listed(Live(str(tree)))
    fault = "/var/crash/1: dump.202611230320: it ends in its header"
    assert found.exit == (0 if passed else 4)
    assert found.json["test"] == {
        "time": "2026-11-23T04:00:00Z",
        "release": RELEASE,
        "target": "/var/crash",
        "passed": passed,
        "path": "/var/crash/1" if passed else None,
        "seconds": 7 if passed else None,
        "reasons": [] if passed else [fault],
    }
    lines = answer(lambda: check.list_dumps(Live(str(tree)), json=False)).text.splitlines()
    whole = "the last test crash left a whole dump: /var/crash/1, 7 s after the crash (2026-11-23 04:00:00 UTC)"
    none = "the last test crash left no whole dump (2026-11-23 04:00:00 UTC)"
    assert lines[lines.index("") + 1 :] == ([whole] if passed else [none, f"  {fault}"])
    checks = answer(lambda: check.check_tree(Live(str(tree)), json=True)).json["checks"]
    (finding,) = (each for each in checks if each["check"] == "test")
    expected = ("ok", "test", None) if passed else ("warning", "test-failed", fault)
    assert (finding["status"], finding["code"], finding["why"]) == expected
