"""predict --batch: one answer a line, in order, whatever the lines hold."""

import io
import json
import os
import subprocess
import sys
import time
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grubkd.commands import batch
from grubkd.errors import GrubkdError

DATA = Path(__file__).parents[1] / "data"
GOOD = {"id": 7, "cmdline": "ro crashkernel=256M nokaslr", "release": "6.1.0-50-amd64", "arch": "amd64", "ram": 1 << 30}
MAP = [[0, 654336, "usable"], [654336, 655360, "reserved"], [1048576, 1073610752, "usable"]]
MAP.append([1073610752, 1073741824, "reserved"])


def ask(*requests: object) -> list[dict[str, Any]]:
    lines = [request if isinstance(request, bytes) else json.dumps(request).encode() for request in requests]
    return [json.loads(line) for line in batch.answers(lines)]


def test_request_alone() -> None:
    request = {"status": "ok", "size": 268435456, "base": 0, "low": 0, "high": False, "cma": 0, "reason": ""}
    assert ask(GOOD) == [{"id": 7, "request": request, "placement": None}]


def test_with_a_map() -> None:
    (found,) = ask({**GOOD, "firmware_map": MAP, "initrd": [1072574464, 1073610752], "extra": [1]})
    assert found["placement"] == {
        "status": "reserved",
        "regions": [[788529152, 1056964608]],
        "alternatives": [],
        "chance": 1.0,
        "chances": [],
        "reason": "",
    }
    (found,) = ask({**GOOD, "firmware_map": MAP, "kaslr": True, "initrd": None})
    assert found["placement"]["status"] == "uncertain"
    assert [788529152, 1056964608] in [
        region for each in (found["placement"]["regions"], *found["placement"]["alternatives"]) for region in each
    ]
    assert len(found["placement"]["alternatives"]) > 1


def test_kaslr_absent() -> None:
    line = {**GOOD, "firmware_map": MAP, "cmdline": "crashkernel=256M", "initrd": None}
    statuses = [
        found["placement"]["status"]
        for found in ask(line, {**line, "release": "4.9.0-19-amd64"}, {**line, "kaslr": False}, {**line, "kaslr": None})
    ]
    assert statuses == ["uncertain", "reserved", "reserved", "uncertain"]


@pytest.mark.parametrize(
    ("cmdline", "status", "reason"),
    [
        ("ro quiet", "none", "no crashkernel= on the command line"),
        ("crashkernel=bogus", "invalid", "crashkernel: memory value expected"),
        ("crashkernel=\xe9", "invalid", "crashkernel: memory value expected"),
        ("crashkernel=1M\u20ac", "invalid", "crashkernel: unrecognized char: \udce2"),
    ],
)
def test_no_size_no_place(cmdline: str, status: str, reason: str) -> None:
    (found,) = ask({**GOOD, "cmdline": cmdline, "firmware_map": MAP})
    assert (found["request"]["status"], found["request"]["reason"]) == (status, reason)
    placement = {"status": "failed", "regions": [], "alternatives": [], "chance": 1.0, "chances": [], "reason": reason}
    assert found["placement"] == placement
    (found,) = ask({**GOOD, "cmdline": cmdline})
    assert found["placement"] is None


def test_a_field_that_is_left_out_is_unknown() -> None:
    """Without `initrd` it may be anywhere; null means that there is none. `loader` says where it may be."""
    line = {**GOOD, "firmware_map": MAP}
    unknown, none, grub = (
        found["placement"] for found in ask(line, {**line, "initrd": None}, {**line, "loader": "grub"})
    )
    assert (unknown["status"], none["status"], grub["status"]) == ("uncertain", "reserved", "uncertain")
    assert none["regions"] in [unknown["regions"], *unknown["alternatives"]]
    assert 0 < unknown["chance"] < 1
    assert len(unknown["chances"]) == len(unknown["alternatives"]) <= 23


def test_numa_nodes() -> None:
    """Seen: 2G in nodes of 512M; no free range is larger than a node."""
    nodes = [[0, 0xA0000, 0], [0x100000, 0x20000000, 0], [0x20000000, 0x40000000, 1]]
    line = {**GOOD, "cmdline": "crashkernel=600M nokaslr", "firmware_map": MAP, "initrd": None}
    apart, off, bad, worse = ask(
        {**line, "numa_nodes": nodes},
        {**line, "numa_nodes": nodes, "cmdline": "crashkernel=600M nokaslr numa=off"},
        {**line, "numa_nodes": [[1, 2]]},
        {**line, "loader": "lilo"},
    )
    assert (apart["placement"]["status"], off["placement"]["status"]) == ("failed", "reserved")
    assert bad["error"]["code"] == worse["error"]["code"] == "bad-request"


def test_old_kernels_count_the_span_of_the_map() -> None:
    memory = [*MAP, [1 << 32, 5 << 30, "usable"]]
    line = {**GOOD, "release": "2.6.32", "cmdline": "crashkernel=5G-:64M x", "ram": 2 << 30}
    alone, mapped = ask(line, {**line, "firmware_map": memory})
    assert (alone["request"]["status"], mapped["request"]["size"]) == ("none", 64 << 20)


