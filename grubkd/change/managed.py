"""Entries whose arguments only another tool changes: which entries remain, and the command of that tool."""

from __future__ import annotations

from shlex import join, quote
from typing import TYPE_CHECKING

from grubkd.boot import cmdline
from grubkd.boot.entry import main_boot
from grubkd.boot.model import ManagedBy
from grubkd.boot.selector import Selection
from grubkd.change.request import Verb
from grubkd.errors import Notice, Place, Refused, Sealed

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TypeAlias

    from grubkd.boot.loaders.format import Owner
    from grubkd.boot.model import BootConfig, Entry
    from grubkd.change.changes import ArgChangesFor
    from grubkd.change.request import ArgChange
    from grubkd.memory.architecture import Architecture

# Argument lists, to be run in order.
Commands: TypeAlias = "tuple[tuple[str, ...], ...]"

_SNIPPET = "/usr/lib/bootc/kargs.d/60-crashkernel.toml"
_WHAT = {
    ManagedBy.OSTREE: "is an ostree deployment, whose arguments ostree writes",
    ManagedBy.BOOTC: "is a bootc deployment, whose arguments bootc writes",
    ManagedBy.UKI: "is a unified kernel image, which holds its arguments in itself",
    ManagedBy.PARMFILE: "gets its arguments from a parmfile as well",
    ManagedBy.NIXOS: "is written by nixos-rebuild",
    ManagedBy.KERNELSTUB: "is written by kernelstub",
    ManagedBy.LIMINE: "is an entry of Limine, which may refuse a configuration that another program changed",
    ManagedBy.LIMINE_ENTRY_TOOL: "is written by limine-entry-tool",
    ManagedBy.TRANSACTIONAL: "is on a read-only root, which transactional-update changes",
}


def editable(  # noqa: PLR0913 - the last two are options
    config: BootConfig,
    selection: Selection,
    changes_for: ArgChangesFor,
    architecture: Architecture | None,
    *,
    force: bool = False,
    run: bool = False,
) -> tuple[Selection, tuple[Notice, ...]]:
    """The selection without entries that another tool manages, and a warning for each of those that is not as asked.

    If everything is selected, the other entries are edited, and the file of which images of new kernels are made,
    unless what boots by default would keep another value: with `force` even then. Of ostree's and bootc's deployments
    only the default one matters, since the next one is made from it. With `run` the commands of a warning will be run,
    and nothing is refused for an entry that has some.
    Raises Sealed, with the command of the other tool, where such an entry is selected by name, boots by default, or is
    the only one; Refused for such an entry with a parmfile, and for a default entry of another system.
    """
    if not config.entries:
        _check_without_entries(config, selection, changes_for, architecture)
    others = tuple(entry for entry in selection.entries if not entry.managed_by)
    partly = selection.everything and bool(others or (force and _made_from_a_file(config, selection)))
    following = {entry.managed_by for entry in selection.entries if entry.default} & {ManagedBy.OSTREE, ManagedBy.BOOTC}
    found = []
    for entry in selection.entries:
        if selection.everything and entry.managed_by in following and not entry.default:
            continue
        problem = _sealed(entry, changes_for(entry), architecture) if entry.managed_by else None
        if problem:
            if not (run and problem.commands) and not (partly and (force or not entry.default)):
                raise problem
            found.append(Notice(Sealed.code, problem.message, problem.hint, problem.place, problem.commands))
    if selection.everything and not force:
        _check_foreign_default(config, changes_for(None))
    if len(others) == len(selection.entries):
        return selection, ()
    return Selection(others, selection.everything), tuple(found)


def _made_from_a_file(config: BootConfig, selection: Selection) -> bool:
    """Whether the entries are images, and those of new kernels get the arguments from a file that may be edited."""
    images = all(entry.managed_by is ManagedBy.UKI for entry in selection.entries)
    return images and any(not each.read_only for each in config.new_kernels)


def _check_without_entries(
    config: BootConfig, selection: Selection, changes_for: ArgChangesFor, architecture: Architecture | None
) -> None:
    """Raise Sealed for a menu that grubkd does not read, and for an image whose deployments are not known here."""
    if config.owner:
        raise _of_owner(config.owner, changes_for(None))
    if config.managed_by and selection.everything:
        changes = changes_for(None)
        # The arguments of its deployments are not known here.
        held = [change.name for change in changes if change.verb is not Verb.ADD and not change.tokens]
        hint, commands = _command(config.managed_by, held, changes, architecture, None)
        raise Sealed(f"this tree {_WHAT[config.managed_by]}", hint=hint, commands=commands)


