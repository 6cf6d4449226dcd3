"""Where a kernel reserves memory, or why it does not: real boots, and the rules of each era one by one."""

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from grubkd.commands import batch
from grubkd.memory import forecast
from grubkd.memory.architecture import architecture
from grubkd.memory.case import Case
from grubkd.memory.kernel_parser import read
from grubkd.memory.memory_map import Extent, MemoryMap, from_firmware, typical
from grubkd.memory.placement.boot_facts import counted_ram
from grubkd.memory.placement.early import node_borders
from grubkd.memory.placement.place import MOST_OUTCOMES, Placement, place, place_line
from grubkd.memory.placement.search import FreeMemory
from grubkd.memory.release import Release
from grubkd.memory.size import GIB, KIB, MIB, round_up
from grubkd.memory.vendors import Distribution

BOOTS = [json.loads(line) for line in (Path(__file__).parents[1] / "data" / "boots.jsonl").read_text().splitlines()]


def image(lines: list[str]) -> Extent:
    """The kernel's extent from its lines of /proc/iomem."""
    bounds = [line.split(" : ")[0].split("-") for line in lines]
    return min(int(low, 16) for low, _ in bounds), max(int(high, 16) for _, high in bounds) + 1


def predicted(boot: dict[str, Any], *, image_known: bool) -> Placement:
    memory = from_firmware(tuple(each) for each in boot["firmware_map"])
    release = Release.parse(boot["kernel"])
    request = read(boot["cmdline"], release, boot["arch"], counted_ram(release, boot["arch"], memory))
    return place(
        request,
        release,
        boot["arch"],
        memory,
        kernel_image=image(boot["kernel_image"]) if image_known else None,
        initrd=tuple(boot["initrd"]),
        cmdline=boot["cmdline"],
    )


def test_the_boots_are_all_there() -> None:
    assert (len(BOOTS), sum(boot["kaslr"] for boot in BOOTS)) == (60, 5)


@pytest.mark.parametrize("image_known", [True, False], ids=["image given", "typical image"])
@pytest.mark.parametrize("boot", BOOTS, ids=lambda boot: f"{boot['kernel']}:{boot['cmdline'][14:50]}")
def test_agrees_with_real_boots(boot: dict[str, Any], image_known: bool) -> None:
    assert Release.parse(boot["kernel"]).moves(boot["cmdline"]) is boot["kaslr"]
    found = predicted(boot, image_known=image_known)
    real = tuple(map(tuple, boot["reserved"]))
    if boot["kaslr"]:
        assert real in (found.regions, *found.alternatives)
        return
    assert (found.status, found.regions) == ("reserved" if real else "failed", real)
    assert found.alternatives == ()
    if not real:
        # The kernel's own words, where it has any.
        assert any(found.reason.partition(";")[0] in message for message in boot["dmesg"])


BY_EFI = [
    json.loads(line) for line in (Path(__file__).parents[1] / "data" / "efi_boots.jsonl").read_text().splitlines()
]


@pytest.mark.parametrize("told", [True, False], ids=["told of EFI", "untold"])
@pytest.mark.parametrize("boot", BY_EFI, ids=lambda boot: f"{boot['release']}:{boot['cmdline'][50:]}")
def test_agrees_with_real_boots_by_efi(boot: dict[str, Any], told: bool) -> None:
    """The map itself tells that firmware keeps memory amid the RAM: what is there is never taken for certain."""
    found = batch.answer(boot if told else {**boot, "efi": None})["placement"]
    real = tuple(map(tuple, boot["reserved"]))
    assert real in (found["regions"], *found["alternatives"])
    assert found["status"] == ("uncertain" if real else "failed")


DEBIAN = Distribution("debian", (12,), (), "Debian GNU/Linux 12")
BOOTS2, BOOTS3, PUBLIC = (
    [json.loads(line) for line in (Path(__file__).parents[1] / "data" / name).read_text().splitlines()]
    for name in ("boots2.jsonl", "boots3.jsonl", "public_boots.jsonl")
)


@pytest.mark.parametrize("without", ["", "initrd", "efi", "kernel_image", "kaslr", "initrd efi kernel_image"])
@pytest.mark.parametrize("boot", [*BOOTS2, *BOOTS3, *PUBLIC], ids=lambda boot: boot["id"])
def test_a_certain_answer_is_right_and_another_names_the_truth(boot: dict[str, Any], without: str) -> None:
    """Boots with early parameters, NUMA nodes, odd amounts of RAM and other architectures; fields may be unknown.

    Where the place of the initrd is not known, boots3.jsonl names the loader.
    """
    known = {name: value for name, value in boot["request"].items() if name not in without.split()}
    found = batch.answer(known)["placement"]
    real = tuple(tuple(region) for region in sorted(boot["reserved"]))
    answers = [tuple(found["regions"]), *found["alternatives"]]
    assert len(answers) <= MOST_OUTCOMES
    assert 0 < found["chance"] <= 1
    if not real and boot["kexec_crash_size"]:
        # /proc/iomem of POWER does not show it.
        assert boot["kexec_crash_size"] in [sum(end - start for start, end in each) for each in answers]
    elif found["status"] == "uncertain":
        assert real in answers
    else:
        assert answers[0] == real