@pytest.mark.parametrize(
    ("line", "name", "message"),
    [
        (b"", None, "the line is not JSON: Expecting value: line 1 column 1 (char 0)"),
        (b"nonsense", None, "the line is not JSON: Expecting value: line 1 column 1 (char 0)"),
        (b"[1]", None, "the line is not a JSON object"),
        (b'{"id":NaN}', None, "the line is not JSON: NaN is not JSON"),
        ({"id": "a"}, "a", "'cmdline' is missing"),
        ({**GOOD, "cmdline": 5}, 7, "'cmdline' must be a string"),
        ({**GOOD, "cmdline": "\ud800"}, 7, "'cmdline' holds a code point that is not a character"),
        ({**GOOD, "release": "\u0100"}, 7, "'\u0100' is not a kernel release"),
        ({**GOOD, "ram": "8G"}, 7, "'ram' must be a whole number of bytes below 2^64"),
        ({**GOOD, "ram": True}, 7, "'ram' must be a whole number of bytes below 2^64"),
        ({**GOOD, "ram": -1}, 7, "'ram' must be a whole number of bytes below 2^64"),
        ({**GOOD, "ram": 1 << 64}, 7, "'ram' must be a whole number of bytes below 2^64"),
        ({**GOOD, "firmware_map": {}}, 7, "'firmware_map' must be a list of up to 1024 [start, end, type]"),
        (
            {**GOOD, "firmware_map": [[0, 1, "usable"]] * 1025},
            7,
            "'firmware_map' must be a list of up to 1024 [start, end, type]",
        ),
        (
            {**GOOD, "firmware_map": [[0, 1, "usable"], [1, 2]]},
            7,
            "'firmware_map', range 2: must be [start, end, type], in bytes, the end exclusive",
        ),
        ({**GOOD, "cmdline": "a" * 65537}, 7, "'cmdline' is longer than 64 KiB, which no kernel takes"),
        ({**GOOD, "firmware_map": [[0, 1, 1]]}, 7, "'firmware_map', range 1: the type must be a string"),
        ({**GOOD, "firmware_map": [[2, 1, "usable"]]}, 7, "range 1: 0x2 to 0x1 is not a range of addresses"),
        ({**GOOD, "firmware_map": []}, 7, "the memory map has no RAM"),
        (
            {**GOOD, "firmware_map": MAP, "initrd": [5, 5]},
            7,
            "'initrd' must be [start, end] in bytes, the end exclusive and above the start",
        ),
        ({**GOOD, "firmware_map": MAP, "kaslr": 1}, 7, "'kaslr' must be true or false"),
        ({**GOOD, "firmware_map": MAP, "efi": "no"}, 7, "'efi' must be true or false"),
    ],
)
def test_a_bad_line(line: object, name: object, message: str) -> None:
    before, found, after = ask({**GOOD, "id": 1}, line, {**GOOD, "id": 2})
    assert (before["id"], after["id"]) == (1, 2)
    assert set(found) == {"id", "error"}
    assert (found["id"], found["error"]["message"]) == (name, message)


def test_codes() -> None:
    found = ask(b"x", {**GOOD, "release": "x"}, {**GOOD, "arch": "vax"}, {**GOOD, "firmware_map": []})
    assert [each["error"]["code"] for each in found] == [
        "bad-request",
        "usage",
        "architecture-unknown",
        "bad-memory-map",
    ]


def test_deep_and_long_json() -> None:
    digits = b'{"id":3,"cmdline":"","release":"6.1","arch":"i686","ram":' + b"9" * 5000 + b"}"
    for line in (b"[" * 100_000, digits, b"\xff"):
        (found,) = ask(line)
        assert found["id"] is None
        assert found["error"]["code"] == "bad-request"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
ARCHES = ["i386", "amd64", "aarch64", "ppc64el", "s390x", "riscv64", "loongarch64"]
FIELDS = {
    "id": JSON,
    "cmdline": st.sampled_from(["crashkernel=128M", "crashkernel=64M@16M", "", "crashkernel=1G,high"]) | JSON,
    "release": st.sampled_from(["2.6.29", "5.10", "7.2"]) | JSON,
    "arch": st.sampled_from(ARCHES) | JSON,
    "ram": st.integers(0, 1 << 40) | JSON,
    "firmware_map": st.just(MAP) | st.lists(st.tuples(st.integers(0, 1 << 33), st.integers(0, 1 << 33), JSON)) | JSON,
    "initrd": st.lists(st.integers(0, 1 << 32), max_size=3) | JSON,
    "kernel_image": st.lists(st.integers(0, 1 << 32), max_size=3) | JSON,
    "kaslr": st.booleans() | JSON,
    "efi": st.booleans() | JSON,
}


@given(st.fixed_dictionaries({}, optional=FIELDS))
def test_every_line_is_answered(request: dict[str, Any]) -> None:
    (found,) = ask(request)
    assert found["id"] == json.loads(json.dumps(request.get("id")))
    assert set(found) in ({"id", "error"}, {"id", "request", "placement"})


