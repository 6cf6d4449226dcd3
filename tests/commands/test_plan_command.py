"""`grubkd plan`: each fixture's machine against its vendor's table, the answer's shape, pictures, refusals."""

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest
from support.answered import Run, answer

from grubkd.cli import main

FIXTURES = Path(__file__).parents[2] / "fixtures"


def run(*arguments: str) -> Run:
    return answer(lambda: main(arguments))


def plan(tree: str, *arguments: str) -> Run:
    return run("plan", "--root", str(FIXTURES / tree / "root"), *arguments)


# What the vendor publishes, in its own words, beside the value that follows from it on the fixture's machine.
REVIEW = {
    "fedora-11-i386": ("64M@16M", "Fedora's kdump page of 2009: crashkernel=64M@16M"),
    "fedora-11-i386-stray-quote": ("64M@16M", "Fedora's kdump page of 2009: crashkernel=64M@16M"),
    "fedora-16": ("2G-64G:256M,64G-:512M", "kdump-utils (2026): x86_64 2G-64G:256M,64G-:512M"),
    "fedora-44-btrfs": ("2G-64G:256M,64G-:512M", "kdump-utils (2026): x86_64 2G-64G:256M,64G-:512M"),
    "centos-stream-10-no-cmdline": ("2G-64G:256M,64G-:512M", "kdump-utils (2026): x86_64 2G-64G:256M,64G-:512M"),
    "rhel-5-xen": ("128M@16M", "Red Hat Enterprise Linux 5: up to 2G of RAM 128M@16M"),
    "rhel-6": (
        "0-2G:128M,2G-6G:256M,6G-8G:512M,8G-:768M",
        "Red Hat Enterprise Linux 6.0 and 6.1: above 0 128M, above 2G 256M, above 6G 512M, above 8G 768M",
    ),
    "rhel-8": (
        "1G-4G:192M,4G-64G:256M,64G-:512M",
        "Red Hat Enterprise Linux 8 documentation: x86_64 1G to 4G 192M, 4G to 64G 256M, 64G and more 512M",
    ),
    "rhel-9": (
        "1G-4G:192M,4G-64G:256M,64G-:512M",
        "Red Hat Enterprise Linux 9 documentation: x86_64 1G-4G:192M,4G-64G:256M,64G-:512M",
    ),
    "debian-5-lenny": ("128M@16M", "kdump-tools of Debian 12: 384M-:128M; 2.6.26 reads an offset only"),
    "debian-6-legacy-xen": ("384M-:128M", "kdump-tools of Debian 12: 384M-:128M"),
    "debian-12": ("384M-:128M", "kdump-tools of Debian 12: 384M-:128M"),
    "debian-12-plain": ("384M-:128M", "kdump-tools of Debian 12: 384M-:128M"),
    "debian-13-systemd-boot": ("512M-:192M", "kdump-tools of Debian 13: 512M-:192M"),
    "ubuntu-24.04": (
        "2G-4G:320M,4G-32G:512M,32G-64G:1024M,64G-128G:2048M,128G-:4096M",
        "kdump-tools of Ubuntu 24.04: 2G-4G:320M,4G-32G:512M,32G-64G:1024M,64G-128G:2048M,128G-:4096M",
    ),
}


def machine_of(tree: str) -> list[str]:
    known = json.loads((FIXTURES / tree / "machine.json").read_text())
    options = []
    if known["ram"] is not None:
        options += ["--ram", str(known["ram"])]
    if known["arch"] is not None:
        options += ["--arch", known["arch"]]
    return options


@pytest.mark.parametrize("tree", REVIEW)
def test_the_plan_is_the_vendors(tree: str) -> None:
    value, quoted = REVIEW[tree]
    found = plan(tree, *machine_of(tree), "--json")
    assert found.exit == 0
    answer = found.json
    own = [entry for entry in answer["entries"] if entry["source"]]
    assert own
    vendor = quoted.partition(":")[0].removesuffix(" documentation")
    for entry in [*own, answer["future"]]:
        assert entry["values"] == [value]
        # The source that the answer names is the one quoted here: the same vendor, the same version.
        words = vendor.replace("(2026)", "").split()
        assert all(word in entry["source"] for word in words), (vendor, entry["source"])
        assert entry["reasons"][0]["source"] == entry["source"]
    predictions = {entry["prediction"]["status"] for entry in own}
    assert predictions <= {"reserved", "uncertain", "unknown"}


