"""`check`: whether this machine saves a dump when it crashes, now and after the next boot, with all findings."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from grubkd.advice import capture_line, kdump_config, panic, reservation, rights, saving
from grubkd.advice.case import parse_release
from grubkd.advice.finding import Finding, Status, not_asked
from grubkd.advice.setting import setting
from grubkd.boot import cmdline
from grubkd.boot.entry import main_line, next_entries
from grubkd.boot.model import ManagedBy
from grubkd.machine.packages import Fix, by
from grubkd.memory.size import KIB, MIB, SUFFIXES, format_size

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from re import Match

    from grubkd.boot.model import BootConfig, Entry
    from grubkd.errors import Notice, Place
    from grubkd.machine import crash_test
    from grubkd.machine.kdump import Kdump
    from grubkd.machine.machine import Machine
    from grubkd.memory.release import Release
    from grubkd.tree.root import Root

_NOW = frozenset({"booted", "reserved", "loaded"})
_NEXT = frozenset({"boot", "configured", "service", "settings"})
_ALWAYS = frozenset({"kernel", "target", "room"})
# Without these the result is unknown. It may be known without the others: a remote target cannot be checked.
_TELLING_NOW = frozenset({"reserved", "loaded"})
_TELLING_NEXT = frozenset({"boot", "configured", "service"})
_LIVE_ONLY = "can be checked on the running system only"
_WHYS = {
    "kernel-missing": "that entry does not boot",
    "values-disagree": "whether memory is reserved then depends on which kernel boots",
    "stray-quote": "the kernel reads the rest of the line as one argument",
    "reserves-nothing": "a crash of that kernel leaves no dump",
    "would-not-reserve": "there is no value to recommend",
    "would-not-boot": "the kernel stops without a message while it looks for the memory",
    "interrupted": "files may have a part of the changes only",
}


class Report(NamedTuple):
    """`now`: a crash of the running kernel saves a dump; `next`: a crash after the next boot does. None if unknown."""

    findings: tuple[Finding, ...]
    now: bool | None
    next: bool | None


def report(  # noqa: PLR0913
    config: BootConfig,
    machine: Machine,
    kdump: Kdump,
    tree: Root,
    notices: Sequence[Notice] = (),
    *,
    test: crash_test.CrashTestResult | None = None,
) -> Report:
    """All findings, in the order of events: boot, reservation, loading, dump, and the last test crash."""
    found = [reservation.configured(config, machine), *saving.boot_findings(config, kdump, tree)]
    running = machine.running
    if running is None:
        where = "cannot be checked without /proc" if tree.live else _LIVE_ONLY
        found += [not_asked(check, f"what is {check} {where}") for check in ("booted", "reserved", "loaded")]
        found.append(not_asked("panic", f"what makes the kernel panic {where}"))
    else:
        found.append(reservation.booted(config, running, machine))
        found += reservation.reserved(config, running, machine)
        found.append(saving.loaded(running, kdump))
        found += panic.panics(kdump.panic)
        found += panic.lockdown(kdump.panic, running, kdump)
    image = config.managed_by in (ManagedBy.OSTREE, ManagedBy.BOOTC)
    found.append(saving.service(kdump, machine, image=image))
    if kdump.failure:
        found.append(saving.failed(kdump))
    found += kdump_config.findings(kdump, tree)
    found += capture_line.findings(kdump, tree, _lines(config, machine))
    found += saving.kernels(machine, kdump, _releases(config, machine))
    found += saving.target_findings(kdump)
    found.append(saving.room_finding(kdump, machine))
    if test:
        found.append(saving.tested(test))
    found += _odd_values(config, machine)
    found += _resets(config, kdump)
    known = {(each.code, each.place) for each in found}
    found += [_noticed(each) for each in notices if (each.code, each.place) not in known]
    found = list(rights.judged(found, config, kdump, tree))
    return Report(tuple(found), _verdict(found, _NOW, _TELLING_NOW), _verdict(found, _NEXT, _TELLING_NEXT))


def _verdict(found: Sequence[Finding], own: frozenset[str], telling: frozenset[str]) -> bool | None:
    mine = [each for each in found if each.check in own or each.check in _ALWAYS]
    if any(each.status is Status.PROBLEM for each in mine):
        return False
    if any(each.status is Status.NOT_ASKED and (each.check in telling or each.code == rights.CODE) for each in mine):
        return None
    return True


def _releases(config: BootConfig, machine: Machine) -> dict[str, str]:
    """The running kernel and those that may boot next: release -> role."""
    found: dict[str, str] = {}
    if machine.running:
        found[machine.running.release] = "the running kernel"
    for entry in next_entries(config):
        if entry.version and entry.own_linux:
            found.setdefault(entry.version, "kernel")
    return found


def _lines(config: BootConfig, machine: Machine) -> list[str]:
    """The command lines that a capture kernel may inherit: of the running kernel, and of those that may boot next."""
    found = [machine.running.cmdline] if machine.running else []
    return found + [main_line(entry) for entry in next_entries(config) if entry.own_linux]


# Each of them gets a fix, and grubkd tries each fix on all entries.
_MOST_ODD = 8


def _odd_values(config: BootConfig, machine: Machine) -> Iterator[Finding]:
    """What is odd about the lines, once for the first line that has it. Of a hostile tree's only the first few."""
    seen: set[str] = set()
    own = [entry for entry in config.entries if entry.own_linux]
    lines: list[tuple[str, str, Entry | None]] = [(main_line(each), each.version or "", each) for each in own]
    if machine.running:
        lines.append((machine.running.cmdline, machine.running.release, None))
    for line, release, entry in lines:
        for each in lint(line, parse_release(release), entry.source if entry else None):
            if each.message not in seen and len(seen) < _MOST_ODD:
                # Augeas takes long; it edits the same lines for each of them.
                yield _possible(each, entry, config, machine, edit=not seen)
            seen.add(each.message)
    if len(seen) > _MOST_ODD:
        said = f"{len(seen) - _MOST_ODD} more odd values are not shown"
        yield Finding("value", Status.WARNING, said, "more-odd-values", "", "fix the values above, then check again")


