"""Which vendor's row holds for a system: by family, nearest version, likeness, architecture and kernel."""

import pytest

from grubkd.errors import Notice
from grubkd.memory.architecture import Architecture
from grubkd.memory.case import Case, Needs
from grubkd.memory.forecast import request
from grubkd.memory.planner import plan
from grubkd.memory.release import Release
from grubkd.memory.size import GIB, MIB, TIB
from grubkd.memory.value import parse_value
from grubkd.memory.vendors import ROWS, Distribution, VendorRow, choose

X86_64, I386, ARM64 = Architecture.X86_64, Architecture.I386, Architecture.ARM64
S390X, PPC64LE, RISCV64 = Architecture.S390X, Architecture.PPC64LE, Architecture.RISCV64

NOBLE = "2G-4G:320M,4G-32G:512M,32G-64G:1024M,64G-128G:2048M,128G-:4096M"
PC = "1G-4G:192M,4G-64G:256M,64G-:512M"
TODAY = "2G-64G:256M,64G-:512M"
POWER = "2G-4G:384M,4G-16G:512M,16G-64G:1G,64G-128G:2G,128G-:4G"
RHEL6 = "0-2G:128M,2G-6G:256M,6G-8G:512M,8G-:768M"


def row(
    own: str,
    version: tuple[int, ...],
    kernel: str,
    machine: Architecture = X86_64,
    *like: str,
    fadump: bool = False,
    pages_64k: bool = False,
) -> VendorRow:
    distribution, needs = Distribution(own, version, like), Needs(fadump=fadump)
    return choose(Case(Release.parse(kernel), machine, distribution, pages_64k=pages_64k, needs=needs)).row


def warnings(own: str, version: tuple[int, ...], kernel: str, machine: Architecture, *like: str) -> list[str]:
    found: tuple[Notice, ...] = choose(Case(Release.parse(kernel), machine, Distribution(own, version, like))).warnings
    return [notice.code for notice in found]


@pytest.mark.parametrize(
    ("own", "version", "kernel", "machine", "text"),
    [
        ("rhel", (6, 8), "2.6.32-642.el6.x86_64", X86_64, RHEL6),
        ("centos", (6, 10), "2.6.32-754.el6.i686", I386, RHEL6),
        ("rhel", (7, 9), "3.10.0-1160.el7.x86_64", X86_64, PC),
        ("rhel", (8, 10), "4.18.0-553.el8_10.x86_64", X86_64, PC),
        ("rhel", (8, 3), "4.18.0-240.el8.aarch64", ARM64, "2G-:480M"),
        ("rocky", (8, 9), "4.18.0-513.el8.ppc64le", PPC64LE, POWER),
        ("almalinux", (9, 5), "5.14.0-503.el9.x86_64", X86_64, PC),
        ("rhel", (9, 5), "5.14.0-503.el9.s390x", S390X, PC),
        ("rhel", (9, 5), "5.14.0-503.el9.aarch64", ARM64, "1G-4G:256M,4G-64G:320M,64G-:576M"),
        ("centos", (10,), "6.12.0-55.el10.x86_64", X86_64, TODAY),
        ("rhel", (11,), "6.18.0-1.el11.x86_64", X86_64, TODAY),
        ("fedora", (11,), "2.6.29.4-167.fc11.i586", I386, "64M@16M"),
        ("fedora", (10,), "2.6.27.5-117.fc10.x86_64", X86_64, "64M@16M"),
        # From 2.6.31 on the kernel itself lies at 16M: the page of 2009 holds no longer, whatever the version.
        ("fedora", (12,), "2.6.31.5-127.fc12.i686", I386, TODAY),
        ("fedora", (16,), "3.1.0-7.fc16.x86_64", X86_64, TODAY),
        ("fedora", (44,), "7.0.2-200.fc44.x86_64", X86_64, TODAY),
        ("fedora", (44,), "7.0.2-200.fc44.aarch64", ARM64, "2G-4G:256M,4G-64G:320M,64G-:576M"),
        ("debian", (5, 0, 10), "2.6.26-2-686", I386, "384M-:128M"),
        ("debian", (12,), "6.1.0-50-amd64", X86_64, "384M-:128M"),
        ("debian", (13,), "6.12.74+deb13-amd64", X86_64, "512M-:192M"),
        ("debian", (15,), "7.2.0-1-amd64", X86_64, "512M-:192M"),
        ("ubuntu", (18, 4), "4.15.0-20-generic", X86_64, "512M-:192M"),
        ("ubuntu", (22, 4), "5.15.0-100-generic", X86_64, "512M-:192M"),
        # As near to 22.04 as to 24.04: the older one's.
        ("ubuntu", (23, 4), "6.2.0-20-generic", X86_64, "512M-:192M"),
        ("ubuntu", (23, 10), "6.5.0-9-generic", X86_64, NOBLE),
        ("ubuntu", (24, 4), "6.8.0-49-generic", X86_64, NOBLE),
        ("opensuse-leap", (15, 6), "6.4.0-150600.23-default", X86_64, "192M"),
        ("sles", (15, 5), "5.14.21-150500-default", PPC64LE, "384M"),
    ],
)
def test_row_of_a_family(own: str, version: tuple[int, ...], kernel: str, machine: Architecture, text: str) -> None:
    assert row(own, version, kernel, machine).text == text
    assert warnings(own, version, kernel, machine) == []


