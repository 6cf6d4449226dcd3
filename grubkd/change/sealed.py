"""Entries whose arguments only their own tool changes: what can be edited beside them, and the command for them."""

from __future__ import annotations

from shlex import quote
from typing import TYPE_CHECKING

from grubkd.boot import cmdline
from grubkd.boot.build import main_boot
from grubkd.boot.model import ManagedBy
from grubkd.boot.selector import Selection
from grubkd.change.arg_change import Verb
from grubkd.errors import Notice, Refused, Sealed
from grubkd.memory.architecture import Architecture

if TYPE_CHECKING:
    from collections.abc import Sequence

    from grubkd.boot.model import BootConfig, Entry
    from grubkd.change.arg_change import ArgChange
    from grubkd.change.changes import ArgChangesFor
    from grubkd.errors import Place

_SNIPPET = "/usr/lib/bootc/kargs.d/60-crashkernel.toml"
_WHAT = {
    ManagedBy.OSTREE: "is an ostree deployment, whose arguments ostree writes",
    ManagedBy.BOOTC: "is a bootc deployment, whose arguments bootc writes",
    ManagedBy.UKI: "is a unified kernel image, which holds its arguments in itself",
    ManagedBy.PARMFILE: "gets its arguments from a parmfile as well",
}


def editable(
    config: BootConfig, selection: Selection, wishes_for: ArgChangesFor, architecture: str | None
) -> tuple[Selection, tuple[Notice, ...]]:
    """The selection without sealed entries, and what to tell of those that are not as wished.

    Of everything the others are edited and each sealed entry gets a warning; where a sealed one is asked for by name,
    or nothing else is there, that is refused. Of deployments the default one counts, from which the next is made: older
    ones stay as they are. Raises Sealed with the command that does it, Refused for a parmfile.
    """
    if config.managed_by and selection.everything and not config.entries:
        message = f"this tree {_WHAT[config.managed_by]}"
        wishes = wishes_for(None)
        # What its deployments hold is not known here.
        held = [wish.name for wish in wishes if wish.verb is not Verb.ADD and not wish.tokens]
        raise Sealed(message, hint=_command(config.managed_by, held, wishes, architecture, None))
    others = tuple(entry for entry in selection.entries if not entry.managed_by)
    found = []
    following = {entry.managed_by for entry in selection.entries if entry.default} & {ManagedBy.OSTREE, ManagedBy.BOOTC}
    for entry in selection.entries:
        if selection.everything and entry.managed_by in following and not entry.default:
            continue
        if entry.managed_by and not _holds(_arguments(entry), wishes_for(entry)):
            message = f"entry {entry.index} ({entry.title}) {_WHAT[entry.managed_by]}"
            hint = _command(entry.managed_by, _arguments(entry), wishes_for(entry), architecture, entry)
            if entry.managed_by is ManagedBy.PARMFILE:
                raise Refused(message, hint=hint, place=entry.source)
            found.append(Notice(Sealed.code, message, hint, entry.source))
    if found and not (selection.everything and others):
        raise Sealed(found[0].message, hint=found[0].hint, place=found[0].place)
    if len(others) == len(selection.entries):
        return selection, ()
    return Selection(others, selection.everything), tuple(found)


def _arguments(entry: Entry) -> tuple[str, ...]:
    boot = main_boot(entry.boots)
    return tuple(piece.word.text for piece in boot.line.pieces()) if boot else ()


def _lacking(present: Sequence[str], wish: ArgChange) -> tuple[list[str], list[str]]:
    """The arguments that have to go and those that have to come to fulfil a wish."""
    mine = [text for text in present if wish.matches(text)]
    if wish.verb is Verb.ADD:
        return [], [] if mine else list(wish.tokens)
    wanted = list(wish.tokens) if wish.verb is Verb.SET else []
    if [cmdline.meaning(text) for text in mine] == [cmdline.meaning(text) for text in wanted]:
        return [], []
    return [text for text in mine if text not in wanted], [text for text in wanted if text not in mine]


def _holds(present: Sequence[str], wishes: Sequence[ArgChange]) -> bool:
    return all(_lacking(present, wish) == ([], []) for wish in wishes)


def _command(
    seal: ManagedBy, present: Sequence[str], wishes: Sequence[ArgChange], architecture: str | None, entry: Entry | None
) -> str:
    going = [text for wish in wishes for text in _lacking(present, wish)[0]]
    coming = [text for wish in wishes for text in _lacking(present, wish)[1]]
    if seal is ManagedBy.PARMFILE:
        return "put what it holds into the section's `parameters` and remove its `parmfile` line; then run grubkd again"
    if seal is ManagedBy.UKI:
        return _addon(going, coming, entry.source if entry else None)
    kargs = f"rpm-ostree kargs {' '.join(_options(going, coming))}"
    if seal is ManagedBy.OSTREE:
        return f"run: {kargs}"
    return f"where the image is built: {_snippet(coming, architecture)}; on the running machine: {kargs}"


def _options(going: Sequence[str], coming: Sequence[str]) -> list[str]:
    """The options of `rpm-ostree kargs`; one value in place of one other is replaced where it stands."""
    if len(going) == len(coming) == 1 and cmdline.name_of(going[0]) == cmdline.name_of(coming[0]):
        return [f"--replace={quote(coming[0])}"]
    gone = [f"--delete-if-present={quote(text)}" for text in going]
    return gone + [f"--append-if-missing={quote(text)}" for text in coming]


def _snippet(coming: Sequence[str], architecture: str | None) -> str:
    """The command of a Containerfile that has bootc put the arguments into every deployment of the image."""
    if not coming:
        return "take the argument out of its /usr/lib/bootc/kargs.d"
    listed = ", ".join('"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"' for text in coming)
    lines = [f"kargs = [{listed}]"]
    if architecture:
        # bootc compares with Rust's names.
        lines.append(f'match-architectures = ["{Architecture(architecture).rust_name}"]')
    return f"printf '%s\\n' {' '.join(map(quote, lines))} >{_SNIPPET}"


def _addon(going: Sequence[str], coming: Sequence[str], place: Place | None) -> str:
    """The command that makes an addon, whose arguments the stub puts behind the image's own."""
    # Of plain crashkernel values the kernel takes the last; nothing else that the image holds goes away.
    lasting = [text for text in going if not cmdline.is_crashkernel(text) or text.endswith((",high", ",low"))]
    split = any(text.endswith((",high", ",low")) for text in coming)
    if not coming or lasting or (going and split) or place is None:
        return "only a new image can lose an argument: change /etc/kernel/cmdline, then run: kernel-install add-all"
    addon = quote(f"{place.file}.extra.d/crashkernel.addon.efi")
    return (
        f"run: ukify build --cmdline={quote(' '.join(coming))} --output={addon}"
        " (with Secure Boot also --secureboot-private-key and --secureboot-certificate)"
    )