def _possible(found: Finding, entry: Entry | None, config: BootConfig, machine: Machine, *, edit: bool) -> Finding:
    """The finding with the command of another tool where only that tool can change the entry. `edit`: as in setting."""
    (command,) = found.commands
    if command[2] == "--remove-arg":
        refused = (entry.managed_by if entry else config.managed_by) is not None
        fix = Fix("remove it with the tool that writes the entry") if refused else Fix(found.fix, found.commands)
    else:
        fix = setting(config, machine, entry, command[2] if command[2] != "--auto" else "", edit=edit)
    return found._replace(fix=fix.text, commands=fix.commands)


def _resets(config: BootConfig, kdump: Kdump) -> Iterator[Finding]:
    """kdump-utils resets the value when it, or a kernel, is installed."""
    holds = any(reservation.held(main_line(entry)) for entry in config.entries if entry.own_linux)
    if kdump.resets is None or not holds:
        return
    why = "an update of kdump-utils, or of a kernel, may overwrite the value that is configured here"
    fix = f"add this line to {kdump.resets.file}: auto_reset_crashkernel no"
    said = "kdump-utils resets crashkernel= to its own default"
    yield Finding("value", Status.WARNING, said, "auto-reset", why, fix, kdump.resets)


def _noticed(notice: Notice) -> Finding:
    why = _WHYS.get(notice.code, "")
    return Finding(
        "configuration", Status.WARNING, notice.message, notice.code, why, notice.hint, notice.place, notice.commands
    )


