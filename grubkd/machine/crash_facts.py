"""What the output of crash(8) and the messages of a kernel say of its crash. Both may be made to harm."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from grubkd.machine.dumps import PANIC, STAMP, crashed_release, panic_line

if TYPE_CHECKING:
    from collections.abc import Mapping

_LINES = 100
_LONGEST = 500  # characters of a line
_MOST_FRAMES = 200
_MOST_MODULES = 2000
# Documentation/admin-guide/tainted-kernels.rst of 6.16, from bit 0 on.
_TAINTS = "PFSRMBUDAWCIOELKXTNJ"
_TAINTED = re.compile(r"\b(?:Not tainted|Tainted: ([A-Z ]{1,40}?)) +\d")
_TRACE = re.compile(r"Call [Tt]race:")
_FRAME = re.compile(r"\s*(?:\[<?[0-9a-f]{8,16}>?\]\s*)*(?:\? )?[\w.$]{1,200}\+0x[0-9a-f]{1,16}/0x[0-9a-f]{1,16}\b.*")


class Facts(NamedTuple):
    """What is known of a crash; None for what is not.

    `uptime` in seconds, `taint` as letters ("" for a kernel that is not tainted), `task` that panicked, `memory`: all
    and free, in bytes.
    """

    release: str | None = None
    uptime: int | None = None
    taint: str | None = None
    panic: str | None = None
    task: str | None = None
    stack: tuple[str, ...] | None = None
    log: tuple[str, ...] | None = None
    modules: tuple[str, ...] | None = None
    memory: tuple[int, int] | None = None

    def over(self, other: Facts) -> Facts:
        """These facts, and the other ones where these are not known."""
        known = {name: found for name, found in self._asdict().items() if found is not None}
        return other._replace(**known)


def of_crash(said: Mapping[str, str]) -> Facts:
    """The facts in the output of crash, by command."""
    system = dict(re.findall(r"(?m)^ *([A-Z]{1,12}): (.{1,500})$", said.get("sys", "")))
    trace = said.get("bt", "")
    first = re.search(r'(?m)^PID: (\d{1,10}) .*\bCPU: (\d{1,5}) .*\bCOMMAND: "(.{1,32})"', trace)
    frames = [line.rstrip()[:_LONGEST] for line in trace.split("\n") if re.match(r" *#\d|    [A-Z_0-9]+: ", line)]
    mask = re.search(r"(?m)^TAINTED_MASK: ([0-9a-f]{1,16})\b", said.get("sys -t", ""))
    size = re.search(r"(?m)^ *PAGE SIZE: (\d{4,7})$", said.get("mach", ""))
    pages = [re.search(rf"(?m)^ *{name} +(\d{{1,15}}) ", said.get("kmem -i", "")) for name in ("TOTAL MEM", "FREE")]
    total, free = (int(each[1]) * int(size[1]) if each and size else None for each in pages)
    modules = re.findall(r"(?m)^[0-9a-f]{8,16}  (\S{1,64}) ", said.get("mod", ""))
    facts = Facts(
        release=system.get("RELEASE"),
        uptime=_seconds(system.get("UPTIME", "")),
        taint=letters(int(mask[1], 16)) if mask else None,
        panic=system["PANIC"].strip('"') if "PANIC" in system else None,
        task=f"PID {first[1]} ({first[3]}), CPU {first[2]}" if first else None,
        stack=tuple(frames[:_MOST_FRAMES]) or None,
        modules=tuple(modules[:_MOST_MODULES]) if modules else None,
        memory=(total, free) if total is not None and free is not None else None,
    )
    # drgn 0.3.0 reads dumps of i386, and does not unwind their stacks: the messages have a call trace.
    return facts.over(of_log(said.get("log", ""))) if facts.stack or facts.task else facts


def _seconds(uptime: str) -> int | None:
    """`10 days, 14:14:39` in seconds."""
    found = re.fullmatch(r"(?:(\d{1,6}) days?, )?(\d\d):(\d\d):(\d\d)\s*", uptime)
    if not found:
        return None
    days, hours, minutes, seconds = (int(each or 0) for each in found.groups())
    return ((days * 24 + hours) * 60 + minutes) * 60 + seconds


def letters(mask: int) -> str:
    """The letters of a taint mask."""
    return "".join(each for bit, each in enumerate(_TAINTS) if mask >> bit & 1)


def of_log(text: str) -> Facts:
    """The facts in the messages of the kernel, which may lack their beginning."""
    if not text.strip():
        return Facts()
    lines = text.strip("\n").split("\n")
    stamps = [int(found[1]) for line in lines[-_LINES:] if (found := STAMP.match(line)) and found[1]]
    taints = _TAINTED.findall(text)
    linked = re.findall(r"Modules linked in: ?(.*)", text)
    modules = re.sub(r"\(\w{1,8}\)|\[.*", "", linked[-1]).split()[:_MOST_MODULES] if linked else None
    return Facts(
        release=crashed_release(text),
        uptime=stamps[-1] if stamps else None,
        taint=re.sub("[G ]", "", taints[-1]) if taints else None,
        panic=panic_line(text),
        stack=_call_trace([STAMP.sub("", line, count=1) for line in lines]) or None,
        log=tuple(line[:_LONGEST] for line in lines[-_LINES:]),
        modules=tuple(each[:64] for each in modules) if modules is not None else None,
    )


def _call_trace(lines: list[str]) -> tuple[str, ...]:
    """The first call trace behind the panic, which is the panicking task's, else the last one before it."""
    panic = next((number for number, line in enumerate(lines) if PANIC in line), len(lines))
    traces = [number for number, line in enumerate(lines) if _TRACE.match(line.lstrip())]
    behind = next((number for number in traces if number > panic), None)
    start = behind if behind is not None else next((each for each in reversed(traces) if each < panic), None)
    found: list[str] = []
    for line in lines[start + 1 :] if start is not None else ():
        if _FRAME.fullmatch(line):
            found.append(line.strip()[:_LONGEST])
        elif line.strip() not in ("<TASK>", "<IRQ>", "</IRQ>", "<NMI>", "</NMI>"):
            break
    return tuple(found[:_MOST_FRAMES])
