"""The findings about the command line of the capture kernel: arguments that take the little memory it has.

The service makes the line from that of the running kernel. kdumpctl (prepare_cmdline of kdump-utils 1.0.5) leaves out
crashkernel= and what KDUMP_COMMANDLINE_REMOVE names; kdump-config (kdump-tools 1.8.1) and SUSE's kdump (load.sh of
2.0) have a list of their own. Each can be given another line, and appends arguments.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from grubkd.advice.finding import Finding, Status
from grubkd.boot import cmdline
from grubkd.errors import Place
from grubkd.machine.dump_target import KDUMP_CONF, KDUMP_TOOLS, SYSCONFIG
from grubkd.machine.kdump import kdumpctl
from grubkd.machine.settings import text, variables

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from grubkd.machine.kdump import Kdump
    from grubkd.machine.settings import Setting
    from grubkd.tree.root import Root


_CPUS = frozenset({"nr_cpus", "maxcpus", "nosmp"})
_CAUSES = (
    ("capture-hugepages", ("hugepages",), "huge pages are allocated at boot"),
    ("capture-cma", ("cma", "hugetlb_cma"), "CMA areas are reserved at boot"),
    ("capture-crashkernel", ("crashkernel",), "it reserves a part of its own memory again"),
)
_ZERO = re.compile(r"0[KMG]?", re.IGNORECASE)
_KDUMP_CONFIG = "/usr/sbin/kdump-config"


class _Maker(NamedTuple):
    """How a service makes the line: the names of its settings in `file`.

    `own` replaces the running kernel's line, from which `drops` are left out; `append` comes after it. Words of
    `remove`, and `never`, are left out of both lines, but not of `append`. `limits`: the setting whose default limits
    the number of CPUs, "" if none has such a default.
    """

    file: str
    own: str
    append: str
    remove: str = ""
    never: tuple[str, ...] = ()
    drops: tuple[str, ...] = ()
    limits: str = ""


_LINE, _APPEND, _REMOVE = "KDUMP_COMMANDLINE", "KDUMP_COMMANDLINE_APPEND", "KDUMP_COMMANDLINE_REMOVE"
_REMOVED = "hugepages hugepagesz slub_debug"  # without a setting
_RED_HAT = _Maker(SYSCONFIG, _LINE, _APPEND, remove=_REMOVE, never=("crashkernel",))
_SUSE = _Maker(SYSCONFIG, _LINE, _APPEND, drops=("crashkernel", "hugepages"), limits=_LINE)
_DEBIAN = _Maker(
    KDUMP_TOOLS,
    "KDUMP_CMDLINE",
    "KDUMP_CMDLINE_APPEND",
    drops=("crashkernel", "hugepages"),
    limits="KDUMP_CMDLINE_APPEND",
)


def findings(kdump: Kdump, tree: Root, lines: Sequence[str]) -> Iterator[Finding]:
    """What starves the capture kernel, once for each cause. `lines`: of the kernels that may crash."""
    maker = _maker(kdump, tree)
    content = text(tree, maker.file) if maker else None
    if maker is None or content is None or kdump.firmware is not None:
        return
    settings = variables(content)
    for code, names, why in _CAUSES:
        found = next((each for line in lines or [""] for each in _inherited(maker, settings, line, names)), None)
        if found:
            word, where = found
            said = f"the capture kernel gets {word} from " + (where.name if where else "the running kernel's line")
            place = Place(maker.file, where.line) if where else None
            yield _warning(code, said, why, _fix(maker, word, where), place)
    yield from _cpus(maker, settings)


def _warning(code: str, said: str, why: str, fix: str, place: Place | None) -> Finding:
    why = f"{why}; it runs in the reservation alone, and may run out of memory before the dump is saved"
    return Finding("capture", Status.WARNING, said, code, why, f"{fix}, and restart the service", place)


def _maker(kdump: Kdump, tree: Root) -> _Maker | None:
    name = kdump.service.name
    if name == "kdump-tools":
        # Old ones leave out crashkernel= only.
        old = "hugepages" not in (text(tree, _KDUMP_CONFIG) or "hugepages")
        return _DEBIAN._replace(drops=("crashkernel",)) if old else _DEBIAN
    if name == "kdump":
        return _RED_HAT if kdumpctl(tree) is not None or text(tree, KDUMP_CONF) is not None else _SUSE
    return None


def _inherited(
    maker: _Maker, settings: Mapping[str, Setting], line: str, names: Sequence[str]
) -> Iterator[tuple[str, Setting | None]]:
    """The arguments of those names that the capture kernel gets, and the setting they come from; None: the line."""
    own, append, remove = (settings.get(name) for name in (maker.own, maker.append, maker.remove))
    base: tuple[str, Setting | None] = (own.value, own) if own and own.value.strip() else (line, None)
    gone = {*maker.never, *(maker.drops if base[1] is None else ())}
    if maker.remove:
        gone |= set((remove.value if remove else _REMOVED).split())
    added: tuple[str, Setting | None] = (append.value if append else "", append)
    for (words, where), left_out in ((base, gone), (added, set[str]())):
        for word in cmdline.tokens(words):
            name = cmdline.name_of(word)
            # hugepages=0 and cma=0 take nothing.
            if name in names and name not in left_out and not _ZERO.fullmatch(cmdline.value_of(word) or "0"):
                yield word, where


def _fix(maker: _Maker, word: str, where: Setting | None) -> str:
    if where:
        return f"remove {word} from {where.name} in {maker.file}"
    if maker.remove:
        return f"add {cmdline.name_of(word)} to {maker.remove} in {maker.file}"
    # The last value counts.
    return f"add {cmdline.name_of(word)}=0 to {maker.append} in {maker.file}"


def _cpus(maker: _Maker, settings: Mapping[str, Setting]) -> Iterator[Finding]:
    """A warning if the capture kernel starts all CPUs. On SUSE, KDUMP_CPUS=0 is a choice that its calibration knows."""
    given = [each for name in (maker.append, maker.own) if (each := settings.get(name)) and each.value.strip()]
    if maker.limits and maker.limits not in {each.name for each in given}:
        return
    words = [word for each in given for word in cmdline.tokens(each.value)]
    if not _CPUS & {cmdline.name_of(word) for word in words}:
        said = f"{maker.append} in {maker.file} does not limit the CPUs of the capture kernel"
        place = Place(maker.file, given[0].line) if given else None
        yield _warning("capture-cpus", said, "each CPU takes memory", f"add nr_cpus=1 to {maker.append}", place)
