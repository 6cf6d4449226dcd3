"""Entries whose arguments only another tool changes: which entries remain, and the command of that tool."""

from __future__ import annotations

from shlex import quote
from typing import TYPE_CHECKING

from grubkd.boot import cmdline
from grubkd.boot.entry import main_boot
from grubkd.boot.model import ManagedBy
from grubkd.boot.selector import Selection
from grubkd.change.request import Verb
from grubkd.errors import Notice, Place, Refused, Sealed
from grubkd.memory.architecture import Architecture

if TYPE_CHECKING:
    from collections.abc import Sequence

    from grubkd.boot.loaders.format import Owner
    from grubkd.boot.model import BootConfig, Entry
    from grubkd.change.changes import ArgChangesFor
    from grubkd.change.request import ArgChange

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


def editable(
    config: BootConfig, selection: Selection, changes_for: ArgChangesFor, architecture: str | None
) -> tuple[Selection, tuple[Notice, ...]]:
    """The selection without entries that another tool manages, and a warning for each of those that is not as asked.

    If everything is selected, the other entries are edited. Of ostree's and bootc's deployments only the default one
    matters, since the next one is made from it. Raises Sealed, with the command of the other tool, where such an entry
    is selected by name or there is no other; Refused for such an entry with a parmfile.
    """
    if config.owner and not config.entries:
        raise _of_owner(config.owner, changes_for(None))
    if config.managed_by and selection.everything and not config.entries:
        message = f"this tree {_WHAT[config.managed_by]}"
        changes = changes_for(None)
        # The arguments of its deployments are not known here.
        held = [change.name for change in changes if change.verb is not Verb.ADD and not change.tokens]
        raise Sealed(message, hint=_command(config.managed_by, held, changes, architecture, None))
    others = tuple(entry for entry in selection.entries if not entry.managed_by)
    found = []
    following = {entry.managed_by for entry in selection.entries if entry.default} & {ManagedBy.OSTREE, ManagedBy.BOOTC}
    for entry in selection.entries:
        if selection.everything and entry.managed_by in following and not entry.default:
            continue
        if entry.managed_by and not _holds(_arguments(entry), changes_for(entry)):
            message = f"entry {entry.index} ({entry.title}) {_WHAT[entry.managed_by]}"
            hint = _command(entry.managed_by, _arguments(entry), changes_for(entry), architecture, entry)
            if entry.managed_by is ManagedBy.PARMFILE and not (selection.everything and others):
                raise Refused(message, hint=hint, place=entry.source)
            found.append(Notice(Sealed.code, message, hint, entry.source))
    if found and not (selection.everything and others):
        raise Sealed(found[0].message, hint=found[0].hint, place=found[0].place, commands=found[0].commands)
    if len(others) == len(selection.entries):
        return selection, ()
    return Selection(others, selection.everything), tuple(found)


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
    architecture: str | None,
    entry: Entry | None,
) -> str:
    going = [text for change in changes for text in _lacking(present, change)[0]]
    coming = [text for change in changes for text in _lacking(present, change)[1]]
    if managed_by is ManagedBy.PARMFILE:
        return "put what it holds into the section's `parameters` and remove its `parmfile` line; then run grubkd again"
    if managed_by is ManagedBy.UKI:
        return _addon(going, coming, entry.source if entry else None)
    if managed_by in _BY_HAND:
        return _BY_HAND[managed_by](going, coming, _changed(present, changes))
    kargs = f"rpm-ostree kargs {' '.join(_options(going, coming))}"
    if managed_by is ManagedBy.OSTREE:
        return f"run: {kargs}"
    return f"where the image is built: {_snippet(coming, architecture)}; on the running machine: {kargs}"


