"""What vendors changed in their kernels: by build, with the source of each row."""

import pytest

from grubkd.memory.behaviours import Behaviour, ParserRules
from grubkd.memory.kernel_parser import read
from grubkd.memory.memory_map import from_firmware, typical
from grubkd.memory.placement.place import place_line
from grubkd.memory.release import Release
from grubkd.memory.size import GIB, MIB
from grubkd.memory.vendor_kernels import VENDOR_CHANGES, VendorChange


@pytest.mark.parametrize("change", VENDOR_CHANGES, ids=lambda change: f"{change.tag}-{change.version}")
def test_every_change_of_a_vendor_names_its_source(change: VendorChange) -> None:
    assert change.source
    assert change.changes
    assert set(change.changes) <= {*Behaviour._fields, *ParserRules._fields}


@pytest.mark.parametrize(
    ("text", "arm_high", "rounds", "others"),
    [
        # Changelogs of kernel-5.14.0-122.el9 and -133.el9.
        ("5.14.0-70.13.1.el9_0.aarch64", False, False, 0),
        ("5.14.0-122.el9.aarch64", True, False, 0),
        ("5.14.0-162.6.1.el9_1.x86_64", True, True, 0),
        # What RHEL 9.2 took from 6.2, and RHEL 9.4 and later from 6.7, was not read.
        ("5.14.0-284.11.1.el9_2.aarch64", True, True, 1),
        ("5.14.0-503.11.1.el9_5.x86_64", True, True, 2),
        # RHEL 10 may have ,cma of 6.17.
        ("6.12.0-55.el10.x86_64", True, True, 1),
        # RHEL 8.4 and later: other sizes of auto; 8.5: ,high on arm64.
        ("4.18.0-305.el8.x86_64", False, True, 1),
        ("4.18.0-553.el8_10.aarch64", False, True, 2),
        # openEuler's installation guide documents X,high on arm64; reserve_crashkernel_high() of its 5.10.
        ("5.10.0-60.18.0.50.oe2203.aarch64", True, False, 1),
        ("5.10.0-32-arm64", False, False, 0),
        ("4.18.0-240.el8.aarch64", False, True, 0),
        ("4.18.0-147.el8.x86_64", False, True, 0),
        ("4.18.0-80.11.2.el8_0.x86_64", False, True, 0),
        ("4.18.0-193.el8.x86_64", False, True, 1),
        ("4.14.35-2047.el7uek.x86_64", False, False, 2),
        # kernel-ark had auto and the rounding of RHEL 8 from 5.4 to 5.14.0-rc0.
        ("5.10.12-200.fc33.x86_64", False, True, 0),
        ("5.8.15-301.fc33.x86_64", False, False, 1),
        ("5.14.10-300.fc35.x86_64", False, False, 0),
        ("5.4.0-1.elrdy.x86_64", False, True, 0),
        # Red Hat's kernel for vehicles is that of RHEL 9.
        ("5.14.0-349.312.test.el9iv.aarch64", True, True, 1),
        ("5.15.0-206.153.7.1.el9uek.x86_64", False, False, 2),
        # Vendors whose sources were not read may have what the next versions brought.
        ("5.14.21-150500.55.52-default", False, False, 2),
        ("6.4.0-150600.23.25-default", True, True, 1),
        ("4.12.14-122.37-default", False, False, 2),
        ("5.10.225-213.878.amzn2.x86_64", False, False, 2),
        ("6.1.102-111.182.amzn2023.aarch64", True, True, 2),
        ("5.15.131.1-2.cm2", False, False, 2),
        ("6.6.51.1-5.azl3", True, True, 1),
        ("5.10.134-16.al8.x86_64", False, False, 3),
        ("5.4.119-19.0009.tl3", False, False, 1),
        ("6.8.0-1015-azure", True, True, 1),
        # Upstream's, Debian's, Ubuntu's and Fedora's own.
        ("6.6.13-1", True, True, 0),
        ("6.12.74+deb13-cloud-amd64", True, True, 0),
        ("5.15.0-25-generic-64k", False, False, 0),
        ("6.1.0-1kali1-amd64", True, True, 0),
        ("6.5.6-300.fc39.aarch64", True, True, 0),
        ("7.2.0-rc4+", True, True, 0),
    ],
)
def test_what_vendors_changed(text: str, arm_high: bool, rounds: bool, others: int) -> None:
    release = Release.parse(text)
    behaviour = release.behaviours[0]
    assert (behaviour.arm_high, behaviour.rules.rounds_ram) == (arm_high, rounds)
    assert len(release.possible) == 1 + others
    assert ("this vendor may have changed it" in release.note) is bool(others)