@settings(max_examples=80, deadline=None)
@given(
    st.sampled_from([*BOOTS2, *BOOTS3]),
    st.sampled_from(["128M", "256M", "256M,high", "600M", "1G", "64M@64M"]),
    st.sets(st.sampled_from(["initrd", "efi", "kernel_image", "kaslr", "loader"]), min_size=1),
)
def test_with_less_known_the_answer_is_among_the_outcomes(boot: dict[str, Any], value: str, unknown: set[str]) -> None:
    """What is certain with all facts is at least possible with fewer."""
    words = [word for word in boot["request"]["cmdline"].split() if not word.startswith("crashkernel=")]
    known = {**boot["request"], "cmdline": " ".join((*words, f"crashkernel={value}"))}
    sure = batch.answer(known)["placement"]
    found = batch.answer({name: fact for name, fact in known.items() if name not in unknown})["placement"]
    if sure["status"] != "uncertain":
        assert sure["regions"] in (found["regions"], *found["alternatives"])


def sold_ram(boot: dict[str, Any], memory: MemoryMap) -> int:
    """The machine's RAM: what the lab gave it, else that of the map with what firmware keeps."""
    if "memory" in boot:
        return int(boot["memory"]) * MIB
    return round_up(memory.ram_total, 128 * MIB if memory.efi or memory.is_broken else MIB)


@pytest.mark.parametrize(
    ("boot", "known"),
    [
        # A guest with max-ram-below-4g=1G is not typical.
        *((boot, "initrd efi loader") for boot in [*BY_EFI, *BOOTS2, *BOOTS3] if boot.get("id") != "m20-x61gen"),
        *((boot, "") for boot in BOOTS3),
    ],
    ids=lambda each: each or "nothing" if isinstance(each, str) else each.get("id") or each["cmdline"][-40:],
)
def test_without_the_memory_map(boot: dict[str, Any], known: str) -> None:
    """By the amount of RAM, and at most the initrd's size, the firmware and the loader: the truth is among it."""
    request = boot.get("request", boot)
    memory = from_firmware(tuple(each) for each in request["firmware_map"])
    facts: dict[str, Any] = {}
    if "initrd" in request and "initrd" in known:
        facts["initrd_size"] = request["initrd"][1] - request["initrd"][0] if request["initrd"] else 0
    facts |= {name: request[name] for name in ("efi", "loader") if name in request and name in known}
    case = Case(
        *(Release.parse(request["release"]), architecture(request["arch"]), DEBIAN),
        ram=sold_ram(boot, memory),
        cmdline=request["cmdline"],
        borders=node_borders(request.get("numa_nodes") or ()),
        **facts,
    )
    found = forecast.placement(case)
    assert found is not None
    real = tuple(tuple(region) for region in sorted(boot["reserved"]))
    answers = (found.regions, *found.alternatives) if found.status == "uncertain" else (found.regions,)
    assert len(answers) <= MOST_OUTCOMES
    if not real and boot.get("kexec_crash_size"):
        assert boot["kexec_crash_size"] in [sum(end - start for start, end in each) for each in answers]
    else:
        assert real in answers


@pytest.mark.parametrize(("loader", "start"), [("grub", 0x17000000), ("syslinux", 0x28000000), ("qemu", 0x28000000)])
def test_the_loader_of_a_case_decides_where_the_initrd_is(loader: str, start: int) -> None:
    """GRUB puts it below 896M, where kernels up to 5.1 search; SYSLINUX below 2G, QEMU below 3G."""
    release, memory = Release.parse("4.19.0-27-amd64"), typical(4 * GIB, "x86_64")
    facts = {"cmdline": "nokaslr crashkernel=256M", "initrd_size": 128 * MIB, "loader": loader}
    case = Case(release, architecture("x86_64"), DEBIAN, ram=4 * GIB, memory=memory, **facts)  # type: ignore[arg-type]
    found = forecast.placement(case)
    assert found is not None
    assert found.regions == ((start, start + 256 * MIB),)


def test_a_bios_keeps_its_memory_above_the_ram() -> None:
    low, gap = (0x100000, 0x3FFE0000, "usable"), (0x3FFE0000, 0x40000000, "ACPI data")
    assert not from_firmware([low, gap, (4 * GIB, 5 * GIB, "usable")]).is_broken
    assert from_firmware([low, (0x800000, 0x808000, "ACPI NVS")]).is_broken


# ---- the rules ------------------------------------------------------------------------------------------------------


def placed(  # noqa: PLR0917 (a table of cases)
    cmdline: str,
    release: str,
    arch: str = "x86_64",
    ram: int = 2 * GIB,
    initrd: Extent | None = None,
    memory: MemoryMap | None = None,
    **facts: Any,
) -> Placement:
    kernel = Release.parse(release)
    memory = memory or typical(ram, arch)
    request = read(cmdline + " quiet", kernel, arch, counted_ram(kernel, arch, memory))
    facts.setdefault("kaslr", False)
    return place(request, kernel, arch, memory, initrd=initrd, cmdline=cmdline, **facts)


def result(*arguments: Any, **facts: Any) -> tuple[str, tuple[Extent, ...]]:
    found = placed(*arguments, **facts)
    return found.status, found.regions


def at(start: int, size: int) -> tuple[str, tuple[Extent, ...]]:
    return "reserved", ((start, start + size),)