def _nixos(going: Sequence[str], coming: Sequence[str], _wanted: Sequence[str]) -> str:
    listed = " ".join('"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"' for text in coming)
    gone = f"take {' '.join(going)} out of boot.kernelParams" if going else ""
    come = f"boot.kernelParams = [ {listed} ];" if coming else ""
    more = " (with boot.crashDump.enable: boot.crashDump.reservedMemory)" if coming else ""
    what = " and ".join(filter(None, (gone, come)))
    return f"in /etc/nixos/configuration.nix: {what}{more}; then run: nixos-rebuild boot"


def _kernelstub(going: Sequence[str], coming: Sequence[str], _wanted: Sequence[str]) -> str:
    parts = (("--delete-options", going), ("--add-options", coming))
    return "run: " + " && ".join(f"kernelstub {option} '{' '.join(texts)}'" for option, texts in parts if texts)


def _limine(_going: Sequence[str], _coming: Sequence[str], wanted: Sequence[str]) -> str:
    return f"write the line yourself: cmdline: {' '.join(wanted)} (then: limine enroll-config, if its hash is enrolled)"


def _limine_entry_tool(going: Sequence[str], coming: Sequence[str], _wanted: Sequence[str]) -> str:
    gone = f"take {' '.join(going)} out of KERNEL_CMDLINE[default]" if going else ""
    come = f'KERNEL_CMDLINE[default]+=" {" ".join(coming)}"' if coming else ""
    return f"in /etc/default/limine: {' and append '.join(filter(None, (gone, come)))}; then run: limine-update"


def _transactional(_going: Sequence[str], coming: Sequence[str], _wanted: Sequence[str]) -> str:
    values = cmdline.crashkernel_values(coming)
    verb = f"set {' '.join(map(quote, values))}" if values else "COMMAND"
    return f"run: transactional-update run grubkd {verb}; then reboot"


_BY_HAND = {
    ManagedBy.NIXOS: _nixos,
    ManagedBy.KERNELSTUB: _kernelstub,
    ManagedBy.LIMINE: _limine,
    ManagedBy.LIMINE_ENTRY_TOOL: _limine_entry_tool,
    ManagedBy.TRANSACTIONAL: _transactional,
}


def _options(going: Sequence[str], coming: Sequence[str]) -> list[str]:
    """The options of `rpm-ostree kargs`; one value that replaces one other is replaced in place."""
    if len(going) == len(coming) == 1 and cmdline.name_of(going[0]) == cmdline.name_of(coming[0]):
        return [f"--replace={quote(coming[0])}"]
    gone = [f"--delete-if-present={quote(text)}" for text in going]
    return gone + [f"--append-if-missing={quote(text)}" for text in coming]


def _snippet(coming: Sequence[str], architecture: str | None) -> str:
    """The command of a Containerfile that makes bootc add the arguments to every deployment of the image."""
    if not coming:
        return "take the argument out of its /usr/lib/bootc/kargs.d"
    listed = ", ".join('"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"' for text in coming)
    lines = [f"kargs = [{listed}]"]
    if architecture:
        # bootc compares with the names that Rust has for architectures.
        lines.append(f'match-architectures = ["{Architecture(architecture).rust_name}"]')
    return f"printf '%s\\n' {' '.join(map(quote, lines))} >{_SNIPPET}"


def _addon(going: Sequence[str], coming: Sequence[str], place: Place | None) -> str:
    """The command that makes an addon: the stub appends its arguments to those of the image."""
    # An argument of the image cannot be removed, but the kernel takes the last of several plain crashkernel values.
    lasting = [text for text in going if not cmdline.is_crashkernel(text) or text.endswith((",high", ",low"))]
    split = any(text.endswith((",high", ",low")) for text in coming)
    if not coming or lasting or (going and split) or place is None:
        return "only a new image can remove an argument: change /etc/kernel/cmdline, then run: kernel-install add-all"
    addon = quote(f"{place.file}.extra.d/crashkernel.addon.efi")
    return (
        f"run: ukify build --cmdline={quote(' '.join(coming))} --output={addon}"
        " (with Secure Boot also --secureboot-private-key and --secureboot-certificate)"
    )
