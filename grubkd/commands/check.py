"""`grubkd check`: whether this machine saves a dump when it crashes. `grubkd dumps`: the dumps that it saved."""

from __future__ import annotations

import os
from contextlib import suppress
from errno import EINVAL
from pathlib import Path
from time import time
from typing import TYPE_CHECKING

import click

from grubkd.advice import check as checks
from grubkd.commands import completion, options, warnings
from grubkd.commands.group import message_options
from grubkd.errors import InputOutput, Notice, PermissionDenied, Place, Refused
from grubkd.machine import crash_test, debuginfo, distribution, dump_target, journal
from grubkd.machine import dumps as saved
from grubkd.machine import kdump as kdumps
from grubkd.machine.dump_target import TargetKind
from grubkd.machine.ram import is_this_system
from grubkd.render import check, output
from grubkd.render import dumps as render
from grubkd.text import from_user
from grubkd.tree.root import Root

if TYPE_CHECKING:
    from collections.abc import Iterable


@click.command("check")
@options.RAM
@options.ARCH
@options.ROOT
@click.option(
    "--metrics",
    metavar="FILE",
    envvar="GRUBKD_METRICS",
    shell_complete=completion.files,
    help="Write the result to a file for Prometheus' node exporter.",
)
@options.JSON
@message_options
def check_command(*, ram: int | None, arch: str | None, root: str, metrics: str | None, json: bool) -> int:
    """Check whether a crash will leave a dump, now and after the next boot; if not, show how to fix it.

    Exits 4 if no dump would be saved, for monitoring. Nothing is changed.
    """
    return check_tree(Root(root), json=json, ram=ram, arch=arch, metrics=metrics)


def check_tree(
    tree: Root, *, json: bool, ram: int | None = None, arch: str | None = None, metrics: str | None = None
) -> int:
    """Check the tree, print the answer, return the exit code. Raises InputOutput if `metrics` cannot be written.

    If stderr is the journal, what is wrong goes there with its level.
    """
    config, machine, _, found = warnings.read(tree, ram=ram, arch=arch)
    kdump = kdumps.read(tree)
    loaded = not is_this_system(tree) or (machine.running and machine.running.loaded) or kdump.firmware
    if not loaded:
        kdump = kdump._replace(failure=journal.failure(tree, kdump.service))
    report = checks.report(config, machine, kdump, tree, found, test=_last_test(tree, kdump))
    answer = check.answer(report, config, machine, kdump, found) if json else None
    logged = answer is None and output.in_journal()
    status = output.report(answer, () if logged else check.lines(report), errors=config.errors)
    if logged:
        check.log(report)
    if metrics:
        _save(metrics, check.metrics(report, machine, time()))
    return Refused.exit if False in (report.now, report.next) else status


def _last_test(tree: Root, kdump: kdumps.Kdump) -> crash_test.CrashTestResult | None:
    """The result of the last test crash; None if there was none, or its target is not looked at."""
    test, directory = crash_test.read(tree), dump_target.reachable(tree, kdump.target)
    if test is None or directory is None:
        return None
    return crash_test.judge(tree, test, directory, saved.read(tree, directory), kdump.service)


def _save(file: str, lines: Iterable[str]) -> None:
    """Replace the file in one step: the node exporter reads the old or the new one, never a part. Raises InputOutput.

    The exporter reads names that end in .prom only, and may be another user. A device, such as /dev/null, is no file
    to replace.
    """
    scratch = Path(f"{file}.{os.getpid()}")
    try:
        if Path(file).exists() and not Path(file).is_file():
            raise OSError(EINVAL, "this is not a regular file")
        with scratch.open("x", encoding="utf-8") as made:
            os.fchmod(made.fileno(), 0o644)
            made.writelines(f"{line}\n" for line in lines)
            made.flush()
            os.fsync(made.fileno())
        scratch.replace(file)
    except OSError as problem:
        with suppress(OSError):
            scratch.unlink()
        raise InputOutput(f"--metrics: {from_user(file)}: {problem.strerror}") from None


@click.command("dumps")
@options.ROOT
@options.JSON
@message_options
def dumps_command(root: str, json: bool) -> int:
    """List the dumps in the dump target, newest first: time, size, completeness, kernel, why it crashed, what opens it.

    Exits 4 if the target is elsewhere, or if the last test crash left no whole dump. Nothing is changed. Only the
    headers of each dump are read.
    """
    return list_dumps(Root(root), json=json)


def list_dumps(tree: Root, *, json: bool) -> int:
    """List the dumps of the tree, print the answer, return the exit code."""
    kdump = kdumps.read(tree)
    directory = dump_target.reachable(tree, kdump.target)
    dumps, left_out = saved.listed(tree, directory) if directory else ((), 0)
    if directory in tree.denied:
        raise PermissionDenied("the dumps in it cannot be listed", place=Place(str(directory)))
    vendor = distribution.read(tree)
    found = tuple(debuginfo.openable(tree, each, vendor) for each in dumps)
    notices = (*(_left_out(directory, left_out) if directory else (elsewhere(kdump),)), *warnings.unreadable(tree))
    test = crash_test.read(tree) if directory else None
    result = crash_test.judge(tree, test, directory, dumps, kdump.service) if test and directory else None
    answer = render.dumps_answer(found, kdump, notices, result) if json else None
    lines = render.dumps_lines(found, kdump, result) if directory else ()
    status = output.report(answer, lines, warnings=notices)
    return status if directory and (result is None or result.passed) else Refused.exit


def _left_out(directory: str, count: int) -> tuple[Notice, ...]:
    """The warning that not every directory was read, because there are too many."""
    message = f"only the directories that changed last are listed; {count} more are in {directory}"
    return (Notice("many-dumps", message, "remove what is no longer needed", Place(directory)),) if count else ()


def elsewhere(kdump: kdumps.Kdump) -> Notice:
    """The warning that the dump target cannot be looked at."""
    target = kdump.target
    message = f"dumps go to {target}, which was not looked at: "
    if target.kind is TargetKind.FILESYSTEM:
        mount = (("mount", target.where),)
        return Notice("not-mounted", f"{message}it is not mounted", f"mount {target.where}", target.place, mount)
    if target.kind is TargetKind.NFS:
        fix = f"mount {target.where} read-only, then run grubkd dumps again"
        return Notice("elsewhere", f"{message}it is not mounted here", fix, target.place)
    return Notice("elsewhere", f"{message}it is not in this tree", f"look at {target}", target.place)