def test_a_vendor_that_is_not_known_is_uncertain_where_neighbouring_versions_differ() -> None:
    """5.19 rounds the RAM up to 128M; on arm64 it knows ,high. What all versions do alike stays certain."""
    memory = from_firmware([(MIB, 2000 * MIB, "usable")])
    suse = Release.parse("5.14.21-150500.55.52-default")
    facts = {"initrd": None, "kaslr": False, "kernel_image": (16 * MIB, 64 * MIB)}
    for value, status in (("2G-:256M", "uncertain"), ("1G-:256M", "reserved"), ("256M", "reserved")):
        found = place_line(f"crashkernel={value}", suse, "x86_64", memory.ram_total, memory, **facts)
        assert found.status == status
        assert ("vendor" in found.reason) is (status == "uncertain")
    arm = typical(16 * GIB, "arm64")
    found = place_line("crashkernel=512M,high", suse, "arm64", arm.ram_total, arm, initrd=None, efi=False)
    assert found.status == "uncertain"
    assert () in (found.regions, *found.alternatives)
    assert "may have changed it" in suse.note


def test_what_a_vendor_may_have_changed_is_not_certain() -> None:
    """UEK 3 and 5 know auto; whether with the sizes of RHEL 6 or of RHEL 7 was not read. All outcomes are named."""
    memory = typical(8 * GIB, "x86_64")
    facts = {"initrd": None, "kaslr": False}
    for text, status, others in (
        ("3.8.13-118.el7uek.x86_64", "uncertain", 1),
        ("4.14.35-2047.el7uek.x86_64", "uncertain", 2),
        ("4.14.0-1-amd64", "failed", 0),
    ):
        found = place_line("crashkernel=auto", Release.parse(text), "x86_64", 8 * GIB, memory, **facts)
        assert found.status == status
        assert len(found.alternatives) == others


@pytest.mark.parametrize(
    ("text", "arch", "ram", "size"),
    [
        # kernel/crash_core.c of RHEL 8 up to 4.18.0-147 (lulu-github-name/linuxtmp 996ddc0e, 88ad45d0).
        ("4.18.0-80.11.2.el8_0.x86_64", "x86_64", 8 * GIB, 160 * MIB),
        ("4.18.0-147.el8.x86_64", "x86_64", 8 * GIB, 160 * MIB),
        ("4.18.0-147.el8.x86_64", "x86_64", 64 * GIB, 256 * MIB),
        ("4.18.0-147.el8.aarch64", "arm64", 8 * GIB, 512 * MIB),
        ("4.18.0-147.el8.s390x", "s390x", 2 * GIB, 0),
        ("4.18.0-240.el8.x86_64", "x86_64", 8 * GIB, 192 * MIB),
        # The same ranges in kernel-ark (ctrliq/kernel-src-tree 33a94be5), and so in Fedora.
        ("5.10.12-200.fc33.x86_64", "x86_64", 8 * GIB, 160 * MIB),
        ("5.13.19-200.fc34.aarch64", "arm64", 2 * GIB, 512 * MIB),
        ("5.4.0-1.elrdy.x86_64", "x86_64", 48 * GIB, 160 * MIB),
        ("5.14.10-300.fc35.x86_64", "x86_64", 8 * GIB, 0),
        # kernel-alt of RHEL 7 (AmpereComputing/ampere-centos-kernel 121f075d).
        ("4.14.0-115.el7a.0.1.aarch64", "arm64", 8 * GIB, 512 * MIB),
        ("4.14.0-115.el7a.0.1", "arm64", 8 * GIB, 512 * MIB),
        ("4.14.0-115.el7a.0.1.ppc64le", "ppc64le", 8 * GIB, 512 * MIB),
        ("4.14.0-115.el7a.0.1.s390x", "s390x", 8 * GIB, 160 * MIB),
        # UEK 3 from 3.8.13-24 on: the formula of RHEL 6 (oracle/linux-uek fc80d0a0).
        ("3.8.13-118.el7uek.x86_64", "x86_64", 8 * GIB, 129 * MIB),
        ("3.8.13-16.el6uek.x86_64", "x86_64", 8 * GIB, 0),
        # Virtuozzo's kernel is Red Hat's (OpenVZ/vzkernel 16d6d704).
        ("3.10.0-1160.105.1.vz7.214.3", "x86_64", 4 * GIB, 161 * MIB),
    ],
)
def test_sizes_of_auto(text: str, arch: str, ram: int, size: int) -> None:
    assert read("crashkernel=auto", Release.parse(text), arch, ram).size == size


