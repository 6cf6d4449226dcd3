"""The laws by which the placements of many possible boots are found with few attempts."""

from hypothesis import example, given, settings
from hypothesis import strategies as st

from grubkd.memory.kernel_parser import read
from grubkd.memory.memory_map import typical_maps
from grubkd.memory.placement.boot_facts import BootFacts, possible_boots
from grubkd.memory.placement.early import deciding_words
from grubkd.memory.placement.initrd import UnknownInitrd
from grubkd.memory.placement.place import agreed, agreed_boots, place_at_boot, place_line
from grubkd.memory.release import Release
from grubkd.memory.size import GIB, MIB

RELEASES = {
    "x86_64": ("3.1.0-7.fc16.x86_64", "4.18.0-553.el8.x86_64", "5.14.0-503.el9.x86_64", "6.1.0-50-amd64", "6.12.0"),
    "i386": ("2.6.29.6-217.fc11.i686", "2.6.35", "6.1.0-50-686-pae"),
    "aarch64": ("5.10.0", "5.14.0-503.el9.aarch64+64k", "6.1.0-50-arm64", "6.12.0", "7.0.0"),
    "ppc64le": ("5.14.0-503.el9.ppc64le", "6.12.0"),
    "riscv64": ("6.12.117+deb13-riscv64",),
}
KERNELS = st.sampled_from([(arch, release) for arch, releases in RELEASES.items() for release in releases])
AMOUNTS = st.sampled_from([512 * MIB, GIB, 2 * GIB, 3 * GIB, 4 * GIB, 8 * GIB, 65 * GIB])
VALUES = ("256M", "128M", "512M", "900M", "3G", "900G", "256M,high", "256M@48M", "192M@16M", "64M@617K", "2G@3G")
LOADERS = ("", "grub", "qemu", "efistub", "syslinux")


@settings(max_examples=10, deadline=None)
@given(KERNELS, AMOUNTS, st.sampled_from(VALUES), st.sampled_from(LOADERS), st.booleans())
@example(("aarch64", "6.12.0"), 4 * GIB, "3G", "", False)
@example(("x86_64", "3.1.0-7.fc16.x86_64"), 4 * GIB, "256M", "", False)
@example(("i386", "6.1.0-50-686-pae"), 8 * GIB, "256M", "syslinux", False)
def test_an_initrd_matters_only_where_something_is_allocated(
    kernel: tuple[str, str], ram: int, value: str, loader: str, kaslr: bool
) -> None:
    """Agreed placements are those of all boots, each judged by itself; KASLR's number of places differs a little."""
    arch, release = kernel[0], Release.parse(kernel[1])
    request = read(f"crashkernel={value}", release, arch, ram)
    boots: list[BootFacts] = []
    whole = []
    for memory in typical_maps(ram, arch):
        initrd = UnknownInitrd(loader=loader)
        alike = list(possible_boots(release, arch, memory, initrd=initrd, kaslr=kaslr and arch == "x86_64"))
        each = [place_at_boot(request, boot._replace(sampled=True)) for boot in alike]
        whole.append(agreed(each, "", [boot.share for boot in alike]))
        boots += alike
    expected, found = agreed(whole, "", in_turn=True), agreed_boots(request, boots)
    assert (found.status, found.regions, found.may_hang) == (expected.status, expected.regions, expected.may_hang)
    odds = dict(zip((found.regions, *found.alternatives), (found.chance, *found.chances), strict=True))
    for regions, chance in zip(
        (expected.regions, *expected.alternatives), (expected.chance, *expected.chances), strict=True
    ):
        if not kaslr:
            assert abs(odds[regions] - chance) < 1e-9
        elif chance > 0.01:
            assert abs(odds[regions] - chance) < 0.25 * chance


WORDS = (
    *("quiet", "root=/dev/sda1", "nokaslr", "mem=900M", "memmap=64M$1G", "movable_node", "numa=fake=2", "cma=64M"),
    *("hugepages=64", "log_buf_len=64M", "rodata=off", "fadump=on", "fadump=off", "vmalloc=256M", "initrd=/a", "--"),
    *("kasan=off", "single", 'a="b c"', "swiotlb=65536", "crashkernel=64M"),
)


@settings(max_examples=60, deadline=None)
@given(KERNELS, st.lists(st.sampled_from(WORDS), max_size=6), st.sampled_from([GIB, 4 * GIB]))
@example(("ppc64le", "6.12.0"), ["fadump=on"], 4 * GIB)
@example(("x86_64", "6.1.0-50-amd64"), ["quiet", "--", "mem=900M"], 4 * GIB)
def test_a_line_and_its_deciding_words_lead_to_the_same(kernel: tuple[str, str], words: list[str], ram: int) -> None:
    arch, release = kernel[0], Release.parse(kernel[1])
    line = " ".join((*words, "crashkernel=256M"))
    memory = next(typical_maps(ram, arch))
    assert place_line(line, release, arch, ram, memory) == place_line(deciding_words(line), release, arch, ram, memory)
