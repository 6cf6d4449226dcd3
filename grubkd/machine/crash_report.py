"""What crash(8), drgn(1) or, of the messages alone, makedumpfile(8) say of a dump.

A dump may be damaged, or made to harm. The programs run with limits of memory and time, and nothing that they print is
taken for more than text.
"""

from __future__ import annotations

import os
import re
import secrets
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from grubkd import run
from grubkd.errors import CommandFailed, GrubkdError, Notice
from grubkd.machine import dumps
from grubkd.machine.crash_facts import Facts, of_crash, of_log
from grubkd.machine.packages import install_tool
from grubkd.machine.vmcore import PACKED
from grubkd.text import from_bytes, to_bytes
from grubkd.tree.root import Root

if TYPE_CHECKING:
    from collections.abc import Iterator

    from grubkd.machine.debuginfo import Openable
    from grubkd.memory.vendors import Distribution

TOOLS = ("crash", "drgn")
# Seconds. crash sorts the whole of a flattened dump first, as kdump-tools makes it.
_PATIENCE = 900.0
# Bytes. crash needs some 1 GiB for the symbols of a distribution's kernel; SUSE's it unpacks into a file.
_MOST_MEMORY = 4 << 30
_MOST_MESSAGES = 64 << 20


class CrashReport(NamedTuple):
    """The facts, the program that read the memory ("" if none did), where the log is from, and what prevented more."""

    facts: Facts
    by: str = ""
    log_source: str = ""
    notices: tuple[Notice, ...] = ()


def write(tree: Root, found: Openable, distribution: Distribution) -> CrashReport:
    """Ask the programs that are installed on this system, whose `distribution` is given, until one reads the stack."""
    facts, by, notices = _of_memory(tree, found, distribution)
    source = by
    if facts.log is None:
        text, source = dumps.messages(tree, found.dump)
        if not text and found.dump.form and found.dump.form not in PACKED:
            text, source, problem = _messages(tree, found, distribution)
            notices = (*notices, *problem)
        facts = facts.over(of_log(text))
    facts = facts.over(Facts(release=found.dump.release, panic=found.dump.panic))
    return CrashReport(facts, by, source, notices)


def debugger(tree: Root, found: Openable, tool: str) -> tuple[str, ...]:
    """The command of this system by which one of TOOLS opens a dump of the tree that has its symbols."""
    symbols, cores = (tuple(map(tree.outside, paths)) for paths in (found.symbols.files, found.dump.paths))
    return ("drgn", "-c", cores[0], "-s", symbols[-1]) if tool == "drgn" else (tool, *symbols, *cores)


def _of_memory(tree: Root, found: Openable, distribution: Distribution) -> tuple[Facts, str, tuple[Notice, ...]]:
    """The facts by crash or drgn, which of them it was, and what prevented it."""
    said = "the memory in the dump is not read"
    if not found.command:
        fix = found.missing.text or "grubkd dumps shows which dumps hold memory"
        why = f"{said}: no kernel with symbols opens it" if found.dump.files else "the dump holds no memory"
        return Facts(), "", (Notice("no-symbols", why, fix, commands=found.missing.commands),)
    notices: list[Notice] = []
    for tool in TOOLS:
        if not run.installed(tool):
            notices.append(_not_installed(tree, said, distribution, tool))
            continue
        try:
            facts = (_by_crash if tool == "crash" else _by_drgn)(tree, found)
        except GrubkdError as problem:
            notices.append(_not_opened(said, problem, f", or of a kernel that this {tool} does not know"))
            continue
        if facts.stack:
            return facts, tool, ()
        notices.append(Notice("not-opened", f"{said}: {tool} finds no stack", "the dump may be damaged"))
    return Facts(), "", tuple(notices)


def _not_installed(tree: Root, said: str, distribution: Distribution, tool: str) -> Notice:
    how = install_tool(distribution, tool)
    # Commands would be those of the tree.
    return Notice(
        "no-program", f"{said}: {tool} is not installed", how.text, commands=how.commands if tree.live else ()
    )


def _not_opened(said: str, problem: GrubkdError, reason: str = "") -> Notice:
    return Notice("not-opened", f"{said}: {' '.join(problem.message.split())}", f"the dump may be damaged{reason}")


@contextmanager
def _file(content: bytes = b"") -> Iterator[tuple[int, str]]:
    """A file in memory, and a path by which another process of this user opens it."""
    fd = os.memfd_create("grubkd")
    try:
        os.write(fd, content)
        yield fd, f"/proc/{os.getpid()}/fd/{fd}"
    finally:
        os.close(fd)


def _ran(tree: Root, *argv: str, most: int = _MOST_MEMORY) -> str:
    """The output of a program. `most`: bytes that it may write into a file. Raises CommandFailed."""
    from resource import RLIMIT_CORE, RLIMIT_DATA, RLIMIT_FSIZE

    limits = ((RLIMIT_DATA, _MOST_MEMORY), (RLIMIT_FSIZE, most), (RLIMIT_CORE, 0))
    here = tree if tree.live else Root()
    return from_bytes(run.run(argv, here, patience=_PATIENCE, called=argv[0], bound=True, limits=limits).stdout)