def test_pages_of_4k_and_of_64k() -> None:
    """Red Hat Enterprise Linux 9 documentation: arm64 1G-4G:256M,4G-64G:320M,64G-:576M; with pages of 64K 100M more."""
    answer = plan("rhel-9-aarch64", "--json").json
    values = {entry["version"]: entry["values"] for entry in answer["entries"]}
    assert values["5.14.0-503.11.1.el9_5.aarch64"] == ["1G-4G:256M,4G-64G:320M,64G-:576M"]
    assert values["5.14.0-503.11.1.el9_5.aarch64+64k"] == ["1G-4G:356M,4G-64G:420M,64G-:676M"]
    assert answer["future"]["values"] == ["1G-4G:356M,4G-64G:420M,64G-:676M"]


def test_the_whole_answer() -> None:
    found = plan("rhel-5-xen", "--ram", "4G", "--arch", "x86_64", "--kernel", "1", "--json")
    assert found.json == {
        "version": 1,
        "machine": {
            "architecture": "x86_64",
            "ram_bytes": 4294967296,
            "ram_estimated": False,
            "ram_source": "given",
            "distribution": "Red Hat Enterprise Linux Server release 5.11 (Tikanga)",
        },
        "entries": [
            {
                "index": 1,
                "title": "Red Hat Enterprise Linux Server (2.6.18-398.el5)",
                "version": "2.6.18-398.el5",
                "values": ["256M@32M"],
                "source": "Red Hat Enterprise Linux 5, kdump memory table",
                "reasons": [
                    {
                        "text": "Red Hat Enterprise Linux Server release 5.11 (Tikanga), x86_64: "
                        "the nearest row of its vendor: 256M@24M on 4G",
                        "source": "Red Hat Enterprise Linux 5, kdump memory table",
                    },
                    {
                        "text": "@24M is raised to @32M, a multiple of 16M",
                        "source": "alignment on x86_64",
                    },
                ],
                "prediction": {
                    "status": "reserved",
                    "size_bytes": 268435456,
                    "regions": [[33554432, 301989888]],
                    "alternatives": [],
                    "chance": 1.0,
                    "chances": [],
                    "reason": None,
                },
            }
        ],
        "future": None,
        "warnings": [],
        "errors": [],
    }


def test_for_people() -> None:
    found = plan("fedora-11-i386", "--ram", "1G", "--explain")
    assert found.exit == 0
    assert found.text.splitlines() == [
        "Fedora release 11 (Leonidas), i386, 1G of RAM",
        "",
        "#  kernel                  crashkernel  reserves",
        "0  2.6.29.4-167.fc11.i586  64M@16M      64M at 0x1000000",
        "1  2.6.29.4-167.fc11.i586  64M@16M      64M at 0x1000000",
        "   new kernels             64M@16M",
        "",
        "64M@16M (entry 0, entry 1, new kernels)",
        "  - Fedora release 11 (Leonidas), i386: the nearest row of its vendor: 64M@16M [Fedora's kdump page of 2009]",
    ]


def test_a_small_machine_is_told() -> None:
    found = plan("fedora-44-btrfs", "--ram", "1G", "--json")
    assert found.exit == 0
    assert {warning["code"] for warning in found.json["warnings"]} == {"vendor-reserves-nothing"}
    assert all(entry["values"][0].startswith("1G-2G:") for entry in found.json["entries"])
    shown = plan("fedora-44-btrfs", "--ram", "1G")
    assert "reserves nothing on 1G of RAM" in shown.stderr