def test_pages_of_64k_have_a_row_of_their_own() -> None:
    """RHEL 9 documentation: arm64 with pages of 64K, 100M more."""
    kernel = "5.14.0-503.el9.aarch64+64k"
    assert row("rhel", (9, 5), kernel, ARM64, pages_64k=True).text == "1G-4G:356M,4G-64G:420M,64G-:676M"
    assert row("fedora", (44,), "7.0.2.fc44.aarch64", ARM64, pages_64k=True).text == "2G-4G:356M,4G-64G:420M,64G-:676M"
    assert row("rhel", (8, 10), "4.18.0-553.el8.aarch64", ARM64, pages_64k=True).text == "2G-:480M"


def test_fadump_has_a_row_of_its_own() -> None:
    text = row("fedora", (44,), "7.0.2-200.fc44.ppc64le", PPC64LE, fadump=True).text
    assert text.startswith("4G-16G:768M,16G-64G:1G,")
    assert text.endswith(",64T-:180G")
    # Debian publishes none for it.
    assert row("debian", (12,), "6.1.0-50-powerpc64le", PPC64LE, fadump=True).text == text


def test_rhel_5_is_a_step_for_each_amount_of_ram() -> None:
    """RHEL 5: up to 2G 128M@16M, 2-6G 256M@24M, 6-8G 512M@16M, 8-24G 768M@32M."""
    found = row("centos", (5, 11), "2.6.18-398.el5")
    assert found.steps == (
        (2 * GIB, "128M@16M"),
        (6 * GIB, "256M@24M"),
        (8 * GIB, "512M@16M"),
        (24 * GIB, "768M@32M"),
    )
    assert "Red Hat Enterprise Linux 5" in found.source


@pytest.mark.parametrize(
    ("own", "like", "kernel", "machine", "text"),
    [
        ("linuxmint", ("ubuntu", "debian"), "6.8.0-49-generic", X86_64, NOBLE),
        ("kali", ("debian",), "6.12.0-kali-amd64", X86_64, "512M-:192M"),
        # Its numbers are its own: the newest row of the first family it is like.
        ("anolis", ("rhel", "fedora", "centos"), "5.10.134-16.an8.x86_64", X86_64, TODAY),
        # A derivative's kernel tells which release it was built from.
        ("navix", ("rhel", "fedora"), "5.14.0-503.el9.x86_64", X86_64, PC),
        ("arch", (), "6.12.1-arch1-1", X86_64, TODAY),
        ("gentoo", (), "6.6.0-gentoo", ARM64, "2G-4G:256M,4G-64G:320M,64G-:576M"),
        ("arch", (), "6.12.1-arch1-1", RISCV64, "2G-4G:256M,4G-64G:320M,64G-:576M"),
        ("", (), "4.18.0-553.el8_10.x86_64", X86_64, PC),
        ("", (), "2.6.29.4-167.fc11.i586", I386, "64M@16M"),
        ("", (), "6.1.0-custom", X86_64, TODAY),
    ],
)
def test_row_of_what_a_system_is_like(
    own: str, like: tuple[str, ...], kernel: str, machine: Architecture, text: str
) -> None:
    assert row(own, (), kernel, machine, *like).text == text
    assert warnings(own, (), kernel, machine, *like) == ["unknown-distribution"]


