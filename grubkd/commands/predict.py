"""`grubkd predict`: what the kernel does with a command line."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from grubkd import advice
from grubkd.boot import inventory
from grubkd.boot.entry import main_boot
from grubkd.boot.selector import select
from grubkd.commands import completion, memory_map_file, options
from grubkd.commands.group import message_options
from grubkd.errors import Usage
from grubkd.machine import machine as machines
from grubkd.machine.hardware import UNKNOWN
from grubkd.machine.machine import Machine
from grubkd.memory.architecture import architecture, implied
from grubkd.memory.release import Release
from grubkd.render import output, predict
from grubkd.render.json import document
from grubkd.text import from_user
from grubkd.tree.root import Root

if TYPE_CHECKING:
    from typing import Any

_MEMORY = ("ram", "iomem", "firmware_map")


@click.command("predict")
@click.argument("cmdline", required=False)
@options.RELEASE
@options.ARCH
@options.RAM
@click.option(
    "--iomem", metavar="FILE", shell_complete=completion.files, help="Use a saved /proc/iomem, or saved boot messages."
)
@click.option(
    "--firmware-map", metavar="FILE", shell_complete=completion.files, help="Use a saved /sys/firmware/memmap."
)
@click.option("--initrd", type=options.Size(zero=True), metavar="SIZE", help="The size of the initrd, 0 for none.")
@click.option("--efi/--bios", default=None, help="The firmware, if it is not that of this machine.")
@options.KERNEL
@options.ROOT
@click.option("--batch", is_flag=True, help="Read requests as JSON lines, write answers as JSON lines.")
@options.JSON
@message_options
def predict_command(cmdline: str | None, root: str, batch: bool, json: bool, **given: Any) -> int:
    """Show what the kernel reads in a command line, and where it puts the reservation, or why it does not.

    Without CMDLINE: what each entry's kernel does with its own command line.
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
        raise Usage("--batch reads everything from its input", hint="see: grubkd help json")
    run(sys.stdin.buffer)
    return 0


def _one(cmdline: str | None, root: str, given: dict[str, Any], *, json: bool) -> int:
    """A kernel that need not be installed. If its memory is given, nothing of this machine counts."""
    if cmdline is None:
        raise Usage("--release needs a CMDLINE", hint="give the kernel command line as one quoted argument")
    release = Release.parse(from_user(given["release"]))
    elsewhere = any(given[name] is not None for name in _MEMORY)
    machine = _elsewhere(given, release) if elsewhere else _here(given, Root(root))
    found = advice.simulate(from_user(cmdline), release, machine, initrd_size=given["initrd"])
    if json:
        document(predict.one(found))
    else:
        output.lines(predict.one_for_people(found))
    return 0


def _here(given: dict[str, Any], tree: Root) -> Machine:
    return _with_memory(machines.read(tree, arch=given["arch"]), given)


def _elsewhere(given: dict[str, Any], release: Release) -> Machine:
    known = architecture(given["arch"]) if given["arch"] else implied(release.text)
    return _with_memory(Machine(live=False, architecture=known, given=known is not None), given)


def _with_memory(machine: Machine, given: dict[str, Any]) -> Machine:
    """The machine with the memory that the options state."""
    efi = given["efi"]
    if all(given[name] is None for name in _MEMORY):
        return machine if efi is None else replace(machine, hardware=replace(machine.hardware, efi=efi))
    # It is another machine: the hardware of this one does not count.
    machine = replace(machine, running=None, hardware=replace(UNKNOWN, efi=efi))
    if given["iomem"] is not None:
        memory = memory_map_file.iomem(given["iomem"])
    elif given["firmware_map"] is not None:
        memory = memory_map_file.firmware(given["firmware_map"])
    else:
        return replace(machine, ram=given["ram"], memory_map=None)
    return replace(machine, ram=memory.ram_total, memory_map=memory)


def _entries(cmdline: str | None, root: str, given: dict[str, Any], *, json: bool) -> int:
    """The kernel of every selected entry, with CMDLINE or the entry's own line."""
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
        document(predict.entries(rows, config.errors))
        return output.exit_code(config.errors)
    output.lines(predict.entries_for_people(rows))
    return output.errors(config.errors)