def _sealed(entry: Entry, changes: Sequence[ArgChange], architecture: Architecture | None) -> Refused | None:
    """The error about a managed entry; None if it is as asked."""
    if entry.managed_by is None or _holds(_arguments(entry), changes):
        return None
    which = ", which boots by default," if entry.default else ""
    hint, commands = _command(entry.managed_by, _arguments(entry), changes, architecture, entry)
    kind = Refused if entry.managed_by is ManagedBy.PARMFILE else Sealed
    message = f"entry {entry.index} ({entry.title}){which} {_WHAT[entry.managed_by]}"
    return kind(message, hint=hint, place=entry.source, commands=commands)


def _check_foreign_default(config: BootConfig, changes: Sequence[ArgChange]) -> None:
    """Raise Refused if the entry that boots by default starts another Linux system, with other arguments."""
    for entry in config.entries:
        asked = [change for change in changes if change.tokens and change.verb is not Verb.REMOVE]
        if entry.default and entry.foreign and entry.linux and not _holds(_arguments(entry), asked):
            raise Refused(
                f"entry {entry.index} ({entry.title}), which boots by default, belongs to another system and keeps its"
                " arguments",
                hint="make an entry of this system the default, or change the others with --force",
                place=entry.source,
            )


def _of_owner(owner: Owner, changes: Sequence[ArgChange]) -> Sealed:
    """The error about a menu that grubkd does not read, with the line as it has to be in the tool's file."""
    line = owner.statement.format(" ".join(_changed(owner.arguments, changes)))
    then = f"; then run: {owner.command}" if owner.command else ""
    return Sealed(
        f"the menu belongs to {owner.name}, and grubkd does not read it",
        hint=f"in {owner.file}: {line}{then}",
        place=Place(owner.file),
    )


def _changed(present: Sequence[str], changes: Sequence[ArgChange]) -> list[str]:
    """The arguments after the changes; new ones are at the end."""
    found = list(present)
    for change in changes:
        going, coming = _lacking(found, change)
        found = [text for text in found if text not in going] + coming
    return found


def _arguments(entry: Entry) -> tuple[str, ...]:
    boot = main_boot(entry.boots)
    return tuple(piece.word.text for piece in boot.line.pieces()) if boot else ()


def _lacking(present: Sequence[str], change: ArgChange) -> tuple[list[str], list[str]]:
    """The arguments that a change has to remove, and those that it has to add."""
    mine = [text for text in present if change.matches(text)]
    if change.verb is Verb.ADD:
        return [], [] if mine else list(change.tokens)
    wanted = list(change.tokens) if change.verb is Verb.SET else []
    if [cmdline.meaning(text) for text in mine] == [cmdline.meaning(text) for text in wanted]:
        return [], []
    return [text for text in mine if text not in wanted], [text for text in wanted if text not in mine]


def _holds(present: Sequence[str], changes: Sequence[ArgChange]) -> bool:
    return all(_lacking(present, change) == ([], []) for change in changes)


def _command(
    managed_by: ManagedBy,
    present: Sequence[str],
    changes: Sequence[ArgChange],
    architecture: Architecture | None,
    entry: Entry | None,
) -> tuple[str, Commands]:
    """How the tool makes the changes: in words, and as commands if they are enough."""
    going = [text for change in changes for text in _lacking(present, change)[0]]
    coming = [text for change in changes for text in _lacking(present, change)[1]]
    if managed_by in _BY_HAND:
        return _BY_HAND[managed_by](going, coming, _changed(present, changes)), ()
    if managed_by is ManagedBy.UKI:
        return _addon(going, coming, entry.source if entry else None)
    if managed_by is ManagedBy.KERNELSTUB:
        parts = (("--delete-options", going), ("--add-options", coming))
        return _run(*(("kernelstub", option, " ".join(texts)) for option, texts in parts if texts))
    if managed_by is ManagedBy.TRANSACTIONAL:
        return _transactional(changes)
    text, commands = _run(("rpm-ostree", "kargs", *_options(going, coming)))
    if managed_by is ManagedBy.BOOTC:
        text = f"where the image is built: {_snippet(coming, architecture)}; on the running machine: {text[5:]}"
    return text, commands


