"""`grubkd predict`: a line of a person's own, every entry of a tree, memory maps that people saved, --batch."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from support.answered import Run, answer

from grubkd.cli import main
from grubkd.commands.predict import firmware, iomem
from grubkd.errors import Failed, GrubkdError
from grubkd.memory.memory_map import BadMemoryMap
from grubkd.memory.size import GIB, MIB

TOP = Path(__file__).parents[2]
FIXTURES = TOP / "fixtures"

IOMEM = """\
00001000-0009fbff : System RAM
00100000-7ffdffff : System RAM
  01000000-01e01d30 : Kernel code
  0330d000-043fffff : Kernel bss
7ffe0000-7fffffff : Reserved
"""
DMESG = """\
[    0.000000] Linux version 7.2.0
[    0.000000] BIOS-provided physical RAM map:
[    0.000000] BIOS-e820: [mem 0x0000000000000000-0x000000000009fbff] usable
[    0.000000] BIOS-e820: [mem 0x0000000000100000-0x000000007ffdffff] usable
[    0.000000] BIOS-e820: [mem 0x000000007ffe0000-0x000000007fffffff] reserved
[    0.010000] RAMDISK: [mem 0x7dfe0000-0x7ffdffff]
"""
RANGES = [[0, 0x9FC00, "System RAM"], [0x100000, 0x7FFE0000, "System RAM"], [0x7FFE0000, 0x80000000, "Reserved"]]


def predict(*arguments: str) -> Run:
    return answer(lambda: main(["predict", *arguments]))


class TestOneKernel:
    def test_the_whole_answer(self) -> None:
        machine = ("--release", "7.2.0-1-amd64", "--ram", "2G", "--bios", "--initrd", "0")
        found = predict("quiet crashkernel=256M nokaslr", *machine, "--json")
        assert found.exit == 0
        assert found.json == {
            "version": 1,
            "release": "7.2.0-1-amd64",
            "arch": "x86_64",
            "ram_bytes": 2 * GIB,
            "cmdline": "quiet crashkernel=256M nokaslr",
            "request": {
                "status": "ok",
                "size_bytes": 256 * MIB,
                "base": 0,
                "low_bytes": 0,
                "high": False,
                "cma_bytes": 0,
                "reason": None,
            },
            "placement": {
                "status": "reserved",
                "regions": [[0x6F000000, 0x7F000000]],
                "alternatives": [],
                "chance": 1.0,
                "chances": [],
                "reason": None,
            },
            "assumption": "on a typical memory map of 2G",
            "note": None,
            "reason": None,
            "warnings": [],
            "errors": [],
        }

    @pytest.mark.parametrize(
        ("line", "release", "ram", "status", "placed"),
        [
            ("crashkernel=64M@16M", "2.6.29.4-167.fc11.i586", "1G", "ok", "reserved"),
            # The kernel itself sits at 16M.
            ("crashkernel=64M@16M", "2.6.32-5-686", "1G", "ok", "failed"),
            ("crashkernel=256M", "2.6.18-398.el5.x86_64", "2G", "ok", "failed"),
            ("crashkernel=600M nokaslr", "6.12.0-1-686-pae", "2G", "ok", "hang"),
            ("crashkernel=auto", "6.1.0-50-amd64", "2G", "invalid", "failed"),
            ("quiet", "6.1.0-50-amd64", "2G", "none", "failed"),
            ("crashkernel=2G-:256M", "2.6.32-5-amd64", "1G", "none", "failed"),
        ],
    )
    def test_status(self, line: str, release: str, ram: str, status: str, placed: str) -> None:
        answer = predict(line, "--release", release, "--ram", ram, "--json").json
        assert (answer["request"]["status"], answer["placement"]["status"]) == (status, placed)

    def test_an_initrd_takes_its_place(self) -> None:
        """Seen: 7.2, 2G, 256M, with a 32M initrd at 0x6d000000."""
        line = "crashkernel=256M nokaslr"
        answer = predict(line, "--release", "7.2.0-1-amd64", "--ram", "2G", "--initrd", "32M", "--json").json
        assert answer["placement"]["regions"] == [[0x6D000000, 0x7D000000]]

    def test_for_people(self) -> None:
        machine = ("--release", "7.2.0-1-amd64", "--bios", "--initrd", "0")
        found = predict("crashkernel=256M nokaslr", *machine, "--ram", "2G")
        assert found.text.splitlines() == [
            "kernel 7.2.0-1-amd64, x86_64, 2G of RAM",
            "reads     256M",
            "reserves  256M at 0x6f000000 (0x6f000000-0x7effffff)",
            "assuming  on a typical memory map of 2G",
        ]
        # Machines with 6G of RAM differ in where the hole below 4G begins.
        found = predict("crashkernel=256M nokaslr", *machine, "--ram", "6G")
        assert "reserves  256M, place varies (likeliest 0x" in found.text
        # Nobody knows whether this kernel has kexec, so there are no odds.
        other = ("crashkernel=256M", "--release", "6.6.3", "--arch", "s390x", "--ram", "2G")
        found = predict(*other)
        assert "256M, if built with kexec" in found.text
        assert "or        nothing (how likely is not known)" in found.text
        placement = predict(*other, "--json").json["placement"]
        assert (placement["alternatives"][0], placement["chances"][0]) == ([], None)
        many = predict("crashkernel=256M", "--release", "7.2.0-1-amd64", "--ram", "2G").text
        assert "because   KASLR" in many
        assert "other places in 0x" in many

    def test_a_release_that_was_never_looked_at(self) -> None:
        """The nearest known behaviour is taken, and said."""
        found = predict("crashkernel=256M", "--release", "6.9.0-1-amd64", "--ram", "2G", "--json").json
        assert "nearest known kernel" in found["note"]
        assert "note" in predict("crashkernel=256M", "--release", "6.9.0-1-amd64", "--ram", "2G").text

    def test_the_architecture_is_given_where_the_release_has_none(self) -> None:
        answer = predict("crashkernel=256M", "--release", "6.12.0", "--arch", "aarch64", "--ram", "2G", "--json").json
        assert answer["arch"] == "arm64"
        unknown = predict("crashkernel=256M", "--release", "6.12.0", "--ram", "2G", "--json")
        assert (unknown.exit, unknown.json["error"]["code"]) == (4, "architecture-unknown")

    @pytest.mark.parametrize(
        "arguments",
        [
            ["--release", "6.1.0-50-amd64"],
            ["crashkernel=1M", "--release", "oops"],
            ["crashkernel=1M", "--ram", "1G", "--iomem", "x"],
            ["crashkernel=1M", "--release", "6.1.0", "--kernel", "0"],
            ["crashkernel=1M", "--batch"],
            ["--batch", "--ram", "1G"],
            ["--initrd", "x"],
        ],
    )
    def test_usage(self, arguments: list[str]) -> None:
        found = predict(*arguments, "--json")
        assert (found.exit, found.json["exit"]) == (2, 2)


class TestSavedMaps:
    """However a map was saved, the same machine comes out."""

    def same(self, tmp_path: Path, option: str, text: str) -> Any:
        initrd = [] if "RAMDISK" in text else ["--initrd", "0"]
        file = tmp_path / "map"
        file.write_text(text)
        line = "crashkernel=256M nokaslr"
        found = predict(line, "--release", "7.2.0-1-amd64", option, str(file), *initrd, "--json")
        assert found.exit == 0, found
        assert found.json["assumption"] is None
        return found.json["placement"]["regions"]

    def test_iomem(self, tmp_path: Path) -> None:
        assert self.same(tmp_path, "--iomem", IOMEM) == [[0x6F000000, 0x7F000000]]

    @pytest.mark.parametrize("option", ["--iomem", "--firmware-map"])
    def test_boot_messages(self, tmp_path: Path, option: str) -> None:
        """They show the initrd as well."""
        assert self.same(tmp_path, option, DMESG) == [[0x6D000000, 0x7D000000]]

    def test_json(self, tmp_path: Path) -> None:
        assert self.same(tmp_path, "--firmware-map", json.dumps(RANGES)) == [[0x6F000000, 0x7F000000]]

    def test_sysfs(self, tmp_path: Path) -> None:
        lines = []
        for number, (start, end, kind) in enumerate(RANGES):
            for name, text in (("start", f"{start:#x}"), ("end", f"{end - 1:#x}"), ("type", kind)):  # type: ignore[operator]
                file = tmp_path / "memmap" / str(number) / name
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(f"{text}\n")
                lines.append(f"/sys/firmware/memmap/{number}/{name}:{text}\n")
        assert self.same(tmp_path, "--firmware-map", "".join(lines)) == [[0x6F000000, 0x7F000000]]
        assert firmware(str(tmp_path / "memmap")) == firmware(str(tmp_path / "map"))

    @pytest.mark.parametrize(
        ("read", "text", "line"),
        [
            (iomem, "00100000-7ffdffff : System RAM\noops\n", 2),
            (iomem, "00000000-00000000 : System RAM\n", None),
            (firmware, "/sys/firmware/memmap/0/start:0x0\nsomething else\n", 2),
            (firmware, "/sys/firmware/memmap/0/start:0x0\n", None),
            (firmware, '[[0, 1, "usable"', None),
            (firmware, '[[0, true, "usable"]]', None),
            (firmware, "[[0, 1]]", None),
            (firmware, "[1]", None),
            (firmware, "[" * 100000, None),
            (firmware, "", None),
            (firmware, "[    0.0] BIOS-e820: [mem oops] usable\n", 1),
        ],
    )
    def test_what_is_no_map(self, tmp_path: Path, read: Any, text: str, line: int | None) -> None:
        file = tmp_path / "map"
        file.write_text(text)
        with pytest.raises(BadMemoryMap) as problem:
            read(str(file))
        assert problem.value.hint
        if line:
            assert problem.value.place is not None
            assert problem.value.place.line == line

    def test_what_cannot_be_read(self, tmp_path: Path) -> None:
        with pytest.raises(Failed):
            iomem(str(tmp_path / "missing"))
        huge = tmp_path / "huge"
        with huge.open("wb") as file:
            file.truncate(17 << 20)
        with pytest.raises(GrubkdError, match="too large"):
            iomem(str(huge))


class TestEntries:
    def test_each_with_its_own_line(self) -> None:
        answer = predict("--root", str(FIXTURES / "rhel-6" / "root"), "--ram", "4G", "--json").json
        assert [entry["version"] for entry in answer["entries"]] == ["2.6.32-642.el6.x86_64", "2.6.32-573.el6.x86_64"]
        # RHEL 6 reads `auto` as 128M and a megabyte for each 16G begun.
        assert {entry["request"]["size_bytes"] for entry in answer["entries"]} == {129 * MIB}
        assert answer["errors"] == []

    def test_with_a_persons_line(self) -> None:
        tree = str(FIXTURES / "debian-12" / "root")
        found = predict("crashkernel=auto", "--root", tree, "--ram", "4G", "--kernel", "0")
        assert found.text.splitlines() == [
            "#  kernel          reads    reserves",
            "0  6.1.0-50-amd64  nothing  nothing",
            "",
            "0: crashkernel: memory value expected",
            "assuming on a typical memory map of 4G",
        ]

    def test_without_ram_only_what_is_certain(self) -> None:
        answer = predict("--root", str(FIXTURES / "rhel-8" / "root"), "--json").json
        assert {entry["placement"] is None for entry in answer["entries"]} == {True}
        assert {entry["reason"] for entry in answer["entries"]} == {
            "the amount of RAM is not known",
            "the entry names no kernel release",
        }

    def test_nothing_is_found(self) -> None:
        assert predict("--root", str(FIXTURES / "no-bootloader" / "root")).text == "no entry starts Linux\n"

    def test_a_file_that_is_not_understood(self) -> None:
        found = predict("--root", str(FIXTURES / "rhel-9-broken-script" / "root"), "--json")
        assert found.exit == 3
        assert [problem["code"] for problem in found.json["errors"]] == ["not-understood"]

    def test_on_this_machine(self) -> None:
        found = predict("--json")
        assert found.exit in (0, 3)
        assert isinstance(found.json["entries"], list)


def test_batch_answers_as_the_options_do() -> None:
    """The same request as JSON lines."""
    line = "crashkernel=256M nokaslr"
    asked = {"id": 7, "cmdline": line, "release": "7.2.0-1-amd64", "arch": "x86_64", "ram": 2 * GIB, "initrd": None}
    requests = [json.dumps(asked), json.dumps({**asked, "firmware_map": RANGES}), "oops"]
    done = subprocess.run(
        [sys.executable, "-m", "grubkd", "predict", "--batch"],
        input="\n".join(requests).encode(),
        capture_output=True,
        check=True,
        cwd=TOP,
    )
    alone, placed, wrong = map(json.loads, done.stdout.splitlines())
    one = predict(line, "--release", "7.2.0-1-amd64", "--ram", "2G", "--bios", "--initrd", "0", "--json").json
    # The lines have short names, and no null.
    request = {name.removesuffix("_bytes"): value for name, value in one["request"].items()} | {"reason": ""}
    assert alone == {"id": 7, "request": request, "placement": None}
    assert placed == {"id": 7, "request": request, "placement": one["placement"] | {"reason": ""}}
    assert wrong["id"] is None
    assert wrong["error"]["code"] == "bad-request"