_NAME = "crashkernel="
_NUMBER = re.compile(r"(?<![\w.])(0[xX][0-9a-fA-F]+|\d{1,20})([KMGTPEkmgtpe]?)(?![\w.])")
_SUFFIXED = (",high", ",low", ",cma")


def lint(line: str, release: Release | None, place: Place | None = None) -> Iterator[Finding]:
    """What is odd about the values of a line. `release`: of the kernel that reads it, None if unknown."""
    words = cmdline.tokens(line)
    end = words.index("--") if "--" in words else len(words)
    plain = []
    for index, word in enumerate(words):
        if _NAME not in word:
            continue
        if not cmdline.is_crashkernel(word):
            why = "the kernel looks for crashkernel= anywhere in the line and takes the last one"
            said = f"{word} is not a crashkernel= argument, but the kernel reads a value in it"
            yield _odd("hidden-value", said, why, ("set", "--remove-arg", word), place)
            continue
        value = word.partition("=")[2]
        if index > end:
            why = "the kernel reads it, but other tools take it for an argument of init"
            yield _odd("after-double-dash", f"{word} is after --", why, ("set", _meant(value)), place)
        if not value.endswith(_SUFFIXED):
            plain.append(value)
        yield from _value(value, release, place)
    if len(plain) > 1:
        said = f"the line has {len(plain)} values: {' '.join(plain)}"
        why = f"the kernel takes the last one, {plain[-1]}"
        yield _odd("two-values", said, why, ("set", _meant(plain[-1])), place)


def _value(value: str, release: Release | None, place: Place | None) -> Iterator[Finding]:
    if value.startswith("auto"):
        if release is not None and not any(behaviour.auto for behaviour in release.behaviours):
            said = f"kernel {release} does not know crashkernel=auto"
            why = "only kernels of RHEL 6, 7 and 8, and some of Oracle and Fedora, know it: this one reserves nothing"
            yield _odd("auto-unknown", said, why, ("set", "--auto"), place)
        return
    fix = ("set", _meant(value))
    for match in _NUMBER.finditer(value):
        number, suffix = match[1], match[2]
        if _is_octal(number):
            said = f"{number}{suffix} in crashkernel={value} is octal: the kernel reads {_readable(number, suffix)}"
            yield _odd("octal", said, "the kernel reads a number that starts with 0 in base eight", fix, place)
        elif _is_bytes(number, suffix):
            said = f"{number} in crashkernel={value} is a number of bytes"
            yield _odd("no-suffix", said, "without K, M or G the kernel counts bytes", fix, place)


def _is_octal(number: str) -> bool:
    return number[0] == "0" and number.isdigit() and number.strip("0") != ""


def _is_bytes(number: str, suffix: str) -> bool:
    """Whether the amount is too small to be meant."""
    return not suffix and 0 < int(number, 16 if number[:2] in ("0x", "0X") else 10) < MIB


def _meant(value: str) -> str:
    """The value with its numbers as they were probably meant: decimal, and in megabytes."""

    def better(match: Match[str]) -> str:
        number, suffix = match[1], match[2]
        if _is_octal(number):
            return f"{number.lstrip('0')}{suffix or 'M'}"
        return f"{number}M" if _is_bytes(number, suffix) else match[0]

    return _NUMBER.sub(better, value)


def _readable(number: str, suffix: str) -> str:
    """What a kernel reads in a number with a leading 0: octal, up to the first digit that is not."""
    digits = number[: len(number) - len(number.lstrip("01234567"))]
    size = int(digits, 8) << (SUFFIXES[suffix.upper()] if suffix and digits == number else 0)
    return format_size(size) if size and size % KIB == 0 else f"{size} bytes"


def _odd(code: str, message: str, why: str, words: tuple[str, ...], place: Place | None) -> Finding:
    """A warning about a value, with the words of grubkd's command that fixes it."""
    fix = by(("grubkd", *words))
    return Finding("value", Status.WARNING, message, code, why, fix.text, place, fix.commands)