def _run(*commands: tuple[str, ...]) -> tuple[str, Commands]:
    return f"run: {' && '.join(map(join, commands))}", commands


def _parmfile(_going: Sequence[str], _coming: Sequence[str], _wanted: Sequence[str]) -> str:
    return "put what it holds into the section's `parameters` and remove its `parmfile` line; then run grubkd again"


def _nixos(going: Sequence[str], coming: Sequence[str], _wanted: Sequence[str]) -> str:
    listed = " ".join('"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"' for text in coming)
    gone = f"take {' '.join(going)} out of boot.kernelParams" if going else ""
    come = f"boot.kernelParams = [ {listed} ];" if coming else ""
    more = " (with boot.crashDump.enable: boot.crashDump.reservedMemory)" if coming else ""
    what = " and ".join(filter(None, (gone, come)))
    return f"in /etc/nixos/configuration.nix: {what}{more}; then run: nixos-rebuild boot"


def _limine(_going: Sequence[str], _coming: Sequence[str], wanted: Sequence[str]) -> str:
    return f"write the line yourself: cmdline: {' '.join(wanted)} (then: limine enroll-config, if its hash is enrolled)"


def _limine_entry_tool(going: Sequence[str], coming: Sequence[str], _wanted: Sequence[str]) -> str:
    gone = f"take {' '.join(going)} out of KERNEL_CMDLINE[default]" if going else ""
    come = f'KERNEL_CMDLINE[default]+=" {" ".join(coming)}"' if coming else ""
    return f"in /etc/default/limine: {' and append '.join(filter(None, (gone, come)))}; then run: limine-update"


def _transactional(changes: Sequence[ArgChange]) -> tuple[str, Commands]:
    """The command that runs grubkd in the next snapshot of a read-only root."""
    given = [change for change in changes if change.gives_values]
    if len(given) != 1 or len(changes) != 1:
        return "run: transactional-update run grubkd COMMAND; then reboot", ()
    values = cmdline.crashkernel_values(given[0].tokens)
    text, commands = _run(("transactional-update", "run", "grubkd", *(("set", *values) if values else ("unset",))))
    return f"{text}; then reboot", commands


_BY_HAND = {
    ManagedBy.PARMFILE: _parmfile,
    ManagedBy.NIXOS: _nixos,
    ManagedBy.LIMINE: _limine,
    ManagedBy.LIMINE_ENTRY_TOOL: _limine_entry_tool,
}


def _options(going: Sequence[str], coming: Sequence[str]) -> list[str]:
    """The options of `rpm-ostree kargs`; one value that replaces one other is replaced in place."""
    if len(going) == len(coming) == 1 and cmdline.name_of(going[0]) == cmdline.name_of(coming[0]):
        return [f"--replace={coming[0]}"]
    return [f"--delete-if-present={text}" for text in going] + [f"--append-if-missing={text}" for text in coming]


def _snippet(coming: Sequence[str], architecture: Architecture | None) -> str:
    """The command of a Containerfile that makes bootc add the arguments to every deployment of the image."""
    if not coming:
        return "take the argument out of its /usr/lib/bootc/kargs.d"
    listed = ", ".join('"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"' for text in coming)
    lines = [f"kargs = [{listed}]"]
    if architecture:
        # bootc compares with the names that Rust has for architectures.
        lines.append(f'match-architectures = ["{architecture.rust_name}"]')
    return f"printf '%s\\n' {' '.join(map(quote, lines))} >{_SNIPPET}"


def _addon(going: Sequence[str], coming: Sequence[str], place: Place | None) -> tuple[str, Commands]:
    """The commands that make an addon: the stub appends its arguments to those of the image."""
    # An argument of the image cannot be removed, but the kernel takes the last of several plain crashkernel values.
    lasting = [text for text in going if not cmdline.is_crashkernel(text) or text.endswith((",high", ",low"))]
    split = any(text.endswith((",high", ",low")) for text in coming)
    if not coming or lasting or (going and split) or place is None:
        by_hand = "change /etc/kernel/cmdline, then run: kernel-install add-all"
        return f"only a new image can remove an argument: {by_hand}", ()
    directory = f"{place.file}.extra.d"
    build = ("ukify", "build", f"--cmdline={' '.join(coming)}", f"--output={directory}/crashkernel.addon.efi")
    text, commands = _run(("mkdir", "-p", directory), build)
    return f"{text} (with Secure Boot also --secureboot-private-key and --secureboot-certificate)", commands