NOTHING = ("failed", ())
HANG = ("hang", ())
I386 = {"arch": "i386"}


@pytest.mark.parametrize(
    ("cmdline", "release", "ram", "expected"),
    [
        ("crashkernel=256M", "7.2.13", 2 * GIB, at(0x6F000000, 256 * MIB)),
        ("crashkernel=64M@64M", "7.2.13+deb14-amd64", 2 * GIB, NOTHING),
        ("crashkernel=64M@80M", "7.2.13+deb14-amd64", 2 * GIB, at(80 * MIB, 64 * MIB)),
        ("crashkernel=2900M", "6.1.0-50-amd64", 4 * GIB, at(0xA000000, 2900 * MIB)),
        ("crashkernel=2900M", "7.2.13+deb14-amd64", 4 * GIB, at(0xA000000, 2900 * MIB)),
        ("crashkernel=4G", "6.8.0-31-generic", 2 * GIB, NOTHING),
    ],
)
def test_seen_on_x86_64(cmdline: str, release: str, ram: int, expected: tuple[str, tuple[Extent, ...]]) -> None:
    assert result(cmdline, release, ram=ram) == expected


def test_an_initrd_at_the_top_pushes_it_down() -> None:
    top = 2 * GIB - 128 * 1024
    assert result("crashkernel=256M", "7.2.13", initrd=(top - 32 * MIB, top)) == at(0x6D000000, 256 * MIB)


def test_high_brings_a_low_region_with_it() -> None:
    regions = ((0xAF000000, 0xBF000000), (0x1AF000000, 0x1BF000000))
    assert result("crashkernel=256M,high", "7.2.13", ram=6 * GIB) == ("reserved", regions)
    assert result("crashkernel=256M,high", "6.1.192", ram=6 * GIB) == ("reserved", regions)
    assert result("crashkernel=256M,high crashkernel=0,low", "6.12", ram=6 * GIB) == ("reserved", regions[1:])
    # Without room for the low region the main one is given back.
    assert result("crashkernel=256M,high crashkernel=3G,low", "6.12", ram=6 * GIB) == NOTHING
    # Without memory above 4G it goes below, alone.
    assert result("crashkernel=256M,high", "6.12", ram=GIB) == at(0x2F000000, 256 * MIB)


def test_automatic_ceilings_of_x86_64() -> None:
    """Up to 5.1 the region ends below 896M; RHEL 7 goes on to 4G and the top; from 5.2 on 4G, then the top."""
    big = {"ram": 8 * GIB}
    for release in ("3.2.0", "4.4.0", "4.18.0"):
        assert result("crashkernel=128M", release, **big) == at(768 * MIB, 128 * MIB)
        assert result("crashkernel=896M", release, **big) == NOTHING
    rhel7 = "3.10.0-1160.el7.x86_64"
    assert result("crashkernel=128M", rhel7, **big) == at(768 * MIB, 128 * MIB)
    assert result("crashkernel=1G", rhel7, **big) == at(0x7F000000, GIB)
    for release in (rhel7, "4.18.0-240.el8.x86_64", "5.10.223", "6.1.192", "6.8.0", "6.12", "7.2"):
        low, main = placed("crashkernel=4G", release, **big).regions
        assert (low, main) == ((0xAF000000, 0xBF000000), (0x13F000000, 0x23F000000))
    assert result("crashkernel=512M,high", "4.4.0", **big) == (
        "reserved",
        ((0xAF000000, 0xBF000000), (0x21F000000, 0x23F000000)),
    )


def test_a_given_place_on_x86_64() -> None:
    # Up to 6.6 a multiple of 1M will do, from 6.7 on it must be one of 16M.
    assert result("crashkernel=64M@321M", "6.1.192") == at(321 * MIB, 64 * MIB)
    assert result("crashkernel=64M@321M", "6.12") == NOTHING
    assert result("crashkernel=64M@320M", "6.12") == at(320 * MIB, 64 * MIB)
    # Above 4G it brings a low region up to 6.6, none from 6.7 on.
    high = {"ram": 8 * GIB}
    assert len(placed("crashkernel=256M@5G", "6.1.192", **high).regions) == 2
    assert result("crashkernel=256M@5G", "6.12", **high) == at(5 * GIB, 256 * MIB)
    # In the hole, over the end of RAM, beyond it, at the end of all addresses.
    for place_asked in ("3500M", "2000M", "64G", "0xffffffffffffffff"):
        assert result(f"crashkernel=128M@{place_asked}", "6.12") == NOTHING
        assert result(f"crashkernel=128M@{place_asked}", "6.1.192") == NOTHING


def test_nodes_are_never_spanned() -> None:
    borders = {"borders": (GIB,), "ram": 2 * GIB}
    assert result("crashkernel=1200M", "6.12", **borders) == NOTHING
    assert result("crashkernel=944M", "6.12", **borders)[0] == "reserved"
    assert result("crashkernel=1200M", "6.12", ram=2 * GIB)[0] == "reserved"


def test_a_bad_request_reserves_nothing() -> None:
    found = placed("crashkernel=bogus", "6.12")
    assert found == Placement("failed", (), (), "crashkernel: memory value expected")