# What is asked of crash, in this order; an error in one does not end the others.
_COMMANDS = ("sys", "sys -t", "mach", "bt", "mod", "kmem -i", "log")


def _marks() -> list[str]:
    """A hexadecimal number for each command, which its output cannot contain by intent."""
    chance = f"{secrets.randbelow(0xF000000) + 0x1000000:x}"
    return [f"{chance}{number:x}" for number in range(len(_COMMANDS))]


def _parts(output: str, marks: list[str]) -> dict[str, str]:
    """The output of each command: `eval NUMBER` was run before each, which prints the number in four ways."""
    found = re.split(rf"(?m)^hexadecimal: ({'|'.join(marks)})\b.*\n(?:^ +(?:decimal|octal|binary): .*\n)*", output)
    return {_COMMANDS[marks.index(mark)]: text for mark, text in zip(found[1::2], found[2::2], strict=True)}


def _by_crash(tree: Root, found: Openable) -> Facts:
    """Raises CommandFailed."""
    marks = _marks()
    lines = [f"eval 0x{mark}\n{command}\n" for mark, command in zip(marks, _COMMANDS, strict=True)]
    with _file(to_bytes(f"{''.join(lines)}exit\n")) as (_, commands):
        name, *files = debugger(tree, found, "crash")
        output = _ran(tree, name, "-s", "--no_crashrc", "--no_scroll", "-i", commands, *files)
    return of_crash(_parts(output, marks))


def _by_drgn(tree: Root, found: Openable) -> Facts:
    """Raises CommandFailed."""
    marks = _marks()
    with _file(to_bytes(f"MARKS = {marks}\n{_SCRIPT}")) as (_, script):
        name, *files = debugger(tree, found, "drgn")
        output = _ran(tree, name, "-q", *files, script)
    return of_crash(_parts(output, marks))


def _messages(tree: Root, found: Openable, distribution: Distribution) -> tuple[str, str, tuple[Notice, ...]]:
    """The messages in a dump, by makedumpfile, which needs no symbols; its name, and what prevented it."""
    tool, said = "makedumpfile", "the kernel's messages are not read"
    if not run.installed(tool):
        return "", "", (_not_installed(tree, said, distribution, tool),)
    try:
        with _file() as (fd, path):
            _ran(tree, tool, "--dump-dmesg", "-f", tree.outside(found.dump.paths[0]), path, most=_MOST_MESSAGES)
            size = os.fstat(fd).st_size
            return from_bytes(os.pread(fd, _MOST_MESSAGES, max(size - _MOST_MESSAGES, 0))), tool, ()
    except CommandFailed as problem:
        return "", "", (_not_opened(said, problem),)


# For drgn 0.0.25 and later. It prints what crash prints. Each fact is asked for alone, since the dump may lack some.
_SCRIPT = """\
import sys
from drgn.helpers.linux import list_for_each_entry
from drgn.helpers.linux.mm import totalram_pages
from drgn.helpers.linux.printk import get_dmesg

sys.stdout.reconfigure(encoding="latin-1", errors="replace")

def part(mark, *asked):
    print(f"hexadecimal: {mark}")
    for each in asked:
        try:
            print(each())
        except Exception:
            pass

def text(value):
    return value.string_().decode("latin-1")

def uptime():
    from drgn.helpers.linux.timekeeping import uptime
    seconds = int(uptime(prog))
    return f"UPTIME: {seconds // 86400} days, {seconds // 3600 % 24:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"

def task():
    found = prog.crashed_thread().object
    try:
        cpu = found.thread_info.cpu.value_()
    except AttributeError:
        cpu = found.cpu.value_()
    return f'PID: {found.pid.value_()} CPU: {cpu} COMMAND: "{text(found.comm)}"'

def modules():
    every = list_for_each_entry("struct module", prog["modules"].address_of_(), "list")
    return "\\n".join(f"00000000  {text(each.name)} " for each in every)

part(MARKS[0], lambda: "RELEASE: " + text(prog["init_uts_ns"].name.release), uptime)
part(MARKS[1], lambda: f"TAINTED_MASK: {prog['tainted_mask'].value_():x}")
part(MARKS[2], lambda: f"PAGE SIZE: {int(prog['PAGE_SIZE'])}")
part(MARKS[3], task, lambda: prog.crashed_thread().stack_trace())
part(MARKS[4], modules)
part(MARKS[5], lambda: f"TOTAL MEM {int(totalram_pages(prog))} ",
     lambda: f"FREE {int(prog['vm_zone_stat'][prog['NR_FREE_PAGES']].counter)} ")
part(MARKS[6], lambda: get_dmesg(prog).decode("latin-1"))
"""
