"""`grubkd predict`: what the kernel will do with a command line."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING

from grubkd import advice, render, render_predict
from grubkd.boot import inventory
from grubkd.boot.build import main_boot
from grubkd.boot.selector import select
from grubkd.commands import options
from grubkd.commands.declared import argument, option, verb
from grubkd.errors import Usage
from grubkd.machine import machine as machines
from grubkd.machine.hardware import UNKNOWN
from grubkd.machine.machine import Machine
from grubkd.memory.architecture import architecture, implied
from grubkd.memory.release import Release
from grubkd.text import from_user
from grubkd.tree.root import Root

if TYPE_CHECKING:
    from typing import Any

_MEMORY = ("ram", "iomem", "firmware_map")


@verb(
    "predict",
    argument("cmdline", required=False),
    option("--release", metavar="RELEASE", help="The kernel's release, as uname -r prints it."),
    options.ARCH,
    options.RAM,
    option("--iomem", metavar="FILE", help="A saved /proc/iomem, or boot messages, of the machine."),
    option("--firmware-map", metavar="FILE", help="A saved /sys/firmware/memmap of the machine."),
    option("--initrd", read=options.size, metavar="SIZE", help="The size of its initial RAM disk."),
    option("--efi/--bios", default=None, help="Its firmware, where that is not this machine's own."),
    options.KERNEL,
    options.ROOT,
    option("--batch", is_flag=True, help="Read requests as JSON lines, write answers as JSON lines."),
    options.JSON,
)
def command(cmdline: str | None, root: str, batch: bool, json: bool, **given: Any) -> int:
    """Say what the kernel reads in a command line, and where it will put the reservation, or why it will not.

    Without CMDLINE: what every entry's kernel does with the entry's own line.
    """
    if batch:
        return _batch(cmdline, root, given)
    if sum(given[name] is not None for name in _MEMORY) > 1:
        raise Usage("--ram, --iomem and --firmware-map exclude each other")
    if given["release"] is not None:
        if given["kernel"]:
            raise Usage("--release and --kernel exclude each other")
        return _one(cmdline, root, given, json=json)
    return _entries(cmdline, root, given, json=json)


def _batch(cmdline: str | None, root: str, given: dict[str, Any]) -> int:
    from grubkd.commands.batch import run

    if cmdline is not None or root != "/" or any(value not in (None, ()) for value in given.values()):
        raise Usage("--batch takes everything from its input", hint="see JSON LINES in grubkd(8)")
    run(sys.stdin.buffer)
    return 0


def _one(cmdline: str | None, root: str, given: dict[str, Any], *, json: bool) -> int:
    """A kernel that need not be installed; with a memory of its own, nothing of this machine counts."""
    if cmdline is None:
        raise Usage("--release needs a CMDLINE", hint="give what the kernel is to be booted with, in quotes")
    release = Release.parse(from_user(given["release"]))
    elsewhere = any(given[name] is not None for name in _MEMORY)
    machine = _elsewhere(given, release) if elsewhere else _here(given, Root(root))
    initrd = given["initrd"] if given["initrd"] is not None else 0 if elsewhere else None
    found = advice.simulate(from_user(cmdline), release, machine, initrd_size=initrd)
    if json:
        render.document(render_predict.one(found))
    else:
        for line in render_predict.one_for_people(found):
            render.text(line)
    return 0


def _here(given: dict[str, Any], tree: Root) -> Machine:
    return _with_memory(machines.read(tree, arch=given["arch"]), given)


def _elsewhere(given: dict[str, Any], release: Release) -> Machine:
    known = architecture(given["arch"]) if given["arch"] else implied(release.text)
    return _with_memory(Machine(live=False, architecture=known, given=known is not None), given)


def _with_memory(machine: Machine, given: dict[str, Any]) -> Machine:
    """The machine with the memory that the options state."""
    from grubkd.commands import mapfile

    efi = given["efi"]
    if all(given[name] is None for name in _MEMORY):
        return machine if efi is None else replace(machine, hardware=replace(machine.hardware, efi=efi))
    # It is another machine then: what this one's own hardware is no longer counts.
    machine = replace(machine, running=None, hardware=replace(UNKNOWN, efi=efi))
    if given["iomem"] is not None:
        memory = mapfile.iomem(given["iomem"])
    elif given["firmware_map"] is not None:
        memory = mapfile.firmware(given["firmware_map"])
    else:
        return replace(machine, ram=given["ram"], memory_map=None)
    return replace(machine, ram=memory.ram_total, memory_map=memory)


def _entries(cmdline: str | None, root: str, given: dict[str, Any], *, json: bool) -> int:
    """Every selected entry's kernel, with the entry's own line or a person's."""
    tree = Root(root)
    config = inventory.read(tree)
    selected = [entry for entry in select(config, given["kernel"]).entries if entry.linux]
    verdicts = advice.Verdicts(_here(given, tree))
    rows = []
    for entry in selected:
        boot = main_boot(entry.boots)
        own = boot.line.text() if boot else ""
        line = own if cmdline is None else from_user(cmdline)
        rows.append((entry, line, verdicts.verdict(line, entry, initrd_size=given["initrd"])))
    if json:
        render.document(render_predict.entries(rows, config.errors))
    else:
        for text in render_predict.entries_for_people(rows):
            render.text(text)
        for problem in config.errors:
            render.complain(problem, "error")
    return max((problem.exit for problem in config.errors), default=0)