@pytest.mark.parametrize(
    ("own", "version", "kernel", "machine", "text"),
    [
        # Oracle's images and documentation; older versions and other machines have Red Hat's row.
        ("ol", (9, 5), "5.15.0-206.153.7.1.el9uek.x86_64", X86_64, "1G-64G:448M,64G-:512M"),
        ("ol", (8, 9), "4.18.0-553.el8_10.x86_64", X86_64, "1G-64G:448M,64G-:512M"),
        ("ol", (7, 9), "4.14.35-2047.el7uek.x86_64", X86_64, PC),
        ("ol", (8, 9), "4.18.0-553.el8_10.aarch64", ARM64, "2G-:480M"),
        # openEuler's installation guide; 51_kexec_tools.cfg of Azure Linux.
        ("openEuler", (22, 3), "5.10.0-60.18.0.50.oe2203.aarch64", ARM64, "512M,high"),
        ("azurelinux", (3, 0), "6.6.51.1-5.azl3", X86_64, "512M-32G:256M,32G-:512M"),
        ("mariner", (2, 0), "5.15.131.1-2.cm2", X86_64, "512M-32G:256M,32G-:512M"),
        # Bottlerocket's default command line: the one value that Amazon publishes.
        ("amzn", (2,), "5.10.225-213.878.amzn2.x86_64", X86_64, "2G-:256M"),
        ("amzn", (2023,), "6.1.102-111.182.amzn2023.aarch64", ARM64, "2G-:256M"),
        ("bottlerocket", (1, 44), "6.12.58", X86_64, "2G-:256M"),
        # Documentation of Alibaba Cloud Linux 2, image of 3; documentation of OpenCloudOS.
        ("alinux", (2, 1903), "4.19.91-24.1.al7.x86_64", X86_64, "2G-8G:192M,8G-:256M"),
        (
            "alinux",
            (3,),
            "5.10.134-19.1.al8.x86_64",
            X86_64,
            "2G-8G:192M,8G-128G:256M,128G-376G:384M,376G-:448M",
        ),
        ("tencentos", (3, 2), "5.4.241-1-tlinux4-0017.7", X86_64, "1800M-64G:256M,64G-128G:512M,128G-:768M"),
        ("opencloudos", (9, 2), "6.6.47-12.oc9.aarch64", ARM64, "1800M-64G:256M,64G-128G:512M,128G-:768M"),
    ],
)
def test_other_vendors(own: str, version: tuple[int, ...], kernel: str, machine: Architecture, text: str) -> None:
    assert row(own, version, kernel, machine).text == text
    assert warnings(own, version, kernel, machine) == []


def test_a_row_of_the_parent_says_so() -> None:
    case = Case(
        Release.parse("4.14.35-2047.el7uek.x86_64"), X86_64, Distribution("ol", (7, 9), name="Oracle Linux 7.9")
    )
    assert "that of rhel" in choose(case).reason


def test_an_architecture_that_the_vendor_does_not_name() -> None:
    """Red Hat publishes nothing for riscv64: kdump-utils' row for arm64, with a warning."""
    assert row("fedora", (44,), "7.0.2-200.fc44.riscv64", RISCV64).text == "2G-4G:256M,4G-64G:320M,64G-:576M"
    assert warnings("fedora", (44,), "7.0.2-200.fc44.riscv64", RISCV64) == ["unknown-distribution"]


