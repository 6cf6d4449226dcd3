"""Releases and architectures: which known behaviour a kernel has."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grubkd.errors import ArchitectureUnknown, Usage
from grubkd.memory.architecture import Architecture, architecture, implied
from grubkd.memory.behaviours import Era
from grubkd.memory.memory_map import typical
from grubkd.memory.placement.arm import DEBIAN_ARM64
from grubkd.memory.placement.place import place_line
from grubkd.memory.release import Release, typical_image
from grubkd.memory.size import GIB, MIB


@pytest.mark.parametrize(
    ("text", "era", "exact", "vendor"),
    [
        ("2.6.29", Era.V2_6_29, True, ""),
        ("2.6.29.5-191.fc11.i586", Era.V2_6_29, True, ""),
        ("2.6.27.5-117.fc10.x86_64", Era.V2_6_29, False, ""),
        ("2.6.18-419.el5", Era.V2_6_29, False, "rhel5"),
        ("2.6.31-14-generic", Era.V2_6_32, False, ""),
        ("2.6.32-5-686", Era.V2_6_32, True, ""),
        ("2.6.32-642.el6.x86_64", Era.RHEL6, True, "rhel6"),
        ("2.6.32-754.35.1.el6.x86_64", Era.RHEL6, False, "rhel6"),
        ("2.6.38-8-generic", Era.V3_0, False, ""),
        ("3.2.0-4-amd64", Era.V3_0, False, ""),
        ("3.10.0-1160.el7.x86_64", Era.RHEL7, True, "rhel7"),
        ("3.10.0-957.el7.x86_64", Era.RHEL7, False, "rhel7"),
        ("3.16.0-4-amd64", Era.V4_4, False, ""),
        ("4.4.0-210-generic", Era.V4_4, True, ""),
        ("4.9.0-19-amd64", Era.V4_4, False, ""),
        ("4.15.0-20-generic", Era.V4_4, True, ""),
        ("4.18.0", Era.V4_18, True, ""),
        ("4.18.0-240.el8.x86_64", Era.RHEL8, True, "rhel8"),
        ("4.18.0-553.el8_10.x86_64", Era.RHEL8, False, "rhel8"),
        ("4.19.0-27-amd64", Era.V4_18, False, ""),
        ("5.4.0-26-generic", Era.V5_10, True, ""),
        ("5.4.17-2136.300.7.el8uek.x86_64", Era.V5_10, False, "rhel8"),
        ("5.10.223", Era.V5_10, True, ""),
        ("5.14.0-427.el9.x86_64", Era.V5_10, False, "rhel9"),
        ("5.15.0-25-generic", Era.V5_10, True, ""),
        ("5.19.0-50-generic", Era.V6_1, False, ""),
        ("6.1.0-50-686-pae", Era.V6_1, True, ""),
        ("6.6.0", Era.V6_1, False, ""),
        ("6.8.0-31-generic", Era.V6_8, True, ""),
        ("6.12.117", Era.V6_12, True, ""),
        ("6.12.0-55.el10.x86_64", Era.V6_12, False, "rhel10"),
        ("6.17.8+deb13-amd64", Era.V7_2, False, ""),
        ("7.2.13+deb14-amd64", Era.V7_2, True, ""),
        ("8.0", Era.V7_2, False, ""),
    ],
)
def test_a_release_selects_its_era(text: str, era: Era, exact: bool, vendor: str) -> None:
    release = Release.parse(text)
    assert (release.era, release.exact, release.vendor) == (era, exact, vendor)
    assert (release.note == "") is exact
    assert str(release) == text


def test_the_note_names_whose_behaviour_is_taken() -> None:
    assert Release.parse("6.6.13-1").note == "6.6.13-1: the behaviour is that of the nearest known kernel, 6.1"
    assert Release.parse("2.6.18-419.el5").note.endswith("; before 2.6.27 x86 reserves only with an @offset")


@pytest.mark.parametrize("text", ["", "amd64", "6", "vmlinuz-6.1.0", ".6.1", "6."])
def test_what_is_no_release_is_refused(text: str) -> None:
    with pytest.raises(Usage, match="is not a kernel release"):
        Release.parse(text)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("6.1.0-50-686-pae", Architecture.I386),
        ("6.1.0-50-amd64", Architecture.X86_64),
        ("6.1.0-50-cloud-amd64", Architecture.X86_64),
        ("2.6.29.4-167.fc11.i686.PAE", Architecture.I386),
        ("4.18.0-240.el8.x86_64", Architecture.X86_64),
        ("5.14.0-427.el9.aarch64+64k", Architecture.ARM64),
        ("6.1.0-50-powerpc64le", Architecture.PPC64LE),
        ("6.12.94+deb13-riscv64", Architecture.RISCV64),
        ("5.15.0-25-generic", None),
        ("6.8.0", None),
    ],
)
def test_the_architecture_that_a_release_names(text: str, found: Architecture | None) -> None:
    assert implied(text) is found
    assert Release.parse(text).architecture is found


def test_page_size_and_pae() -> None:
    assert Release.parse("5.14.0-427.el9.aarch64+64k").pages_64k
    assert Release.parse("6.8.0-31-generic-64k").pages_64k
    assert not Release.parse("6.1.0-50-arm64").pages_64k
    assert Release.parse("6.1.0-50-686-pae").pae
    assert Release.parse("2.6.29.4-167.fc11.i686.PAE").pae
    assert not Release.parse("6.1.0-50-686").pae


def test_kaslr_is_the_default_since_4_12() -> None:
    assert [Release.parse(text).moves("") for text in ("4.11.9", "4.12.0", "6.1")] == [False, True, True]


@pytest.mark.parametrize(
    ("name", "found"),
    [("i686", "i386"), ("i586", "i386"), ("amd64", "x86_64"), ("aarch64", "arm64"), ("ppc64el", "ppc64le")],
)
def test_names_of_one_architecture(name: str, found: str) -> None:
    assert architecture(name) == found
    assert architecture(found) is architecture(name.upper())


def test_an_unknown_architecture_is_refused() -> None:
    with pytest.raises(ArchitectureUnknown, match="unknown architecture 'vax'"):
        architecture("vax")


@pytest.mark.parametrize(
    ("text", "sample"),
    [
        ("5.14.0-427.13.1.el9_4.x86_64", "5.14.0-0.0.0.el9_4.x86_64"),
        ("6.1.0-50-686-pae", "6.1.0-0-686-pae"),
        ("6.1.0-50.deb12-amd64", "6.1.0-0.deb12-amd64"),
        ("6.1.0+deb12-686-pae", "6.1.0+deb12-686-pae"),
        ("6.1.0-686-pae", "6.1.0-0-pae"),
        ("6.12", "6.12"),
    ],
)
def test_a_sample_differs_from_its_builds_in_the_build_number_only(text: str, sample: str) -> None:
    release = Release.parse(text)
    assert release.sample == release._replace(text=sample, note=release.note.replace(text, sample))
    # What reads the text itself gives the same for both.
    for machine in (Architecture.X86_64, Architecture.I386, Architecture.ARM64):
        assert typical_image(release.sample, machine, 0) == typical_image(release, machine, 0)


@given(st.from_regex(r"\A[2-7]\.[0-9]{1,2}\.[0-9]{1,2}[-+.0-9a-z_]{0,12}(-amd64|-686-pae|-arm64|-cloud-amd64)?\Z"))
def test_typical_images_are_those_of_the_sample(text: str) -> None:
    release = Release.parse(text)
    for machine in (Architecture.X86_64, Architecture.I386):
        assert typical_image(release.sample, machine, 0) == typical_image(release, machine, 0)
    assert bool(re.fullmatch(DEBIAN_ARM64, release.sample.text)) == bool(re.fullmatch(DEBIAN_ARM64, text))


@pytest.mark.parametrize("text", ["3.2.0-4-amd64", "3.9.0", "3.10.0"])
def test_before_3_11_holes_may_count_as_ram(text: str) -> None:
    """get_total_mem() of 2.6.32 is max_pfn; memblock_phys_mem_size() of 3.11 is the sum. RHEL 7 has the sum."""
    memory = typical(4 * GIB, "x86_64")
    facts = {"initrd": None, "kaslr": False}
    line = "crashkernel=1G-5G:64M,5G-:128M"
    found = place_line(line, Release.parse(text), "x86_64", memory.span, memory, **facts)
    assert {end - start for regions in (found.regions, *found.alternatives) for start, end in regions} == {
        64 * MIB,
        128 * MIB,
    }
    assert found.status == "uncertain"
    assert "holes" in found.reason
    for later in ("3.11.0", "3.10.0-1160.el7.x86_64"):
        assert place_line(line, Release.parse(later), "x86_64", memory.ram_total, memory, **facts).status == "reserved"
    # Other architectures have always counted the sum.
    assert not Release.parse(text).possible[1].counts_span


def test_arm64_goes_on_above_4g_since_6_2() -> None:
    """a149cf00b158 and a9ae89df7377 of 6.2, 6c4dcaddbd36 of 6.5: 128M stay below; 6.1 has neither."""
    memory = typical(16 * GIB, "arm64")
    for text in ("6.2.0", "6.4.0", "6.5.0", "6.6.0", "6.8.0"):
        for value in ("4G", "4G,high"):
            found = place_line(f"crashkernel={value}", Release.parse(text), "arm64", 16 * GIB, memory, initrd=None)
            assert {len(regions) for regions in (found.regions, *found.alternatives)} == {2}
            low, high = found.regions
            assert (low[1] - low[0], high[1] - high[0]) == (128 * MIB, 4 * GIB)
    found = place_line("crashkernel=4G", Release.parse("6.1.0"), "arm64", 16 * GIB, memory, initrd=None)
    assert found.status == "failed"
    found = place_line("crashkernel=4G,high", Release.parse("6.1.0"), "arm64", 16 * GIB, memory, initrd=None)
    assert len(found.regions) == 1


@pytest.mark.parametrize(
    ("text", "known"),
    [
        ("6.1.0-50-arm64", True),
        ("6.12.95+deb13-riscv64", True),
        ("6.12.95+deb13-cloud-arm64", True),
        ("6.1.0-50-s390x", False),
        ("6.12.95+deb13-s390x", None),
        ("5.14.0-427.el9.s390x", True),
        ("6.6.3", None),
    ],
)
def test_kexec(text: str, known: bool | None) -> None:
    """By linux-config-6.1 and 6.12 of each architecture of Debian; and by Red Hat's support."""
    assert Release.parse(text).has_kexec is known
