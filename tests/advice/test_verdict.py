"""What the kernels of entries do with their command lines."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.livetree import boot_and_machine

from grubkd import advice
from grubkd.advice.verdict import draw
from grubkd.boot.model import BootConfig, Entry
from grubkd.errors import RamUnknown
from grubkd.machine.hardware import Hardware
from grubkd.machine.kernels import Config, Kernel
from grubkd.machine.machine import Machine
from grubkd.memory.architecture import Architecture
from grubkd.memory.kernel_parser import read as read_line
from grubkd.memory.memory_map import from_firmware
from grubkd.memory.placement.early import deciding_words
from grubkd.memory.release import Release
from grubkd.memory.size import GIB, MIB

FIXTURES = Path(__file__).parents[2] / "fixtures"


# A guest with 2G as QEMU makes it, and the kernel of one that was recorded with `nokaslr`.
QEMU_2G = from_firmware(
    [
        (0, 654336, "usable"),
        (654336, 655360, "reserved"),
        (983040, 1048576, "reserved"),
        (1048576, 2147352576, "usable"),
        (2147352576, 2147483648, "reserved"),
        (4294705152, 4294967296, "reserved"),
    ]
)


@pytest.fixture(scope="module")
def debian() -> tuple[BootConfig, Machine]:
    return boot_and_machine("debian-12", 4 * GIB)


def entry_of(config: BootConfig, version: str) -> Entry:
    return next(entry for entry in config.entries if entry.version == version)


class TestVerdict:
    def status(self, line: str, tree: str, ram: int | None = None, index: int = 0) -> str:
        config, machine = boot_and_machine(tree, ram)
        return advice.Verdicts(machine).verdict(line, config.entries[index]).status

    @pytest.mark.parametrize(
        ("line", "tree", "ram", "status"),
        [
            ("quiet", "debian-12", 4 * GIB, "none"),
            ("quiet", "debian-12", None, "none"),
            ("crashkernel=64M@16M", "fedora-11-i386", 1 * GIB, "reserved"),
            ("crashkernel=64M@16M", "fedora-11-i386", None, "unknown"),
            # i386 2.6.29: a region beyond low memory hits a BUG, unless it meets the initrd first.
            ("crashkernel=900M@16M", "fedora-11-i386", 2 * GIB, "uncertain"),
            # What no amount of RAM would change is told without knowing it.
            ("crashkernel=auto", "debian-12", None, "failed"),
            ("crashkernel=oops", "debian-12", None, "failed"),
            ("crashkernel=256M", "debian-12", None, "unknown"),
            ("crashkernel=auto", "rhel-8", None, "unknown"),
            ("crashkernel=auto", "rhel-9", None, "failed"),
            # 2.6.26 needs an offset.
            ("crashkernel=256M", "debian-5-lenny", None, "failed"),
            ("crashkernel=384M-:128M", "debian-12", 256 * MIB, "failed"),
        ],
    )
    def test_status(self, line: str, tree: str, ram: int | None, status: str) -> None:
        assert self.status(line, tree, ram) == status

    def test_xen_reads_by_itself(self) -> None:
        config, machine = boot_and_machine("debian-6-legacy-xen", 4 * GIB)
        found = advice.Verdicts(machine).verdict("crashkernel=256M,high", config.entries[0])
        assert (found.status, found.lacks_high_low) == ("uncertain", True)
        assert advice.Verdicts(machine).verdict("dom0_mem=1G", config.entries[0]).status == "none"

    def test_a_release_that_is_not_known(self) -> None:
        config, machine = boot_and_machine("rhel-9", 8 * GIB)
        rescue = next(entry for entry in config.entries if entry.rescue)
        assert advice.Verdicts(machine).verdict("crashkernel=oops", rescue).status == "unknown"
        assert advice.Verdicts(machine).verdict("quiet", rescue).status == "none"

    @pytest.mark.parametrize(
        ("tree", "version", "lacks"),
        [
            ("fedora-11-i386", "2.6.29.4-167.fc11.i586", True),
            ("fedora-16", "3.1.0-7.fc16.x86_64", True),
            ("rhel-6", "2.6.32-642.el6.x86_64", True),
            ("rhel-8", "4.18.0-240.el8.x86_64", False),
            ("debian-12", "6.1.0-50-amd64", False),
        ],
    )
    def test_kernels_that_lack_high_and_low(self, tree: str, version: str, lacks: bool) -> None:
        config, machine = boot_and_machine(tree, 8 * GIB)
        found = advice.Verdicts(machine).verdict("crashkernel=256M,high crashkernel=72M,low", entry_of(config, version))
        assert found.lacks_high_low is lacks
        assert not advice.Verdicts(machine).verdict("crashkernel=256M", entry_of(config, version)).lacks_high_low

    def test_arm64_knows_high_and_low_from_6_1_on(self) -> None:
        config, machine = boot_and_machine("debian-12", 8 * GIB)
        machine = machine._replace(architecture=Architecture.ARM64, given=True)
        line = "crashkernel=256M,high"
        entry = (config.entries[0])._replace(version="5.10.0-1-arm64")
        assert advice.Verdicts(machine).verdict(line, entry).lacks_high_low
        assert not advice.Verdicts(machine).verdict(line, config.entries[0]).lacks_high_low

    @pytest.mark.parametrize(
        ("config", "release", "arch", "why"),
        [
            (Config(kexec=False), "6.1.0-1-amd64", Architecture.X86_64, "CONFIG_KEXEC"),
            (Config(kexec=True, crash_dump=False), "6.1.0-1-s390x", Architecture.S390X, "CONFIG_CRASH_DUMP"),
            (Config(kexec=True, crash_dump=False), "6.12.0-1-amd64", Architecture.X86_64, "CONFIG_CRASH_DUMP"),
            # Before 6.9 the reservation is made all the same.
            (Config(kexec=True, crash_dump=False), "6.1.0-1-amd64", Architecture.X86_64, ""),
            (Config(), "6.1.0-1-amd64", Architecture.X86_64, ""),
        ],
    )
    def test_a_kernel_that_ignores_the_value(
        self, debian: tuple[BootConfig, Machine], config: Config, release: str, arch: Architecture, why: str
    ) -> None:
        kernels = {release: Kernel(arch, config)}
        machine = (debian[1])._replace(kernels=kernels, architecture=arch)
        found = advice.Verdicts(machine).verdict("crashkernel=256M", (debian[0].entries[0])._replace(version=release))
        assert (found.status == "failed") is bool(why)
        assert why in found.reason

    def test_a_paravirtual_guest_of_xen(self, debian: tuple[BootConfig, Machine]) -> None:
        config, machine = debian
        machine = machine._replace(hardware=Hardware(pv_guest=True))
        found = advice.Verdicts(machine).verdict("crashkernel=256M", config.entries[0])
        assert (found.status, "Xen" in found.reason) == ("failed", True)
        assert advice.Verdicts(machine).verdict("quiet", config.entries[0]).status == "none"

    def test_on_the_machines_own_map(self, debian: tuple[BootConfig, Machine]) -> None:
        """A boot that was recorded: 6.1, 2G, an initrd at the top, nokaslr."""
        machine = (debian[1])._replace(ram=QEMU_2G.ram_total, memory_map=QEMU_2G)
        machine = machine._replace(hardware=Hardware(initrd=(0x7FEE0000, 0x7FFE0000)), running=None)
        entry = (debian[0].entries[0])._replace(initrds=())
        found = advice.Verdicts(machine).verdict("crashkernel=256M nokaslr", entry)
        assert found.assumption == ""
        assert [end - start for start, end in found.regions] == [256 * MIB]
        typical = advice.Verdicts(debian[1]).verdict("crashkernel=256M nokaslr", entry)
        assert typical.assumption == "on a typical memory map of 4G"

    def test_where_the_initrd_is_decides(self, debian: tuple[BootConfig, Machine]) -> None:
        """GRUB puts it below 896M, other loaders at the top: what is not known is not certain."""
        config, machine = debian
        machine = machine._replace(ram=QEMU_2G.ram_total, memory_map=QEMU_2G, running=None)
        line = "crashkernel=1400M nokaslr"
        unknown = advice.Verdicts(machine).verdict(line, config.entries[0], initrd_size=64 * MIB)
        without = advice.Verdicts(machine).verdict(line, config.entries[0], initrd_size=0)
        assert without.status == "reserved"
        assert unknown.status == "uncertain"
        assert "initrd" in unknown.reason
        assert unknown.regions not in unknown.alternatives


class TestSimulation:
    def test_a_kernel_that_is_not_installed(self) -> None:
        machine = Machine(live=False, architecture=Architecture.X86_64, given=True, ram=QEMU_2G.ram_total)
        release = Release.parse("7.2.0-1-amd64")
        line = "quiet crashkernel=256M nokaslr"
        found = advice.simulate(line, release, machine._replace(memory_map=QEMU_2G), initrd_size=0)
        assert found.verdict.regions == ((0x6F000000, 0x7F000000),)
        # "with a 32M initrd 0x6d000000"
        found = advice.simulate(line, release, machine._replace(memory_map=QEMU_2G), initrd_size=32 * MIB)
        assert found.verdict.regions == ((0x6D000000, 0x7D000000),)

    def test_without_ram(self) -> None:
        machine = Machine(live=False, architecture=Architecture.X86_64, given=True)
        with pytest.raises(RamUnknown) as problem:
            advice.simulate("crashkernel=256M", Release.parse("6.1.0"), machine, initrd_size=0)
        assert "--iomem" in problem.value.hint


def test_the_picture_of_an_entry() -> None:
    config, machine = boot_and_machine("fedora-11-i386", 1 * GIB)
    entry = config.entries[0]
    plan = advice.plan_entry(entry, config, machine)
    shown = draw(entry, plan, advice.Verdicts(machine).foreseen(entry, plan), machine)
    assert shown.title == "entry 0: 64M@16M, 2.6.29.4-167.fc11.i586, on a typical memory map of 1G"
    with pytest.raises(RamUnknown):
        draw(entry, plan, advice.Verdicts(machine).foreseen(entry, plan), machine._replace(ram=None))


WORDS = st.sampled_from(
    [
        "quiet",
        "ro",
        "crashkernel=128M",
        "crashkernel=64G",
        "crashkernel=1G-:192M",
        "crashkernel=256M,high",
        "crashkernel=72M,low",
        "crashkernel=96M@16M",
        "crashkernel=2G-:128M",
        "xcrashkernel=2M",
        "nokaslr",
        "mem=512M",
        "numa=fake=2",
        "swiotlb=65536",
        "--",
    ]
) | st.sampled_from(['dyndbg="x crashkernel=1M"', ""])
LINES = st.lists(WORDS, max_size=6).map(" ".join) | st.text("crashkenl=12M-:G,@ ", max_size=40)


@given(LINES)
def test_a_line_and_its_deciding_words_are_read_alike(line: str) -> None:
    for release in map(Release.parse, ("2.6.29", "4.4.0", "6.1.0-50-amd64", "7.2.0")):
        for ram in (512 * MIB, 8 * GIB):
            assert read_line(deciding_words(line), release, "x86_64", ram) == read_line(line, release, "x86_64", ram)


@settings(max_examples=40, deadline=None)
@given(LINES, st.sampled_from([None, 256 * MIB, GIB, 4 * GIB, 16 * GIB]), st.integers(0, 1))
def test_a_brief_verdict_fails_where_the_whole_one_does(line: str, ram: int | None, index: int) -> None:
    config, machine = boot_and_machine("debian-12", ram)
    entry, verdicts = config.entries[index], advice.Verdicts(machine)
    whole, brief = verdicts.verdict(line, entry), verdicts.brief(line, entry)
    assert brief.lacks_high_low == whole.lacks_high_low
    assert brief.may_hang == whole.may_hang
    if brief.status in ("failed", "hang", "none", "unknown") or whole.status in ("failed", "hang", "none", "unknown"):
        assert (brief.status, brief.reason) == (whole.status, whole.reason)


def test_entries_of_builds_that_cannot_differ_share_a_verdict(debian: tuple[BootConfig, Machine]) -> None:
    config, machine = debian
    entry = config.entries[0]
    builds = [entry._replace(version=f"9.1.0-{number}-amd64") for number in (1, 2)]
    verdicts = advice.Verdicts(machine._replace(ram=96 * MIB))
    first, second = (verdicts.verdict("ro crashkernel=2G", each) for each in builds)
    assert first.regions == second.regions
    assert "9.1.0-1-amd64" in first.note
    assert "9.1.0-2-amd64" in second.note