@pytest.mark.parametrize("found", ROWS, ids=lambda found: f"{found.family}-{found.version}-{found.text}")
def test_every_row_is_a_value_that_a_person_may_give(found: VendorRow) -> None:
    texts = [found.text] if found.text else [text for _, text in found.steps]
    assert texts
    for text in texts:
        value = parse_value(text)
        assert not value.is_auto
        assert value.size_for(1024 * GIB) >= 64 * MIB
    assert found.source
    assert [top for top, _ in found.steps] == sorted(top for top, _ in found.steps)


def test_every_system_and_machine_gets_a_row() -> None:
    """No combination is left without an answer."""
    release = Release.parse("6.12.0")
    for own in ("", "rhel", "fedora", "debian", "ubuntu", "suse", "slackware"):
        for machine in Architecture:
            for pages_64k in (False, True):
                for fadump in (False, machine.is_powerpc):
                    needs = Needs(fadump=fadump)
                    case = Case(release, machine, Distribution(own), pages_64k=pages_64k, needs=needs)
                    assert choose(case).row.source


@pytest.mark.parametrize(
    ("system", "kernel", "ram", "text", "said"),
    [
        (Distribution("rocky", (9, 5)), "5.14.0-503.el9.x86_64", 16 * GIB, PC, "row of rhel, from which it is built"),
        (Distribution("rhel", (9, 5)), "5.14.0-503.el9.x86_64", TIB, PC, "the nearest row of its vendor"),
        (
            Distribution("rhel", (9, 5)),
            "5.14.0-503.el9.x86_64",
            2 * TIB,
            PC,
            "its vendor; extrapolated: its vendor does not mention 2T",
        ),
        (Distribution("ubuntu", (24, 4)), "6.8.0-49-generic", 3 * TIB, NOBLE, "vendor does not mention 3T"),
        (Distribution("debian", (12,)), "6.1.0-50-amd64", 4 * TIB, "384M-:128M", "vendor does not mention 4T"),
        (
            Distribution("centos", (5, 11)),
            "2.6.18-398.el5",
            32 * GIB,
            "",
            "extrapolated: its vendor does not mention 32G",
        ),
        # SUSE: High is the recommendation for each terabyte, and half a megabyte for each path to a LUN.
        (Distribution("sles", (15, 5)), "5.14.21-150500-default", TIB, "192M", "the nearest row of its vendor"),
        (Distribution("sles", (15, 5)), "5.14.21-150500-default", 6 * TIB - GIB, "1152M", "times 6 terabytes"),
        (
            Distribution("amzn", (2023,)),
            "6.1.102-111.182.amzn2023.x86_64",
            16 * GIB,
            "2G-:256M",
            "the nearest row of its vendor",
        ),
    ],
)
def test_the_reason_says_whose_row_it_is_and_where_it_is_extrapolated(
    system: Distribution, kernel: str, ram: int, text: str, said: str
) -> None:
    found = choose(Case(Release.parse(kernel), X86_64, system, ram=ram))
    assert found.row.text == text
    assert found.reason.endswith(said) or f"{said}, as SUSE documents" in found.reason


def test_a_table_that_mentions_terabytes_is_not_extrapolated() -> None:
    case = Case(
        Release.parse("7.0.2-200.fc44.ppc64le"), PPC64LE, Distribution("fedora", (44,)), needs=Needs(fadump=True)
    )
    assert "extrapolated" not in choose(case._replace(ram=40 * TIB)).reason


def test_no_vendor_offers_cma() -> None:
    """Kernels since 6.17 know `,cma`. kdump-utils, kdump-tools and SUSE write no such value: nor does a plan."""
    assert not [row for row in ROWS if "cma" in row.text or any("cma" in value for _, value in row.steps)]
    for own, kernel in (("fedora", "7.2.1-200.fc45.x86_64"), ("opensuse-tumbleweed", "7.2.2-1-default")):
        case = Case(Release.parse(kernel), X86_64, Distribution(own), ram=64 * GIB)
        assert not [value for value in plan(case).values if "cma" in value]
    # It is read, and adds nothing to the region.
    asked = request(case, ("256M", "1G,cma"))
    assert asked is not None
    assert (asked.status, asked.size, asked.cma) == ("ok", 256 * MIB, GIB)