# ---- i386 -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("release", ["4.4.0", "5.10.223", "6.1.0-50-686-pae", "6.8.0", "6.12", "7.2"])
def test_i386_alignment_and_ceiling(release: str) -> None:
    """From the top down below 512M, at multiples of 16M, however much RAM there is."""
    for ram in (GIB, 2 * GIB, 8 * GIB):
        assert result("crashkernel=64M", release, ram=ram, **I386) == at(448 * MIB, 64 * MIB)
        assert result("crashkernel=100M", release, ram=ram, **I386) == at(400 * MIB, 100 * MIB)
    kernel = {"kernel_image": (16 * MIB, 0x1F0B000)}
    assert result("crashkernel=464M", release, ram=2 * GIB, **I386, **kernel) == at(48 * MIB, 464 * MIB)


def test_i386_with_less_ram_than_the_ceiling() -> None:
    top = 512 * MIB - 128 * 1024
    found = result("crashkernel=128M", "6.1.0-50-686-pae", ram=512 * MIB, initrd=(top - MIB, top), **I386)
    assert found == at(0x17000000, 128 * MIB)


def test_i386_that_fits_nowhere() -> None:
    """Up to 6.6 nothing is reserved; from 6.7 on the search repeats for ever and the machine does not boot."""
    assert result("crashkernel=512M", "6.1.0-50-686-pae", ram=4 * GIB, **I386) == NOTHING
    for release in ("6.8.0", "6.12", "7.2"):
        found = placed("crashkernel=512M", release, ram=4 * GIB, **I386)
        assert (found.status, found.regions, found.may_hang) == ("hang", (), True)
        assert "repeats for ever" in found.reason
        # A place that is taken is only that.
        assert result("crashkernel=64M@16M", release, ram=4 * GIB, **I386) == NOTHING


def test_i386_high() -> None:
    """Up to 6.6 like any size; 6.8 tries above 512M first, then below; from 6.11 on nothing is reserved."""
    for release in ("6.1.0-50-686-pae", "6.8.0"):
        assert result("crashkernel=128M,high", release, ram=4 * GIB, **I386) == at(384 * MIB, 128 * MIB)
    assert result("crashkernel=512M,high", "6.8.0", ram=4 * GIB, **I386) == HANG
    for release in ("6.12", "7.2"):
        assert result("crashkernel=128M,high", release, ram=4 * GIB, **I386) == NOTHING
        assert result("crashkernel=512M,high", release, ram=4 * GIB, **I386) == NOTHING


def test_64m_at_16m_on_2_6_29() -> None:
    """The running kernel sits at 1M, so that 16M is free; where it sits at 16M itself, the value is refused."""
    for release in ("2.6.29", "2.6.29.5-191.fc11.i586"):
        assert result("crashkernel=64M@16M", release, ram=GIB, **I386) == at(16 * MIB, 64 * MIB)
        own = {"kernel_image": (16 * MIB, 25 * MIB)}
        assert result("crashkernel=64M@16M", release, ram=GIB, **I386, **own) == NOTHING
    assert result("crashkernel=64M@16M", "2.6.29.5-191.fc11.x86_64", ram=GIB) == at(16 * MIB, 64 * MIB)
    # From 2.6.31 on it does.
    for release in ("2.6.32", "2.6.32-642.el6.i686"):
        found = placed("crashkernel=64M@16M", release, ram=GIB, **I386)
        assert (found.status, found.reason) == ("failed", "crashkernel reservation failed - memory is in use.")
    assert result("crashkernel=64M@16M", "6.1.0-50-686-pae", ram=GIB, **I386) == NOTHING
    # Ubuntu's does not (seen in 2.6.31-14-generic).
    found = placed("crashkernel=64M@16M", "2.6.31-14-generic", ram=GIB, **I386)
    assert (found.status, {found.regions, *found.alternatives}) == ("uncertain", {(), at(16 * MIB, 64 * MIB)[1]})


