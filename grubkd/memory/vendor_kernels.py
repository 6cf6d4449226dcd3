"""Which behaviour a release has: what vendors changed in some builds of an upstream version, each with its source."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from grubkd.memory.behaviours import (
    AUTO,
    ENOENT,
    FIRST_VERSIONS,
    PARSER_RULES,
    SOURCES_READ,
    Auto,
    Behaviour,
    Era,
    ParserRules,
)
from grubkd.memory.size import MIB

if TYPE_CHECKING:
    from grubkd.memory.behaviours import Version


class VendorChange(NamedTuple):
    """What a vendor changed in some builds of an upstream version.

    tag: a pattern of the release. version: of upstream. first, last: build numbers. changes: fields of the behaviour or
    its parser rules that differ. certain: its sources, changelog or documents say so; else both are possible.
    """

    tag: str
    version: tuple[int, int]
    first: int
    last: int
    changes: dict[str, Any]
    certain: bool
    source: str


_ANY = 1 << 30
# DEFAULT_CRASH_KERNEL_LOW_SIZE of arm64.
_ARM_LOW = 128 * MIB

# Virtuozzo builds Red Hat's sources as `.vz8`, Red Hat those for vehicles as `.el9iv`.
_EL8, _EL9 = r"\.(?:el|vz)8(?:_\d+)?\b", r"\.(?:el|vz)9(?:_\d+|iv)?\b"
_EL9_FIXUP = (
    "changelog of kernel-5.14.0-200.el9 has a fixup of arm64 crashkernel=X; whether it is that of 6.2 was not read"
)
_EL9_COMMON = "kernel/crash_reserve.c of ctrliq/kernel-src-tree, c3e49b9f; in which build it came was not read"
_EL8_NOT_READ = "its sources were not read; a later kernel of this vendor has it"
_EL8_DOCUMENTED = (
    "RHEL 8 documentation, kdump memory requirements; a public log of a later build has 256M of 32761M, 4.18.0-240 192M"
)
_EL8_0 = "AmpereComputing/ampere-centos-kernel, 4.18.0-80.11.2: arch/x86/kernel/setup.c of 8f3ba9f1 tries 896M first"
_EL8_1 = "kernel/crash_core.c of RHEL 8 up to 4.18.0-147: lulu-github-name/linuxtmp, 996ddc0e and 88ad45d0"
_EL8_1_SEARCH = (
    "arch/x86/kernel/setup.c of RHEL 8.1: lulu-github-name/linuxtmp, 013c2b46; in which build it came was not"
)
RED_HAT = (
    VendorChange(_EL9, (5, 14), 122, _ANY, {"arm_high": True}, True, "changelog of kernel-5.14.0-122.el9: arm64 ,high"),
    VendorChange(_EL9, (5, 14), 133, _ANY, {"rounds_ram": True}, True, "changelog of kernel-5.14.0-133.el9: 128M"),
    VendorChange(_EL9, (5, 14), 200, _ANY, {"arm_falls_back": _ARM_LOW}, False, _EL9_FIXUP),
    VendorChange(_EL9, (5, 14), 400, _ANY, {"era": Era.V6_8}, False, _EL9_COMMON),
    VendorChange(_EL8, (4, 18), 0, 80, {"era": Era.RHEL8_0}, True, _EL8_0),
    VendorChange(_EL8, (4, 18), 81, 147, {"auto": Auto.RHEL8_0}, True, _EL8_1),
    VendorChange(_EL8, (4, 18), 81, 146, {"era": Era.RHEL8_0}, False, _EL8_1_SEARCH),
    VendorChange(_EL8, (4, 18), 148, 239, {"auto": Auto.RHEL8_0}, False, _EL8_1),
    VendorChange(_EL8, (4, 18), 241, _ANY, {"auto": Auto.RHEL8_DOCUMENTED}, False, _EL8_DOCUMENTED),
    VendorChange(_EL8, (4, 18), 348, _ANY, {"arm_high": True}, False, _EL8_NOT_READ),
)

_EL7A = r"\.el7a\b"
_EL7A_AUTO = "kernel/crash_core.c of Red Hat's 4.14: AmpereComputing/ampere-centos-kernel, 121f075d"
_EL7A_ROUNDS = "kernel-4.18.0 of RHEL 8.0 rounds; whether 4.14 of RHEL 7 does was not read"
# kernel-alt of RHEL 7 is built for arm64, POWER and s390x.
KERNEL_ALT = (
    VendorChange(_EL7A, (4, 14), 0, _ANY, {"auto": Auto.RHEL7_ALT}, True, _EL7A_AUTO),
    VendorChange(_EL7A, (4, 14), 0, _ANY, {"rounds_ram": True}, False, _EL7A_ROUNDS),
)

_UEK = r"\.el\d+uek\b"
_UEK_3 = (
    "changelog of kernel-uek-3.8.13-24: x86: add support for crashkernel=auto;"
    " oracle/linux-uek, kernel/kexec.c, fc80d0a0"
)
_UEK_4 = "UEK 4 and 5 know auto, as UEK 3 (oracle/linux-uek, kernel/kexec.c, fc80d0a0) or as RHEL 7: not read"
_UEK_POSTED = "Oracle posted `kernel/crash_core: Add crashkernel=auto` in 2021; which UEK has it was not read"
_UEK_7 = "oracle/linux-uek, kernel/crash_core.c: 0278f9c5 does not, e46288be knows auto by CONFIG_CRASH_AUTO_STR"
_UEK_8 = (
    "oracle/linux-uek, uek-rpm/ol8/config-aarch64 of 6.1, 00821882: CONFIG_KEXEC_AUTO_RESERVE=y; its use was not read"
)
_UEK_NOT_READ = "its sources were not read; a later kernel of this vendor has it"
ORACLE = (
    VendorChange(_UEK, (3, 8), 24, _ANY, {"auto": Auto.RHEL6}, True, _UEK_3),
    VendorChange(_UEK, (3, 8), 24, _ANY, {"auto": Auto.RHEL7}, False, "the sizes are in macros that were not read"),
    *(
        VendorChange(_UEK, version, 0, _ANY, changes, False, _UEK_4)
        for version in ((4, 1), (4, 14))
        for changes in ({"auto": Auto.RHEL6}, {"era": Era.RHEL7})
    ),
    VendorChange(_UEK, (5, 4), 0, _ANY, {"rounds_ram": True}, False, _UEK_NOT_READ),
    VendorChange(_UEK, (5, 4), 0, _ANY, {"auto": Auto.RHEL6}, False, _UEK_8),
    VendorChange(_UEK, (5, 4), 0, _ANY, {"auto": Auto.POSTED}, False, _UEK_POSTED),
    VendorChange(_UEK, (5, 15), 0, _ANY, {"rounds_ram": True, "arm_high": True}, False, _UEK_NOT_READ),
    VendorChange(_UEK, (5, 15), 0, _ANY, {"auto": Auto.POSTED}, False, _UEK_7),
    VendorChange(_UEK, (6, 12), 0, _ANY, {"auto": Auto.RHEL6}, False, _UEK_8),
    VendorChange(_UEK, (6, 12), 0, _ANY, {"era": Era.V7_2}, False, _UEK_NOT_READ),
)

_FEDORA = r"\.fc3[2-5]\b"
_ARK = (
    "redhat/kernel.changelog of kernel-ark has both patches from 5.4 to 5.14.0-0.rc0.20210702; jwboyer/fedora,"
    " kernel-5.10.12-200.fc33; kernel/crash_core.c of ctrliq/kernel-src-tree, 33a94be5"
)
_ARK_CHANGES = {"auto": Auto.RHEL8_0, "rounds_ram": True}
FEDORA = (
    # Red Hat's own builds of kernel-ark; a boot of 5.4.0-1.elrdy had 160M for auto.
    VendorChange(r"\.elrdy\b", (5, 4), 0, _ANY, _ARK_CHANGES, True, _ARK),
    *(VendorChange(_FEDORA, (5, minor), 0, _ANY, _ARK_CHANGES, minor >= 10, _ARK) for minor in range(8, 14)),
)

# Kylin's server is built from openEuler 20.03; its images have crashkernel=1024M,high.
_OPENEULER, _KYLIN = r"\.oe\d", r"\.(?:oe\d|ky1\d\b)"
# EulerOS, Huawei Cloud EulerOS, NFSChina: built from openEuler, older ones from Red Hat.
_EULEROS = r"\.eulerosv|\.hce\d|\.nfs\d"
_ANOLIS, _TENCENT = r"\.(?:an|al)(?:7|8|23)\b", r"-tlinux4-|\.tl[34]\b|\.oc8\b|-\d+[-.]00\d\d\b"
_AS_X86 = {"arm_high": True, "arm_as_x86": True}
_COMMON = {**_AS_X86, "aligned_base": True}
_TOP_FIRST = {"arm_top_first": True}
_BOTTOM = {"arm_high": True, "arm_from_bottom": True, "missing": ENOENT}
_OE_5_10 = "openeuler-mirror/kernel, kernel/crash_core.c of 5.10, 4f11565e and 12cd6de3: arm64 and x86 share the code"
_OE_TOP = "openeuler-mirror/kernel, reserve_crashkernel_high() of 12cd6de3; since which build was not read"
_OE_4_19 = "openEuler: Installation, kdump: X,high; its 5.10 has the common code; 4.19 was not read"
_EULEROS_NOT_READ = "Huawei's sources were not read; it is built from Red Hat's or openEuler's"
_ANOLIS_A = "alibaba/cloud-kernel, arch/arm64/mm/init.c of 5.10, 05e8ae98; which builds are like it was not read"
_ANOLIS_B = "jackYoung0915/anolis-cloud-kernel, arch/arm64/mm/init.c of 5.10, 1f2e8928; which builds was not read"
_ANOLIS_ROUNDS = "its kernel/crash_core.c was not read; 5.19 rounds"
_TENCENT_5_4 = (
    "Tencent/TencentOS-kernel, kernel/crash_core.c of 5.4, b99d9f98 and 652208f6: arm64 and x86 share the code, RAM is"
    " not rounded; since which build was not read"
)
CHINA = (
    VendorChange(_OPENEULER, (5, 10), 0, _ANY, _COMMON, True, _OE_5_10),
    VendorChange(_OPENEULER, (5, 10), 0, _ANY, _TOP_FIRST, False, _OE_TOP),
    VendorChange(_KYLIN, (4, 19), 0, _ANY, {"arm_high": True}, False, _OE_4_19),
    VendorChange(_KYLIN, (4, 19), 0, _ANY, _AS_X86, False, _OE_4_19),
    VendorChange(_KYLIN, (4, 19), 0, _ANY, {"era": Era.V5_10, **_COMMON}, False, _OE_4_19),
    VendorChange(_EULEROS, (3, 10), 0, _ANY, {"era": Era.RHEL7}, False, _EULEROS_NOT_READ),
    VendorChange(_EULEROS, (4, 18), 0, _ANY, {"era": Era.RHEL8}, False, _EULEROS_NOT_READ),
    VendorChange(_EULEROS, (4, 18), 0, _ANY, {"era": Era.V5_10, **_COMMON}, False, _EULEROS_NOT_READ),
    VendorChange(_EULEROS, (5, 10), 0, _ANY, _COMMON, False, _OE_5_10),
    VendorChange(_EULEROS, (5, 10), 0, _ANY, {**_COMMON, **_TOP_FIRST}, False, _OE_TOP),
    VendorChange(_ANOLIS, (4, 19), 0, _ANY, _AS_X86, False, _ANOLIS_A),
    VendorChange(_ANOLIS, (4, 19), 0, _ANY, {"era": Era.V5_10, **_AS_X86}, False, _ANOLIS_A),
    VendorChange(_ANOLIS, (5, 10), 0, _ANY, _AS_X86, False, _ANOLIS_A),
    VendorChange(_ANOLIS, (5, 10), 0, _ANY, _BOTTOM, False, _ANOLIS_B),
    VendorChange(_ANOLIS, (5, 10), 0, _ANY, {**_BOTTOM, "rounds_ram": True}, False, _ANOLIS_ROUNDS),
    VendorChange(_TENCENT, (5, 4), 0, _ANY, _COMMON, False, _TENCENT_5_4),
)

VENDOR_CHANGES: tuple[VendorChange, ...] = (*RED_HAT, *KERNEL_ALT, *ORACLE, *FEDORA, *CHINA)

# Releases whose vendors take crashkernel= as upstream has it: upstream's own builds, also ELRepo's, Debian and its
# derivatives, Ubuntu's kernels for bare metal, Fedora (but for the rows above). Ubuntu's have a zero for the third
# number: others, like Kylin's 5.4.18-85-generic and 5.10.0-8-generic, only look like them.
_UPSTREAM = (
    r"[0-9.]+(?:-rc\d+)?(?:[-+][0-9]{0,3})?"
    r"|[0-9.]+-\d+\.el\d+\.elrepo\.\w+"
    r"|[0-9.]+(?:-rc\d+)?[-+][-+.~0-9a-z]*-(?:amd64|[4-6]86(?:-pae|-bigmem)?|arm64(?:-16k)?|armmp(?:-lpae)?|riscv64"
    r"|powerpc64(?:le)?(?:-64k)?|s390x|loong64)"
    r"|(?:2\.6\.[0-9]+|(?!5\.10\.)[0-9]+\.[0-9]+\.0)-[0-9.]+-(?:generic|server|virtual|lowlatency)(?:-(?:64k|pae|lpae))?"
    r"|[-+._~0-9a-zA-Z]*\.fc\d+(?:\.[+._0-9a-zA-Z]+)?"
)
# What the kernel of another vendor may have taken from the next versions, by the era of its upstream version.
_LATER: dict[Era, tuple[dict[str, Any], ...]] = {
    Era.V3_0: ({"era": Era.V4_4},),
    Era.V4_4: ({"era": Era.V5_10}, {"era": Era.V5_10, "arm_high": True}),
    Era.V4_18: ({"era": Era.V5_10}, {"era": Era.V5_10, "arm_high": True}),
    Era.V5_10: (
        {"era": Era.V6_1, "arm_high": True},
        {"era": Era.V6_1, "arm_high": True, "arm_falls_back": _ARM_LOW},
    ),
    Era.V6_1: ({"arm_falls_back": _ARM_LOW}, {"era": Era.V6_8}),
    Era.V6_8: ({"era": Era.V6_12},),
    Era.V6_12: ({"era": Era.V7_2},),
}

# Red Hat's kernels behave like their distribution: major of RHEL, version -> era, the build that was read.
_RHEL: dict[tuple[str, tuple[int, int]], tuple[Era, str]] = {
    ("6", (2, 6)): (Era.RHEL6, "-642."),
    ("7", (3, 10)): (Era.RHEL7, "-1160."),
    ("8", (4, 18)): (Era.RHEL8, "-240."),
}
_BUILD = r"-(\d+)"
# x86: the sum of all RAM, memblock_phys_mem_size(), instead of the end of the last one, max_pfn.
_COUNTS_SUM_SINCE: Version = (3, 11, 0)
# a149cf00b158 and a9ae89df7377: `arm64: kdump: Support crashkernel=X fall back to reserve region above DMA zones`.
_FALLS_BACK_SINCE: Version = (6, 2, 0)


def behaviours_of(text: str, version: Version, rhel: str) -> tuple[tuple[Behaviour, ...], bool]:
    """The possible behaviours of a release, the likeliest first; and whether the sources of that version were read.

    `rhel`: the major version of RHEL that the release names, "" for none.
    """
    known = _RHEL.get((rhel, version[:2]))
    if known:
        era, exact = known[0], known[1] in text
    else:
        era = next(era for first, era in FIRST_VERSIONS if version >= first)
        numbers = version if version[0] == 2 else version[:2]
        # Red Hat's other kernels mix behaviours of several versions: the era is only the nearest one.
        exact = numbers in SOURCES_READ and not rhel
    first = Behaviour(
        era,
        PARSER_RULES[era],
        era.since(Era.V6_1),
        AUTO.get(era),
        counts_span=era is not Era.RHEL7 and version < _COUNTS_SUM_SINCE,
        arm_falls_back=_ARM_LOW if version >= _FALLS_BACK_SINCE else 0,
    )
    found = re.search(_BUILD, text)
    build = int(found[1][:9]) if found else 0
    rows = [row for row in VENDOR_CHANGES if row.version == version[:2] and re.search(row.tag, text)]
    others = [] if known or rows or re.fullmatch(_UPSTREAM, text) else list(_LATER.get(era, ()))
    for row in rows:
        if row.first <= build <= row.last:
            exact = exact and row.certain
            if row.certain:
                first = _changed(first, row.changes)
            else:
                others.append(row.changes)
    possible = [first, *(_changed(first, changes) for changes in others)]
    if first.counts_span and era.since(Era.V3_0):
        # Which version between 2.6.36 and 3.11 counts the sum first was not read.
        possible += [each._replace(counts_span=False) for each in possible]
    return tuple(dict.fromkeys(possible)), exact and len(possible) == 1


def _changed(behaviour: Behaviour, changes: dict[str, Any]) -> Behaviour:
    era = changes.get("era", behaviour.era)
    rules = behaviour.rules if era is behaviour.era else PARSER_RULES[era]
    rules = rules._replace(**{name: value for name, value in changes.items() if name in ParserRules._fields})
    own = {name: value for name, value in changes.items() if name in Behaviour._fields}
    return behaviour._replace(**{"auto": behaviour.auto if era is behaviour.era else AUTO.get(era), **own}, rules=rules)