def test_a_name_like_another_vendors_is_not_taken_for_it() -> None:
    """Kylin's names look like Ubuntu's, Tencent's like upstream's, and OpenVZ's like upstream's 3.10."""
    for text in ("5.4.18-85-generic", "5.10.0-8-generic", "5.4.119-19-0009.11", "5.4.119-20.0009.29", "6.1.32-11.ph5"):
        assert not Release.parse(text).exact, text
        assert "may have changed it" in Release.parse(text).note, text
    for text in ("5.4.0-150-generic", "2.6.32-74-generic", "6.1.119-1.el8.elrepo.x86_64", "5.4.119", "6.1.55-1"):
        assert Release.parse(text).exact, text


@pytest.mark.parametrize(
    ("text", "vendor"),
    [
        ("3.10.0-1160.105.1.vz7.214.3", "rhel7"),
        ("5.14.0-427.44.1.vz9.80.6", "rhel9"),
        ("5.14.0-570.el9_6.rocky.x86_64", "rhel9"),
        ("5.14.0-284.30.1.el9_2.92ciq_lts.7.1.x86_64", "rhel9"),
        ("5.14.0-427.13.1.el9_4.0.1.x86_64", "rhel9"),
        ("6.1.119-1.el8.elrepo.x86_64", ""),
    ],
)
def test_whose_build_it_is(text: str, vendor: str) -> None:
    assert Release.parse(text).vendor == vendor


def test_every_build_of_rhel_8_has_its_sizes_of_auto() -> None:
    """Up to 8.3 they were read; those of the documents are only one possibility, whatever follows the tag."""
    for text in (
        "4.18.0-553.el8_10.x86_64",
        "4.18.0-372.32.1.el8_6.86ciq_lts.x86_64",
        "4.18.0-305.3.1.vz8.7.12",
        "4.18.0-553.el8_10",
    ):
        sizes = {read("crashkernel=auto", each, "x86_64", 8 * GIB).size for each in Release.parse(text).possible}
        assert sizes == {192 * MIB, 256 * MIB}, text


def test_pages_of_oracles_kernels() -> None:
    """uek-rpm/ol8/config-aarch64 of oracle/linux-uek 00821882: CONFIG_ARM64_4K_PAGES; RHEL 8 has 64K."""
    assert Release.parse("5.4.17-2136.300.7.el8uek.aarch64").page_size == 4096
    assert Release.parse("4.18.0-553.el8_10.aarch64").page_size == 65536


def test_tencents_kernel_differs_from_upstreams_on_arm64_only() -> None:
    """Tencent/TencentOS-kernel b99d9f98, 5.4: no auto, no rounding; arm64 as x86, since a build that is not known."""
    memory = from_firmware([(MIB, 2000 * MIB, "usable")])
    release = Release.parse("5.4.241-1-tlinux4-0017.7")
    facts = {"initrd": None, "kaslr": False, "kernel_image": (16 * MIB, 64 * MIB)}
    found = place_line("crashkernel=2G-:256M", release, "x86_64", memory.ram_total, memory, **facts)
    assert found.status == "failed"
    assert place_line("crashkernel=1G-:256M", release, "x86_64", memory.ram_total, memory, **facts).status == "reserved"
    arm = typical(16 * GIB, "arm64")
    found = place_line("crashkernel=512M,high", release, "arm64", arm.ram_total, arm, initrd=None, efi=False)
    assert {len(regions) for regions in (found.regions, *found.alternatives)} == {0, 2}