@pytest.mark.parametrize(
    ("tree", "arguments", "status", "code"),
    [
        ("rhel-5-xen", [], 4, "ram-unknown"),
        ("fedora-44-btrfs", ["--ram", "128M"], 4, "would-not-reserve"),
        ("debian-12", ["--kernel", "title=none"], 4, "no-such-entry"),
        ("debian-12", ["--ram", "12Q"], 2, "usage"),
        ("debian-12", ["--ram", "0"], 2, "usage"),
        ("debian-12", ["--arch", "vax"], 2, "usage"),
        ("debian-12", ["--map", "--json"], 2, "usage"),
        ("debian-12", ["--offset", "24M", "--ram", "4G"], 4, "would-not-reserve"),
        ("debian-12", ["--offset", "16M", "--ram", "4G"], 4, "would-not-reserve"),
        ("debian-12", ["--svg", "/nonexistent/x.svg", "--ram", "4G"], 1, "io-error"),
        ("debian-12", ["--svg", "/dev/null"], 4, "ram-unknown"),
        ("rhel-9-no-entries", [], 4, "architecture-unknown"),
        ("no-bootloader", ["--arch", "x86_64", "--svg", "/dev/null"], 4, "no-such-entry"),
    ],
)
def test_refusals(tree: str, arguments: list[str], status: int, code: str) -> None:
    found = plan(tree, *arguments, "--json")
    assert found.exit == status
    assert (found.json["error"]["code"], found.json["exit"]) == (code, status)
    assert found.json["error"]["fix"] or code in ("io-error",)


def test_a_tree_that_is_not_understood_is_planned_as_far_as_it_is_read() -> None:
    found = plan("rhel-9-broken-script", "--ram", "4G", "--json")
    assert found.exit == 3
    assert [problem["code"] for problem in found.json["errors"]] == ["not-understood"]
    assert found.json["entries"]
    assert "not understood" in plan("rhel-9-broken-script", "--ram", "4G").stderr


def test_nothing_that_starts_linux() -> None:
    """An image without a bootloader: what the first kernel should get."""
    found = plan("no-bootloader", "--ram", "4G", "--arch", "x86_64", "--json")
    assert (found.exit, found.json["entries"]) == (0, [])
    assert found.json["future"]["values"] == ["1G-4G:192M,4G-64G:256M,64G-:512M"]


@pytest.mark.parametrize("offset", [["--offset"], ["--offset", "auto"], ["--offset=80M"]])
def test_offset(offset: list[str]) -> None:
    answer = plan("rhel-6", "--ram", "4G", *offset, "--json").json
    (value,) = {entry["values"][0] for entry in answer["entries"]}
    assert value == ("256M@80M" if offset == ["--offset=80M"] else "256M@48M")
    assert all(entry["prediction"]["regions"][0][0] % (16 << 20) == 0 for entry in answer["entries"])


def test_maps() -> None:
    ascii_only = plan("rhel-9-aarch64", "--ram", "16G", "--map=ascii", "--kernel", "0", "--kernel", "1").text
    assert ascii_only.isascii()
    assert ascii_only.count("# crash kernel") == 2
    unicode = plan("rhel-9-aarch64", "--ram", "16G", "--map=unicode").text
    assert unicode.count("█ crash kernel") == 1
    assert "entry 1: " in unicode


def test_svg(tmp_path: Path) -> None:
    file = tmp_path / "memory.svg"
    found = plan("debian-12", "--ram", "8G", "--svg", str(file), "--json")
    assert found.exit == 0
    assert "crash kernel 128M" in ElementTree.tostring(ElementTree.parse(file).getroot(), "unicode")


def test_the_same_answer_each_time() -> None:
    """Nothing is drawn by lot, and nothing depends on what ran before."""
    first = plan("ubuntu-24.04", "--ram", "8G", "--explain", "--map=ascii")
    plan("rhel-6", "--ram", "4G")
    assert plan("ubuntu-24.04", "--ram", "8G", "--explain", "--map=ascii") == first


def test_on_this_machine() -> None:
    """Whatever machine the tests run on: an answer, or a refusal that says why."""
    found = run("plan", "--json")
    assert found.exit in (0, 3, 4)
    if found.exit == 0:
        assert found.json["machine"]["ram_bytes"]
