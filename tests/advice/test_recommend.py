"""Which value entries should hold, and what show warns of."""

from pathlib import Path

import pytest
from support.livetree import boot_and_machine

from grubkd import advice
from grubkd.advice import PlanOptions
from grubkd.boot.model import BootConfig
from grubkd.errors import ArchitectureUnknown, NoSuchEntry, RamUnknown
from grubkd.machine.hardware import Hardware
from grubkd.machine.kernels import Kernel
from grubkd.machine.machine import Machine
from grubkd.memory.architecture import Architecture
from grubkd.memory.size import GIB, MIB

FIXTURES = Path(__file__).parents[2] / "fixtures"


@pytest.fixture(scope="module")
def debian() -> tuple[BootConfig, Machine]:
    return boot_and_machine("debian-12", 4 * GIB)


class TestPlans:
    def test_every_entry_has_its_own(self) -> None:
        config, machine = boot_and_machine("rhel-9-aarch64", 16 * GIB)
        plans = {entry.version: advice.plan_entry(entry, config, machine) for entry in config.entries}
        assert [plan.values for plan in plans.values()] == [
            ("1G-4G:356M,4G-64G:420M,64G-:676M",),
            ("1G-4G:256M,4G-64G:320M,64G-:576M",),
            ("1G-4G:256M,4G-64G:320M,64G-:576M",),
        ]
        assert advice.plan_future(config, machine).values == ("1G-4G:356M,4G-64G:420M,64G-:676M",)
        assert advice.largest(list(plans.values())).values == ("1G-4G:356M,4G-64G:420M,64G-:676M",)

    def test_recommended_is_the_default_entrys(self) -> None:
        config, machine = boot_and_machine("rhel-9-aarch64")
        assert advice.recommended(config, machine).values == ("1G-4G:256M,4G-64G:320M,64G-:576M",)

    def test_an_entry_without_linux(self, debian: tuple[BootConfig, Machine]) -> None:
        memtest = next(entry for entry in debian[0].entries if not entry.linux)
        with pytest.raises(NoSuchEntry):
            advice.plan_entry(memtest, *debian)

    def test_errors_name_what_is_unknown(self) -> None:
        config, machine = boot_and_machine("rhel-5-xen")
        with pytest.raises(RamUnknown):
            advice.recommended(config, machine)
        nowhere = machine._replace(kernels={}, architecture=None, ram=2 * GIB)
        with pytest.raises(ArchitectureUnknown) as problem:
            advice.recommended(config, nowhere)
        assert "--arch" in problem.value.hint

    def test_an_offset_is_wanted(self, debian: tuple[BootConfig, Machine]) -> None:
        config, machine = debian
        automatic = advice.plan_entry(config.entries[0], config, machine, PlanOptions(offset="auto"))
        assert automatic.values[0].startswith("128M@")
        given = advice.plan_entry(config.entries[0], config, machine, PlanOptions(offset=512 * MIB))
        assert given.values == ("128M@512M",)

    def test_a_system_without_kernels(self) -> None:
        """An image that gets its kernel later: the newest behaviour, on the architecture that is given."""
        machine = Machine(live=False, architecture=Architecture.X86_64, given=True)
        config = BootConfig((), (), (), {})
        assert advice.plan_future(config, machine).values == ("2G-64G:256M,64G-:512M",)

    def test_foreseen(self, debian: tuple[BootConfig, Machine]) -> None:
        config, machine = debian
        plan = advice.plan_entry(config.entries[0], config, machine)
        found = advice.Verdicts(machine).foreseen(config.entries[0], plan)
        assert found.request is not None
        assert found.request.size == plan.size == 128 * MIB
        assert found.status in ("reserved", "uncertain")


class TestParts:
    """Only what was measured raises a vendor's value."""

    def plan(self, config: BootConfig, machine: Machine, image: int, initrd: int) -> str:
        kernels = {
            "6.1.0-50-amd64": Kernel(Architecture.X86_64, memory=image, initrd=initrd),
        }
        machine = machine._replace(kernels=kernels, hardware=Hardware(modules=20 * MIB))
        return advice.plan_entry(config.entries[0], config, machine).values[0]

    def test_measured(self, debian: tuple[BootConfig, Machine]) -> None:
        assert self.plan(*debian, 60 * MIB, 80 * MIB) == "384M-:384M"

    def test_placeholders_are_no_images(self, debian: tuple[BootConfig, Machine]) -> None:
        assert self.plan(*debian, 60 * MIB, 42) == "384M-:128M"


class TestReview:
    @pytest.mark.parametrize(
        ("tree", "codes"),
        [("debian-12", []), ("rhel-5-xen", ["ram-unknown"]), ("rhel-8", []), ("rhel-9", []), ("fedora-16", [])],
    )
    def test_warnings(self, tree: str, codes: list[str]) -> None:
        plan, warnings = advice.review(*boot_and_machine(tree))
        assert [notice.code for notice in warnings] == codes
        assert (plan is None) is bool(codes)

    def test_an_entry_that_reserves_nothing_is_named_once(self) -> None:
        """RHEL 8's `auto`, on a tree whose kernels have become RHEL 9's."""
        config, machine = boot_and_machine("rhel-8")
        entries = tuple(entry._replace(version="5.14.0-503.el9.x86_64") for entry in config.entries)
        _, warnings = advice.review(config._replace(entries=entries), machine)
        assert [(notice.code, notice.place) for notice in warnings] == [("reserves-nothing", entries[0].source)]

    def test_no_bootloader(self) -> None:
        assert advice.review(BootConfig((), (), (), {}), Machine(live=True, architecture=None)) == (None, ())