def test_answer_raises_for_its_callers() -> None:
    with pytest.raises(GrubkdError):
        batch.answer({})


# ---- the stream -----------------------------------------------------------------------------------------------------


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}


PROGRAM = "import sys\nfrom grubkd.commands.batch import run\nrun(sys.stdin.buffer)"


def test_each_line_is_answered_as_it_comes() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment()
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for number in range(3):
            process.stdin.write(json.dumps({**GOOD, "id": number}).encode() + b"\n")
            process.stdin.flush()
            # The input is still open: the answer must not wait for its end.
            assert json.loads(process.stdout.readline())["id"] == number
        process.stdin.write(json.dumps({**GOOD, "id": "last"}).encode())
        process.stdin.close()
        assert json.loads(process.stdout.readline())["id"] == "last"
        assert process.stdout.read() == b""
    assert process.returncode == 0


def test_lines_longer_than_a_read(capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    long = {**GOOD, "extra": "x" * 200_000, "cmdline": "crashkernel=1M", "id": "long"}
    text = b"\n".join(json.dumps(each).encode() for each in (GOOD, long, GOOD)) + b"\n"
    batch.run(io.BytesIO(text))
    found = [json.loads(line) for line in capsysbinary.readouterr().out.splitlines()]
    assert [(each["id"], each["request"]["size"]) for each in found] == [(7, 1 << 28), ("long", 1 << 20), (7, 1 << 28)]


def test_a_line_without_end(capsysbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    """Its beginning is kept, not all of it, and the next line is answered."""
    read = 0

    class Endless(io.RawIOBase):
        def read1(self, size: int) -> bytes:
            nonlocal read
            read += size
            return b" " * size if read < 64 << 20 else b"\n" + json.dumps(GOOD).encode() if read < 65 << 20 else b""

    monkeypatch.setattr(batch, "_CHUNK", 2 << 20)
    tracemalloc.start()
    batch.run(Endless())  # type: ignore[arg-type]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    first, last = (json.loads(line) for line in capsysbinary.readouterr().out.splitlines())
    assert first["error"]["message"] == "the line is longer than 1 MiB"
    assert last["request"]["size"] == 1 << 28
    assert peak < 40 << 20


def test_pace() -> None:
    """At least 20,000 requests a second of one core's time; a third here, for busy or slow machines."""
    lines = []
    for row in (DATA / "parse.tsv").read_text().splitlines():
        release, ram, cmdline, *_ = row.split("\t")
        request = {"id": row, "cmdline": cmdline, "release": release, "arch": "x86_64", "ram": int(ram)}
        lines.append(json.dumps(request).encode())
    lines *= 25
    started = time.process_time()
    assert sum(1 for _ in batch.answers(lines)) == len(lines)
    assert len(lines) / (time.process_time() - started) > 20_000 / 3


EVIDENT: dict[str, Any] = {
    "id": 1,
    "cmdline": "crashkernel=256M nokaslr",
    "release": "6.1.0-50-amd64",
    "arch": "x86_64",
    "ram": 2 << 30,
    "firmware_map": [[0, 0x9FC00, "System RAM"], [0x100000, 0x7FFE0000, "System RAM"]],
    "initrd": None,
}


class TestEvidence:
    """What the kernel did with the line decides; what the model does not allow is asked to be reported."""

    def test_it_agrees(self) -> None:
        alone = batch.answer(EVIDENT)
        regions = alone["placement"]["regions"]
        for evidence in ({"size": 256 << 20}, {"size": 256 << 20, "regions": [list(each) for each in regions]}):
            found = batch.answer({**EVIDENT, "evidence": evidence})
            assert (found["placement"]["status"], found["placement"]["regions"]) == ("reserved", regions)
            assert "report" not in found

    @pytest.mark.parametrize("evidence", [{"size": 0}, {"size": 1 << 20, "regions": [[1 << 20, 2 << 20]]}])
    def test_it_contradicts(self, evidence: dict[str, Any]) -> None:
        found = batch.answer({**EVIDENT, "evidence": evidence})
        assert found["placement"]["status"] == ("reserved" if evidence["size"] else "failed")
        assert [list(each) for each in found["placement"]["regions"]] == evidence.get("regions", [])
        assert "please report" in found["report"]

    def test_without_a_map_it_is_all_that_is_known(self) -> None:
        found = batch.answer({**EVIDENT, "firmware_map": None, "evidence": {"size": 256 << 20}})
        assert (found["placement"]["status"], "report" in found) == ("reserved", False)

    @pytest.mark.parametrize(
        "evidence", [1, {}, {"size": -1}, {"size": 1, "regions": [[2, 1]]}, {"size": 5, "regions": [[0, 4]]}]
    )
    def test_malformed(self, evidence: object) -> None:
        (text,) = batch.answers([json.dumps({**EVIDENT, "evidence": evidence}).encode()])
        assert json.loads(text)["error"]["code"] == "bad-request"