def test_bottom_up_on_2_6_29() -> None:
    for arch in ("i386", "x86_64"):
        assert result("crashkernel=128M", "2.6.29", arch, GIB) == at(16 * MIB, 128 * MIB)
        assert result("crashkernel=100M@0x1234000", "2.6.29", arch, GIB) == at(0x1234000, 100 * MIB)
        initrd = (20 * MIB, 24 * MIB)
        assert result("crashkernel=128M", "2.6.29", arch, GIB, initrd) == at(32 * MIB, 128 * MIB)
        assert result("crashkernel=64M@16M", "2.6.29", arch, GIB, initrd) == NOTHING
        assert result("crashkernel=900M@96M", "2.6.29", arch, GIB // 2)[0] != "reserved"
    # The kernel at 16M moves it to the next free multiple.
    own = {"kernel_image": (16 * MIB, 30 * MIB)}
    assert result("crashkernel=128M", "2.6.32", ram=GIB, **own) == at(32 * MIB, 128 * MIB)
    own = {"kernel_image": (16 * MIB, 0x20A0000)}
    assert result("crashkernel=128M", "2.6.32-642.el6.x86_64", ram=4 * GIB, **own) == at(48 * MIB, 128 * MIB)


def test_before_2_6_27_a_place_must_be_given() -> None:
    assert result("crashkernel=128M", "2.6.18-419.el5", ram=GIB) == NOTHING
    assert result("crashkernel=128M@16M", "2.6.18-419.el5", ram=GIB) == at(16 * MIB, 128 * MIB)


def test_bug_on_i386_2_6_29() -> None:
    """A region that reaches beyond low memory, about 887M, meets a BUG(): the machine does not boot."""
    assert result("crashkernel=864M", "2.6.29", ram=2 * GIB, **I386) == at(16 * MIB, 864 * MIB)
    assert result("crashkernel=880M", "2.6.29", ram=2 * GIB, **I386) == HANG
    assert result("crashkernel=64M@1G", "2.6.29", ram=2 * GIB, **I386) == HANG
    assert result("crashkernel=64M@850M", "2.6.29", ram=2 * GIB, **I386) == HANG
    # Beyond the end of RAM it is the same; what overlaps in low memory is found first.
    assert result("crashkernel=64M@1G", "2.6.29", ram=512 * MIB, **I386) == HANG
    own = {"kernel_image": (840 * MIB, 860 * MIB)}
    assert result("crashkernel=64M@850M", "2.6.29", ram=2 * GIB, **I386, **own) == NOTHING
    assert result("crashkernel=880M", "2.6.29", "x86_64", 2 * GIB) == at(16 * MIB, 880 * MIB)


def test_rhel_6_stays_below_896m() -> None:
    own = {"kernel_image": (16 * MIB, 0x20A0000)}
    for ram in (2 * GIB, 16 * GIB):
        assert result("crashkernel=848M", "2.6.32-642.el6.x86_64", ram=ram, **own) == at(48 * MIB, 848 * MIB)
        assert result("crashkernel=864M", "2.6.32-642.el6.x86_64", ram=ram, **own) == NOTHING
        assert result("crashkernel=64M@896M", "2.6.32-642.el6.x86_64", ram=ram, **own) == NOTHING


def test_old_x86_kernels_count_the_hole_as_ram() -> None:
    memory = typical(4 * GIB, "x86_64")
    assert memory.span == 5 * GIB
    assert counted_ram(Release.parse("2.6.32-642.el6"), "x86_64", memory) == 5 * GIB
    # Later ones leave out the first page.
    assert memory.ram_total - counted_ram(Release.parse("6.1"), "x86_64", memory) == 4 * KIB
    assert result("crashkernel=5G-:64M", "2.6.29", memory=memory) == at(16 * MIB, 64 * MIB)


# ---- other architectures --------------------------------------------------------------------------------------------


INITRD = (0x48000000, 0x4816F000)


@pytest.mark.parametrize(
    ("cmdline", "release", "ram", "initrd", "regions"),
    [
        ("crashkernel=128M", "6.1.0-50-arm64", GIB, None, ((0x72C00000, 0x7AC00000),)),
        ("crashkernel=256M", "6.1.0-50-arm64", 2 * GIB, None, ((0xA9A00000, 0xB9A00000),)),
        ("crashkernel=256M", "6.1.0-50-arm64", 4 * GIB, INITRD, ((0xEC000000, 0xFC000000),)),
        ("crashkernel=256M,high", "6.1.0-50-arm64", 6 * GIB, None, ((0x1A9200000, 0x1B9200000),)),
        ("crashkernel=128M", "6.12.95+deb12-arm64", GIB, INITRD, ((0x72C00000, 0x7AC00000),)),
        ("crashkernel=256M", "6.12.95+deb12-arm64", 2 * GIB, None, ((0xA9A00000, 0xB9A00000),)),
        ("crashkernel=256M", "6.12.95+deb12-arm64", 4 * GIB, None, ((0xEC000000, 0xFC000000),)),
        (
            "crashkernel=256M,high",
            "6.12.95+deb12-arm64",
            6 * GIB,
            None,
            ((0xF4000000, 0xFC000000), (0x1A9200000, 0x1B9200000)),
        ),
        ("crashkernel=256M", "7.2.13+deb14-arm64", 2 * GIB, None, ((0xABA00000, 0xBBA00000),)),
        (
            "crashkernel=256M,high",
            "7.2.13+deb14-arm64",
            6 * GIB,
            INITRD,
            ((0xF4000000, 0xFC000000), (0x1AF200000, 0x1BF200000)),
        ),
    ],
)
def test_seen_on_arm64(
    cmdline: str, release: str, ram: int, initrd: Extent | None, regions: tuple[Extent, ...]
) -> None:
    """Real boots of Debian's kernels without EFI."""
    assert result(cmdline, release, "arm64", ram, initrd, efi=False) == ("reserved", regions)


def test_arm64_of_openeuler() -> None:
    """kernel/crash_core.c of openeuler-mirror/kernel 4f11565e: above 4G if there is no room below, with 256M below.

    `,high` is looked for after an invalid plain value too, and an invalid `,low` is the default, as on x86.
    """
    release, memory = Release.parse("5.10.0-60.18.0.50.oe2203.aarch64"), typical(16 * GIB, "arm64")
    sizes = {}
    for value in ("4G", "512M,high", "512M,high crashkernel=x", "512M,high crashkernel=0,low", "512M"):
        line = f"crashkernel={value}"
        found = place_line(line, release, "arm64", memory.ram_total, memory, efi=False)
        outcomes = (found.regions, *found.alternatives)
        sizes[value] = {tuple(end - start for start, end in regions) for regions in outcomes}
    assert sizes == {
        "4G": {(256 * MIB, 4 * GIB)},
        "512M,high": {(256 * MIB, 512 * MIB)},
        "512M,high crashkernel=x": {(256 * MIB, 512 * MIB)},
        "512M,high crashkernel=0,low": {(512 * MIB,)},
        "512M": {(512 * MIB,)},
    }


def test_openeuler_holds_the_top_of_all_ram_during_the_search() -> None:
    """reserve_crashkernel_high() of openeuler-mirror/kernel 12cd6de3: with less than 4G the region lies below it."""
    release, memory = Release.parse("5.10.0-60.18.0.50.oe2203.aarch64"), typical(2 * GIB, "arm64")
    end = memory.ram[-1][1]
    found = place_line("crashkernel=256M", release, "arm64", memory.ram_total, memory, initrd=None, efi=False)
    tops = {end - regions[0][1] for regions in (found.regions, *found.alternatives)}
    assert min(tops) < 256 * MIB <= max(tops)
    # It is the region itself where there is no room for a second one.
    found = place_line("crashkernel=1200M", release, "arm64", memory.ram_total, memory, initrd=None, efi=False)
    assert () not in (found.regions, *found.alternatives)


@pytest.mark.parametrize(("value", "status"), [("64M@64M", "reserved"), ("64M@65M", "failed")])
def test_common_code_wants_aligned_offsets(value: str, status: str) -> None:
    """CRASH_ALIGN of kernel/crash_core.c of openEuler's 5.10 is 16M on x86; upstream's 5.10 takes each megabyte."""
    memory = typical(4 * GIB, "x86_64")
    for text, expected in (("5.10.0-60.18.0.50.oe2203.x86_64", status), ("5.10.223", "reserved")):
        found = place_line(
            f"crashkernel={value}",
            Release.parse(text),
            "x86_64",
            memory.ram_total,
            memory,
            initrd=None,
            kaslr=False,
            kernel_image=(16 * MIB, 60 * MIB),
        )
        assert found.status == expected


def test_rhel_8_0_tries_896m_first() -> None:
    """arch/x86/kernel/setup.c of 4.18.0-80.11.2 (AmpereComputing/ampere-centos-kernel 8f3ba9f1); 8.3 does not."""
    memory = typical(8 * GIB, "x86_64")
    facts = {"initrd": None, "kaslr": False, "kernel_image": (16 * MIB, 60 * MIB)}
    for text, below in (("4.18.0-80.11.2.el8_0.x86_64", True), ("4.18.0-240.el8.x86_64", False)):
        found = place_line("crashkernel=256M", Release.parse(text), "x86_64", memory.ram_total, memory, **facts)
        assert (found.regions[0][1] <= 896 * MIB) is below
        assert found.status == "reserved"
    # It goes on above.
    old = Release.parse("4.18.0-80.11.2.el8_0.x86_64")
    found = place_line("crashkernel=1G", old, "x86_64", memory.ram_total, memory, **facts)
    assert 896 * MIB < found.regions[0][1] <= 4 * GIB


def test_anolis_may_search_from_the_bottom() -> None:
    """arch/arm64/mm/init.c of Anolis 5.10: cloud-kernel 05e8ae98 as x86, anolis-cloud-kernel 1f2e8928 bottom-up."""
    release, memory = Release.parse("5.10.134-16.al8.aarch64"), typical(16 * GIB, "arm64")
    found = place_line("crashkernel=256M", release, "arm64", memory.ram_total, memory, initrd=None, efi=False)
    starts = {regions[0][0] - memory.ram[0][0] for regions in (found.regions, *found.alternatives)}
    assert min(starts) < 256 * MIB
    assert max(starts) > GIB


def test_arm64() -> None:
    for release, efi in (("6.12.95", False), ("6.12.95+deb12-arm64", True)):
        found = placed("crashkernel=256M", release, "arm64", 2 * GIB, efi=efi)
        assert (found.status, found.regions) == ("uncertain", ((0xA9A00000, 0xB9A00000),))
        assert found.reason
    for release in ("5.10.223", "6.1.192", "6.12"):
        assert result("crashkernel=4G", release, "arm64") == NOTHING
    assert result("crashkernel=64M@1088M", "6.12", "arm64")[0] != "hang"
    assert result("crashkernel=256M@2G", "6.12", "arm64", efi=False) == at(2 * GIB, 256 * MIB)
    # EFI may have put the kernel there, or keep memory there.
    for efi in (None, True):
        found = placed("crashkernel=256M@2G", "6.12", "arm64", efi=efi)
        assert (found.status, found.alternatives) == ("uncertain", ((),))
    assert result("crashkernel=256M@2049M", "6.12", "arm64") == NOTHING
    assert "not 2MB aligned" in placed("crashkernel=256M@2049M", "5.10.223", "arm64").reason
    assert "region is not memory" in placed("crashkernel=256M@512M", "5.10.223", "arm64").reason
    # Sizes are whole pages up to 6.6.
    assert result("crashkernel=0x10000001@2G", "6.1.192", "arm64", efi=False) == at(2 * GIB, 256 * MIB + 4096)


def test_where_dma_ends_on_arm64() -> None:
    """The Raspberry Pi 4's devices reach 1G: its device tree says so, its map does not. 5.9 does not ask."""
    memory = from_firmware([(0, 0x3B400000, "System RAM"), (GIB, 0xFC000000, "System RAM")])

    def tops(release: str, **known: Any) -> set[bool]:
        found = placed("crashkernel=256M", release, "arm64", memory=memory, efi=False, **known)
        return {regions[0][1] <= GIB for regions in (found.regions, *found.alternatives)}

    for release in ("5.15.0", "6.1.0", "6.12.25+rpt-rpi-v8"):
        assert tops(release) == {True, False}
        assert tops(release, dma_limit=GIB) == {True}
        assert tops(release, dma_limit=4 * GIB) == {False}
    assert tops("5.9.0") == {False}
    assert "DMA" in placed("crashkernel=256M", "6.12", "arm64", memory=memory, efi=False).reason
    # RAM from 1G on is above such a limit, which then does not count.
    assert "DMA" not in placed("crashkernel=256M", "6.12", "arm64", efi=False).reason


def test_powerpc() -> None:
    """A guest of KVM has 512M (seen in 6.1 and 6.10); PowerVM's real mode area and bare metal lead elsewhere.

    reserve_crashkernel() of arch/powerpc/kexec/core.c since commit 7c5ed82b800d (5.18), which stable releases got.
    """
    below = [each * MIB for each in (256, 384, 128)]
    for release, first, others in (
        ("6.1.0-50-powerpc64le", 512 * MIB, below),
        ("5.10.223", GIB, below),
        ("5.4.302", 128 * MIB, [GIB, 256 * MIB, 384 * MIB]),
    ):
        found = placed("crashkernel=256M", release, "ppc64le")
        assert (found.status, found.regions) == ("uncertain", ((first, first + 256 * MIB),))
        assert sorted(regions[0][0] for regions in found.alternatives) == sorted(others)
        assert "partition" in found.reason
    assert result("crashkernel=256M", "4.17.0", "ppc64le") == at(128 * MIB, 256 * MIB)
    assert result("crashkernel=256M@768M", "6.12", "ppc64le") == at(768 * MIB, 256 * MIB)
    assert result("crashkernel=256M@16M", "6.12", "ppc64le") == ("uncertain", ())
    assert result("crashkernel=256M,high", "6.12", "ppc64le") == NOTHING


def test_s390x() -> None:
    assert result("crashkernel=3G", "6.12", "s390x") == NOTHING
    assert result("crashkernel=256M@128M", "6.12", "s390x") == NOTHING
    assert placed("crashkernel=256M@128M", "6.12", "s390x").reason.endswith("crash_base too low")
    assert placed("crashkernel=256M", "6.12", "s390x").status == "uncertain"


def test_riscv64() -> None:
    """Real boots of Debian's 6.12; how sure that is elsewhere is not known."""
    initrd = (0x88200000, 0x8836F000)
    for ram, cmdline, there, regions in (
        (2 * GIB, "crashkernel=256M", None, ((0xEBC00000, 0xFBC00000),)),
        (GIB, "crashkernel=128M", initrd, ((0xB4C00000, 0xBCC00000),)),
        (6 * GIB, "crashkernel=256M,high", None, ((0xF8000000, 0x100000000), (0x1E7C00000, 0x1F7C00000))),
    ):
        assert result(cmdline, "6.12.107+deb13-riscv64", "riscv64", ram, there) == ("uncertain", regions)


def test_riscv64_that_fits_nowhere_below_4g() -> None:
    initrd = (0x84000000, 0x84200000)
    assert result("crashkernel=460M", "6.12", "riscv64", 512 * MIB, initrd) == HANG
    assert result("crashkernel=460M,high", "6.12", "riscv64", 512 * MIB, initrd) == NOTHING
    assert result("crashkernel=8G", "5.10.223", "riscv64", 512 * MIB) == NOTHING
    assert result("crashkernel=8G", "6.8", "riscv64", 8 * GIB) == NOTHING
    # Without knowing where the initrd lies it may fit.
    assert placed("crashkernel=460M", "6.12", "riscv64", 512 * MIB).may_hang


# ---- doubt ----------------------------------------------------------------------------------------------------------


def test_kaslr_on_much_ram_leaves_little_doubt() -> None:
    found = placed("crashkernel=256M", "6.12.95+deb12-amd64", ram=64 * GIB, kaslr=None)
    assert (found.status, found.regions) == ("uncertain", ((0xAF000000, 0xBF000000),))
    assert 0.99 < found.chance < 0.999
    assert found.chance + sum(found.chances) == pytest.approx(1, abs=0.01)
    assert len(found.alternatives) > 1
    assert "KASLR" in found.reason
    # Reserved is what at least 999 of 1000 boots have.
    assert placed("crashkernel=256M", "6.12.95+deb12-amd64", ram=1024 * GIB, kaslr=None).status == "reserved"


def test_kaslr_on_little_ram_does() -> None:
    found = placed("crashkernel=128M", "6.1.0-50-amd64", ram=256 * MIB, kaslr=True)
    assert found.status == "uncertain"
    assert () in found.alternatives or found.regions == ()
    assert not found.may_hang


def test_kaslr_may_hit_a_given_place() -> None:
    found = placed("crashkernel=64M@16M", "6.1.0-50-amd64", ram=64 * GIB, kaslr=True)
    assert (found.status, found.regions, found.alternatives) == ("uncertain", ((16 * MIB, 80 * MIB),), ((),))


def test_kaslr_may_make_i386_hang() -> None:
    found = placed("crashkernel=300M", "6.12", ram=GIB, kaslr=True, **I386)
    assert (found.status, found.may_hang) == ("uncertain", True)
    assert () in (found.regions, *found.alternatives)


def test_no_kaslr_before_4_12() -> None:
    assert not Release.parse("4.9.0-19-amd64").moves("quiet")
    assert Release.parse("6.1").moves("quiet nokaslrx")
    assert not Release.parse("6.1").moves("quiet nokaslr")


def test_an_edge_that_another_configuration_would_shift() -> None:
    """Kernels that were not measured may take up to about a megabyte more or less at the top."""
    # 0xff80000 below a multiple of 16M from the top of RAM: half a megabyte decides.
    edge = (2 * GIB - 128 * 1024) % (16 * MIB) - MIB // 2
    measured = placed(f"crashkernel={edge:#x}", "6.12")
    other = placed(f"crashkernel={edge:#x}", "6.9.7")
    assert measured.status == "reserved"
    assert (other.status, other.regions) == ("uncertain", measured.regions)
    assert other.alternatives
    assert placed("crashkernel=256M", "6.9.7").status == "reserved"


def test_what_is_not_modelled_is_uncertain() -> None:
    for word in ("efi_fake_mem=64M@1G", "kernelcore=mirror", "debug_pagealloc=on"):
        found = placed(f"crashkernel=256M {word}", "6.12")
        assert (found.status, found.alternatives) == ("uncertain", ((),))
        assert word in found.reason
    assert placed("crashkernel=256M mem=1G", "6.12", "arm64").status == "uncertain"
    assert placed("crashkernel=2000M", "6.12", ram=2 * GIB, efi=True).status != "reserved"
    assert placed("crashkernel=256M", "6.12", efi=True).status == "uncertain"


# ---- laws -----------------------------------------------------------------------------------------------------------

MEMORIES = st.lists(st.tuples(st.integers(0, 6000), st.integers(16, 3000)), min_size=1, max_size=4).map(
    lambda pairs: from_firmware((s * MIB, (s + n) * MIB, "usable") for s, n in pairs)
)
RELEASES = (
    "2.6.29",
    "2.6.32-642.el6",
    "3.2.0",
    "3.10.0-1160.el7",
    "4.4.0",
    "4.18.0",
    "5.10",
    "6.1",
    "6.8",
    "6.12",
    "7.2",
)


@given(
    MEMORIES,
    st.sampled_from(RELEASES),
    st.sampled_from(["i386", "x86_64", "arm64", "ppc64le", "s390x", "riscv64", "loongarch64"]),
    st.integers(1, 3000),
    st.one_of(st.just(""), st.just(",high"), st.integers(1, 6000).map("@{}M".format)),
)
def test_regions_lie_in_ram_and_clear_of_what_is_there(
    memory: MemoryMap, release: str, arch: str, size: int, rest: str
) -> None:
    start, end = memory.ram[0]
    initrd = (end - (end - start) // 4, end)
    image_at = (start, start + (end - start) // 4)
    found = placed(f"crashkernel={size}M{rest}", release, arch, memory=memory, initrd=initrd, kernel_image=image_at)
    free = FreeMemory(memory.ram).without(image_at)
    for regions in (found.regions, *found.alternatives):
        for low, high in regions:
            assert free.covers(low, high)
            assert architecture(arch).is_powerpc or FreeMemory(memory.ram).without(initrd).covers(low, high)
        assert all(before[1] <= after[0] for before, after in pairwise(regions))
    if found.status in {"failed", "hang"}:
        assert found.regions == ()
        assert found.reason
    if found.status == "reserved":
        assert max(high - low for low, high in found.regions) >= size * MIB or len(found.regions) == 2


# RAM across 4G: the main region goes above, and has none below; a kernel there moves it across, where it needs none.
@example(from_firmware([(3937 * MIB, 4242 * MIB, "usable")]), "5.10", "x86_64", 145)
@given(MEMORIES, st.sampled_from(RELEASES[5:]), st.sampled_from(["i386", "x86_64"]), st.integers(1, 900))
def test_kaslr_outcomes_hold_every_place_of_the_kernel(memory: MemoryMap, release: str, arch: str, size: int) -> None:
    """Whatever place a kernel of that size takes, its outcome is one of those foreseen."""
    length = 32 * MIB
    cmdline = f"crashkernel={size}M"
    found = placed(cmdline, release, arch, memory=memory, kernel_image=(0, length), kaslr=True)
    foreseen = {found.regions, *found.alternatives}
    ceiling = 512 * MIB if arch == "i386" else 1 << 64
    for start, end in memory.ram:
        first = round_up(max(start, 16 * MIB), 2 * MIB)
        for address in range(first, min(end, ceiling) - length - 2 * MIB, 46 * MIB):
            there = placed(cmdline, release, arch, memory=memory, kernel_image=(address, address + length))
            # Of more than that many outcomes only the likeliest are named.
            assert there.regions in foreseen or len(foreseen) == MOST_OUTCOMES
