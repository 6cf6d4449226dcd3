"""What grubkd predicts for a boot, compared with what the kernel of that boot did."""

from dataclasses import dataclass
from typing import Any

from grubkd.commands import batch
from grubkd.memory.memory_map import Extent
from grubkd.memory.xen import read_xen
from lab.report import Report

Regions = tuple[Extent, ...]


@dataclass(frozen=True, slots=True)
class Compared:
    """One question and its answer by the kernel.

    `outcome`: "exact": the regions are as predicted; "possible": they are one of the alternatives; "wrong".
    """

    status: str
    predicted: Regions
    alternatives: tuple[Regions, ...]
    reserved: Regions
    outcome: str

    @property
    def certain(self) -> bool:
        """Whether the prediction is certain."""
        return self.status != "uncertain"


def question(report: Report, arch: str, *, knows_image: bool, loader: str = "") -> dict[str, Any]:
    """The facts of a boot that are known before it, as `predict --batch` takes them.

    `loader`: what puts the initial RAM disk somewhere, asked instead of its place.

    The firmware's map and where the bootloader puts the initial RAM disk do not change from one boot to the next, nor
    does the size of the kernel's image, which is in the question if `knows_image`. The place that KASLR chose does.
    """
    memory = report.map
    asked: dict[str, Any] = {
        "cmdline": report.cmdline,
        "release": report.release,
        "arch": arch,
        "ram": memory.ram_total,
        "firmware_map": [[each.start, each.end, each.type] for each in memory.ranges],
        "initrd": report.initrd,
        "efi": report.efi,
    }
    if memory.nodes:
        asked["numa_nodes"] = memory.nodes
    if knows_image:
        asked["kernel_image"] = report.image
    if loader:
        del asked["initrd"]
        asked["loader"] = loader
    # Requests come as JSON, which has lists only.
    return {name: _lists(value) for name, value in asked.items()}


def _lists(value: Any) -> Any:
    return [_lists(each) for each in value] if isinstance(value, tuple) else value


def compare(report: Report, arch: str, *, knows_image: bool = True, loader: str = "") -> Compared:
    """Run the predictor for the boot and compare with what the kernel did."""
    asked = question(report, arch, knows_image=knows_image, loader=loader)
    placement: dict[str, Any] = batch.answer(asked)["placement"]
    status, predicted, alternatives = placement["status"], placement["regions"], placement["alternatives"]
    reserved = report.reserved
    if arch == "ppc64le" and report.size == amount(predicted):
        # POWER's kernel shows no region in /proc/iomem: only the amount can be compared.
        reserved = predicted
    if status != "hang" and reserved == predicted:
        outcome = "exact"
    elif reserved in alternatives:
        outcome = "possible"
    else:
        outcome = "wrong"
    return Compared(status, predicted, alternatives, reserved, outcome)


def compare_silent(report: Report, arch: str, cmdline: str, *, knows_image: bool = True) -> Compared:
    """As compare, for a machine that printed nothing with this line; the report is of a boot with another line."""
    asked = question(report, arch, knows_image=knows_image)
    placement: dict[str, Any] = batch.answer({**asked, "cmdline": cmdline})["placement"]
    repeats = not placement["regions"] and "for ever" in placement["reason"]
    outcome = "exact" if placement["status"] == "hang" else "possible" if repeats else "wrong"
    return Compared(placement["status"], placement["regions"], placement["alternatives"], (), outcome)


def as_xen_reads(line: str, ram: int, size: int, start: int) -> bool:
    """Whether Xen, on that many bytes of RAM, reserved what read_xen() reads: `size` bytes at `start`."""
    found = read_xen(line, ram)
    # More than there is comes to nothing.
    if size != (found.size if found.size < ram else 0):
        return False
    return not size or (start == (found.base or start) and start + size <= (found.below or ram))


def amount(regions: Regions) -> int:
    """Bytes in the regions."""
    return sum(end - start for start, end in regions)


def size_fits(report: Report, regions: Regions) -> bool:
    """Whether kexec_crash_size is the size of the regions; up to 6.1 without the lower one of two."""
    if not regions:
        return report.size == 0
    return report.size in (amount(regions), amount(regions[-1:]))


def text(regions: Regions) -> str:
    """Regions as a table shows them."""
    return " and ".join(f"{start:#x}-{end - 1:#x}" for start, end in regions) or "nothing"
