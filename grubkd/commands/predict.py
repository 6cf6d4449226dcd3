"""`grubkd predict`: what the kernel does with a command line; and the files with memory maps that it takes."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from grubkd import advice
from grubkd.boot import inventory
from grubkd.boot.entry import main_line
from grubkd.boot.selector import select
from grubkd.commands import batch as lines
from grubkd.commands import completion, options
from grubkd.commands.group import message_options
from grubkd.commands.plan import other_machine
from grubkd.errors import BadValue, InputOutput, NoSuchEntry, PermissionDenied, Usage
from grubkd.machine import machine as machines
from grubkd.machine.hardware import UNKNOWN
from grubkd.memory.map_parsers import from_firmware_memmap_files, from_saved, from_saved_firmware
from grubkd.memory.release import Release
from grubkd.memory.value import parse_value
from grubkd.render import output, plan
from grubkd.text import from_bytes, from_user
from grubkd.tree.root import Root

if TYPE_CHECKING:
    from typing import Any

    from grubkd.machine.machine import Machine
    from grubkd.memory.memory_map import MemoryMap

_LARGEST_MAP = 16 << 20
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
@click.option("--initrd", type=options.size_or_zero, metavar="SIZE", help="The size of the initrd, 0 for none.")
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
    cmdline = _with_names(cmdline)
    if sum(given[name] is not None for name in _MEMORY) > 1:
        raise Usage("--ram, --iomem and --firmware-map exclude each other")
    if given["release"] is not None:
        if given["kernel"]:
            raise Usage("--release and --kernel exclude each other")
        return _one(cmdline, root, given, json=json)
    return _entries(cmdline, root, given, json=json)


def _with_names(line: str | None) -> str | None:
    """The line; if it holds only values (`256M,high 72M,low`), the line that `set` would write for them."""
    words = (line or "").split()
    if any(word.startswith("crashkernel=") for word in words):
        return line
    try:
        for word in words:
            parse_value(from_user(word))
    except BadValue:
        return line
    return " ".join(f"crashkernel={word}" for word in words) or line


def _batch(cmdline: str | None, root: str, given: dict[str, Any]) -> int:
    if cmdline is not None or root != "/" or any(value not in (None, ()) for value in given.values()):
        raise Usage("--batch reads everything from its input", hint="see: grubkd help json")
    if sys.stdin:
        lines.run(sys.stdin.buffer)
    return 0


def _one(cmdline: str | None, root: str, given: dict[str, Any], *, json: bool) -> int:
    """A kernel that need not be installed. If its memory is given, nothing of this machine counts."""
    if cmdline is None:
        raise Usage("--release needs a CMDLINE", hint="give the kernel command line as one quoted argument")
    release = Release.parse(from_user(given["release"]))
    elsewhere = any(given[name] is not None for name in _MEMORY)
    machine = _with_memory(other_machine(release, given["arch"]), given) if elsewhere else _here(given, Root(root))
    found = advice.simulate(from_user(cmdline), release, machine, initrd_size=given["initrd"])
    return output.report(
        plan.line_answer(found) if json else None, plan.line_lines(found), warnings=plan.line_warnings(found)
    )


def _here(given: dict[str, Any], tree: Root) -> Machine:
    return _with_memory(machines.read(tree, arch=given["arch"]), given)


def _with_memory(machine: Machine, given: dict[str, Any]) -> Machine:
    """The machine with the memory that the options give."""
    efi = given["efi"]
    if all(given[name] is None for name in _MEMORY):
        return machine if efi is None else machine._replace(hardware=machine.hardware._replace(efi=efi))
    # It is another machine: the hardware of this one does not count.
    machine = machine._replace(running=None, hardware=UNKNOWN._replace(efi=efi))
    if given["iomem"] is not None:
        memory = iomem(given["iomem"])
    elif given["firmware_map"] is not None:
        memory = firmware(given["firmware_map"])
    else:
        return machine._replace(ram=given["ram"], memory_map=None)
    return machine._replace(ram=memory.ram_total, memory_map=memory)


def _entries(cmdline: str | None, root: str, given: dict[str, Any], *, json: bool) -> int:
    """The kernel of every selected entry, with CMDLINE or the entry's own line."""
    tree = Root(root)
    config = inventory.read(tree)
    if given["kernel"] and not config.entries:
        raise NoSuchEntry("there are no boot entries here", hint="name the kernel with --release RELEASE instead")
    running = machines.running_release(tree)
    selected = [entry for entry in select(config, given["kernel"], running=running).entries if entry.linux]
    verdicts = advice.Verdicts(_here(given, tree))
    rows = []
    for entry in selected:
        line = main_line(entry) if cmdline is None else from_user(cmdline)
        rows.append((entry, line, verdicts.verdict(line, entry, initrd_size=given["initrd"])))
    answer = plan.entries_answer(rows, config.errors) if json else None
    faults = plan.entries_warnings(rows)
    return output.report(answer, plan.entries_lines(rows), warnings=faults, errors=config.errors)


def iomem(path: str) -> MemoryMap:
    """The map of a saved /proc/iomem, or of saved boot messages. Raises BadMemoryMap with its line, InputOutput."""
    return from_saved(_text(path), file=from_user(path))


def firmware(path: str) -> MemoryMap:
    """The firmware's map: a copy of the directory /sys/firmware/memmap, or a file as memory_map.from_saved_firmware.

    Raises BadMemoryMap, InputOutput.
    """
    if Path(path).is_dir():
        return _directory(path)
    return from_saved_firmware(_text(path), file=from_user(path))


def _directory(path: str) -> MemoryMap:
    entries = {}
    for each in sorted(Path(path).iterdir()):
        if each.is_dir():
            entries[from_user(each.name)] = {name: _text(str(each / name)) for name in ("start", "end", "type")}
    return from_firmware_memmap_files(entries)


def _text(path: str) -> str:
    named = from_user(path)
    try:
        with Path(path).open("rb") as file:
            data = file.read(_LARGEST_MAP + 1)
    except PermissionError as problem:
        raise PermissionDenied(f"{named}: {problem.strerror}") from None
    except OSError as problem:
        raise InputOutput(f"{named}: {problem.strerror}") from None
    if len(data) > _LARGEST_MAP:
        raise Usage(f"{named}: too large for a memory map")
    return from_bytes(data)
